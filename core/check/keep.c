/*
 * keep.c — hub.keep/1 and hub.ledger/1, watched: the job must be one that is open, it must not be
 * completed with a call of its own under way, and `done` is a crossing like any other.
 */
#include "check/tell.h"
#include "check/watch.h"
#include "wire/names.h"

#include <stdlib.h>

static const hub_keep_api *keep;
static const hub_ledger_api *ledger;

struct watched_done {
    struct guard *guard;
    const char *what;
    hub_keep_done *done;
    void *context;
};

static void done_watched(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    struct watched_done call = *(struct watched_done *)context;
    struct crossing crossing;
    free(context);
    guard_call_ended(call.guard);
    cross_in(&crossing);
    call.done(call.context, status, values, count);
    cross_out(&crossing, call.what);
}

/* NULL: the call is a breach, and that was told; or there is no memory, and `*ret_called` says it.
 */
static struct watched_done *begin(hub_job *job, const char *what, hub_keep_done *done,
                                  void *context, int32_t *ret_called)
{
    guard_point();
    struct guard *guard = guard_of(job, what);
    *ret_called = guard ? HUB_CALL_NOMEM : HUB_CALL_CLOSED;
    if (guard && !done) {
        tell_breach("bad_call", "%s was called without a function to call", what);
        *ret_called = HUB_CALL_INVALID;
        return NULL;
    }
    struct watched_done *made = guard ? malloc(sizeof *made) : NULL;
    if (made) {
        *made = (struct watched_done){guard, what, done, context};
        guard_call_began(guard);
    }
    return made;
}

/* After the host's answer: if `done` will not come, or has come already, `self` is not to be used
 * but for this. */
static int32_t end(struct watched_done *self, const char *what, int32_t called)
{
    if (called == HUB_CALL_INVALID) {
        tell_breach("bad_call", "%s was given what it does not take", what);
    }
    if (called != HUB_CALL_OK) {
        guard_call_ended(self->guard);
        free(self);
    }
    return called;
}

/* --- hub.keep/1 --------------------------------------------------------------------------------*/

static int32_t keep_put(hub_job *job, uint32_t scope, uint32_t flags, hub_str key, hub_str value,
                        uint64_t expires_ms, hub_keep_done *done, void *context)
{
    static const char WHAT[] = "hub.keep/1 put()";
    int32_t called;
    enum side before = side_set(SIDE_HOST);
    struct watched_done *watched = begin(job, WHAT, done, context, &called);
    if (watched) {
        called = end(watched, WHAT,
                     keep->put(guard_real(watched->guard), scope, flags, key, value, expires_ms,
                               done_watched, watched));
    }
    side_set(before);
    return called;
}

static int32_t keep_get(hub_job *job, uint32_t scope, hub_str key, hub_keep_done *done,
                        void *context)
{
    static const char WHAT[] = "hub.keep/1 get()";
    int32_t called;
    enum side before = side_set(SIDE_HOST);
    struct watched_done *watched = begin(job, WHAT, done, context, &called);
    if (watched) {
        called = end(watched, WHAT,
                     keep->get(guard_real(watched->guard), scope, key, done_watched, watched));
    }
    side_set(before);
    return called;
}

static int32_t keep_list(hub_job *job, uint32_t scope, hub_str prefix, hub_str after,
                         uint32_t limit, hub_keep_done *done, void *context)
{
    static const char WHAT[] = "hub.keep/1 list()";
    int32_t called;
    enum side before = side_set(SIDE_HOST);
    struct watched_done *watched = begin(job, WHAT, done, context, &called);
    if (watched) {
        called = end(watched, WHAT,
                     keep->list(guard_real(watched->guard), scope, prefix, after, limit,
                                done_watched, watched));
    }
    side_set(before);
    return called;
}

const void *watch_keep(const void *real)
{
    static hub_keep_api watched;
    keep = real;
    watched = *keep;
    watched.put = keep_put;
    watched.get = keep_get;
    watched.list = keep_list;
    return &watched;
}

/* --- hub.ledger/1 ------------------------------------------------------------------------------*/

static int32_t ledger_append(hub_job *job, hub_str kind, hub_str body, hub_keep_done *done,
                             void *context)
{
    static const char WHAT[] = "hub.ledger/1 append()";
    int32_t called;
    enum side before = side_set(SIDE_HOST);
    struct watched_done *watched = begin(job, WHAT, done, context, &called);
    if (watched) {
        called = end(watched, WHAT,
                     ledger->append(guard_real(watched->guard), kind, body, done_watched, watched));
    }
    side_set(before);
    return called;
}

const void *watch_ledger(const void *real)
{
    static hub_ledger_api watched;
    ledger = real;
    watched = *ledger;
    watched.append = ledger_append;
    return &watched;
}
