/*
 * supervisor.h — starts, feeds, watches and reaps the runners.
 *
 * One supervisor per loop. It knows the connectors (what their descriptors say), keeps a pool of
 * runner processes for each, places attempts into them, enforces deadlines, and says how each
 * attempt ended. It knows nothing of jobs, queues or HTTP: an attempt is a token, an operation,
 * bytes and descriptors.
 *
 *     supervisor_new(loop, &config, &events, context, log, &sup, &err);
 *     supervisor_scan(sup);            // reads descriptors in confined children → on_scanned
 *     …
 *     switch (supervisor_start(sup, &request)) {
 *     case 0:              running; exactly one on_finished(token) will come
 *     case HUB_ERR_AGAIN:  no room now; on_capacity(connector) comes when there is
 *     default:             refused (no such connector or operation)
 *     }
 *     supervisor_cancel(sup, token);   // advice, then force; on_finished comes as always
 *     supervisor_stop(sup, on_stopped, context);
 *
 * A RUNNER'S LIFE (states in a table in runner.c): spawned → said hello → confined and loaded →
 * idle/busy → retired or dead. Each step has a deadline. What comes from a runner is hostile: a
 * frame that is malformed, too large, out of order or names a token that it does not hold ends that
 * runner (SIGKILL) with cause PROTOCOL. A death is seen at once through EOF and the child's exit.
 *
 * HOW AN ATTEMPT ENDS, in doubt. The deadline is the law: what comes after it, even a success
 * within the grace, is DEADLINE. After supervisor_cancel() a success or an `unknown` still counts;
 * a failure or a retry is CANCELLED. A crash of a runner that holds many attempts is charged to the
 * one at which it worked; if it does not say at which, to all of them. An attempt whose runner
 * never became ready ends with SIBLING.
 *
 * TURNS OF THE LOOP. on_finished() and on_progress() come when a runner's frames are read, or from
 * an idle handle; never from within supervisor_start(), supervisor_cancel() or supervisor_stop().
 * What was started in a turn leaves with one system call per runner, in a prepare handle.
 *
 * A connector whose runners die while starting is given back-off (100 ms doubling to 30 s), during
 * which supervisor_start() says AGAIN. So does a connector that has crashed on many different jobs
 * (see breaker.h): its jobs wait, they do not fail.
 *
 * THE SANDBOX is the runner's work (runner/sandbox.h); what it may do is decided here: the class by
 * the hosts that the descriptor asks for, the hosts and the places to read by what it asks for and
 * the configuration grants, the user by who is free. What a runner says of its sandbox it says
 * before it has loaded anything.
 *
 * WHAT ATTEMPTS ASK FOR. on_keep() tells of a call of hub.keep/1 or hub.ledger/1: who calls is for
 * certain, what it says was checked for form. Each call is answered with exactly one
 * supervisor_answer(), also after its attempt or its runner has ended, and before
 * supervisor_free(). An attempt that is past its deadline is told CLOSED and nobody is asked. At
 * most WIRE_CALLS_MAX of one runner are unanswered at once.
 *
 * Thread: [loop] for everything.
 */
#ifndef HUB_SUPERVISOR_SUPERVISOR_H
#define HUB_SUPERVISOR_SUPERVISOR_H

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <json-c/json.h>
#include <uv.h>

#define SUPERVISOR_CALL_NAME_MAX 48
#define SUPERVISOR_ACCOUNT_MAX   128 /* bytes of an account's name */

struct supervisor;

struct supervisor_config {
    const char *runner_path;           /* the hub-runner program */
    const char *const *connector_dirs; /* NULL-terminated; earlier ones win */
    const char *scratch_dir;           /* where output files are made (O_TMPFILE) */
    unsigned blocking_runners_max;     /* per connector; 0: one per core */
    unsigned async_in_flight_max;      /* per runner; 0: 1024 */
    unsigned hello_timeout_ms;         /* 0: 5,000 */
    unsigned idle_ms;                  /* an idle runner beyond the first is retired; 0: 30,000 */
    unsigned cancel_grace_ms;          /* from cancel or deadline to SIGKILL; 0: 1,000 */
    size_t result_max;                 /* bytes of a result; 0: 256 KiB */
    unsigned artifacts_max;            /* of one attempt; 0: 64 */
    uint64_t artifact_bytes_max;       /* of one output file, RLIMIT_FSIZE; 0: 1 GiB */
    uint64_t memory_max; /* RLIMIT_AS of a runner; 0: 4 GiB; ignored under sanitizers */
    unsigned cpu_s;      /* processor time that one attempt may take; 0: 3,600 */
    /* What the HTTP client of connectors may reach: rules as in runner/http_guard.h, one a line;
     * NULL: none. They are copied. */
    const char *http_allow;         /* hosts granted; none: all that a connector asks for */
    const char *http_allow_private; /* hosts and networks that need not be public ones */
    const char *http_authorities;   /* a PEM file with more certificates to trust; NULL: none */
    /* The sandbox. */
    bool sandbox_required;      /* a runner that lacks a mechanism does not start */
    unsigned uid_first;         /* as root: runners get users of their own, from here on;
                                 * 0: none */
    const char *const *places;  /* that connectors which ask for them may read, with all that
                                 * is below; NULL-terminated; NULL: none */
    const char *const *folders; /* "CONNECTOR/NAME=/PATH": that this one may read, and knows by
                                 * that name; NULL-terminated; NULL: none */
    unsigned breaker_crashes;   /* on as many jobs trip a connector; 0: never */
};

/* An input file of an attempt. `fd` becomes the supervisor's if supervisor_start() returns 0. */
struct supervisor_file {
    struct str pointer; /* JSON Pointer into the input */
    struct str name;
    struct str media_type;
    struct str artifact; /* id as text */
    uint64_t bytes;
    int fd;
};

/* An attempt to be placed. Views need to live during the call only. */
struct supervisor_request {
    uint64_t token; /* the caller's name for the attempt, unique among those in flight */
    struct str connector;
    struct str operation;
    struct str job_id;
    uint32_t attempt;
    uint32_t max_attempts;
    struct str input;
    struct str account;      /* its settings, for the connector: JSON, or none */
    struct str account_name; /* at most SUPERVISOR_ACCOUNT_MAX bytes; or none */
    struct str idempotency_key;
    struct str traceparent;
    uint32_t timeout_ms; /* from now; then cancel, and after the grace SIGKILL */
    const struct supervisor_file *files;
    unsigned file_count;
};

/* Why an attempt ended that its connector did not complete. */
enum supervisor_cause {
    SUPERVISOR_CAUSE_NONE,
    SUPERVISOR_CAUSE_SIGNAL,    /* `cause_number` is the signal */
    SUPERVISOR_CAUSE_EXIT,      /* `cause_number` is the exit code; a closed channel counts as 0 */
    SUPERVISOR_CAUSE_DEADLINE,  /* ran past timeout_ms */
    SUPERVISOR_CAUSE_PROTOCOL,  /* sent what it must not */
    SUPERVISOR_CAUSE_CANCELLED, /* killed after supervisor_cancel() and the grace */
    SUPERVISOR_CAUSE_SIBLING,   /* died with its runner, which another attempt brought down; or the
                                 * supervisor is stopping: not this attempt's fault */
    SUPERVISOR_CAUSE_POLICY,    /* made a forbidden system call; `cause_number` is the call's, or
                                 * -1 if that is not known */
    SUPERVISOR_CAUSE_CPU,       /* took more processor time than it may */
    SUPERVISOR_CAUSE_MEMORY,    /* died after it was refused memory; `cause_number` as of SIGNAL or
                                 * EXIT */
    SUPERVISOR_CAUSE_OUTPUT,    /* went on writing beyond the size that an output may have */
    SUPERVISOR_CAUSE_END
};

/* "policy", "signal", … */
const char *supervisor_cause_name(enum supervisor_cause cause);

/* The name of a system call, into `ret_name`; false if there is none of this number. */
bool supervisor_call_name(int number, char ret_name[SUPERVISOR_CALL_NAME_MAX]);

enum supervisor_outcome_kind {
    SUPERVISOR_OK,
    SUPERVISOR_FAIL,
    SUPERVISOR_RETRY,
    SUPERVISOR_UNKNOWN,
    SUPERVISOR_DIED, /* see cause */
};

struct supervisor_artifact {
    struct str name;
    struct str media_type;
    int fd; /* the receiver's from on_finished on: a file nobody else writes to is made by copying
             */
};

/* How an attempt ended. Views live during on_finished(). All of it was checked for form: UTF-8,
 * limits, `code` a name, `result` and `details` well-formed JSON by json_read(). */
struct supervisor_outcome {
    uint64_t token;
    enum supervisor_outcome_kind kind;
    struct str result; /* JSON; with OK */
    struct str code;   /* with FAIL, RETRY, UNKNOWN */
    struct str message;
    struct str details; /* JSON object or empty */
    uint64_t delay_ms;  /* with RETRY; 0: none asked for */
    uint64_t pause_ms;  /* that the account's provider asks for, however it ended; 0: none */
    const struct supervisor_artifact *artifacts; /* with OK */
    unsigned artifact_count;
    enum supervisor_cause cause; /* with DIED */
    int cause_number;
    pid_t runner_pid;
    struct str connector_version;
};

/* What an attempt asks for. Views live during on_keep(). */
enum supervisor_keep_kind {
    SUPERVISOR_KEEP_PUT,
    SUPERVISOR_KEEP_GET,
    SUPERVISOR_KEEP_LIST,
    SUPERVISOR_LEDGER_APPEND,
};

struct supervisor_keep {
    enum supervisor_keep_kind kind;
    struct str connector;
    struct str job_id;
    struct str account; /* name of the attempt's account; or none */
    uint32_t attempt;
    bool of_account; /* the value is the connector's under `account`; else the job's */
    bool only_new;
    bool removes;
    uint64_t expires_ms; /* from now; 0: never */
    struct str key;      /* of LIST the prefix, of APPEND the kind */
    struct str value;    /* of APPEND the body, a JSON object */
    struct str after;    /* of LIST */
    uint32_t limit;      /* of LIST: 1 to 256 */
};

/* A call that waits for its answer. */
struct supervisor_call;

struct supervisor_kept {
    struct str key;
    struct str value;
    int64_t kept_at;
};

struct supervisor_events {
    void (*on_finished)(void *context, const struct supervisor_outcome *outcome);
    void (*on_progress)(void *context, uint64_t token, uint32_t permille, struct str message);
    /* There may be room again for attempts of this connector. Called outside supervisor_start(). */
    void (*on_capacity)(void *context, struct str connector);
    /* A scan is complete; the list of connectors may be another one. */
    void (*on_scanned)(void *context);
    /* Answered with supervisor_answer(), from within it or later. NULL: all such calls fail. */
    void (*on_keep)(void *context, struct supervisor_call *call,
                    const struct supervisor_keep *keep);
};

HUB_MUST_CHECK int supervisor_new(uv_loop_t *loop, const struct supervisor_config *config,
                                  const struct supervisor_events *events, void *context,
                                  struct log *log, struct supervisor **ret_self,
                                  struct hub_error *error);

/* Looks through the connector directories and reads each new or changed `.so`'s descriptor in a
 * runner of its own. A file that is not acceptable is listed with the reason and changes nothing
 * else. HUB_ERR_CONFLICT while a scan is under way. */
HUB_MUST_CHECK int supervisor_scan(struct supervisor *self);

HUB_MUST_CHECK int supervisor_start(struct supervisor *self,
                                    const struct supervisor_request *request);
void supervisor_cancel(struct supervisor *self, uint64_t token); /* unknown: does nothing */

/* Answers a call, which is gone then. `err`: 0; HUB_ERR_CONFLICT (there is one of this key);
 * HUB_ERR_LIMIT; HUB_ERR_CLOSED (the attempt is over); anything else: stable storage does not take
 * it. `values`, of GET and LIST: as many as go into one answer are sent. */
void supervisor_answer(struct supervisor *self, struct supervisor_call *call, int err,
                       const struct supervisor_kept *values, unsigned count);

/* How many attempts of this connector could be started now without AGAIN (runners that can still be
 * started included). 0 if there is no such connector. */
unsigned supervisor_room(const struct supervisor *self, struct str connector);

/* Ends all runners: those with attempts get SIGKILL at once; their attempts end with SIBLING.
 * Then `on_stopped`, after which supervisor_free() may be called. */
void supervisor_stop(struct supervisor *self, void (*on_stopped)(void *context), void *context);
void supervisor_free(struct supervisor *self);

/* --- What there is, for the API ----------------------------------------------------------------*/

enum supervisor_health {
    CONNECTOR_READY,
    CONNECTOR_BACKING_OFF, /* its runners die while starting */
    CONNECTOR_REFUSED,     /* the file is not acceptable: see reason */
    CONNECTOR_REMOVED,     /* its file is gone; running attempts end */
    CONNECTOR_TRIPPED,     /* crashed on too many jobs; one attempt will try it after a pause */
};

/* What is known of the sandbox of a connector's runners. Bits are 1 << enum wire_mechanism. */
struct supervisor_sandbox {
    bool network;          /* its class; else pure */
    uint32_t mechanisms;   /* that hold */
    uint32_t missing;      /* that could not be had */
    uint32_t landlock_abi; /* 0: none */
};

struct supervisor_operation {
    struct str name;
    struct str summary;
    uint32_t retry_safety;    /* HUB_RETRY_… of hub/connector.h */
    bool settles;             /* HUB_OPERATION_SETTLES of the same */
    uint32_t timeout_ms;      /* 0: none given */
    uint32_t max_attempts;    /* 0: none given */
    struct str input_schema;  /* these are JSON, borrowed */
    struct str result_schema; /* ptr NULL: anything */
    struct str example;       /* ptr NULL: none */
};

struct supervisor_connector {
    struct str name; /* of a refused one: the file's name */
    struct str version;
    struct str licence;
    struct str summary;
    struct str path;
    bool async;
    enum supervisor_health health;
    struct str reason;                 /* of REFUSED, BACKING_OFF and TRIPPED */
    int64_t resumes_in_ms;             /* of TRIPPED: until the trial; 0: it is due or under way */
    struct supervisor_sandbox sandbox; /* not of a REFUSED one */
    struct str account_schema;         /* JSON, borrowed; ptr NULL: takes none */
    const struct supervisor_operation *operations;
    unsigned operation_count;
    uint64_t generation; /* rises when the descriptor was read anew */
    unsigned runners;
    unsigned in_flight;
    uint64_t attempts_started, attempts_died, runners_started, runners_crashed;
    uint64_t deaths[SUPERVISOR_CAUSE_END]; /* of attempts, by cause */
    uint64_t trips;                        /* of the circuit breaker */
    uint64_t connections_refused;          /* by its runners' brokers: hosts that are not granted */
};

/* Calls `visit` for each connector by name; views live until the next turn of the loop. */
void supervisor_each(const struct supervisor *self,
                     void (*visit)(void *context, const struct supervisor_connector *connector),
                     void *context);
/* False if there is none of this name that was ever accepted. */
bool supervisor_find(const struct supervisor *self, struct str name,
                     struct supervisor_connector *ret_connector);

#endif
