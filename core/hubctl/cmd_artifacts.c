/* hubctl artifacts: files up, down and away. */
#include "base/json.h"
#include "hubctl/commands.h"
#include "hubctl/filename.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"
#include "hubctl/transfer.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- upload ----------------------------------------------------------------------------------- */

static void say_uploaded(struct app *app, struct json_object *artifact)
{
    struct buf text;
    int64_t size = 0;

    if (app->output.json) {
        output_json(artifact);
        return;
    }
    json_get_i64(artifact, "size", &size);
    buf_init(&text, BUF_NO_LIMIT);
    text_append_safe(&text, text_member(artifact, "id"));
    if (!app->output.quiet) {
        buf_append_str(&text, STR("  "));
        text_append_safe(&text, text_member(artifact, "name"));
        buf_append_str(&text, STR("  "));
        text_append_safe(&text, text_member(artifact, "media_type"));
        buf_append_str(&text, STR("  "));
        human_append_size(&text, (uint64_t)(size > 0 ? size : 0));
    }
    buf_append_char(&text, '\n');
    output_write(&text);
    fflush(stdout);
    buf_release(&text);
}

static int run_upload(struct app *app, const struct options *options)
{
    const char *name = options_get(options, "name");
    const char *type = options_get(options, "type");
    int code = EXITS_OK;

    if (name && options->words_len > 1) {
        return app_usage(app, "--name is for one file, not for %zu", options->words_len);
    }
    interrupt_hold(&app->interrupt);
    for (size_t i = 0; i < options->words_len && code == EXITS_OK; i++) {
        struct upload upload = {.path = options->words[i], .name = name, .media_type = type};
        struct json_object *artifact;

        code = transfer_upload(app, &upload, &artifact);
        if (code == EXITS_OK) {
            say_uploaded(app, artifact);
            json_object_put(artifact);
        }
    }
    return code;
}

/* --- download --------------------------------------------------------------------------------- */

/* Where a file goes: a directory, and perhaps a name of the user's choice. */
struct target {
    const char *dir;
    const char *name; /* NULL: as hubd calls it */
};

static bool is_dir(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int choose_target(struct app *app, const char *output, struct target *ret_target)
{
    struct str path = str_from_c(output);
    const char *slash;

    if (!output) {
        *ret_target = (struct target){.dir = "."};
        return EXITS_OK;
    }
    if (path.len == 0) {
        return app_usage(app, "--output is empty");
    }
    if (str_ends_with(path, STR("/")) || is_dir(output)) {
        *ret_target = (struct target){.dir = output};
        return EXITS_OK;
    }
    slash = strrchr(output, '/');
    if (!slash) {
        *ret_target = (struct target){.dir = ".", .name = output};
        return EXITS_OK;
    }
    size_t dir_len = slash == output ? 1 : (size_t)(slash - output);
    *ret_target = (struct target){
        .dir = must(arena_strdup(&app->arena, str_of(output, dir_len))),
        .name = slash + 1,
    };
    return EXITS_OK;
}

static void say_saved(struct app *app, const struct download *download, const char *dir,
                      struct str name)
{
    struct json_object *object;
    struct buf path;

    buf_init(&path, BUF_NO_LIMIT);
    if (strcmp(dir, ".") != 0) {
        buf_append_format(&path, "%s%s", dir, str_ends_with(str_from_c(dir), STR("/")) ? "" : "/");
    }
    buf_append_str(&path, name);
    must_buf(&path);
    if (app->output.json) {
        object = must(json_object_new_object());
        must_ok(json_object_object_add(object, "id", must(json_object_new_string(download->id))));
        must_ok(json_object_object_add(object, "path",
                                       must(json_object_new_string_len(path.ptr, (int)path.len))));
        output_json(object);
        json_object_put(object);
    } else {
        struct buf text;
        buf_init(&text, BUF_NO_LIMIT);
        text_append_safe(&text, buf_view(&path));
        buf_append_char(&text, '\n');
        output_write(&text);
        buf_release(&text);
    }
    buf_release(&path);
}

static int save(struct app *app, const struct download *download, const struct target *target,
                bool overwrite)
{
    enum outfile_how how = overwrite      ? OUTFILE_REPLACE
                           : target->name ? OUTFILE_NEW
                                          : OUTFILE_FREE_NAME;
    struct buf name;
    int dir_fd;
    int code = transfer_open_dir(app, target->dir, &dir_fd);

    if (code != EXITS_OK) {
        return code;
    }
    buf_init(&name, BUF_NO_LIMIT);
    code = transfer_download(app, download, dir_fd, target->name, how, &name);
    if (code == EXITS_OK) {
        say_saved(app, download, target->dir, buf_view(&name));
    }
    buf_release(&name);
    close(dir_fd);
    return code;
}

static int run_download(struct app *app, const struct options *options)
{
    const char *output = options_get(options, "output");
    const char *id = options->words[0];
    struct download download;
    struct target target = {0};
    int code;

    if ((code = app_check_id(app, "an artifact", id)) != EXITS_OK) {
        return code;
    }
    interrupt_hold(&app->interrupt);
    if ((code = transfer_describe(app, id, &download)) != EXITS_OK) {
        return code;
    }
    if (output && strcmp(output, "-") == 0) {
        if (isatty(STDOUT_FILENO)) {
            return app_usage(app, "a file is not for a terminal: use -o FILE or a pipe");
        }
        return transfer_print(app, &download);
    }
    code = choose_target(app, output, &target);
    return code != EXITS_OK ? code
                            : save(app, &download, &target, options_has(options, "overwrite"));
}

/* --- delete ----------------------------------------------------------------------------------- */

static int run_delete(struct app *app, const struct options *options)
{
    int first = EXITS_OK;

    for (size_t i = 0; i < options->words_len; i++) {
        if (app_check_id(app, "an artifact", options->words[i]) != EXITS_OK) {
            return EXITS_USAGE;
        }
    }
    for (size_t i = 0; i < options->words_len; i++) {
        int code = app_send(app, "DELETE", app_path(app, "/v1/artifacts/", options->words[i], ""),
                            NULL, NULL);
        first = first == EXITS_OK ? code : first;
        if (code != EXITS_OK && code != EXITS_REFUSED) {
            break;
        }
    }
    return first;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct option upload_options[] = {
    {"name", 0, "NAME", "what to call it; the file's own name if not given", WORD_ANY},
    {"type", 't', "MEDIA/TYPE", "what it is; guessed from the name if not given", WORD_ANY},
    {0},
};

static const struct command artifacts_upload = {
    .name = "upload",
    .summary = "send files to hubd, for jobs to take",
    .usage = "FILE… [OPTIONS]",
    .about =
        "Prints the id of each file: {\"artifact\": \"ID\"} in a job's input stands for it. "
        "`run --file` uploads by itself. A FILE of \"-\" is stdin. A file that no job takes is "
        "removed after some time.",
    .options = upload_options,
    .examples = "hubctl artifacts upload cat.jpg\n"
                "pg_dump shop | hubctl artifacts upload - --name shop.sql -t application/sql",
    .run = run_upload,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_FILE,
};

static const struct option download_options[] = {
    {"output", 'o', "FILE|DIR|-", "where to; the current directory if not given, - is stdout",
     WORD_FILE},
    {"overwrite", 0, NULL, "replace a file of that name", WORD_ANY},
    {0},
};

static const struct command artifacts_download = {
    .name = "download",
    .summary = "fetch a file",
    .usage = "ID [OPTIONS]",
    .about = "The file appears when all of it has come and its SHA-256 is right. In a directory it "
             "gets the name that hubd has for it, or NAME-2 if that is taken.",
    .options = download_options,
    .examples = "hubctl artifacts download 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c\n"
                "hubctl artifacts download 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c -o - | wc -c",
    .run = run_download,
    .words_min = 1,
    .words_max = 1,
};

static const struct command artifacts_delete = {
    .name = "delete",
    .summary = "remove uploaded files",
    .usage = "ID…",
    .examples = "hubctl artifacts delete 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c",
    .run = run_delete,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
};

static const struct command *const subcommands[] = {&artifacts_upload, &artifacts_download,
                                                    &artifacts_delete, NULL};

const struct command cmd_artifacts = {
    .name = "artifacts",
    .summary = "upload, download and delete files",
    .usage = "",
    .about = "Artifacts are the files that jobs take and make.",
    .subcommands = subcommands,
};
