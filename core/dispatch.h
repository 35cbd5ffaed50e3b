/*
 * dispatch.h — between the engine and the supervisor: an attempt becomes a request with open files,
 * and what a runner answers becomes an outcome with stored files.
 *
 *   engine ─ start ─▶ files of the input: store → blobs, opened on the pool ─▶ supervisor_start()
 *                       or by URL: an attempt of http.request, see fetch.h
 *   engine ◀ finished ─ outputs copied into blobs on the pool ◀─ supervisor's on_finished
 *
 * An account is opened at the last moment, when the request goes: what it says then is what the
 * attempt gets.
 *
 * An attempt without files goes straight through, both ways. An output is copied because its runner
 * still holds the file open: what becomes an artifact must be a file that nobody else can write to.
 *
 * Thread: [loop].
 */
#ifndef HUB_DISPATCH_H
#define HUB_DISPATCH_H

#include "accounts/accounts.h"
#include "api/types.h"
#include "jobs/jobs.h"
#include "supervisor/supervisor.h"

#include <uv.h>

struct dispatch;

/* All borrowed. `jobs` and `supervisor` are set by dispatch_connect(), since they need the
 * dispatcher for their own making. */
struct dispatch_deps {
    uv_loop_t *loop;
    struct store *store;
    struct blob_store *blobs;
    struct types *types;
    struct accounts *accounts;
    struct log *log;
    uint64_t artifact_max; /* bytes of an output */
};

HUB_MUST_CHECK int dispatch_new(const struct dispatch_deps *deps, struct dispatch **ret_self);
void dispatch_connect(struct dispatch *self, struct jobs *jobs, struct supervisor *supervisor);
void dispatch_free(struct dispatch *self); /* nothing may be in flight */

/* For struct jobs_hooks. */
int dispatch_start(struct dispatch *self, const struct jobs_attempt *attempt);
unsigned dispatch_room(struct dispatch *self, struct str connector);
void dispatch_cancel(struct dispatch *self, uint64_t token);

/* For struct supervisor_events. */
void dispatch_finished(struct dispatch *self, const struct supervisor_outcome *outcome);
void dispatch_capacity(struct dispatch *self, struct str connector);

/* Attempts that are being prepared or whose outputs are being stored. */
unsigned dispatch_in_flight(const struct dispatch *self);

/* No attempt that is still being prepared is started any more: it is released. */
void dispatch_drain(struct dispatch *self);

#endif
