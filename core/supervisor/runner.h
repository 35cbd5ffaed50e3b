/*
 * runner.h — one runner process: its channel, its scratch files, its stages and its end.
 *
 *     spawned ──HELLO──▶ confining ──CONFINED──▶ loading ──READY──▶ ready ──retire()──▶ retiring
 *        └───────────────────┴─────────────────────┴────────────────┴───────┬──────────────┘
 *                                       end of stream, SIGKILL, exit
 *                                                         ▼
 *                                                       dying ──exit status──▶ gone
 *
 * Stages, the frames that each may see and the time that each may take stand in one table in
 * runner.c. A frame at the wrong time ends the process, as does one that is malformed.
 *
 * The end has one place: the exit status has arrived. Then all that was still in the channel is
 * honoured, `gone` is called once, and the runner frees itself.
 *
 * This module knows no attempts, only tokens; who placed them is told what comes for them.
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_RUNNER_H
#define HUB_SUPERVISOR_RUNNER_H

#include "base/list.h"
#include "base/log.h"
#include "supervisor/board.h"
#include "supervisor/relay.h"
#include "supervisor/scratch.h"
#include "supervisor/spawn.h"
#include "supervisor/uids.h"
#include "wire/channel.h"

#include <uv.h>

/* What all runners of a supervisor share. */
struct runner_house {
    uv_loop_t *loop;
    struct log *log;
    const char *runner_path;
    const char *scratch_dir;
    unsigned stage_ms;   /* for HELLO, and again for READY */
    unsigned goodbye_ms; /* from SHUTDOWN to SIGKILL */
    unsigned artifacts_max;
    struct list unsent; /* runners that have something to send */
    unsigned count;     /* runners that are not yet freed */
    struct uids uids;   /* for runners; none unless hubd is root */
    uint32_t reported;  /* mechanisms whose absence has been logged */
};

enum runner_stage {
    RUNNER_SPAWNED,
    RUNNER_CONFINING,
    RUNNER_LOADING,
    RUNNER_READY,
    RUNNER_RETIRING,
    RUNNER_DYING,
    RUNNER_STAGE_END
};

/* How it came to an end. */
enum runner_end {
    RUNNER_END_SIGNAL,   /* by itself: `number` is the signal */
    RUNNER_END_EXIT,     /* by itself: `number` is the exit code; also if it closed its channel */
    RUNNER_END_PROTOCOL, /* killed: sent what it must not */
    RUNNER_END_SLOW,     /* killed: a stage took too long */
    RUNNER_END_KILLED,   /* killed by runner_kill() */
    RUNNER_END_POLICY,   /* by itself, for a forbidden system call: `number`, or -1 */
    RUNNER_END_CPU,      /* by itself: out of processor time */
    RUNNER_END_MEMORY,   /* by itself, after it was refused memory: `number` as of SIGNAL or EXIT */
    RUNNER_END_OUTPUT,   /* by itself: went on writing too large a file */
};

struct runner_death {
    enum runner_end end;
    int number;
    uint64_t token;          /* of the attempt that brought it about; 0: not known */
    enum runner_stage stage; /* the last one before it was dying */
    struct str reason;       /* a sentence for people */
};

struct runner;

struct runner_events {
    /* Its sandbox holds; nothing of the connector has run. */
    void (*confined)(void *owner, const struct wire_confined *confined);
    /* READY has come, and the first scratch files are on their way to it. */
    void (*ready)(void *owner, struct runner *runner, struct str descriptor);
    /* An attempt is over. The artifacts' descriptors become the receiver's. HUB_ERR_PROTOCOL if the
     * token is none of this runner's: then the descriptors stay the runner's, and it is killed. */
    int (*result)(void *owner, struct runner *runner, uint64_t token,
                  const struct wire_result *result, const int *fds);
    int (*progress)(void *owner, struct runner *runner, uint64_t token,
                    const struct wire_progress *progress);
    /* A KEEP_… or LEDGER_APPEND; may be NULL where none is served. */
    int (*call)(void *owner, struct runner *runner, const struct wire_frame *frame);
    /* The name that log lines give the attempt, or none. */
    struct str (*job)(void *owner, uint64_t token);
    void (*gone)(void *owner, struct runner *runner, const struct runner_death *death);
};

/* A scratch file that was given to the runner. */
struct runner_scratch {
    uint64_t id;
    int fd; /* ours */
};

struct runner {
    struct runner_house *house;
    const struct runner_events *events;
    void *owner;
    struct spawned process;
    struct wire_channel channel;
    struct list unsent; /* in the house's list */
    enum runner_stage stage;
    struct runner_death death; /* what is known of it by now */
    char reason[HUB_ERROR_DETAIL_MAX];
    bool killed;
    struct wire_config config;
    struct wire_confined confined; /* once it is */
    struct buf texts;              /* that `config` points to */
    int connector_fd;              /* until CONFIG is sent */
    struct board board;            /* what it and its broker say that they are doing */
    bool deaf;                     /* nothing more is read from the channel */
    struct relay relay;            /* its stderr */
    uv_poll_t poll;
    int polled; /* the events that `poll` waits for */
    uv_poll_t exit;
    uv_timer_t timer;      /* of the stage */
    unsigned handle_count; /* not yet closed */
    struct runner_scratch *scratch;
    unsigned scratch_count;
    unsigned scratch_cap;
    uint64_t scratch_next_id;
    struct scratch_order *order;
    unsigned first_scratch; /* files that it is given before it is ready */
    char *descriptor;       /* what READY said, until those are there */
    size_t descriptor_len;
    unsigned log_tokens; /* lines that it may still log in this second */
    int64_t log_second;
    unsigned log_dropped;
};

struct runner_birth {
    struct wire_config config; /* its texts are copied; `uid` is not looked at */
    int connector_fd;          /* is duplicated */
    unsigned scratch;          /* files that it is given before it is ready */
    const struct runner_events *events;
    void *owner;
};

HUB_MUST_CHECK int runner_new(struct runner_house *house, const struct runner_birth *birth,
                              struct runner **ret_runner, struct hub_error *error);

/* Writes START; the runner must be ready. As wire_send_start(). */
HUB_MUST_CHECK int runner_start(struct runner *self, uint64_t token, const struct wire_start *start,
                                const int *fds);
void runner_cancel(struct runner *self, uint64_t token);

/* Sends an ANSWER, unless it is ending. */
void runner_answer(struct runner *self, uint64_t token, const struct wire_answer *answer);

/* Asks it to end: nothing may be in flight. */
void runner_retire(struct runner *self);

/* Ends it by force; gone() comes later. Does nothing if it is dying already. */
void runner_kill(struct runner *self, enum runner_end end, uint64_t token, const char *reason);

/* Sends what all runners have been given to send. Before the loop sleeps. */
void runner_house_flush(struct runner_house *house);

#endif
