#include "hubctl/account_settings.h"

#include "accounts/marks.h"
#include "base/file.h"
#include "base/json_place.h"
#include "hubctl/input.h"
#include "hubctl/must.h"
#include "hubctl/secret_input.h"

#include <string.h>
#include <unistd.h>

#define SETTINGS_MAX ((size_t)64 * 1024) /* hubd takes no larger ones */

static int read_file(struct app *app, const char *path, struct json_object **settings)
{
    struct hub_error error = {0};
    struct json_object *read = NULL;
    struct secret text;
    int code = EXITS_OK;

    must_ok(secret_init(&text, SETTINGS_MAX + 1));
    int err = strcmp(path, "-") == 0 ? file_read_fd(STDIN_FILENO, &text.text, &error)
                                     : file_read(path, &text.text, &error);
    if (err < 0) {
        code = app_fail(app, EXITS_LOCAL, "--file: %s", error.detail);
    } else if (input_read_object(buf_view(&text.text), "--file", &read, &error) < 0) {
        code = app_fail_with(app, &error);
    } else {
        json_object_put(*settings);
        *settings = read;
    }
    secret_release(&text);
    return code;
}

/* Does the schema say that what `assignment` sets is secret? */
static bool sets_a_secret(struct json_object *schema, const char *assignment)
{
    struct json_object *alone = must(json_object_new_object());
    struct json_object *masked = NULL;
    struct hub_error error;
    bool secret = false;

    if (schema && input_set(alone, str_from_c(assignment), &error) == 0 &&
        marks_mask(schema, alone, &masked) == 0) {
        secret = json_object_equal(masked, alone) == 0;
    }
    json_object_put(masked);
    json_object_put(alone);
    return secret;
}

static int apply_sets(struct app *app, const struct options *options, struct json_object *schema,
                      struct json_object *settings)
{
    struct hub_error error;
    const char *assignment;

    for (size_t i = 0; (assignment = options_next(options, "set", &i));) {
        if (sets_a_secret(schema, assignment)) {
            int name = (int)strcspn(assignment, "=");
            return app_usage(app,
                             "%.*s is a secret: the command line can be read by everybody on this "
                             "machine and stays in the shell's history. Use --secret %.*s to be "
                             "asked for it, --secret %.*s=@FILE, or --secret %.*s=- for stdin",
                             name, assignment, name, assignment, name, assignment, name,
                             assignment);
        }
        if (input_set(settings, str_from_c(assignment), &error) < 0) {
            return app_fail_with(app, &error);
        }
    }
    return EXITS_OK;
}

/* PLACE, PLACE=@FILE or PLACE=- */
static int apply_secret(struct app *app, const char *text, struct json_object *settings)
{
    const char *equals = strchr(text, '=');
    struct str place = str_of(text, equals ? (size_t)(equals - text) : strlen(text));
    const char *prompt = must(arena_strdup(&app->arena, place));
    struct hub_error error = {0};
    struct secret secret;
    int err;

    if (equals && equals[1] != '@' && strcmp(equals + 1, "-") != 0) {
        return app_usage(app,
                         "--secret %s: the secret itself must not stand on the command line, where "
                         "everybody on this machine can read it; say --secret %s=@FILE, "
                         "--secret %s=- for stdin, or --secret %s to be asked for it",
                         prompt, prompt, prompt, prompt);
    }
    must_ok(secret_init(&secret, SECRET_INPUT_MAX));
    err = secret_input_read(equals ? equals + 1 : NULL, prompt, &secret, &error);
    if (err == 0) {
        err = json_place_put(
            settings, place,
            must(json_object_new_string_len(secret.text.ptr, (int)secret.text.len)), &error);
    }
    secret_release(&secret);
    if (err == HUB_ERR_CANCELLED) {
        return EXITS_INTERRUPTED;
    }
    return err == 0                     ? EXITS_OK
           : err == HUB_ERR_BAD_REQUEST ? app_fail_with(app, &error)
                                        : app_fail(app, EXITS_LOCAL, "%s", error.detail);
}

int account_settings_read(struct app *app, const struct options *options,
                          struct json_object *schema, struct json_object **settings)
{
    const char *file = options_get(options, "file");
    const char *secret;
    int code = EXITS_OK;

    if (file) {
        code = read_file(app, file, settings);
    }
    if (code == EXITS_OK) {
        code = apply_sets(app, options, schema, *settings);
    }
    for (size_t i = 0; code == EXITS_OK && (secret = options_next(options, "secret", &i));) {
        code = apply_secret(app, secret, *settings);
    }
    return code;
}
