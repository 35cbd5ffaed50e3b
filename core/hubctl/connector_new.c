/* hubctl connector new: a folder with a connector that builds, and passes its test. */
#include "base/file.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/must.h"
#include "wire/names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "template" /* what the templates call the connector, in texts and in file names */

/* The files of connectors/template/, embedded by the build. */
#define FILES(X)                                                                                   \
    X(template_c)                                                                                  \
    X(template_async_c) X(template_test_c) X(schemas_h) X(CMakeLists_txt) X(README_template_md)
#define X(symbol)                                                                                  \
    extern const char kit_##symbol[];                                                              \
    extern const size_t kit_##symbol##_len;
FILES(X)
#undef X

/* What becomes which file; `text` has an alternative for connectors that are async. */
static const struct {
    const char *name;
    const char *text;
    const size_t *len;
    const char *async_text;
    const size_t *async_len;
} TEMPLATES[] = {
    {"template.c", kit_template_c, &kit_template_c_len, kit_template_async_c,
     &kit_template_async_c_len},
    {"schemas.h", kit_schemas_h, &kit_schemas_h_len, NULL, NULL},
    {"template_test.c", kit_template_test_c, &kit_template_test_c_len, NULL, NULL},
    {"CMakeLists.txt", kit_CMakeLists_txt, &kit_CMakeLists_txt_len, NULL, NULL},
    {"README.md", kit_README_template_md, &kit_README_template_md_len, NULL, NULL},
};

/* `text` with the connector's name in it. */
static void append_named(struct buf *out, struct str text, struct str name)
{
    const char *found;

    while (text.len > 0 && (found = memmem(text.ptr, text.len, TOKEN, strlen(TOKEN))) != NULL) {
        size_t before = (size_t)(found - text.ptr);
        buf_append(out, text.ptr, before);
        buf_append_str(out, name);
        text = str_slice(text, before + strlen(TOKEN), text.len);
    }
    buf_append_str(out, text);
}

static int write_file(struct app *app, int dir, const char *name, const struct buf *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int err = fd < 0 ? -errno : file_write_all(fd, text->ptr, text->len);

    if (fd >= 0 && close(fd) < 0 && err == 0) {
        err = -errno;
    }
    return err < 0 ? app_fail(app, EXITS_LOCAL, "%s: %s", name, strerror(-err)) : EXITS_OK;
}

static int write_files(struct app *app, int dir, struct str name, bool async)
{
    struct buf file;
    struct buf text;
    int code = EXITS_OK;

    buf_init(&file, BUF_NO_LIMIT);
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof TEMPLATES / sizeof TEMPLATES[0] && code == EXITS_OK; i++) {
        bool other = async && TEMPLATES[i].async_text != NULL;
        struct str from = other ? str_of(TEMPLATES[i].async_text, *TEMPLATES[i].async_len)
                                : str_of(TEMPLATES[i].text, *TEMPLATES[i].len);

        buf_clear(&file);
        buf_clear(&text);
        append_named(&file, str_from_c(TEMPLATES[i].name), name);
        append_named(&text, from, name);
        must_buf(&file);
        must_buf(&text);
        code = write_file(app, dir, file.ptr, &text);
    }
    buf_release(&file);
    buf_release(&text);
    return code;
}

static int run(struct app *app, const struct options *options)
{
    const char *name = options->words[0];
    struct stat st;

    if (!name_is_connector(str_from_c(name))) {
        return app_usage(app,
                         "a connector's name is 1 to 64 of a-z, 0-9 and _, and begins with a "
                         "letter; '%s' is none",
                         name);
    }
    if (stat(name, &st) == 0 || mkdir(name, 0777) < 0) {
        return app_fail(app, EXITS_LOCAL, "./%s: %s", name, strerror(errno ? errno : EEXIST));
    }
    int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return app_fail(app, EXITS_LOCAL, "./%s: %s", name, strerror(errno));
    }
    int code = write_files(app, dir, str_from_c(name), options_has(options, "async"));
    close(dir);
    if (code == EXITS_OK && !app->output.quiet) {
        output_note(&app->output, "made %s/: see %s/README.md for how to build it", name, name);
    }
    return code;
}

static const struct option own_options[] = {
    {"async", 0, NULL, "many jobs at once in one process, by callbacks", WORD_ANY},
    {0},
};

const struct command connector_new = {
    .name = "new",
    .summary = "write a new connector that builds and passes its test",
    .usage = "NAME [--async]",
    .about = "Makes the folder NAME with a connector in C, its schemas, a test, a README and a "
             "CMakeLists.txt. It is a whole one: build it, check it, install it, then change it.\n"
             "\n"
             "Without --async it is a blocking connector, which works until its job is done; that "
             "is right for what computes, and for libraries that block. With --async it works by "
             "callbacks on the runner's event loop and one process holds many jobs: that is right "
             "for what waits.",
    .options = own_options,
    .examples = "hubctl connector new greeter\n"
                "hubctl connector new greeter --async",
    .run = run,
    .words_min = 1,
    .words_max = 1,
};
