#include "hubctl/follow.h"

#include "base/clock.h"
#include "base/json.h"
#include "hubctl/events.h"
#include "hubctl/human.h"
#include "hubctl/job_view.h"
#include "hubctl/must.h"
#include "hubctl/progress.h"
#include "hubctl/transfer.h"
#include "hubctl/url.h"

#include <string.h>

#define LOOK_EVERY_MS 5000  /* even if the stream is silent: it may be dead */
#define POLL_MS       500   /* without a stream */
#define DRAW_MS       100   /* the spinner's pace */
#define LOST_MAX_MS   30000 /* a restart of hubd takes less */

struct follow {
    struct app *app;
    const char *id;
    const char *job_path;
    const char *events_path;
    int64_t until_ms;      /* monotonic; INT64_MAX: no limit */
    int64_t lost_since_ms; /* monotonic; 0: hubd answers */
    bool no_stream;        /* hubd refuses it: look only */
    struct events *events; /* NULL: none at the moment */
    struct json_object *job;
    struct progress progress;
    char state[32];
    double fraction; /* negative: unknown */
    struct buf message;
};

/* --- what is known ---------------------------------------------------------------------------- */

static void draw(struct follow *self)
{
    progress_job(&self->progress, self->state, self->fraction, buf_view(&self->message));
}

static void learn_state(struct follow *self, struct json_object *from)
{
    struct str state = job_state(from);

    if (state.len > 0 && state.len < sizeof self->state) {
        memcpy(self->state, state.ptr, state.len);
        self->state[state.len] = '\0';
    }
    if (!str_eq(state, STR("running"))) { /* what an earlier attempt said is past */
        self->fraction = -1;
        buf_clear(&self->message);
    }
}

static void learn_progress(struct follow *self, struct json_object *from)
{
    struct json_object *fraction = json_object_object_get(from, "fraction");
    struct str message;

    if (json_object_is_type(fraction, json_type_double) ||
        json_object_is_type(fraction, json_type_int)) {
        self->fraction = json_object_get_double(fraction);
    }
    if (json_get_str(from, "message", &message)) {
        buf_clear(&self->message);
        buf_append_str(&self->message, message);
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

/* hubd does not answer, or not now: it may be restarting. EXITS_OK: try again. */
static int be_patient(struct follow *self, const struct hub_error *error)
{
    int64_t now = clock_mono_ms();

    if (self->lost_since_ms == 0) {
        self->lost_since_ms = now;
    }
    if (now - self->lost_since_ms > LOST_MAX_MS) {
        progress_clear(&self->progress);
        return app_fail_with(self->app, error);
    }
    buf_clear(&self->message);
    buf_append_c(&self->message, "hubd does not answer; trying again");
    draw(self);
    return EXITS_OK;
}

static int take_answer(struct follow *self, const struct reply *reply)
{
    struct json_object *job;
    struct json_object *progress;
    struct hub_error error;

    if (reply->status >= 500) {
        hub_fail(&error, HUB_ERR_UNAVAILABLE, "HTTP %ld", reply->status);
        return be_patient(self, &error);
    }
    if (exits_of_status(reply->status) != EXITS_OK) {
        progress_clear(&self->progress);
        return app_refused(self->app, reply);
    }
    if (json_read(buf_view(&reply->body), JSON_DEPTH_MAX, &job, NULL, &error) < 0) {
        progress_clear(&self->progress);
        return app_fail(self->app, EXITS_UNREACHABLE, "hubd's answer is not JSON: %s",
                        error.detail);
    }
    json_object_put(self->job);
    self->job = job;
    self->lost_since_ms = 0;
    learn_state(self, job);
    if (json_get_object(job, "progress", &progress)) {
        learn_progress(self, progress);
    }
    draw(self);
    return EXITS_OK;
}

static int look(struct follow *self)
{
    struct request request = {.method = "GET", .path = self->job_path};
    struct hub_error error;
    struct reply reply;
    int code;

    int err = client_call(self->app->client, &request, &reply, &error);
    if (err == HUB_ERR_INTERRUPTED) {
        code = EXITS_INTERRUPTED;
    } else if (err == HUB_ERR_BAD_REQUEST) {
        code = app_fail_with(self->app, &error);
    } else if (err < 0) {
        code = be_patient(self, &error);
    } else {
        code = take_answer(self, &reply);
    }
    reply_release(&reply);
    return code;
}

/* --- listening -------------------------------------------------------------------------------- */

static int open_stream(struct follow *self)
{
    struct reply refusal;
    int err;

    if (self->events || self->no_stream || self->lost_since_ms > 0) {
        return EXITS_OK;
    }
    err = events_open(&self->events, self->app->client, self->events_path, NULL, &refusal, NULL);
    self->no_stream = err == HUB_ERR_BAD_REQUEST; /* looking is enough */
    reply_release(&refusal);
    return err == HUB_ERR_INTERRUPTED ? EXITS_INTERRUPTED : EXITS_OK;
}

/* True if the job should be looked at. */
static bool take_event(struct follow *self, const struct event *event)
{
    if (str_eq(event->name, STR("job"))) {
        learn_state(self, event->data);
        return job_is_final(job_state(event->data));
    }
    if (str_eq(event->name, STR("progress"))) {
        learn_progress(self, event->data);
    }
    return false;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns when it is time to look: EXITS_OK or EXITS_INTERRUPTED. */
static int listen_a_while(struct follow *self)
{
    int64_t until =
        smaller(clock_mono_ms() + (self->events ? LOOK_EVERY_MS : POLL_MS), self->until_ms);
    int err = 0;

    for (int64_t now = clock_mono_ms(); now < until; now = clock_mono_ms()) {
        int pause = (int)smaller(DRAW_MS, until - now);
        struct event event;

        if (self->events) {
            err = events_next(self->events, pause, &event);
        } else {
            err = client_sleep(self->app->client, pause);
        }
        if (err == HUB_ERR_INTERRUPTED) {
            return EXITS_INTERRUPTED;
        }
        if (err == 0 && self->events && take_event(self, &event)) {
            return EXITS_OK;
        }
        if (err == HUB_ERR_CLOSED) {
            events_close(self->events);
            self->events = NULL;
            return EXITS_OK;
        }
        draw(self);
    }
    return EXITS_OK;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void say_how_to_go_on(struct follow *self, const char *why)
{
    output_note(&self->app->output,
                "%s; the job goes on\n"
                "  hubctl get %s --wait   follows it again\n"
                "  hubctl cancel %s       ends it",
                why, self->id, self->id);
}

static int follow_to_end(struct follow *self)
{
    int code;

    for (;;) {
        if ((code = open_stream(self)) != EXITS_OK || (code = look(self)) != EXITS_OK) {
            return code;
        }
        if (self->job && self->lost_since_ms == 0 && job_is_final(job_state(self->job))) {
            return EXITS_OK;
        }
        if (clock_mono_ms() >= self->until_ms) {
            return EXITS_TIMED_OUT;
        }
        if ((code = listen_a_while(self)) != EXITS_OK) {
            return code;
        }
    }
}

int follow_job(struct app *app, const char *id, int64_t wait_ms, struct json_object **ret_job)
{
    struct follow self = {.app = app, .id = id, .state = "waiting", .fraction = -1};
    int code = app_connect(app);

    if (code != EXITS_OK) {
        return code;
    }
    interrupt_hold(&app->interrupt);
    self.until_ms = wait_ms > 0 ? clock_mono_ms() + wait_ms : INT64_MAX;
    self.job_path = app_path(app, "/v1/jobs/", id, "");
    self.events_path = app_path(app, "/v1/events?job=", id, "");
    buf_init(&self.message, BUF_NO_LIMIT);
    progress_init(&self.progress, &app->output);
    code = follow_to_end(&self);
    progress_clear(&self.progress);
    if (code == EXITS_INTERRUPTED) {
        say_how_to_go_on(&self, "interrupted");
    } else if (code == EXITS_TIMED_OUT) {
        say_how_to_go_on(&self, "the time to wait is over");
    } else if (code == EXITS_OK) {
        *ret_job = self.job;
        self.job = NULL;
    }
    events_close(self.events);
    json_object_put(self.job);
    buf_release(&self.message);
    return code;
}

int follow_finish(struct app *app, struct json_object *job, const char *dir, bool overwrite)
{
    bool succeeded = str_eq(job_state(job), STR("succeeded"));
    struct json_object *artifacts;
    struct buf text;
    int code = EXITS_OK;

    if (dir && json_get_array(job, "artifacts", &artifacts)) {
        code = transfer_fetch_all(app, artifacts, dir, overwrite);
    }
    if (app->output.json) {
        output_json(job);
    } else {
        buf_init(&text, BUF_NO_LIMIT);
        job_append_outcome(&app->output, &text, job);
        output_write(&text);
        buf_release(&text);
    }
    if (code != EXITS_OK) {
        return code;
    }
    return succeeded ? EXITS_OK : EXITS_JOB;
}

int follow_wait_ms(struct app *app, const struct options *options, int64_t *ret_ms)
{
    const char *text = options_get(options, "wait-timeout");

    *ret_ms = 0;
    if (text && !human_parse_duration(str_from_c(text), ret_ms)) {
        return app_usage(app, "--wait-timeout is a duration like 30s or 5m, not '%s'", text);
    }
    return EXITS_OK;
}
