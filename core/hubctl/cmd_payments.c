/*
 * hubctl payments: what is in the book of account, against what the gateway knows.
 *
 * The ledger tells which jobs meant to take money, and what the gateway answered. Each of them is
 * looked up at the gateway by a job `payments.reconcile`; what does not agree is a difference.
 */
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (256u << 10)

/* What the ledger says, by job: {operation, currency, amount_minor, [outcome, status, payment]}. */
struct books {
    struct app *app;
    struct buf line;
    struct json_object *jobs;
};

struct tally {
    unsigned compared;
    unsigned differ;
    unsigned unasked; /* the gateway cannot be asked, or did not answer */
};

/* --- The ledger ------------------------------------------------------------------------------- */

static void copy_member(struct json_object *to, struct json_object *from, const char *name)
{
    struct json_object *value;

    if (json_object_object_get_ex(from, name, &value)) {
        json_object_object_add(to, name, json_object_get(value));
    }
}

/* Of the entries those count that say what a charge was to be, and what became of it. */
static void book(struct books *self, struct str job, struct str kind, struct json_object *body)
{
    static const char *const MEMBERS[] = {"operation", "currency", "amount_minor",
                                          "outcome",   "status",   "payment"};
    struct str operation = text_member(body, "operation");
    struct json_object *record;
    char id[64];

    if ((!str_eq(operation, STR("purchase")) && !str_eq(operation, STR("authorize"))) ||
        (!str_eq(kind, STR("intent")) && !str_eq(kind, STR("answer"))) || job.len >= sizeof id) {
        return;
    }
    memcpy(id, job.ptr, job.len);
    id[job.len] = '\0';
    if (!json_object_object_get_ex(self->jobs, id, &record)) {
        record = must(json_object_new_object());
        json_object_object_add(self->jobs, id, record);
    }
    for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++) {
        copy_member(record, body, MEMBERS[i]);
    }
}

static int take_line(struct books *self)
{
    struct json_object *entry, *body;
    int err = json_read(buf_view(&self->line), JSON_DEPTH_MAX, &entry, NULL, NULL);

    buf_clear(&self->line);
    if (err < 0) {
        return err;
    }
    if (json_read(text_member(entry, "body"), JSON_DEPTH_MAX, &body, NULL, NULL) == 0) {
        book(self, text_member(entry, "job"), text_member(entry, "kind"), body);
        json_object_put(body);
    }
    json_object_put(entry);
    return 0;
}

static int take(void *context, struct str bytes)
{
    struct books *self = context;
    int err = 0;

    while (bytes.len > 0 && err == 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = newline ? (size_t)(newline - bytes.ptr) : bytes.len;
        buf_append(&self->line, bytes.ptr, len);
        if (buf_failed(&self->line)) {
            return HUB_ERR_TOO_LARGE;
        }
        err = newline ? take_line(self) : 0;
        bytes = str_slice(bytes, len + (newline != NULL), bytes.len);
    }
    return err;
}

static int read_books(struct books *self, const struct options *options)
{
    struct app *app = self->app;
    struct buf path;
    int code;

    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, "/v1/ledger?connector=payments");
    url_append_query(&path, "account", str_from_c(options_get(options, "account")));
    if ((code = app_query_time(app, &path, options, "from", "from")) == EXITS_OK &&
        (code = app_query_time(app, &path, options, "to", "to")) == EXITS_OK) {
        must_buf(&path);
        struct request request = {
            .method = "GET",
            .path = path.ptr,
            .headers = {"Accept: application/x-ndjson"},
            .write = take,
            .context = self,
        };
        code = app_call(app, &request, NULL);
    }
    buf_release(&path);
    return code;
}

/* --- The gateway ------------------------------------------------------------------------------ */

/* What the gateway knows of `job`: the job that has asked, which the caller owns. */
static int ask(struct app *app, const char *account, const char *job, struct json_object *record,
               struct json_object **ret_job)
{
    struct buf body;
    struct request request = {
        .method = "POST",
        .path = "/v1/jobs",
        .headers = {"Content-Type: application/json", "Prefer: wait=60"},
    };

    buf_init(&body, BUF_NO_LIMIT);
    buf_append_c(&body, "{\"type\":\"payments.reconcile\",\"input\":{\"job\":");
    buf_append_json_string(&body, str_from_c(job));
    if (text_member(record, "payment").len > 0) {
        buf_append_c(&body, ",\"payment\":");
        buf_append_json_string(&body, text_member(record, "payment"));
    }
    buf_append_char(&body, '}');
    if (account) {
        buf_append_c(&body, ",\"account\":");
        buf_append_json_string(&body, str_from_c(account));
    }
    buf_append_char(&body, '}');
    must_buf(&body);
    request.body = buf_view(&body);
    int code = app_call(app, &request, ret_job);
    buf_release(&body);
    return code;
}

static bool has_money(struct json_object *side)
{
    struct str status = text_member(side, "status");
    return str_eq(status, STR("succeeded")) || str_eq(status, STR("authorized"));
}

static bool amounts_agree(struct json_object *ledger, struct json_object *gateway)
{
    int64_t ours = 0, theirs = 0;

    return !json_get_i64(gateway, "amount_minor", &theirs) ||
           (json_get_i64(ledger, "amount_minor", &ours) && ours == theirs &&
            str_eq(text_member(ledger, "currency"), text_member(gateway, "currency")));
}

/* In what the two do not agree; NULL: they do. An authorized payment may have been captured, a
 * payment that was under way may have ended. */
static const char *difference(struct json_object *ledger, struct json_object *gateway)
{
    struct str outcome = text_member(ledger, "outcome");
    bool answered = str_eq(outcome, STR("taken")) || str_eq(outcome, STR("found"));
    bool found = false;

    json_get_bool(gateway, "found", &found);
    if (!found) {
        return answered && has_money(ledger) ? "the gateway does not know it" : NULL;
    }
    if (!answered && has_money(gateway)) {
        return "the gateway has it, the ledger does not";
    }
    if (answered && has_money(ledger) && str_eq(text_member(gateway, "status"), STR("failed"))) {
        return "the gateway says that it failed";
    }
    return amounts_agree(ledger, gateway) ? NULL : "the amounts differ";
}

/* --- The comparison --------------------------------------------------------------------------- */

static void tell(struct app *app, const char *job, const char *what, struct json_object *ledger,
                 struct json_object *gateway)
{
    struct buf line;

    if (app->output.json) {
        struct json_object *value = must(json_object_new_object());
        json_object_object_add(value, "job", json_object_new_string(job));
        json_object_object_add(value, "difference", json_object_new_string(what));
        json_object_object_add(value, "ledger", json_object_get(ledger));
        json_object_object_add(value, "gateway", json_object_get(gateway));
        output_json(value);
        json_object_put(value);
        return;
    }
    buf_init(&line, BUF_NO_LIMIT);
    text_append_safe(&line, str_from_c(job));
    buf_append_c(&line, "  ");
    style_append(&line, app->output.out_colour, STYLE_RED, str_from_c(what));
    buf_append_c(&line, "\n    ledger:  ");
    text_append_json(&line, ledger);
    buf_append_c(&line, "\n    gateway: ");
    text_append_safe(&line, text_member(gateway, "status"));
    buf_append_char(&line, ' ');
    text_append_safe(&line, text_member(gateway, "payment"));
    buf_append_char(&line, '\n');
    output_write(&line);
    buf_release(&line);
}

static int compare(struct app *app, const char *account, const char *id, struct json_object *ledger,
                   struct tally *tally)
{
    struct json_object *job = NULL, *gateway = NULL;
    int code = ask(app, account, id, ledger, &job);

    if (code != EXITS_OK) {
        return code;
    }
    if (!json_get_object(job, "result", &gateway)) {
        tally->unasked++;
    } else {
        const char *what = difference(ledger, gateway);
        tally->compared++;
        if (what) {
            tally->differ++;
            tell(app, id, what, ledger, gateway);
        }
    }
    json_object_put(job);
    return EXITS_OK;
}

static int run_reconcile(struct app *app, const struct options *options)
{
    struct books books = {.app = app, .jobs = must(json_object_new_object())};
    struct tally tally = {0};
    const char *account = options_get(options, "account");

    buf_init(&books.line, LINE_MAX_BYTES);
    int code = read_books(&books, options);
    if (code == EXITS_OK) {
        json_object_object_foreach(books.jobs, id, record) {
            code = code == EXITS_OK ? compare(app, account, id, record, &tally) : code;
        }
    }
    if (code == EXITS_OK && !app->output.json) {
        printf("%u payments compared, %u differ, %u could not be asked about.\n", tally.compared,
               tally.differ, tally.unasked);
    }
    json_object_put(books.jobs);
    buf_release(&books.line);
    return code == EXITS_OK && tally.differ > 0 ? EXITS_JOB : code;
}

static const struct option reconcile_options[] = {
    {"account", 'A', "NAME", "payments under this account; without it, the simulator's",
     WORD_ACCOUNT},
    {"from", 0, "TIME", "booked at this time or later: RFC 3339, or an age like 2h", WORD_ANY},
    {"to", 0, "TIME", "booked before this time", WORD_ANY},
    {0},
};

static const struct command payments_reconcile = {
    .name = "reconcile",
    .summary = "compare the book of account with what the gateway knows",
    .usage = "[--account NAME] [--from TIME] [--to TIME]",
    .about = "Every purchase and authorization of the ledger is looked up at the gateway, by a job "
             "payments.reconcile; what does not agree is listed, and the command ends with 1. "
             "Adyen cannot be asked; PayPal only about payments whose id is in the ledger.",
    .options = reconcile_options,
    .examples = "# Did yesterday's answers tell the truth?\n"
                "hubctl payments reconcile --account shop --from 48h --to 24h",
    .run = run_reconcile,
};

static const struct command *const payments_commands[] = {&payments_reconcile, &cmd_ledger, NULL};

const struct command cmd_payments = {
    .name = "payments",
    .summary = "compare payments with the gateway, read their ledger",
    .usage = "COMMAND",
    .subcommands = payments_commands,
};
