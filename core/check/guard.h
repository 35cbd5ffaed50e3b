/*
 * guard.h — the connector sees copies of its jobs, and we see what it does with them.
 *
 *     open ──completing──▶ closing ──the host has copied all──▶ closed: its pages are gone
 *
 * Each job is shown in memory pages of its own, with its texts and files; once it is completed
 * these pages can't be read or written any more, and whoever touches them ends the process with the
 * breach `use_after_completion`. Calls of the host that name a job that is closed, or none, are
 * breaches too and go no further.
 *
 * Between the two sides: cross_in() before any call of the connector, cross_out() after it. That is
 * also where points are counted at which a cancel may come, and where the time is taken that a call
 * holds up [main].
 *
 * Owner: this module, for the whole process. Thread: as each function says.
 */
#ifndef HUB_CHECK_GUARD_H
#define HUB_CHECK_GUARD_H

#include "check/orders.h"
#include "check/side.h"
#include "runner/runner.h"

struct guard;

/* Before anything else; `self` gets over every job of `runner`. [main] */
void guards_init(struct runner *runner, const struct orders *orders);

/* The descriptor whose cancel() is called; the real one. [main] */
void guards_know(const hub_connector *connector, hub_instance *instance);

/* Shows a job that is about to start. NULL if there is no memory. [main] or [work] */
struct guard *guard_open(hub_job *real);
hub_job *guard_shown(const struct guard *self);

/* Has it been completed? [any] */
bool guard_is_closed(const struct guard *self);

/* The guard of a job that the connector names in a call of `what`; NULL: there is none, or it is
 * completed, and that was told. The second form tells nothing. [any] */
struct guard *guard_of(const hub_job *shown, const char *what);
struct guard *guard_of_real(const hub_job *real);
hub_job *guard_real(const struct guard *self);

/* open → closing; false: it was not open, and that was told. Between the two the host copies what
 * the connector gave, which may lie in the job's own pages. [any] */
bool guard_begin_close(const hub_job *shown, const char *what, struct guard **ret_guard);
void guard_end_close(struct guard *self);

/* A call of the connector's, which hubd will answer later, concerns this job: it must be over
 * before the job is completed. [any] */
void guard_call_began(struct guard *self);
void guard_call_ended(struct guard *self);

/* A cancel for this job: calls the connector's cancel() unless the job is completed. [main] */
void guard_cancel(struct guard *self);

/* The connector has control on another thread than [main] and has just called the host: a point.
 * [any] */
void guard_point(void);
uint64_t guard_points(void);

struct crossing {
    enum side before;
    bool outermost; /* on [main] */
    int64_t began_ns;
    int64_t cpu_ns;
    long switches;
};

void cross_in(struct crossing *self);                    /* [any] */
void cross_out(struct crossing *self, const char *what); /* `what` was called: "start()" */

#endif
