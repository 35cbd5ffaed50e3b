/* hubctl account: credentials for connectors. */
#include "accounts/secret.h"
#include "base/clock.h"
#include "base/json.h"
#include "hubctl/account_settings.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/connector_view.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <inttypes.h>
#include <string.h>

#define IN_FLIGHT_MAX 1000000
#define USES_MAX      500

/* --- Showing -----------------------------------------------------------------------------------*/

static const struct column columns[] = {
    {"NAME", .keep = true, .shrink = true},
    {"CONNECTOR", .keep = true},
    {"DEFAULT", .rank = 2},
    {"LIMITS", .rank = 3},
    {"JOBS", .rank = 1, .align = ALIGN_RIGHT},
    {"STATE", .keep = true, .shrink = true},
};

static bool flag(struct json_object *object, const char *name)
{
    bool value = false;

    return json_get_bool(object, name, &value) && value;
}

static void append_limits(struct buf *buf, struct json_object *account)
{
    struct json_object *limits = json_object_object_get(account, "limits");
    struct json_object *rate = NULL;
    int64_t number, period;
    bool any = false;

    if (json_get_object(limits, "rate", &rate) && json_get_i64(rate, "limit", &number) &&
        json_get_i64(rate, "period_ms", &period)) {
        human_append_rate(buf, number, period);
        any = true;
    }
    if (json_get_i64(limits, "in_flight", &number)) {
        buf_append_format(buf, "%s%" PRId64 " at once", any ? ", " : "", number);
        any = true;
    }
    if (!any) {
        buf_append_c(buf, "none");
    }
}

/* Whether it can be used, and if not now, why and until when. */
static void append_state(struct buf *buf, struct json_object *account)
{
    struct str problem = text_member(account, "problem");
    int64_t until;

    if (problem.len > 0) {
        text_append_safe(buf, problem);
    } else if (clock_parse(text_member(account, "held_until"), &until)) {
        buf_append_c(buf, "paused by its provider, ends ");
        human_append_relative(buf, until, clock_wall_ms());
    } else {
        buf_append_c(buf, flag(account, "on_trial") ? "on trial after a pause" : "ready");
    }
}

static enum style state_style(struct json_object *account)
{
    if (text_member(account, "problem").len > 0) {
        return STYLE_RED;
    }
    return text_member(account, "held_until").len > 0 || flag(account, "on_trial") ? STYLE_YELLOW
                                                                                   : STYLE_GREEN;
}

static void add_row(struct table *table, struct json_object *account)
{
    int64_t jobs = 0;

    json_get_i64(account, "unfinished_jobs", &jobs);
    table_cell(table, STYLE_PLAIN, text_member(account, "name"));
    table_cell(table, STYLE_PLAIN, text_member(account, "connector"));
    table_cell(table, STYLE_CYAN, flag(account, "default") ? STR("yes") : STR(""));
    append_limits(table_cell_begin(table, STYLE_PLAIN), account);
    buf_append_i64(table_cell_begin(table, STYLE_PLAIN), jobs);
    append_state(table_cell_begin(table, state_style(account)), account);
}

static void note_refused(const struct output *output, struct json_object *answer)
{
    struct json_object *refused;
    struct buf line;

    if (!json_get_array(answer, "refused", &refused)) {
        return;
    }
    buf_init(&line, BUF_NO_LIMIT);
    for (size_t i = 0; i < json_object_array_length(refused); i++) {
        struct json_object *one = json_object_array_get_idx(refused, i);
        buf_clear(&line);
        text_append_safe(&line, text_member(one, "file"));
        buf_append_c(&line, ": ");
        text_append_safe(&line, text_member(one, "reason"));
        output_note(output, "refused: %s", line.ptr);
    }
    buf_release(&line);
}

static int run_list(struct app *app, const struct options *options)
{
    struct json_object *answer;
    struct json_object *accounts;
    struct table table;
    int code = app_get(app, "/v1/accounts", &answer);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    if (json_get_array(answer, "accounts", &accounts)) {
        for (size_t i = 0; i < json_object_array_length(accounts); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(accounts, i));
            } else {
                add_row(&table, json_object_array_get_idx(accounts, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    note_refused(&app->output, answer);
    json_object_put(answer);
    return EXITS_OK;
}

static void show(struct app *app, struct json_object *account)
{
    const struct output *output = &app->output;
    struct buf text, cell;

    if (output->json) {
        output_json(account);
        return;
    }
    buf_init(&text, BUF_NO_LIMIT);
    buf_init(&cell, BUF_NO_LIMIT);
    style_append(&text, output->out_colour, STYLE_BOLD, text_member(account, "name"));
    buf_append_c(&text, "  ");
    append_state(&cell, account);
    style_append(&text, output->out_colour, state_style(account), buf_view(&cell));
    buf_append_char(&text, '\n');
    connector_line(output, &text, "connector", text_member(account, "connector"));
    connector_line(output, &text, "default", flag(account, "default") ? STR("yes") : STR("no"));
    buf_clear(&cell);
    append_limits(&cell, account);
    connector_line(output, &text, "limits", buf_view(&cell));
    connector_line(output, &text, "file", text_member(account, "file"));
    connector_line(output, &text, "changed", text_member(account, "updated_at"));
    connector_line(output, &text, "settings", STR("as follows, secrets as ***"));
    buf_append_c(&text, "  ");
    output_append_json(&text, output->out_colour, json_object_object_get(account, "settings"), 2);
    buf_append_char(&text, '\n');
    output_write(&text);
    buf_release(&cell);
    buf_release(&text);
}

static int run_get(struct app *app, const struct options *options)
{
    struct json_object *account;
    int code = app_get(app, app_path(app, "/v1/accounts/", options->words[0], ""), &account);

    if (code == EXITS_OK) {
        show(app, account);
        json_object_put(account);
    }
    return code;
}

/* --- set ---------------------------------------------------------------------------------------*/

/* What an account is before it is changed; both empty for a new one. */
struct setting {
    struct json_object *known; /* as GET shows it; NULL: there is none */
    struct json_object *body;
    struct json_object *connector; /* with its account schema; NULL: not known */
};

static void setting_release(struct setting *self)
{
    json_object_put(self->known);
    secret_put_json(self->body);
    json_object_put(self->connector);
}

static void put(struct json_object *object, const char *name, struct json_object *value)
{
    must_ok(json_object_object_add(object, name, value));
}

/* The account, if there is one of this name: the list says so without a refusal. */
static int find_known(struct app *app, const char *name, struct json_object **ret_known)
{
    struct json_object *answer, *accounts;
    int code = app_get(app, "/v1/accounts", &answer);

    if (code != EXITS_OK) {
        return code;
    }
    if (json_get_array(answer, "accounts", &accounts)) {
        for (size_t i = 0; i < json_object_array_length(accounts); i++) {
            struct json_object *account = json_object_array_get_idx(accounts, i);
            if (str_eq(text_member(account, "name"), str_from_c(name))) {
                *ret_known = json_object_get(account);
            }
        }
    }
    json_object_put(answer);
    return EXITS_OK;
}

/* What is not said stays as it is. */
static void begin_body(struct setting *self)
{
    static const char *const kept[] = {"connector", "settings", "default", "limits"};

    self->body = must(json_object_new_object());
    for (size_t i = 0; self->known && i < sizeof kept / sizeof kept[0]; i++) {
        struct json_object *value = json_object_object_get(self->known, kept[i]);
        struct json_object *copy = NULL;
        if (value) {
            must_ok(json_object_deep_copy(value, &copy, NULL));
            put(self->body, kept[i], copy);
        }
    }
    if (!json_object_object_get(self->body, "settings")) {
        put(self->body, "settings", must(json_object_new_object()));
    }
    if (!json_object_object_get(self->body, "limits")) {
        put(self->body, "limits", must(json_object_new_object()));
    }
}

static int apply_connector(struct app *app, const struct options *options, struct setting *self)
{
    const char *name = options_get(options, "connector");
    struct str known = text_member(self->body, "connector");

    if (name) {
        put(self->body, "connector", must(json_object_new_string(name)));
    } else if (known.len == 0) {
        return app_usage(app,
                         "there is no such account yet: say whose it is with --connector NAME");
    }
    name = must(arena_strdup(&app->arena, text_member(self->body, "connector")));
    return app_get(app, app_path(app, "/v1/connectors/", name, ""), &self->connector);
}

static int apply_limits(struct app *app, const struct options *options, struct json_object *limits)
{
    const char *rate = options_get(options, "rate");
    const char *in_flight = options_get(options, "in-flight");
    struct json_object *value = NULL; /* JSON null: no limit */
    int64_t number, period;

    if (rate && strcmp(rate, "none") != 0) {
        if (!human_parse_rate(str_from_c(rate), &number, &period)) {
            return app_usage(app, "--rate is a rate like 100/s, 5/m or 3/10s, or none, not '%s'",
                             rate);
        }
        value = must(json_object_new_object());
        put(value, "limit", must(json_object_new_int64(number)));
        put(value, "period_ms", must(json_object_new_int64(period)));
    }
    if (rate) {
        put(limits, "rate", value);
    }
    if (in_flight && strcmp(in_flight, "none") == 0) {
        put(limits, "in_flight", NULL);
    } else if (in_flight) {
        if (!str_to_i64(str_from_c(in_flight), 1, IN_FLIGHT_MAX, &number)) {
            return app_usage(app, "--in-flight is 1…%d or none, not '%s'", IN_FLIGHT_MAX,
                             in_flight);
        }
        put(limits, "in_flight", must(json_object_new_int64(number)));
    }
    return EXITS_OK;
}

static int apply_default(struct app *app, const struct options *options, struct json_object *body)
{
    bool yes = options_has(options, "default");
    bool no = options_has(options, "no-default");

    if (yes && no) {
        return app_usage(app, "--default and --no-default exclude each other");
    }
    if (yes || no) {
        put(body, "default", must(json_object_new_boolean(yes)));
    }
    return EXITS_OK;
}

static int apply_settings(struct app *app, const struct options *options, struct setting *self)
{
    struct json_object *schema = json_object_object_get(self->connector, "account_schema");
    struct json_object *settings = json_object_get(json_object_object_get(self->body, "settings"));
    int code = account_settings_read(app, options, schema, &settings);

    put(self->body, "settings", settings);
    return code;
}

static int run_set(struct app *app, const struct options *options)
{
    struct setting setting = {0};
    struct json_object *account;
    int code = find_known(app, options->words[0], &setting.known);

    if (code == EXITS_OK) {
        begin_body(&setting);
        code = apply_connector(app, options, &setting);
    }
    if (code == EXITS_OK) {
        code = apply_limits(app, options, json_object_object_get(setting.body, "limits"));
    }
    if (code == EXITS_OK) {
        code = apply_default(app, options, setting.body);
    }
    if (code == EXITS_OK) {
        code = apply_settings(app, options, &setting);
    }
    if (code == EXITS_OK) {
        code = app_send(app, "PUT", app_path(app, "/v1/accounts/", options->words[0], ""),
                        setting.body, &account);
        if (code == EXITS_OK) {
            show(app, account);
            json_object_put(account);
        }
    }
    setting_release(&setting);
    return code;
}

/* --- test, remove, uses ------------------------------------------------------------------------*/

static int run_test(struct app *app, const struct options *options)
{
    struct json_object *answer, *ok = NULL;
    struct buf line;
    bool passed = false;
    int code = app_send(app, "POST", app_path(app, "/v1/accounts/", options->words[0], "/test"),
                        NULL, &answer);

    if (code != EXITS_OK) {
        return code;
    }
    json_object_object_get_ex(answer, "ok", &ok);
    json_get_bool(answer, "ok", &passed);
    if (app->output.json) {
        output_json(answer);
    } else {
        buf_init(&line, BUF_NO_LIMIT);
        style_append(&line, app->output.out_colour, passed ? STYLE_GREEN : STYLE_RED,
                     passed ? STR("good")
                     : ok   ? STR("bad")
                            : STR("not known yet"));
        buf_append_c(&line, ": ");
        text_append_safe(&line, text_member(answer, "message"));
        buf_append_char(&line, '\n');
        output_write(&line);
        buf_release(&line);
    }
    json_object_put(answer);
    return passed ? EXITS_OK : ok ? EXITS_JOB : EXITS_TIMED_OUT;
}

static int run_remove(struct app *app, const struct options *options)
{
    const char *suffix = options_has(options, "force") ? "?force=true" : "";
    int first = EXITS_OK;

    for (size_t i = 0; i < options->words_len; i++) {
        const char *path = app_path(app, "/v1/accounts/", options->words[i], suffix);
        int code = app_send(app, "DELETE", path, NULL, NULL);
        first = first == EXITS_OK ? code : first;
    }
    return first;
}

static const struct column use_columns[] = {
    {"WHEN", .keep = true}, {"JOB", .keep = true},     {"ATTEMPT", .rank = 1, .align = ALIGN_RIGHT},
    {"FILE", .rank = 2},    {"OUTCOME", .keep = true},
};

static void add_use(struct table *table, struct json_object *use)
{
    struct str outcome = text_member(use, "outcome");
    int64_t at, attempt = 0;

    if (clock_parse(text_member(use, "at"), &at)) {
        human_append_local(table_cell_begin(table, STYLE_PLAIN), at);
    } else {
        table_cell(table, STYLE_PLAIN, STR(""));
    }
    json_get_i64(use, "attempt", &attempt);
    table_cell(table, STYLE_PLAIN, text_member(use, "job"));
    buf_append_i64(table_cell_begin(table, STYLE_PLAIN), attempt);
    table_cell(table, STYLE_PLAIN, text_member(use, "file"));
    table_cell(table, STYLE_PLAIN, outcome.len > 0 ? outcome : STR("not known yet"));
}

static int run_uses(struct app *app, const struct options *options)
{
    struct json_object *answer, *uses;
    struct hub_error error;
    struct table table;
    char query[40];
    int64_t limit = 50;

    if (options_i64(options, "limit", 1, USES_MAX, &limit, &error) < 0) {
        return app_usage(app, "%s", error.detail);
    }
    snprintf(query, sizeof query, "/uses?limit=%" PRId64, limit);
    int code = app_get(app, app_path(app, "/v1/accounts/", options->words[0], query), &answer);
    if (code != EXITS_OK) {
        return code;
    }
    table_init(&table, use_columns, sizeof use_columns / sizeof use_columns[0]);
    if (json_get_array(answer, "uses", &uses)) {
        for (size_t i = 0; i < json_object_array_length(uses); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(uses, i));
            } else {
                add_use(&table, json_object_array_get_idx(uses, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    json_object_put(answer);
    return EXITS_OK;
}

/* --- The commands ------------------------------------------------------------------------------*/

static const struct command account_list = {
    .name = "list",
    .summary = "show the accounts, without their secrets",
    .usage = "",
    .run = run_list,
};

static const struct command account_get = {
    .name = "get",
    .summary = "show one account, without its secrets",
    .usage = "NAME",
    .run = run_get,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_ACCOUNT,
};

static const struct option set_options[] = {
    {"connector", 'c', "NAME", "whose account it is; needed for a new one", WORD_CONNECTOR},
    {"set", 's', "PLACE=VALUE", "a setting that is no secret; may be repeated", WORD_ANY},
    {"secret", 0, "PLACE[=@FILE|=-]", "a secret: asked for, from a file, or from stdin", WORD_FILE},
    {"file", 'f', "FILE|-", "all settings, as a JSON object, in place of those stored", WORD_FILE},
    {"default", 0, NULL, "the connector's jobs that name no account use it", WORD_ANY},
    {"no-default", 0, NULL, "they do not", WORD_ANY},
    {"rate", 'r', "RATE|none", "so many attempts begin in a time: 100/s, 5/m, 3/10s", WORD_ANY},
    {"in-flight", 0, "N|none", "so many attempts at once", WORD_ANY},
    {0},
};

static const struct command account_set = {
    .name = "set",
    .summary = "make an account, or change it",
    .usage = "NAME [OPTIONS]",
    .about =
        "What is not given stays as it is. `hubctl connectors NAME --json` shows under "
        "account_schema which settings there are; secrets are those marked writeOnly.\n"
        "A secret never stands on the command line, where everybody on the machine can read it "
        "and the shell keeps it: --secret token asks for it, --secret token=@FILE and --secret "
        "token=- take it from a file and from stdin.\n"
        "Attempts that begin from now on get what the account says now: to change a token, set "
        "it, then take the old one out of use at the provider.",
    .options = set_options,
    .examples = "# A token for an API; it is asked for\n"
                "hubctl account set shop -c http -s auth=bearer -s 'hosts=[\"api.example.com\"]' "
                "--secret token\n"
                "\n"
                "# The new token, from a password manager; 10 requests a second, for all jobs\n"
                "pass show shop | hubctl account set shop --secret token=- --rate 10/s",
    .run = run_set,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_ACCOUNT,
};

static const struct command account_test = {
    .name = "test",
    .summary = "ask the provider whether an account works",
    .usage = "NAME",
    .about = "Runs the connector's operation verify_account as a job. A connector that has none is "
             "not asked: then only its schema was. Ends with 1 if the account is bad.",
    .run = run_test,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_ACCOUNT,
};

static const struct option remove_options[] = {
    {"force", 0, NULL, "even if unfinished jobs name it; they will fail", WORD_ANY},
    {0},
};

static const struct command account_remove = {
    .name = "remove",
    .summary = "forget accounts",
    .usage = "NAME… [--force]",
    .options = remove_options,
    .run = run_remove,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_ACCOUNT,
};

static const struct option uses_options[] = {
    {"limit", 'n', "N", "so many, 50 by default", WORD_ANY},
    {0},
};

static const struct command account_uses = {
    .name = "uses",
    .summary = "show which jobs used an account, the latest first",
    .usage = "NAME [--limit N]",
    .about = "Uses are on record for 90 days, also of accounts and jobs that are gone.",
    .options = uses_options,
    .run = run_uses,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_ACCOUNT,
};

static const struct command *const subcommands[] = {
    &account_set, &account_list, &account_get, &account_test, &account_remove, &account_uses, NULL};

const struct command cmd_account = {
    .name = "account",
    .summary = "credentials for connectors: set, show, test and remove them",
    .usage = "",
    .about = "An account is what a connector needs to be let in somewhere, under a name that jobs "
             "give: hubctl run http.request --account NAME. Its secrets are sealed in hubd's store "
             "and never shown again.",
    .examples = "hubctl account list\n"
                "hubctl account uses shop",
    .subcommands = subcommands,
};
