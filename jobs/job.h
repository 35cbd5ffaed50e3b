/*
 * job.h — what a job is: its states, the table of allowed moves, and the records that cross the
 * store's line.
 *
 * Thread: [any]; pure data and pure functions.
 */
#ifndef HUB_JOBS_JOB_H
#define HUB_JOBS_JOB_H

#include "base/error.h"
#include "base/id.h"
#include "base/str.h"

/* X(NAME, "name", terminal). The numbers are stored: append only. */
#define JOB_STATE_MAP(X)                                                                           \
    X(BLOCKED, "blocked", false)     /* waits for the jobs named in `after` */                     \
    X(SCHEDULED, "scheduled", false) /* waits for run_at */                                        \
    X(QUEUED, "queued", false)       /* ready */                                                   \
    X(RUNNING, "running", false)     /* an attempt holds it */                                     \
    X(SUCCEEDED, "succeeded", true)                                                                \
    X(FAILED, "failed", true)                                                                      \
    X(CANCELLED, "cancelled", true)                                                                \
    X(UNKNOWN, "unknown", true)

enum job_state {
#define X(name, text, terminal) JOB_##name,
    JOB_STATE_MAP(X)
#undef X
        JOB_STATE_COUNT
};

const char *job_state_name(enum job_state state);
bool job_state_parse(struct str name, enum job_state *ret_state);
bool job_state_terminal(enum job_state state);

/* The `from × to` table of DESIGN §4. `by_hand` allows what only a user may do (retrying a failed
 * or unknown job). */
bool job_may_move(enum job_state from, enum job_state to, bool by_hand);
/* May it be retried by hand, on its own? */
bool job_may_retry(enum job_state state);

/* May an attempt be repeated when nobody knows how the last one ended? Same numbers as HUB_RETRY_…
 * in hub/connector.h. */
enum job_retry_safety { JOB_SAFE = 0, JOB_SAFE_WITH_KEY = 1, JOB_NEVER = 2 };

#define JOB_PRIORITY_MIN         (-100)
#define JOB_PRIORITY_MAX         100
#define JOB_MAX_ATTEMPTS_DEFAULT 5
#define JOB_MAX_ATTEMPTS_LIMIT   100
#define JOB_TIMEOUT_MS_DEFAULT   60000
#define JOB_RETENTION_MS_DEFAULT (7LL * 24 * 3600 * 1000)
#define JOB_CRASHES_MAX          3  /* runner deaths before the job is given up */
#define JOB_SETTLES_MAX          12 /* attempts after that, to find out what has become of it */
#define JOB_AFTER_MAX            64
#define JOB_FILES_MAX            64 /* artifacts that one input may name */

/* What becomes of a job one of whose parents failed: see flow.h. The numbers are stored: append
 * only.
 */
#define JOB_PARENT_POLICY_MAP(X)                                                                   \
    X(FAIL, "fail")                                                                                \
    X(RUN_ANYWAY, "run_anyway")                                                                    \
    X(SKIP, "skip")

enum job_parent_policy {
#define X(name, text) JOB_PARENT_##name,
    JOB_PARENT_POLICY_MAP(X)
#undef X
        JOB_PARENT_POLICY_COUNT
};
const char *job_parent_policy_name(enum job_parent_policy policy);
bool job_parent_policy_parse(struct str name, enum job_parent_policy *ret_policy);

/* The error code of a job that was cancelled because of JOB_PARENT_SKIP. */
#define JOB_SKIPPED "skipped"

/* How an attempt ended. The numbers are stored: append only. */
#define ATTEMPT_OUTCOME_MAP(X)                                                                     \
    X(SUCCEEDED, "succeeded")                                                                      \
    X(FAILED, "failed")       /* the connector said: permanently */                                \
    X(RETRY, "retry")         /* the connector said: try again */                                  \
    X(UNKNOWN, "unknown")     /* the connector could not tell */                                   \
    X(CRASHED, "crashed")     /* its process died: cause signal, exit or protocol */               \
    X(DEADLINE, "deadline")   /* ran past timeout_ms */                                            \
    X(CANCELLED, "cancelled") /* stopped on request */                                             \
    X(RELEASED, "released")   /* cut short by hubd or a sibling; not charged to the job */

enum attempt_outcome {
#define X(name, text) ATTEMPT_##name,
    ATTEMPT_OUTCOME_MAP(X)
#undef X
        ATTEMPT_OUTCOME_COUNT
};
const char *attempt_outcome_name(enum attempt_outcome outcome);

/* One attempt as it is on record. */
struct attempt_record {
    uint32_t number; /* 1 for the first; also the fencing token of its job */
    int64_t started_at;
    int64_t finished_at; /* 0: still running */
    enum attempt_outcome outcome;
    struct str code;    /* hub_err code or the connector's own; empty on success */
    struct str message; /* for people */
    struct str cause; /* "signal", "exit", "protocol", "deadline", …; empty if it was completed */
    int cause_number; /* of a signal or exit */
    int pid;          /* of the runner; 0: none */
    struct str connector_version;
};

/* A file a job takes or has made. */
struct artifact_record {
    struct id id;
    struct str name; /* plain file name */
    struct str media_type;
    uint64_t size;
    struct str sha256; /* 64 hexadecimal digits */
    int64_t created_at;
    int64_t expires_at; /* 0: lives as long as the job that made it */
    struct id job;      /* zero: uploaded */
};

/* The jobs that one with for_each has made: see flow.h. */
struct job_items {
    bool made;
    unsigned count;
    unsigned states[JOB_STATE_COUNT]; /* those that were not deleted */
};

/* X(NAME, "name"): what is waited for, called back about and scheduled as one. The numbers are
 * stored: append only. */
#define WORK_KIND_MAP(X)                                                                           \
    X(JOB, "job")                                                                                  \
    X(BATCH, "batch")                                                                              \
    X(FLOW, "flow")

enum work_kind {
#define X(name, text) WORK_##name,
    WORK_KIND_MAP(X)
#undef X
        WORK_KIND_COUNT
};
const char *work_kind_name(enum work_kind kind);

struct work {
    enum work_kind kind;
    struct id id;
};

/* A job as it is in the store: what a client gave, and what became of it. Empty views and zeros
 * stand for "not given". Texts that are JSON are the bytes that came in. */
struct job_record {
    struct id id;
    struct str type; /* "image.transform" */
    struct str queue;
    struct str input; /* JSON */
    struct str account;
    struct str labels; /* JSON object of strings; empty: none */
    struct str callback_url;
    struct str traceparent;
    struct str created_by; /* id of the API key, or "uid:N" */
    int priority;
    enum job_retry_safety retry_safety;
    uint32_t timeout_ms;
    uint32_t max_attempts;
    int64_t run_at;     /* 0: at once */
    int64_t expires_at; /* 0: never */
    int64_t retention_ms;

    /* What `state`, `run_at` and `expires_at` were when the job was accepted. Only in what
     * STORE_JOB_GET reads. */
    enum job_state accepted_state;
    int64_t accepted_run_at;
    int64_t accepted_expires_at;

    enum job_state state;
    uint32_t attempt; /* number of the last attempt begun; 0: none */
    uint32_t charged; /* attempts that count against max_attempts: not the released ones */
    uint32_t crashes; /* attempts that killed their runner */
    int64_t created_at;
    int64_t started_at;  /* of the last attempt */
    int64_t finished_at; /* of the job */
    struct str result;   /* JSON; empty: none */
    struct str error_code;
    struct str error_message;
    struct str error_details; /* JSON object; empty: none */
    bool error_retryable;

    struct id batch; /* that it came with; zero: none */
    uint64_t batch_line;

    struct id flow;       /* that it is in; zero: none */
    struct str flow_node; /* its name there */
    enum job_parent_policy on_parent_failure;
    bool open;              /* the input waits for values of its parents: see flow.h */
    struct str input_given; /* the input as it was posted, once values were put in; read only */
    struct str for_each;    /* JSON: where its items are; empty: an ordinary job */
    struct job_items items; /* read only */
    struct id item_of;      /* the job whose item it is; zero: none */
    bool cancelling;        /* read only, and only by ACTIVE_LIST */

    const struct id *after;
    unsigned after_count;
    const struct id *files; /* artifacts that the input names */
    unsigned file_count;
    const struct attempt_record *attempts;
    unsigned attempt_count;
    const struct artifact_record *artifacts; /* outputs */
    unsigned artifact_count;
};

#endif
