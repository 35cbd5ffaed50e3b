/*
 * internal.h — the supervisor's parts and how they know each other.
 *
 *     supervisor.c  the public calls, the turn of the loop, stop
 *     attempt.c     tokens, deadlines, cancel: from placed to finished
 *     pool.c        the runners of one connector: who gets the attempt, birth, retirement, back-off
 *     calls.c       what attempts ask of hubd, and its answers
 *     outcome.c     what a RESULT or a death means for an attempt
 *     catalog.c     files, descriptors, versions; scan.c reads the directories
 *     grants.c      what a connector may reach of what it asks for
 *     breaker.c     when it has crashed too often
 *     runner.c      one process          explain.c, uids.c, descriptor.c, spawn.c, scratch.c,
 * relay.c
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_INTERNAL_H
#define HUB_SUPERVISOR_INTERNAL_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "supervisor/breaker.h"
#include "supervisor/descriptor.h"
#include "supervisor/runner.h"
#include "supervisor/supervisor.h"

#include <sys/stat.h>

/* --- Connectors --------------------------------------------------------------------------------*/

/* A file that was accepted. Kept, with its descriptor open, until nobody runs it any more. */
struct version {
    unsigned refs;
    struct descriptor *descriptor;
    int fd;
    char *path;
    struct stat stat; /* to see whether the file has changed */
    uint64_t generation;
    struct wire_confined confined; /* of the runner that said so last */
};

struct version *version_ref(struct version *self);
void version_unref(struct version *self); /* NULL does nothing */

/* All that is known under one name; never forgotten once accepted. */
struct connector {
    struct supervisor *supervisor;
    char name[65];
    struct version *version; /* the one for new attempts, or the last one */
    bool removed;
    bool in_scan; /* was seen by the scan that is being applied */
    struct list members;
    struct list pending; /* attempts that wait for a runner that is starting */
    unsigned pending_count;
    unsigned in_flight; /* attempts in runners */
    bool wanted;        /* somebody was told AGAIN */
    struct list roomy;  /* in supervisor.roomy: on_capacity is due */
    unsigned backoff_ms;
    bool backing_off;
    char reason[HUB_ERROR_DETAIL_MAX]; /* of the back-off */
    uv_timer_t backoff_timer;
    uv_timer_t idle_timer;
    struct breaker breaker;
    char trip_reason[HUB_ERROR_DETAIL_MAX];
    uv_timer_t breaker_timer;
    uint64_t deaths[SUPERVISOR_CAUSE_END];
    uint64_t attempts_started;
    uint64_t attempts_died;
    uint64_t runners_started;
    uint64_t runners_crashed;
    uint64_t connections_refused;
};

/* A runner of a connector. */
struct member {
    struct connector *connector;
    struct version *version;
    struct runner *runner;
    struct list link;     /* in connector.members, the one used last first */
    struct list attempts; /* in flight */
    unsigned in_flight;
    struct list calls; /* that wait for an answer */
    unsigned call_count;
    bool ready;
    bool leaving; /* gets no more attempts */
    int64_t idle_since_ms;
};

/* A file that was not accepted. */
struct refusal {
    char *path;
    struct str name; /* the file's, within path */
    char reason[HUB_ERROR_DETAIL_MAX];
};

/* --- Attempts ----------------------------------------------------------------------------------*/

/* Why an attempt was told to stop. */
enum attempt_stop { STOP_NONE, STOP_CANCELLED, STOP_DEADLINE };

struct attempt {
    uint64_t token;
    struct connector *connector;
    struct member *member; /* NULL while pending */
    struct list link;      /* in member.attempts, connector.pending or supervisor.finished */
    struct heap_node by_due;
    int64_t due_ms; /* the deadline; once told to stop, the end of the grace */
    enum attempt_stop stop;
    enum supervisor_cause cause; /* of one in supervisor.finished */
    char job_id[WIRE_ID_MAX];
    size_t job_id_len;
    uint32_t number;
    char account[SUPERVISOR_ACCOUNT_MAX]; /* its name */
    size_t account_len;
    /* While pending: the request, with its texts in `texts`. */
    struct wire_start start;
    char *texts;
    int *fds;
};

/* --- The supervisor ----------------------------------------------------------------------------*/

struct supervisor {
    uv_loop_t *loop;
    struct supervisor_config config;
    char *runner_path;
    char *scratch_dir;
    char **connector_dirs;
    char **places;             /* NULL: none */
    char **folders;            /* the same: "CONNECTOR/NAME=/PATH" */
    struct buf granted_places; /* of the configuration that was made last */
    struct buf asked_hosts;
    struct supervisor_events events;
    void *context;
    struct log *log;
    struct runner_house house;
    uv_prepare_t before_sleep;
    uv_idle_t deliver; /* active while `finished` or `roomy` hold something */
    /* attempts */
    struct map attempts; /* by token */
    struct heap by_due;
    uv_timer_t due_timer;
    int64_t due_timer_at; /* when it fires; INT64_MAX: not armed */
    struct list spare;    /* attempts to be used again */
    unsigned spare_count;
    struct list finished; /* their on_finished is due */
    /* connectors */
    struct connector **connectors; /* by name */
    unsigned connector_count;
    struct refusal *refusals; /* by file name */
    unsigned refusal_count;
    struct list roomy;
    struct scan *scan; /* NULL: none under way */
    uint64_t generation;
    /* the end */
    bool stopping;
    unsigned handles; /* of ours, not yet closed */
    void (*on_stopped)(void *context);
    void *stop_context;
};

/* Something is in `finished` or `roomy`: its events come in the loop's next turn, before it sleeps.
 */
void supervisor_deliver_soon(struct supervisor *self);

/* --- attempt.c ---------------------------------------------------------------------------------*/

HUB_MUST_CHECK int placements_init(struct supervisor *self);
void placements_release(struct supervisor *self);

/* Takes a place for the request: the token is known and its deadline runs. HUB_ERR_CONFLICT,
 * HUB_ERR_NOMEM. */
HUB_MUST_CHECK int placement_new(struct supervisor *self, struct connector *connector,
                                 const struct supervisor_request *request, int64_t due_ms,
                                 struct attempt **ret_attempt);
struct attempt *placement_find(const struct supervisor *self, uint64_t token);

/* Keeps a copy of the request until there is a runner for it. Takes the descriptors. */
HUB_MUST_CHECK int placement_hold(struct attempt *self, const struct wire_start *start,
                                  const int *fds);

/* What was held has been sent: the descriptors are the channel's now. */
void placement_sent(struct attempt *self);

/* Ends it: on_finished is called, then the attempt is gone. */
void placement_finish(struct supervisor *self, struct attempt *attempt,
                      const struct supervisor_outcome *outcome);
/* The same with DIED and `cause`, but not before the loop's next turn. */
void attempt_finish_later(struct supervisor *self, struct attempt *attempt,
                          enum supervisor_cause cause);
/* Forgets an attempt that never was. */
void placement_undo(struct supervisor *self, struct attempt *attempt);

void placement_cancel(struct supervisor *self, struct attempt *attempt);
void attempts_finish_due(struct supervisor *self); /* those of attempt_finish_later() */

/* --- pool.c ------------------------------------------------------------------------------------*/

HUB_MUST_CHECK int connector_init(struct connector *self, struct supervisor *supervisor,
                                  struct str name);
unsigned connector_room(const struct connector *self);
/* Places an attempt. The descriptors are taken on success. */
HUB_MUST_CHECK int connector_place(struct connector *self, struct attempt *attempt,
                                   const struct wire_start *start, const int *fds);
/* New attempts go to `version` (a reference that is taken over) from now on, or nowhere (NULL). */
void connector_switch(struct connector *self, struct version *version);
/* An attempt has left its runner. */
void member_freed(struct member *self);
void connector_stop(struct connector *self);
void supervisor_tell_room(struct supervisor *self);

/* --- calls.c -----------------------------------------------------------------------------------*/

/* A KEEP_… or LEDGER_APPEND has come. HUB_ERR_PROTOCOL, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int member_call(struct member *self, const struct wire_frame *frame);
void member_forget_calls(struct member *self);

/* --- outcome.c ---------------------------------------------------------------------------------*/

/* Judges a RESULT. Content that is not acceptable makes the attempt fail with protocol_error. The
 * descriptors become the outcome's, or are closed. `artifacts` has room for all. */
void outcome_of_result(const struct attempt *attempt, const struct wire_result *result,
                       const int *fds, struct supervisor_artifact *artifacts,
                       struct supervisor_outcome *ret_outcome, struct hub_error *ret_reason);

/* What the death of its runner means for one of its attempts. `death->token` is 0 or names one of
 * them. */
void outcome_of_death(const struct attempt *attempt, const struct runner_death *death,
                      struct supervisor_outcome *ret_outcome);

/* Is the connector to blame? */
bool cause_is_crash(enum supervisor_cause cause);

/* --- catalog.c ---------------------------------------------------------------------------------*/

struct connector *catalog_find(const struct supervisor *self, struct str name);
void catalog_release(struct supervisor *self);

/* A file of a scan, and what became of it. */
struct scanned_file {
    char *path;
    int fd; /* -1 if it could not be opened */
    struct stat stat;
    struct version *version; /* unchanged since an earlier scan: a reference */
    struct descriptor *descriptor;
    struct wire_confined confined; /* with `descriptor` */
    struct hub_error refusal;      /* err is 0 if there is none */
    struct scan *scan;             /* while it is being looked at */
    struct runner *runner;
};

/* The version that was made from this very file, if it is in use. */
struct version *catalog_unchanged(const struct supervisor *self, const struct scanned_file *file);

/* Makes the files of a scan the catalogue. Takes what is in them. */
void catalog_apply(struct supervisor *self, struct scanned_file *files, unsigned count);

/* --- scan.c ------------------------------------------------------------------------------------*/

HUB_MUST_CHECK int scan_start(struct supervisor *self);
void scan_stop(struct supervisor *self); /* it ends soon, without a result */

/* The wire's name for the limits of the configuration, and for what this connector is granted
 * (NULL: nothing is known of it yet, nothing is granted). Its texts live until the next call. */
struct wire_config supervisor_wire_config(struct supervisor *self,
                                          const struct descriptor *descriptor, const char *path);

/* --- grants.c ----------------------------------------------------------------------------------*/

void grants_fill(struct supervisor *self, const struct descriptor *descriptor,
                 struct wire_config *config);
/* Logs what a connector asks for and is not granted. */
void grants_report(const struct supervisor *self, const struct descriptor *descriptor);

#endif
