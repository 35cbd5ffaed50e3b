/* hubctl ledger: what moved money, as it was booked; and whether anybody has meddled with it. */
#include "base/clock.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (256u << 10) /* of an entry as NDJSON */

/* Entries as they come. */
struct reading {
    struct app *app;
    bool as_is; /* JSON or CSV for programs: not looked at */
    struct buf line;
    struct buf out;
};

/* --- entries for people ----------------------------------------------------------------------- */

static void append_member(struct reading *self, enum style style, const char *before,
                          struct json_object *entry, const char *name)
{
    struct str text = text_member(entry, name);

    if (text.len > 0) {
        buf_append_c(&self->out, before);
        style_append(&self->out, self->app->output.out_colour, style, text);
    }
}

/* Two lines: what, and its body. */
static void append_entry(struct reading *self, struct json_object *entry)
{
    int64_t seq = 0;
    int64_t attempt = 0;

    json_get_i64(entry, "seq", &seq);
    json_get_i64(entry, "attempt", &attempt);
    buf_append_format(&self->out, "%lld", (long long)seq);
    append_member(self, STYLE_DIM, "  ", entry, "at");
    append_member(self, STYLE_BOLD, "  ", entry, "connector");
    append_member(self, STYLE_BOLD, " ", entry, "kind");
    append_member(self, STYLE_CYAN, "  ", entry, "account");
    append_member(self, STYLE_DIM, "  ", entry, "job");
    buf_append_format(&self->out, " #%lld\n    ", (long long)attempt);
    text_append_safe(&self->out, text_member(entry, "body"));
    buf_append_char(&self->out, '\n');
    output_write(&self->out);
}

static int take_line(struct reading *self)
{
    struct json_object *entry;
    int err = json_read(buf_view(&self->line), JSON_DEPTH_MAX, &entry, NULL, NULL);

    if (err == 0) {
        append_entry(self, entry);
        json_object_put(entry);
    }
    buf_clear(&self->line);
    return err;
}

static int take_lines(struct reading *self, struct str bytes)
{
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = newline ? (size_t)(newline - bytes.ptr) : bytes.len;
        buf_append(&self->line, bytes.ptr, len);
        if (buf_failed(&self->line)) {
            return HUB_ERR_TOO_LARGE;
        }
        int err = newline ? take_line(self) : 0;
        if (err < 0) {
            return err;
        }
        bytes = str_slice(bytes, len + (newline != NULL), bytes.len);
    }
    return 0;
}

static int take(void *context, struct str bytes)
{
    struct reading *self = context;

    if (!self->as_is) {
        return take_lines(self, bytes);
    }
    return fwrite(bytes.ptr, 1, bytes.len, stdout) == bytes.len ? 0 : HUB_ERR_IO;
}

static int read_ledger(struct app *app, const char *path, bool csv)
{
    struct reading reading = {.app = app, .as_is = csv || app->output.json};
    struct request request = {
        .method = "GET",
        .path = path,
        .headers = {csv ? "Accept: text/csv" : "Accept: application/x-ndjson"},
        .write = take,
        .context = &reading,
    };

    buf_init(&reading.line, LINE_MAX_BYTES);
    buf_init(&reading.out, BUF_NO_LIMIT);
    int code = app_call(app, &request, NULL);
    buf_release(&reading.line);
    buf_release(&reading.out);
    return code;
}

/* --- verify ----------------------------------------------------------------------------------- */

static int verify(struct app *app)
{
    struct json_object *answer;
    int64_t entries = 0;
    int64_t first_bad = 0;
    bool ok = false;
    int code = app_get(app, "/v1/ledger/verify", &answer);

    if (code != EXITS_OK) {
        return code;
    }
    json_get_i64(answer, "entries", &entries);
    json_get_i64(answer, "first_bad", &first_bad);
    json_get_bool(answer, "ok", &ok);
    if (app->output.json) {
        output_json(answer);
    } else if (ok) {
        struct str head = text_member(answer, "head");
        printf("%lld entries, none missing, none altered.%s%.*s\n", (long long)entries,
               head.len > 0 ? " Head: " : "", STR_ARG(head));
    } else {
        printf(
            "Entry %lld is missing or is not what it was. The %lld before it are as they were.\n",
            (long long)first_bad, (long long)entries);
    }
    json_object_put(answer);
    return ok ? EXITS_OK : EXITS_JOB;
}

/* --- the command ------------------------------------------------------------------------------ */

static int run(struct app *app, const struct options *options)
{
    struct buf path;
    int code;

    if (options_has(options, "verify")) {
        return verify(app);
    }
    if (options_has(options, "csv") && app->output.json) {
        return app_usage(app, "--csv and --json exclude each other");
    }
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, "/v1/ledger");
    url_append_query(&path, "connector", str_from_c(options_get(options, "connector")));
    url_append_query(&path, "account", str_from_c(options_get(options, "account")));
    if ((code = app_query_time(app, &path, options, "since", "from")) == EXITS_OK &&
        (code = app_query_time(app, &path, options, "until", "to")) == EXITS_OK) {
        must_buf(&path);
        code = read_ledger(app, path.ptr, options_has(options, "csv"));
    }
    buf_release(&path);
    return code;
}

static const struct option ledger_options[] = {
    {"connector", 'c', "NAME", "entries of this connector", WORD_CONNECTOR},
    {"account", 'A', "NAME", "entries under this account", WORD_ANY},
    {"since", 0, "TIME", "booked at this time or later: RFC 3339, or an age like 2h", WORD_ANY},
    {"until", 0, "TIME", "booked before this time", WORD_ANY},
    {"csv", 0, NULL, "CSV with a line of names (RFC 4180)", WORD_ANY},
    {"verify", 0, NULL, "check that no entry is missing or altered", WORD_ANY},
    {0},
};

const struct command cmd_ledger = {
    .name = "ledger",
    .summary = "read the book of account, or verify it",
    .usage = "[OPTIONS]",
    .about = "What moves money is booked before and after, in entries that never change; each "
             "carries the hash of the one before. --verify checks all of them, names the first "
             "that is missing or altered, and gives the hash of the last: note it down somewhere "
             "else, and cutting off the end will show as well. With --json one entry a line.",
    .options = ledger_options,
    .examples = "# Last month for the accountants\n"
                "hubctl ledger --since 2026-10-01T00:00:00Z --until 2026-11-01T00:00:00Z --csv\n"
                "\n"
                "# Has anybody meddled with it?\n"
                "hubctl ledger --verify",
    .run = run,
};
