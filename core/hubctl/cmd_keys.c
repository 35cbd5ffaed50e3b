/* hubctl keys: API keys. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <string.h>

static const struct column columns[] = {
    {"ID", .keep = true},
    {"NAME", .keep = true, .shrink = true},
    {"SCOPES", .keep = true},
    {"CREATED", .rank = 1, .align = ALIGN_RIGHT},
};

static void append_scopes(struct buf *buf, struct json_object *key)
{
    struct json_object *scopes;

    if (!json_get_array(key, "scopes", &scopes)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(scopes); i++) {
        struct json_object *scope = json_object_array_get_idx(scopes, i);
        buf_append_str(buf, i > 0 ? STR(" ") : STR(""));
        text_append_safe(buf,
                         json_object_is_type(scope, json_type_string) ? json_str(scope) : STR("?"));
    }
}

static void add_row(struct table *table, struct json_object *key)
{
    struct buf *cell;
    int64_t at;

    table_cell(table, STYLE_PLAIN, text_member(key, "id"));
    table_cell(table, STYLE_PLAIN, text_member(key, "name"));
    append_scopes(table_cell_begin(table, STYLE_CYAN), key);
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (clock_parse(text_member(key, "created_at"), &at)) {
        human_append_relative(cell, at, clock_wall_ms());
    }
}

static int run_list(struct app *app, const struct options *options)
{
    struct json_object *answer;
    struct json_object *keys;
    struct table table;
    int code = app_get(app, "/v1/keys", &answer);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    if (json_get_array(answer, "keys", &keys)) {
        for (size_t i = 0; i < json_object_array_length(keys); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(keys, i));
            } else {
                add_row(&table, json_object_array_get_idx(keys, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    json_object_put(answer);
    return EXITS_OK;
}

/* The key is shown once and never again: on stdout, or in a file that only its owner reads. */
static int hand_over(struct app *app, struct json_object *key, const char *path)
{
    struct str secret = STR("");
    struct hub_error error;
    struct buf text;
    int code = EXITS_OK;

    if (!json_get_str(key, "key", &secret)) {
        return app_fail(app, EXITS_UNREACHABLE, "hubd's answer has no key");
    }
    buf_init(&text, BUF_NO_LIMIT);
    text_append_safe(&text, secret);
    buf_append_char(&text, '\n');
    if (path && file_write_durable(path, buf_view(&text), 0600, &error) < 0) {
        code = app_fail(app, EXITS_LOCAL, "%s", error.detail);
        path = NULL; /* it must not be lost: show it */
    }
    if (path) {
        json_object_object_del(key, "key");
        output_note(&app->output, "the key is in %s", path);
    }
    if (app->output.json) {
        output_json(key);
    } else if (!path) {
        output_write(&text);
        output_note(&app->output, "keep it: it is not shown again");
    }
    if (text.ptr) {
        explicit_bzero(text.ptr, text.cap);
    }
    buf_release(&text);
    return code;
}

static int run_create(struct app *app, const struct options *options)
{
    struct json_object *body = must(json_object_new_object());
    struct json_object *scopes = must(json_object_new_array());
    struct json_object *key;
    const char *scope;
    int code;

    must_ok(json_object_object_add(body, "name", must(json_object_new_string(options->words[0]))));
    must_ok(json_object_object_add(body, "scopes", scopes));
    for (size_t i = 0; (scope = options_next(options, "scope", &i));) {
        must_ok(json_object_array_add(scopes, must(json_object_new_string(scope))));
    }
    if (json_object_array_length(scopes) == 0) {
        code = app_usage(app, "say what the key may do: --scope jobs:read, jobs:write or admin");
    } else {
        code = app_send(app, "POST", "/v1/keys", body, &key);
        if (code == EXITS_OK) {
            code = hand_over(app, key, options_get(options, "output"));
            json_object_put(key);
        }
    }
    json_object_put(body);
    return code;
}

static int run_delete(struct app *app, const struct options *options)
{
    int first = EXITS_OK;

    for (size_t i = 0; i < options->words_len; i++) {
        int code =
            app_send(app, "DELETE", app_path(app, "/v1/keys/", options->words[i], ""), NULL, NULL);
        first = first == EXITS_OK ? code : first;
    }
    return first;
}

static const struct command keys_list = {
    .name = "list",
    .summary = "show which keys there are, without the keys themselves",
    .usage = "",
    .run = run_list,
};

static const struct option create_options[] = {
    {"scope", 's', "SCOPE", "jobs:read, jobs:write or admin; may be repeated", WORD_SCOPE},
    {"output", 'o', "FILE", "write the key there, readable by you alone", WORD_FILE},
    {0},
};

static const struct command keys_create = {
    .name = "create",
    .summary = "make a key; it is shown once",
    .usage = "NAME --scope SCOPE…",
    .about =
        "NAME says what the key is for. jobs:read looks at jobs, files, queues, connectors and "
        "events; jobs:write makes, cancels, retries and deletes jobs; admin does everything.",
    .options = create_options,
    .examples = "hubctl keys create shop -s jobs:write -s jobs:read -o shop.key",
    .run = run_create,
    .words_min = 1,
    .words_max = 1,
};

static const struct command keys_delete = {
    .name = "delete",
    .summary = "make keys worthless at once",
    .usage = "ID…",
    .examples = "hubctl keys delete 4f2d6e8a",
    .run = run_delete,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
};

static const struct command *const subcommands[] = {&keys_list, &keys_create, &keys_delete, NULL};

const struct command cmd_keys = {
    .name = "keys",
    .summary = "make, list and delete API keys",
    .usage = "",
    .about = "Over TCP every request needs a key; over the Unix socket the user that hubd runs as "
             "needs none.",
    .subcommands = subcommands,
};
