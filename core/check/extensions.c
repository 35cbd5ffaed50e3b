/*
 * extensions.c — timers, the pool and the HTTP client, watched: called on [main] only, a timer
 * stopped and a request given up while they are there; and their callbacks are crossings like any
 * other. A pause is asked for while the job is open.
 */
#include "check/tell.h"
#include "check/watch.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

static struct runner *the_runner;
static const hub_timer_api *timers;
static const hub_pool_api *pool;
static const hub_http_api *http;
static const hub_account_api *account;
static struct list running; /* watched timers; [main] */
static struct list calls;   /* watched requests; [main] */

/* Who calls from elsewhere is told so, and refused: the loop would not survive it. */
static bool on_main(const char *what)
{
    if (!runner_on_main(the_runner)) {
        tell_breach("wrong_thread", "%s was called on another thread than [main]", what);
        return false;
    }
    return true;
}

/* --- Timers ------------------------------------------------------------------------------------*/

struct watched_timer {
    struct list link;
    hub_timer *real;
    void (*fire)(void *context);
    void *context;
};

static void fired(void *context)
{
    struct watched_timer *self = context;
    struct crossing crossing;
    cross_in(&crossing);
    self->fire(self->context);
    cross_out(&crossing, "a timer's callback");
    if (list_linked(&self->link)) { /* else it has stopped itself */
        list_remove(&self->link);
        free(self);
    }
}

static hub_timer *timer_start(uint64_t delay_ms, void (*fire)(void *context), void *context)
{
    enum side before = side_set(SIDE_HOST);
    struct watched_timer *self = NULL;
    if (!fire) {
        tell_breach("bad_call", "a timer was started without a function to call");
    } else if (on_main("hub.timer/1 start()") && (self = calloc(1, sizeof *self)) != NULL) {
        self->fire = fire;
        self->context = context;
        self->real = timers->start(delay_ms, fired, self);
        list_append(&running, &self->link);
    }
    side_set(before);
    return (hub_timer *)self;
}

static void timer_stop(hub_timer *timer)
{
    struct watched_timer *found = NULL;
    enum side before = side_set(SIDE_HOST);
    if (timer && on_main("hub.timer/1 stop()")) {
        LIST_FOR_EACH(link, &running) {
            struct watched_timer *one = CONTAINER_OF(link, struct watched_timer, link);
            found = (hub_timer *)one == timer ? one : found;
        }
        if (found) {
            list_remove(&found->link);
            timers->stop(found->real);
            /* Not freed: it may be firing. A stop is rare enough. */
        } else {
            tell_breach("timer_after_fire", "stop() was called for a timer that has fired or was "
                                            "stopped, and is gone");
        }
    }
    side_set(before);
}

/* --- The pool ----------------------------------------------------------------------------------*/

struct watched_task {
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
};

static void task_work(void *context)
{
    struct watched_task *self = context;
    struct crossing crossing;
    cross_in(&crossing);
    self->work(self->context);
    cross_out(&crossing, "a task's work()");
    side_set(SIDE_HOST); /* between two tasks the thread is the host's */
}

static void task_done(void *context)
{
    struct watched_task *self = context;
    struct crossing crossing;
    if (self->done) {
        cross_in(&crossing);
        self->done(self->context);
        cross_out(&crossing, "a task's done()");
    }
    free(self);
}

static int32_t pool_run(void (*work)(void *context), void (*done)(void *context), void *context)
{
    int32_t called = HUB_CALL_INVALID;
    enum side before = side_set(SIDE_HOST);
    if (!work) {
        tell_breach("bad_call", "run() was called without a function to call");
    } else if (on_main("hub.pool/1 run()")) {
        struct watched_task *self = calloc(1, sizeof *self);
        called = HUB_CALL_NOMEM;
        if (self) {
            *self = (struct watched_task){work, done, context};
            called = pool->run(task_work, task_done, self);
        }
        if (called != HUB_CALL_OK) {
            free(self);
        }
    }
    side_set(before);
    return called;
}

/* --- HTTP --------------------------------------------------------------------------------------*/

struct watched_call {
    struct list link;
    hub_http_call *real;
    void (*done)(void *context, const hub_http_response *response);
    void *context;
};

static void http_done(void *context, const hub_http_response *response)
{
    struct watched_call *self = context;
    struct crossing crossing;
    list_remove(&self->link); /* from now on it cannot be given up */
    cross_in(&crossing);
    self->done(self->context, response);
    cross_out(&crossing, "a request's done()");
    free(self);
}

/* The request as the host gets it: with our done() in place of the connector's. */
static int32_t send_watched(const hub_http_request *request, struct watched_call *call)
{
    hub_http_request copy = {0};
    size_t size = request->size < sizeof copy ? request->size : sizeof copy;
    memcpy(&copy, request, size);
    copy.size = (uint32_t)size;
    call->done = copy.done;
    call->context = copy.context;
    copy.done = copy.done ? http_done : NULL;
    copy.context = call;
    return http->send(&copy, &call->real);
}

static int32_t http_send(const hub_http_request *request, hub_http_call **ret_call)
{
    int32_t called = HUB_CALL_INVALID;
    enum side before = side_set(SIDE_HOST);
    if (!request || request->size < offsetof(hub_http_request, context)) {
        tell_breach("bad_call", "send() was called with a request that has no size");
    } else if (on_main("hub.http/1 send()")) {
        struct watched_call *call = calloc(1, sizeof *call);
        called = call ? send_watched(request, call) : HUB_CALL_NOMEM;
        if (called == HUB_CALL_OK) {
            list_append(&calls, &call->link);
        } else {
            free(call);
            call = NULL;
        }
        if (call && ret_call) {
            *ret_call = (hub_http_call *)call;
        }
    }
    side_set(before);
    return called;
}

static void http_cancel(hub_http_call *call)
{
    struct watched_call *found = NULL;
    enum side before = side_set(SIDE_HOST);
    if (call && on_main("hub.http/1 cancel()")) {
        LIST_FOR_EACH(link, &calls) {
            struct watched_call *one = CONTAINER_OF(link, struct watched_call, link);
            found = (hub_http_call *)one == call ? one : found;
        }
        if (found) {
            list_remove(&found->link);
            http->cancel(found->real);
            free(found);
        } else {
            tell_breach("bad_call", "cancel() was called for a request that is done, and gone");
        }
    }
    side_set(before);
}

/* --- Accounts ----------------------------------------------------------------------------------*/

static int32_t account_pause(hub_job *job, uint64_t delay_ms)
{
    enum side before = side_set(SIDE_HOST);
    guard_point();
    struct guard *guard = guard_of(job, "hub.account/1 pause()");
    int32_t called = guard ? account->pause(guard_real(guard), delay_ms) : HUB_CALL_CLOSED;
    side_set(before);
    return called;
}

/* --- All of them -------------------------------------------------------------------------------*/

void watch_extensions(struct runner *runner)
{
    the_runner = runner;
    list_init(&running);
    list_init(&calls);
}

const void *watch_extension(const char *name, const void *real)
{
    static hub_timer_api watched_timers;
    static hub_pool_api watched_pool;
    static hub_http_api watched_http;
    static hub_account_api watched_account;
    if (strcmp(name, HUB_EXT_TIMER) == 0) {
        timers = real;
        watched_timers = *timers;
        watched_timers.start = timer_start;
        watched_timers.stop = timer_stop;
        return &watched_timers;
    }
    if (strcmp(name, HUB_EXT_POOL) == 0) {
        pool = real;
        watched_pool = *pool;
        watched_pool.run = pool_run;
        return &watched_pool;
    }
    if (strcmp(name, HUB_EXT_HTTP) == 0) {
        http = real;
        watched_http = *http;
        watched_http.send = http_send;
        watched_http.cancel = http_cancel;
        return &watched_http;
    }
    if (strcmp(name, HUB_EXT_ACCOUNT) == 0) {
        account = real;
        watched_account = *account;
        watched_account.pause = account_pause;
        return &watched_account;
    }
    if (strcmp(name, HUB_EXT_KEEP) == 0) {
        return watch_keep(real);
    }
    if (strcmp(name, HUB_EXT_LEDGER) == 0) {
        return watch_ledger(real);
    }
    return real;
}
