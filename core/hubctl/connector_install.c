/* hubctl connector install: into hubd's folder, in one step, and callable. */
#include "base/file.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/connector_file.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "kit/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX     (1u << 30)
#define RESCAN_TRIES 50
#define RESCAN_MS    100

/* --- Where to ----------------------------------------------------------------------------------*/

static struct json_object *find_connector(struct json_object *list, struct str name)
{
    struct json_object *connectors;

    if (!json_get_array(list, "connectors", &connectors)) {
        return NULL;
    }
    for (size_t i = 0; i < json_object_array_length(connectors); i++) {
        struct json_object *one = json_object_array_get_idx(connectors, i);
        if (str_eq(text_member(one, "name"), name)) {
            return one;
        }
    }
    return NULL;
}

/* The file of the version that is there: the new one takes its place. Else NAME.so in the first
 * folder that can be written to. */
static int choose_path(struct app *app, struct json_object *list, struct str name,
                       const char **ret_path)
{
    struct json_object *known = find_connector(list, name);
    struct json_object *dirs;
    struct buf path;

    if (known && str_eq(text_member(known, "health"), STR("ready"))) {
        *ret_path = must(arena_strdup(&app->arena, text_member(known, "file")));
        return EXITS_OK;
    }
    if (!json_get_array(list, "directories", &dirs)) {
        return app_fail(app, EXITS_UNREACHABLE, "hubd does not say where its connectors are");
    }
    for (size_t i = 0; i < json_object_array_length(dirs); i++) {
        const char *dir = json_object_get_string(json_object_array_get_idx(dirs, i));
        if (access(dir, W_OK | X_OK) == 0) {
            buf_init(&path, BUF_NO_LIMIT);
            buf_append_format(&path, "%s/%.*s.so", dir, STR_ARG(name));
            must_buf(&path);
            *ret_path = must(arena_strdup(&app->arena, buf_view(&path)));
            buf_release(&path);
            return EXITS_OK;
        }
    }
    return app_fail(app, EXITS_LOCAL,
                    "none of hubd's %zu connector folders is here and can be written to",
                    json_object_array_length(dirs));
}

/* --- Copying -----------------------------------------------------------------------------------*/

/* A temporary name, fsync, rename: hubd sees the old file or the new one, never a part. */
static int copy(struct app *app, const struct subject *subject, const char *path)
{
    struct hub_error error;
    struct buf bytes;
    int code = EXITS_OK;

    buf_init(&bytes, FILE_MAX);
    if (lseek(subject->fd, 0, SEEK_SET) < 0 || file_read_fd(subject->fd, &bytes, &error) < 0) {
        code = app_fail(app, EXITS_LOCAL, "%s cannot be read", subject->path);
    } else if (file_write_durable(path, buf_view(&bytes), 0644, &error) < 0) {
        code = app_fail(app, EXITS_LOCAL, "%s", error.detail);
    }
    buf_release(&bytes);
    return code;
}

/* --- Telling hubd ------------------------------------------------------------------------------*/

/* Somebody else may have asked for a scan, which may have begun before the file was there. */
static int rescan(struct app *app, struct json_object **ret_list)
{
    struct request request = {.method = "POST", .path = "/v1/connectors/rescan"};

    for (int i = 0;; i++) {
        struct reply reply;
        struct hub_error error;
        int err = client_call(app->client, &request, &reply, &error);
        if (err < 0) {
            return app_fail_with(app, &error);
        }
        bool busy = reply.status == 409 && i < RESCAN_TRIES;
        reply_release(&reply);
        if (!busy) {
            return app_call(app, &request, ret_list);
        }
        if (client_sleep(app->client, RESCAN_MS) < 0) {
            return EXITS_INTERRUPTED;
        }
    }
}

/* What became of it. */
static int report(struct app *app, struct json_object *list, struct str name, struct str version,
                  const char *path)
{
    struct json_object *found = find_connector(list, name);

    if (!found || !str_eq(text_member(found, "file"), str_from_c(path)) ||
        !str_eq(text_member(found, "version"), version)) {
        return app_fail(app, EXITS_REFUSED,
                        "%s is in its place, but hubd did not take it: see `hubctl connectors`",
                        path);
    }
    if (app->output.json) {
        output_json(found);
    } else {
        struct buf line;
        buf_init(&line, BUF_NO_LIMIT);
        text_append_safe(&line, name);
        buf_append_char(&line, ' ');
        text_append_safe(&line, version);
        buf_append_str(&line, STR(" is installed: "));
        text_append_safe(&line, str_from_c(path));
        buf_append_char(&line, '\n');
        output_write(&line);
        buf_release(&line);
    }
    return EXITS_OK;
}

static int install(struct app *app, struct subject *subject)
{
    struct json_object *list = NULL;
    const char *path = NULL;
    int code;

    if (!subject->descriptor) {
        return app_fail(app, EXITS_REFUSED, "%s: %s", subject->path,
                        subject->is_elf ? subject->reason : subject->elf_error.detail);
    }
    struct str name = subject_text(subject->descriptor, "name");
    struct str version = subject_text(subject->descriptor, "version");
    if ((code = app_connect(app)) != EXITS_OK ||
        (code = app_get(app, "/v1/connectors", &list)) != EXITS_OK) {
        return code;
    }
    code = choose_path(app, list, name, &path);
    json_object_put(list);
    list = NULL;
    if (code == EXITS_OK && (code = copy(app, subject, path)) == EXITS_OK &&
        (code = rescan(app, &list)) == EXITS_OK) {
        code = report(app, list, name, version, path);
    }
    json_object_put(list);
    return code;
}

static int run(struct app *app, const struct options *options)
{
    return connector_file_with(app, options->words[0], install);
}

const struct command connector_install = {
    .name = "install",
    .summary = "put a connector into hubd's folder and have it loaded",
    .usage = "FILE",
    .about =
        "Reads the file's descriptor in a confined process; copies the file into the first of "
        "hubd's connector folders that can be written to, or over the version that is there, in "
        "one step; and asks hubd to look again. hubd goes on all the time: attempts that are "
        "running end with the version they began with, new ones get the new version.\n"
        "\n"
        "It works on the machine that hubd runs on. To remove a connector, delete its file and "
        "run `hubctl connectors rescan`.",
    .examples = "hubctl connector check greeter.so && hubctl connector install greeter.so",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_FILE,
};
