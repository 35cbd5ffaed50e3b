/* hubctl list: jobs, newest first, filtered and paged. */
#include "base/clock.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/human.h"
#include "hubctl/job_view.h"
#include "hubctl/must.h"
#include "hubctl/url.h"

#include <string.h>

#define LIMIT_DEFAULT 20
#define PAGE_MAX      500 /* what hubd gives at most at once */

/* A list in the making. */
struct listing {
    struct app *app;
    struct buf filters; /* the path with every parameter but limit and cursor */
    struct table table;
    int64_t left; /* jobs still wanted */
    int64_t now_ms;
    bool more; /* there are more jobs than were asked for */
};

/* --- filters ---------------------------------------------------------------------------------- */

static int add_states(struct listing *self, const struct options *options)
{
    struct buf states;
    const char *text;
    int code = EXITS_OK;

    buf_init(&states, BUF_NO_LIMIT);
    for (size_t i = 0; (text = options_next(options, "state", &i));) {
        buf_append_str(&states, states.len > 0 ? STR(",") : STR(""));
        buf_append_c(&states, text);
    }
    for (struct str rest = buf_view(&states); rest.ptr && code == EXITS_OK;) {
        struct str one = str_split(&rest, ',');
        const char *const *name = job_state_names;

        while (*name && !str_eq(one, str_from_c(*name))) {
            name++;
        }
        if (!*name) {
            code = app_usage(self->app,
                             "'%.*s' is no state: blocked, scheduled, queued, running, succeeded, "
                             "failed, cancelled or unknown",
                             STR_ARG(one));
        }
    }
    url_append_query(&self->filters, "state", buf_view(&states));
    buf_release(&states);
    return code;
}

static int add_label(struct listing *self, const struct options *options)
{
    const char *text = options_get(options, "label");
    const char *equals = text ? strchr(text, '=') : NULL;
    struct buf value;

    if (!text) {
        return EXITS_OK;
    }
    if (!equals || equals == text) {
        return app_usage(self->app, "--label needs NAME=VALUE, not '%s'", text);
    }
    buf_init(&value, BUF_NO_LIMIT);
    buf_append(&value, text, (size_t)(equals - text));
    buf_append_char(&value, ':');
    buf_append_c(&value, equals + 1);
    url_append_query(&self->filters, "label", buf_view(&value));
    buf_release(&value);
    return EXITS_OK;
}

static int read_filters(struct listing *self, const struct options *options)
{
    struct hub_error error;
    int code;

    buf_append_str(&self->filters, STR("/v1/jobs"));
    url_append_query(&self->filters, "type", str_from_c(options_get(options, "type")));
    url_append_query(&self->filters, "queue", str_from_c(options_get(options, "queue")));
    self->left = LIMIT_DEFAULT;
    if (options_i64(options, "limit", 1, INT32_MAX, &self->left, &error) < 0) {
        return app_fail_with(self->app, &error);
    }
    if (options_has(options, "all")) {
        self->left = INT64_MAX;
    }
    if ((code = add_states(self, options)) != EXITS_OK ||
        (code = add_label(self, options)) != EXITS_OK ||
        (code = app_query_time(self->app, &self->filters, options, "since", "created_from")) !=
            EXITS_OK) {
        return code;
    }
    return app_query_time(self->app, &self->filters, options, "until", "created_to");
}

/* --- pages ------------------------------------------------------------------------------------ */

static void take_jobs(struct listing *self, struct json_object *jobs)
{
    size_t len = json_object_array_length(jobs);

    for (size_t i = 0; i < len && self->left > 0; i++, self->left--) {
        struct json_object *job = json_object_array_get_idx(jobs, i);

        if (self->app->output.json) {
            output_json(job);
        } else {
            job_append_row(&self->table, job, self->now_ms);
        }
    }
}

/* Gets the page after `cursor` and puts the next cursor there; it is empty after the last page. */
static int get_page(struct listing *self, struct buf *cursor)
{
    struct json_object *page;
    struct json_object *jobs;
    struct str next = STR("");
    struct buf path;
    char limit[24];
    int code;

    buf_init(&path, BUF_NO_LIMIT);
    buf_append_str(&path, buf_view(&self->filters));
    snprintf(limit, sizeof limit, "%lld",
             (long long)(self->left < PAGE_MAX ? self->left : PAGE_MAX));
    url_append_query(&path, "limit", str_from_c(limit));
    if (cursor->len > 0) {
        url_append_query(&path, "cursor", buf_view(cursor));
    }
    must_buf(&path);
    code = app_get(self->app, path.ptr, &page);
    buf_release(&path);
    if (code != EXITS_OK) {
        return code;
    }
    buf_clear(cursor);
    if (json_get_array(page, "jobs", &jobs) && json_object_array_length(jobs) > 0) {
        take_jobs(self, jobs);
        json_get_str(page, "next_cursor", &next);
        buf_append_str(cursor, next);
    }
    json_object_put(page);
    return EXITS_OK;
}

static int get_pages(struct listing *self)
{
    struct buf cursor;
    int code = EXITS_OK;

    buf_init(&cursor, BUF_NO_LIMIT);
    do {
        code = get_page(self, &cursor);
    } while (code == EXITS_OK && cursor.len > 0 && self->left > 0);
    self->more = cursor.len > 0;
    buf_release(&cursor);
    return code;
}

static void show(struct listing *self)
{
    const struct output *output = &self->app->output;

    if (output->json) {
        return;
    }
    if (table_rows(&self->table) == 0) {
        output_note(output, "no such jobs");
        return;
    }
    table_print(&self->table, output);
    if (self->more) {
        output_note(output, "there are more: --limit N or --all shows them");
    }
}

static int run(struct app *app, const struct options *options)
{
    struct listing self = {.app = app, .now_ms = clock_wall_ms()};
    int code;

    buf_init(&self.filters, BUF_NO_LIMIT);
    table_init(&self.table, job_columns, job_columns_len);
    if ((code = read_filters(&self, options)) == EXITS_OK &&
        (code = get_pages(&self)) == EXITS_OK) {
        show(&self);
    }
    table_release(&self.table);
    buf_release(&self.filters);
    return code;
}

static const struct option list_options[] = {
    {"state", 's', "STATE", "jobs in this state; may be repeated, or a,b", WORD_JOB_STATE},
    {"type", 't', "TYPE", "jobs of this type", WORD_JOB_TYPE},
    {"queue", 0, "NAME", "jobs in this queue", WORD_QUEUE},
    {"label", 'l', "NAME=VALUE", "jobs with this label", WORD_ANY},
    {"since", 0, "TIME", "made at this time or later: RFC 3339, or an age like 2h", WORD_ANY},
    {"until", 0, "TIME", "made before this time", WORD_ANY},
    {"limit", 'n', "N", "at most so many; 20 if not given", WORD_ANY},
    {"all", 'a', NULL, "every one", WORD_ANY},
    {0},
};

const struct command cmd_list = {
    .name = "list",
    .summary = "list jobs, the newest first",
    .usage = "[OPTIONS]",
    .about = "What does not fit in the terminal is left out, the least important column first; "
             "--json has everything, one job a line.",
    .options = list_options,
    .examples = "# What failed in the last hour?\n"
                "hubctl list --state failed --since 1h\n"
                "\n"
                "# Try all of that again\n"
                "hubctl list -s failed --since 1h -a --json | jq -r .id | xargs hubctl retry\n"
                "\n"
                "# Everything that still waits or runs in one queue\n"
                "hubctl list -s blocked,scheduled,queued,running --queue mail",
    .run = run,
};
