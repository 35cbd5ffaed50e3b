/*
 * runner.h — the parts of hub-runner and how they know each other.
 *
 * The main thread runs a loop: it receives frames, starts jobs (async) or hands them to the worker
 * (blocking), and sends what comes of them. Everything that happens on another thread and concerns
 * the channel comes to the main thread as a note in its inbox. Before the loop sleeps, all frames
 * written in this turn leave with one system call.
 *
 *     main.c      frames from hubd → what to do
 *     sandbox.c   confines the process, with identity.c, limits.c, landlock.c, filter.c
 *     broker.c    makes its connections, in another process, by the rules of gate.c; for those who
 *                 know nothing of it connect.c and resolve.c stand in for the C library
 *     witness.c   what hubd shall know if it dies, with memory.c
 *     load.c, descriptor.c  the connector
 *     job.c       attempts and their states     stock.c    scratch files for artifacts
 *     host.c      what a connector can call     worker.c   the [work] thread
 *     calls.c     questions to hubd that are answered later
 *     ext_timer.c, ext_pool.c, ext_http.c, ext_keep.c       extensions
 *     http_client.h                             the HTTP client behind ext_http.c
 *
 * Threads: [main], [work] and [any] as in hub/connector.h.
 */
#ifndef HUB_RUNNER_RUNNER_H
#define HUB_RUNNER_RUNNER_H

#include "base/buf.h"
#include "base/mailbox.h"
#include "runner/calls.h"
#include "runner/job.h"
#include "runner/load.h"
#include "runner/stock.h"
#include "runner/worker.h"
#include "wire/channel.h"

#include <pthread.h>
#include <uv.h>

struct http_client;

/* How the process ends when it is not killed. */
enum runner_exit {
    RUNNER_EXIT_OK = 0,        /* told to, or hubd is gone */
    RUNNER_EXIT_USAGE = 64,    /* not started by hubd */
    RUNNER_EXIT_CONTRACT = 70, /* the connector broke the contract beyond repair */
    RUNNER_EXIT_SYSTEM = 71,   /* no memory, or a system call failed */
    RUNNER_EXIT_PROTOCOL = 76, /* hubd sent what it must not */
    RUNNER_EXIT_REFUSED = 78,  /* the connector was refused, and hubd was told why */
};

/* What a program puts between the host and the connector: hub-check, which watches them both. */
struct runner_seam {
    /* Called once the descriptor has been read and checked; may put another one in place of
     * `runner->connector.descriptor`, or refuse it. [main] */
    int (*loaded)(struct runner *runner, struct hub_error *error);
    /* The vtable that create() gets in place of `host`. [main] */
    const hub_host *(*host)(struct runner *runner, const hub_host *host);
};

/* All of a runner: returns its exit code, or does not return. `seam` is NULL in hub-runner. */
int runner_main(const struct runner_seam *seam);

/* Work for the main thread. Whoever posts it gives it away; `act` frees it if it must be freed. */
struct note {
    struct mail mail;
    void (*act)(struct runner *runner, struct note *note);
};

struct runner {
    pthread_t main_thread;
    const struct runner_seam *seam; /* may be NULL */
    uv_loop_t loop;
    uv_poll_t readable;
    uv_poll_t broker; /* its end; of class network */
    int polled;       /* the events that `readable` waits for */
    uv_prepare_t before_sleep;
    uv_async_t wake;
    uv_timer_t late; /* for progress that waits for its time */
    struct wire_channel channel;
    struct mailbox inbox; /* of notes */
    struct wire_config config;
    struct wire_board *board; /* shared with hubd, or our own */
    struct wire_board own_board;
    struct connector connector;
    struct jobs jobs;
    struct stock stock;
    struct calls calls;
    struct worker worker;     /* of a blocking connector */
    struct http_client *http; /* NULL until the connector asks for it */
    struct buf authorities;   /* certificates to trust, read before the confinement */
    struct buf places;        /* wire_place records: what may be read */
    struct buf http_rules;    /* the operator's: http_allow, then http_allow_private */
    size_t http_allow_len;
    _Atomic unsigned log_notes; /* log lines from other threads that are still in the inbox */
    _Atomic int closing;        /* hubd asked for the end */
};

void runner_post(struct runner *self, struct note *note); /* [any] */

static inline bool runner_on_main(const struct runner *self) /* [any] */
{
    return pthread_equal(pthread_self(), self->main_thread);
}

/* Looks into the inbox and does what the notes say. [main] */
void runner_take_notes(struct runner *self);

/* Sends what is waiting, says `why` on stderr if there is a reason, and ends the process. [main] */
_Noreturn void runner_end(struct runner *self, enum runner_exit code, const char *why);

/* The same from any thread: what other threads have posted before comes first. Returns only on
 * [main], never; on another thread it waits for the end. [any] */
_Noreturn void runner_end_from(struct runner *self, enum runner_exit code, const char *why);

/* Code of the connector runs on behalf of this attempt until runner_leave() is given what
 * runner_enter() returned. Timers and pool tasks inherit the attempt that started them. [main] */
static inline uint64_t runner_attempt(const struct runner *self)
{
    return atomic_load_explicit(&self->board->token, memory_order_relaxed);
}

static inline uint64_t runner_enter(struct runner *self, uint64_t token)
{
    uint64_t before = runner_attempt(self);
    atomic_store_explicit(&self->board->token, token, memory_order_relaxed);
    return before;
}

static inline void runner_leave(struct runner *self, uint64_t before)
{
    atomic_store_explicit(&self->board->token, before, memory_order_relaxed);
}

/* --- host.c ------------------------------------------------------------------------------------*/

/* The vtable for connectors. The ABI's functions carry no context, so the process has one runner,
 * which must be said before anything of a connector runs. [main] */
const hub_host *host_init(struct runner *runner);

/* Writes a line of the runner itself into hubd's log. [main] */
void runner_log(struct runner *self, enum wire_level level, const char *message);

/* Completes a job that its connector has forgotten about. [work] */
void host_fail_forgotten(struct job *job);

/* --- Extensions --------------------------------------------------------------------------------*/

const void *ext_timer_init(struct runner *runner);   /* a hub_timer_api. [any] */
const void *ext_pool_init(struct runner *runner);    /* a hub_pool_api. [any] */
const void *ext_http_init(struct runner *runner);    /* a hub_http_api. [main] */
const void *ext_net_init(struct runner *runner);     /* a hub_net_api. [main] */
const void *ext_account_init(struct runner *runner); /* a hub_account_api. [any] */

const void *ext_folders_init(struct runner *runner); /* a hub_folders_api. [any] */

const void *ext_keep_init(struct runner *runner);   /* a hub_keep_api. [any] */
const void *ext_ledger_init(struct runner *runner); /* a hub_ledger_api. [any] */

/* Keeps what the HTTP client will need and cannot get any more once the process is confined. */
void ext_http_prepare(struct runner *runner, const struct wire_config *config);
/* Keeps the names and paths of the folders. */
void ext_folders_prepare(struct runner *runner, const struct wire_config *config);
void ext_http_release(struct runner *runner);

#endif
