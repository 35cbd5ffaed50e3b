/*
 * hubctl payments: what is in the book of account, against what the gateway knows.
 *
 * The ledger tells which jobs meant to take money, and what the gateway answered; the gateway's
 * list (jobs `payments.list`) what it has. A payment of the ledger that is not listed is looked up
 * by a job `payments.reconcile`. What does not agree, and what only one of them has, is a
 * difference.
 *
 * The two clocks differ, and a payment may be created a while after its job: the ledger is read for
 * a day more on both sides, so that what is near the ends of the range finds its counterpart.
 */
#include "base/clock.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (256u << 10)
#define DAY_MS         (INT64_C(24) * 3600 * 1000)

/* What the ledger says, by job: {at, operation, currency, amount_minor, [outcome, status,
 * payment]}; and what the gateway lists: an array, and by job. */
struct books {
    struct app *app;
    const char *account; /* NULL: the simulator's */
    int64_t from, to;
    struct buf line;
    struct json_object *jobs;
    struct json_object *listed;
    struct json_object *listed_jobs;
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
static void book(struct books *self, struct json_object *entry, struct json_object *body)
{
    static const char *const MEMBERS[] = {"operation", "currency", "amount_minor",
                                          "outcome",   "status",   "payment"};
    struct str operation = text_member(body, "operation");
    struct str job = text_member(entry, "job"), kind = text_member(entry, "kind");
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
        copy_member(record, entry, "at");
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
        book(self, entry, body);
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

static void append_time(struct buf *path, const char *name, int64_t at)
{
    char text[CLOCK_RFC3339_LEN + 1];

    clock_format(at, text);
    url_append_query(path, name, str_from_c(text));
}

static int read_books(struct books *self)
{
    struct buf path;

    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, "/v1/ledger?connector=payments");
    url_append_query(&path, "account", str_from_c(self->account));
    append_time(&path, "from", self->from - DAY_MS);
    append_time(&path, "to", self->to + DAY_MS);
    must_buf(&path);
    struct request request = {
        .method = "GET",
        .path = path.ptr,
        .headers = {"Accept: application/x-ndjson"},
        .write = take,
        .context = self,
    };
    int code = app_call(self->app, &request, NULL);
    buf_release(&path);
    return code;
}

/* Is it of the range that was asked for, and not of the day before or after it? */
static bool in_range(const struct books *self, struct json_object *record)
{
    int64_t at;

    return clock_parse(text_member(record, "at"), &at) && at >= self->from && at < self->to;
}

/* --- The gateway ------------------------------------------------------------------------------ */

/* Runs a job `type` with `input` (taken) to its end: the job, which the caller owns. */
static int run_job(struct books *self, const char *type, struct json_object *input,
                   struct json_object **ret_job)
{
    struct json_object *job = must(json_object_new_object());
    struct request request = {
        .method = "POST",
        .path = "/v1/jobs",
        .headers = {"Content-Type: application/json", "Prefer: wait=60"},
    };

    json_object_object_add(job, "type", must(json_object_new_string(type)));
    json_object_object_add(job, "input", input);
    if (self->account) {
        json_object_object_add(job, "account", must(json_object_new_string(self->account)));
    }
    request.body = str_from_c(json_object_to_json_string_ext(job, JSON_C_TO_STRING_PLAIN));
    int code = app_call(self->app, &request, ret_job);
    json_object_put(job);
    return code;
}

/* What the gateway knows of `job`. */
static int ask(struct books *self, const char *job, struct json_object *record,
               struct json_object **ret_job)
{
    struct json_object *input = must(json_object_new_object());

    json_object_object_add(input, "job", must(json_object_new_string(job)));
    copy_member(input, record, "payment");
    return run_job(self, "payments.reconcile", input, ret_job);
}

static void add_time(struct json_object *input, const char *name, int64_t at)
{
    char text[CLOCK_RFC3339_LEN + 1];

    clock_format(at, text);
    json_object_object_add(input, name, must(json_object_new_string(text)));
}

static void take_page(struct books *self, struct json_object *result)
{
    struct json_object *page;

    if (!json_get_array(result, "payments", &page)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(page); i++) {
        struct json_object *one = json_object_array_get_idx(page, i);
        json_object_array_add(self->listed, json_object_get(one));
        if (text_member(one, "job").len > 0) {
            json_object_object_add(self->listed_jobs, text_member(one, "job").ptr,
                                   json_object_get(one));
        }
    }
}

/* Why there is no list: the connector's words. Adyen and the simulator have none at all, which is
 * no failure of this comparison; anything else is one. */
static int no_list(struct books *self, struct json_object *job)
{
    struct json_object *error = NULL;

    (void)json_get_object(job, "error", &error);
    if (!str_eq(text_member(error, "code"), STR("not_supported"))) {
        return app_fail(self->app, EXITS_JOB, "the gateway's list could not be had: %.*s",
                        STR_ARG(text_member(error, "message")));
    }
    if (!self->app->output.json) {
        fprintf(stderr, "hubctl: payments that only the gateway knows are not seen: %.*s\n",
                STR_ARG(text_member(error, "message")));
    }
    return EXITS_OK;
}

/* All pages of what the gateway has of the range. */
static int read_list(struct books *self)
{
    struct str cursor = {0};
    struct json_object *job = NULL, *result = NULL;
    int code;

    do {
        struct json_object *input = must(json_object_new_object());
        add_time(input, "from", self->from);
        add_time(input, "to", self->to);
        if (cursor.len > 0) {
            json_object_object_add(input, "cursor",
                                   must(json_object_new_string_len(cursor.ptr, (int)cursor.len)));
        }
        json_object_put(job);
        job = NULL;
        if ((code = run_job(self, "payments.list", input, &job)) != EXITS_OK) {
            break;
        }
        if (!json_get_object(job, "result", &result)) {
            code = no_list(self, job);
            break;
        }
        take_page(self, result);
        cursor = text_member(result, "next_cursor");
    } while (cursor.len > 0);
    json_object_put(job);
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
    if (ledger) {
        text_append_json(&line, ledger);
    } else {
        buf_append_char(&line, '-');
    }
    buf_append_c(&line, "\n    gateway: ");
    text_append_safe(&line, text_member(gateway, "status"));
    buf_append_char(&line, ' ');
    text_append_safe(&line, text_member(gateway, "payment"));
    buf_append_char(&line, '\n');
    output_write(&line);
    buf_release(&line);
}

/* One of the ledger's: by the list, or else by asking for it. */
static int compare(struct books *self, const char *id, struct json_object *ledger,
                   struct tally *tally)
{
    struct json_object *job = NULL, *gateway = NULL;
    int code = EXITS_OK;

    if (json_object_object_get_ex(self->listed_jobs, id, &gateway)) {
        json_object_object_add(gateway, "found", json_object_new_boolean(true));
    } else {
        code = ask(self, id, ledger, &job);
        (void)json_get_object(job, "result", &gateway);
    }
    if (code == EXITS_OK && !gateway) {
        tally->unasked++;
    } else if (code == EXITS_OK) {
        const char *what = difference(ledger, gateway);
        tally->compared++;
        if (what) {
            tally->differ++;
            tell(self->app, id, what, ledger, gateway);
        }
    }
    json_object_put(job);
    return code;
}

static int compare_ledger(struct books *self, struct tally *tally)
{
    int code = EXITS_OK;

    json_object_object_foreach(self->jobs, id, record) {
        if (code == EXITS_OK && in_range(self, record)) {
            code = compare(self, id, record, tally);
        }
    }
    return code;
}

/* What the gateway has and the ledger has not: money that somebody else has moved, or that was
 * moved before the ledger began. */
static void tell_strangers(struct books *self, struct tally *tally)
{
    for (size_t i = 0; i < json_object_array_length(self->listed); i++) {
        struct json_object *one = json_object_array_get_idx(self->listed, i);
        struct str job = text_member(one, "job");
        bool known = job.len > 0 && json_object_object_get_ex(self->jobs, job.ptr, NULL);
        if (!known && has_money(one)) {
            tally->differ++;
            tell(self->app, job.len > 0 ? job.ptr : "-", "the ledger does not know it", NULL, one);
        }
    }
}

static int read_range(struct books *self, const struct options *options)
{
    int code;

    self->account = options_get(options, "account");
    self->to = clock_wall_ms();
    if ((code = app_time(self->app, options, "to", &self->to)) != EXITS_OK) {
        return code;
    }
    self->from = self->to - DAY_MS;
    if ((code = app_time(self->app, options, "from", &self->from)) == EXITS_OK &&
        self->from >= self->to) {
        code = app_usage(self->app, "--from must be before --to");
    }
    return code;
}

static int run_reconcile(struct app *app, const struct options *options)
{
    struct books books = {
        .app = app,
        .jobs = must(json_object_new_object()),
        .listed = must(json_object_new_array()),
        .listed_jobs = must(json_object_new_object()),
    };
    struct tally tally = {0};
    int code;

    buf_init(&books.line, LINE_MAX_BYTES);
    if ((code = read_range(&books, options)) == EXITS_OK &&
        (code = read_list(&books)) == EXITS_OK && (code = read_books(&books)) == EXITS_OK &&
        (code = compare_ledger(&books, &tally)) == EXITS_OK) {
        tell_strangers(&books, &tally);
        if (!app->output.json) {
            printf("%u payments compared, %u differ, %u could not be asked about.\n",
                   tally.compared, tally.differ, tally.unasked);
        }
    }
    json_object_put(books.jobs);
    json_object_put(books.listed_jobs);
    json_object_put(books.listed);
    buf_release(&books.line);
    return code == EXITS_OK && tally.differ > 0 ? EXITS_JOB : code;
}

static const struct option reconcile_options[] = {
    {"account", 'A', "NAME", "payments under this account; without it, the simulator's",
     WORD_ACCOUNT},
    {"from", 0, "TIME",
     "of this time or later: RFC 3339, or an age like 2h; default: a day before --to", WORD_ANY},
    {"to", 0, "TIME", "before this time; default: now", WORD_ANY},
    {0},
};

static const struct command payments_reconcile = {
    .name = "reconcile",
    .summary = "compare the book of account with what the gateway knows",
    .usage = "[--account NAME] [--from TIME] [--to TIME]",
    .about =
        "Every purchase and authorization of the ledger is compared with what the gateway lists, "
        "or looked up there, and every payment of the gateway's with the ledger. What does not "
        "agree is listed, and the command ends with 1. Stripe, Mollie and PayPal list their "
        "payments (PayPal: at most 31 days at once, some hours late, and only if the app may "
        "search transactions); Adyen does not, nor can it be asked.",
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
