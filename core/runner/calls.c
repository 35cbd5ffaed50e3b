#include "runner/calls.h"

#include "runner/runner.h"

#include <stdlib.h>
#include <string.h>

/* A call on the stack of the thread that waits for it. */
struct waiting_call {
    struct note note;
    struct call call;
    bool over;      /* under the lock of struct calls, as all that follows */
    int32_t called; /* HUB_CALL_OK: `answer` is there */
    char *answer;
    size_t answer_len;
};

int calls_init(struct calls *self)
{
    *self = (struct calls){0};
    list_init(&self->sent);
    if (pthread_mutex_init(&self->lock, NULL) != 0 ||
        pthread_cond_init(&self->changed, NULL) != 0) {
        return HUB_ERR_NOMEM;
    }
    return 0;
}

void calls_release(struct calls *self)
{
    LIST_FOR_EACH(link, &self->sent) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        if (!call->waiting) {
            free(call);
        }
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

/* --- One more, one less ------------------------------------------------------------------------*/

static bool take_place(struct calls *self, bool may_wait)
{
    pthread_mutex_lock(&self->lock);
    while (may_wait && self->in_flight >= WIRE_CALLS_MAX) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    bool taken = self->in_flight < WIRE_CALLS_MAX;
    self->in_flight += taken;
    pthread_mutex_unlock(&self->lock);
    return taken;
}

static void give_place(struct calls *self)
{
    pthread_mutex_lock(&self->lock);
    self->in_flight--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static bool is_running(const struct call *call)
{
    return atomic_load(&call->job->state) == JOB_RUNNING && call->job->token == call->token;
}

/* --- Asking ------------------------------------------------------------------------------------*/

/* [main] */
static int32_t send_call(struct runner *runner, struct call *call)
{
    struct calls *self = &runner->calls;
    if (!is_running(call)) {
        return HUB_CALL_CLOSED;
    }
    call->number = ++self->last_number;
    int err = call->send(&runner->channel, call);
    if (err < 0) {
        return err == HUB_ERR_NOMEM ? HUB_CALL_NOMEM : HUB_CALL_AGAIN;
    }
    list_append(&self->sent, &call->link);
    return HUB_CALL_OK;
}

static int32_t call_on_main(struct runner *runner, const struct call *given)
{
    struct calls *self = &runner->calls;
    if (!take_place(self, false)) {
        return HUB_CALL_AGAIN;
    }
    struct call *call = malloc(sizeof *call);
    int32_t called = HUB_CALL_NOMEM;
    if (call) {
        *call = *given;
        list_init(&call->link);
        called = send_call(runner, call);
    }
    if (called != HUB_CALL_OK) {
        free(call);
        give_place(self);
    }
    return called;
}

/* The thread that waits goes on, and its call is gone. */
static void end_wait(struct calls *self, struct waiting_call *waiting, int32_t called)
{
    pthread_mutex_lock(&self->lock);
    waiting->called = called;
    waiting->over = true;
    self->in_flight--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void take_call(struct runner *runner, struct note *note)
{
    struct waiting_call *waiting = CONTAINER_OF(note, struct waiting_call, note);
    int32_t called = send_call(runner, &waiting->call);
    if (called != HUB_CALL_OK) {
        end_wait(&runner->calls, waiting, called);
    }
}

static void deliver(const struct call *call, struct str body);

static int32_t call_and_wait(struct runner *runner, const struct call *given)
{
    struct calls *self = &runner->calls;
    struct waiting_call waiting = {.note.act = take_call, .call = *given};
    waiting.call.waiting = &waiting;
    list_init(&waiting.call.link);
    (void)take_place(self, true);
    runner_post(runner, &waiting.note);
    pthread_mutex_lock(&self->lock);
    while (!waiting.over) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    if (waiting.called == HUB_CALL_OK) {
        deliver(&waiting.call, str_of(waiting.answer, waiting.answer_len));
    }
    free(waiting.answer);
    return waiting.called;
}

int32_t calls_make(struct runner *runner, const struct call *given)
{
    struct call call = *given;
    call.token = call.job->token;
    if (atomic_load(&runner->closing) || !is_running(&call)) {
        return HUB_CALL_CLOSED;
    }
    return runner_on_main(runner) ? call_on_main(runner, &call) : call_and_wait(runner, &call);
}

/* --- Being answered ----------------------------------------------------------------------------*/

/* `body` is an ANSWER that has been decoded once already. */
static void deliver(const struct call *call, struct str body)
{
    static const int32_t STATUS[] = {
        [WIRE_STATUS_OK] = HUB_CALL_OK,         [WIRE_STATUS_EXISTS] = HUB_CALL_EXISTS,
        [WIRE_STATUS_LIMIT] = HUB_CALL_LIMIT,   [WIRE_STATUS_FAILED] = HUB_CALL_FAILED,
        [WIRE_STATUS_CLOSED] = HUB_CALL_CLOSED,
    };
    hub_kept values[WIRE_VALUES_MAX];
    struct wire_answer answer = {.status = WIRE_STATUS_FAILED};
    struct wire_value value;
    uint32_t count = 0;
    (void)!wire_decode_answer(body, &answer);
    while (count < answer.count && wire_value_next(&answer.values, &value) == 0) {
        values[count++] = (hub_kept){
            .size = sizeof(hub_kept),
            .key = hub_of_str(value.key),
            .value = hub_of_str(value.value),
            .kept_at = (int64_t)value.kept_at,
        };
    }
    call->done(call->context, STATUS[answer.status], count > 0 ? values : NULL, count);
}

static struct call *find_sent(struct calls *self, uint32_t number)
{
    LIST_FOR_EACH(link, &self->sent) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        if (call->number == number) {
            return call;
        }
    }
    return NULL;
}

/* Its thread gets a copy, since the frame's bytes are [main]'s. */
static void answer_thread(struct calls *self, struct waiting_call *waiting, struct str body)
{
    if (!is_running(&waiting->call)) {
        end_wait(self, waiting, HUB_CALL_CLOSED);
        return;
    }
    waiting->answer = malloc(body.len);
    if (waiting->answer) {
        memcpy(waiting->answer, body.ptr, body.len);
        waiting->answer_len = body.len;
    }
    end_wait(self, waiting, waiting->answer ? HUB_CALL_OK : HUB_CALL_NOMEM);
}

int calls_take_answer(struct runner *runner, struct str body)
{
    struct calls *self = &runner->calls;
    struct wire_answer answer;
    if (wire_decode_answer(body, &answer) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    struct call *call = find_sent(self, answer.call);
    if (!call) {
        return HUB_ERR_PROTOCOL;
    }
    list_remove(&call->link);
    if (call->waiting) {
        answer_thread(self, call->waiting, body);
        return 0;
    }
    give_place(self);
    if (call->done && is_running(call)) {
        uint64_t before = runner_enter(runner, call->token);
        deliver(call, body);
        runner_leave(runner, before);
    }
    free(call);
    return 0;
}

void calls_orphan(struct runner *runner, const struct job *job)
{
    bool any = false;
    LIST_FOR_EACH(link, &runner->calls.sent) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        if (call->job == job && call->token == job->token) {
            call->done = NULL; /* a thread that waits is told when its ANSWER comes */
            any = true;
        }
    }
    if (any) {
        runner_log(runner, WIRE_LOG_WARN,
                   "the connector completed a job with a call of its own under way");
    }
}
