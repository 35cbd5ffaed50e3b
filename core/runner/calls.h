/*
 * calls.h — questions to hubd that are answered later: hub.keep/1 and hub.ledger/1.
 *
 *     struct call call = {.job = job, .send = send_put, .done = done, .context = context};
 *     call.request.put = (struct wire_keep_put){…};      // `call` is filled in when it is sent
 *     called = calls_make(runner, &call);                // HUB_CALL_…
 *
 * On [main] the frame leaves at once and `done` is called there when the ANSWER comes. Any other
 * thread waits for its ANSWER and calls `done` itself before calls_make() returns; what it asks for
 * needs no copy, since it stands still meanwhile.
 *
 * A job that is completed with a call under way breaks the contract. Its `done` is then not called
 * any more, for what it would be given is most likely gone with the job.
 *
 * Thread: [any] where nothing else is said.
 */
#ifndef HUB_RUNNER_CALLS_H
#define HUB_RUNNER_CALLS_H

#include "base/list.h"
#include "runner/job.h"

struct runner;
struct call;

typedef int call_send_fn(struct wire_channel *channel, const struct call *call);

struct call {
    struct list link; /* in calls.sent; [main] */
    struct job *job;
    uint64_t token;
    uint32_t number;
    call_send_fn *send;
    union {
        struct wire_keep_put put;
        struct wire_keep_get get;
        struct wire_keep_list list;
        struct wire_ledger_append append;
    } request; /* views of the caller's */
    hub_keep_done *done;
    void *context;
    struct waiting_call *waiting; /* a thread waits for it; NULL: it is [main]'s, on the heap */
};

struct calls {
    struct list sent;     /* without an ANSWER; [main] */
    uint32_t last_number; /* [main] */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned in_flight; /* at most WIRE_CALLS_MAX; under the lock */
};

HUB_MUST_CHECK int calls_init(struct calls *self);
void calls_release(struct calls *self);

/* HUB_CALL_OK: `done` has been called, or will be. HUB_CALL_AGAIN ([main] only), _CLOSED, _NOMEM:
 * it will not be. Copies `call`. */
int32_t calls_make(struct runner *runner, const struct call *call);

/* An ANSWER has come. HUB_ERR_PROTOCOL if nobody asked. [main] */
HUB_MUST_CHECK int calls_take_answer(struct runner *runner, struct str body);

/* The job has been completed: its calls, if there are any, come to nothing. [main] */
void calls_orphan(struct runner *runner, const struct job *job);

#endif
