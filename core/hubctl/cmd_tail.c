/* hubctl tail: live events, for as long as somebody looks. */
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/events.h"
#include "hubctl/job_view.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS   5000
#define WAIT_MS        60000

/* The columns of a line: time, state, job, and the rest of the width for what happened. */
#define CLOCK_WIDTH 12
#define STATE_WIDTH 9
#define WHAT_COLUMN (CLOCK_WIDTH + STATE_WIDTH + ID_TEXT_LEN + 3 * 2)

struct tail {
    struct app *app;
    const char *path;
    struct buf last_id;
    bool no_progress;
    int64_t left; /* events still wanted */
    int64_t retry_ms;
};

/* --- one event -------------------------------------------------------------------------------- */

static void append_clock(struct buf *buf, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[16];

    if (localtime_r(&seconds, &parts) && strftime(text, sizeof text, "%H:%M:%S", &parts) > 0) {
        buf_append_format(buf, "%s.%03d", text, (int)(at_ms % 1000));
    }
}

static void append_padded(struct buf *buf, bool colour, enum style style, struct str raw,
                          size_t width)
{
    struct buf safe;

    buf_init(&safe, BUF_NO_LIMIT);
    text_append_safe(&safe, raw);
    size_t used = text_width(buf_view(&safe));
    style_append(buf, colour, style, buf_view(&safe));
    text_append_blanks(buf, used < width ? width - used : 0);
    buf_append_str(buf, STR("  "));
    buf_release(&safe);
}

/* "image.transform  attempt 1", or "image.transform  40 %  resizing" */
static void append_what(struct buf *buf, const struct event *event)
{
    struct json_object *fraction;
    int64_t attempt = 0;

    text_append_safe(buf, text_member(event->data, "type"));
    if (json_object_object_get_ex(event->data, "fraction", &fraction)) {
        buf_append_format(buf, "  %d %%  ", (int)(json_object_get_double(fraction) * 100));
        text_append_safe(buf, text_member(event->data, "message"));
    } else if (json_get_i64(event->data, "attempt", &attempt) && attempt > 0) {
        buf_append_format(buf, "  attempt %" PRId64, attempt);
    }
}

static size_t what_width(const struct output *output)
{
    return output->out_width > WHAT_COLUMN ? output->out_width - WHAT_COLUMN : 1;
}

static void append_event(const struct output *output, struct buf *line, const struct event *event)
{
    bool is_job = str_eq(event->name, STR("job"));
    struct str state = is_job ? text_member(event->data, "state") : event->name;
    int64_t at = clock_wall_ms();
    struct buf text;

    clock_parse(text_member(event->data, "at"), &at);
    buf_init(&text, BUF_NO_LIMIT);
    append_clock(&text, at);
    append_padded(line, output->out_colour, STYLE_DIM, buf_view(&text), CLOCK_WIDTH);
    append_padded(line, output->out_colour, is_job ? job_state_style(state) : STYLE_BLUE, state,
                  STATE_WIDTH);
    append_padded(line, output->out_colour, STYLE_DIM, text_member(event->data, "job"),
                  ID_TEXT_LEN);
    buf_clear(&text);
    append_what(&text, event);
    text_append_cut(line, buf_view(&text), what_width(output));
    buf_append_char(line, '\n');
    buf_release(&text);
}

static void show(struct tail *self, const struct event *event)
{
    struct buf line;

    if (self->no_progress && str_eq(event->name, STR("progress"))) {
        return;
    }
    if (self->app->output.json) {
        must_ok(json_object_object_add(
            event->data, "event",
            must(json_object_new_string_len(event->name.ptr, (int)event->name.len))));
        output_json(event->data);
    } else {
        buf_init(&line, BUF_NO_LIMIT);
        append_event(&self->app->output, &line, event);
        output_write(&line);
        fflush(stdout);
        buf_release(&line);
    }
    self->left--;
}

/* --- the stream ------------------------------------------------------------------------------- */

/* Shows what comes until the stream ends or enough was seen. */
static int pour(struct tail *self, struct events *events)
{
    int err = 0;

    while (self->left > 0 && (err == 0 || err == HUB_ERR_AGAIN)) {
        struct event event;

        err = events_next(events, WAIT_MS, &event);
        if (err == 0) {
            show(self, &event);
            self->retry_ms = RETRY_FIRST_MS;
        }
    }
    buf_clear(&self->last_id);
    buf_append_c(&self->last_id, events_last_id(events));
    return self->left > 0 ? err : 0;
}

/* EXITS_OK: the stream broke, try again. */
static int listen_once(struct tail *self, bool first)
{
    struct events *events;
    struct reply refusal;
    struct hub_error error;
    int code = EXITS_OK;
    int err = events_open(&events, self->app->client, self->path,
                          self->last_id.len > 0 ? self->last_id.ptr : NULL, &refusal, &error);

    if (err == 0) {
        err = pour(self, events);
        events_close(events);
        if (err == HUB_ERR_CLOSED) {
            output_note(&self->app->output, "the stream has ended; trying again");
        }
    } else if (refusal.status > 0 && refusal.status < 500) {
        code = app_refused(self->app, &refusal);
    } else if (first || err == HUB_ERR_BAD_REQUEST) {
        code = refusal.status > 0 ? app_refused(self->app, &refusal)
                                  : app_fail_with(self->app, &error);
    }
    reply_release(&refusal);
    return err == HUB_ERR_INTERRUPTED ? EXITS_INTERRUPTED : code;
}

static int pause_a_bit(struct tail *self)
{
    int err = client_sleep(self->app->client, (int)self->retry_ms);

    self->retry_ms = self->retry_ms * 2 < RETRY_MAX_MS ? self->retry_ms * 2 : RETRY_MAX_MS;
    return err < 0 ? EXITS_INTERRUPTED : EXITS_OK;
}

static int listen_on(struct tail *self)
{
    int code = EXITS_OK;

    for (bool first = true; code == EXITS_OK && self->left > 0; first = false) {
        if (!first) {
            code = pause_a_bit(self);
        }
        code = code == EXITS_OK ? listen_once(self, first) : code;
    }
    return code;
}

static int run(struct app *app, const struct options *options)
{
    struct tail self = {.app = app, .left = INT64_MAX, .retry_ms = RETRY_FIRST_MS};
    const char *job = options_get(options, "job");
    const char *from = options_get(options, "after-event");
    struct hub_error error;
    struct buf path;
    int code;

    if (job && (code = app_check_id(app, "a job", job)) != EXITS_OK) {
        return code;
    }
    if (options_i64(options, "count", 1, INT64_MAX, &self.left, &error) < 0) {
        return app_fail_with(app, &error);
    }
    if (from && strspn(from, "0123456789") != strlen(from)) {
        return app_usage(app, "--after-event is the number of an event, not '%s'", from);
    }
    if ((code = app_connect(app)) != EXITS_OK) {
        return code;
    }
    self.no_progress = options_has(options, "no-progress");
    interrupt_hold(&app->interrupt);
    buf_init(&self.last_id, BUF_NO_LIMIT);
    buf_append_c(&self.last_id, from ? from : "");
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_str(&path, STR("/v1/events"));
    url_append_query(&path, "job", str_from_c(job));
    url_append_query(&path, "queue", str_from_c(options_get(options, "queue")));
    url_append_query(&path, "type", str_from_c(options_get(options, "type")));
    must_buf(&path);
    self.path = path.ptr;
    code = listen_on(&self);
    buf_release(&path);
    buf_release(&self.last_id);
    return code;
}

static const struct option tail_options[] = {
    {"job", 'j', "ID", "events of this job", WORD_JOB},
    {"queue", 0, "NAME", "events of jobs in this queue", WORD_QUEUE},
    {"type", 't', "TYPE", "events of jobs of this type", WORD_JOB_TYPE},
    {"count", 'n', "N", "end after so many events", WORD_ANY},
    {"after-event", 0, "SEQ", "begin after the event with this number, as far as hubd still has it",
     WORD_ANY},
    {"no-progress", 0, NULL, "only changes of state", WORD_ANY},
    {0},
};

const struct command cmd_tail = {
    .name = "tail",
    .summary = "watch what happens, live",
    .usage = "[OPTIONS]",
    .about = "One line for each change of a job's state and each word of its progress, until "
             "Ctrl-C. When hubd restarts, tail goes on where it was. With --json one event a line: "
             "{\"event\", \"seq\", \"job\", \"type\", \"queue\", \"state\", \"attempt\", \"at\"}.",
    .options = tail_options,
    .examples = "hubctl tail\n"
                "\n"
                "# Which jobs fail, as they fail\n"
                "hubctl tail --json --no-progress | jq -r 'select(.state==\"failed\").job'",
    .run = run,
};
