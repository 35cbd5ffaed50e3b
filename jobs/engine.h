/*
 * engine.h — the inside of the engine: what jobs.h keeps behind its pointer. Only the files of the
 * engine include it.
 *
 *     submit.c  load.c     a job comes: from a client, from the store; birth.c: what it is given
 *     queue.c   lane.c     where it waits; which one is next (names.c: types and connectors)
 *     gate.c               what holds it up there: limits of its queue, of its account (account.c)
 *     pass.c               what an attempt does under another account
 *     timers.c             what happens at a time: due, too late, a rate's next turn
 *     input.c              what an attempt needs and may have to be read back
 *     attempt.c            an attempt: begun, handed over, on record
 *     finish.c             …and ended: verdict.c says what becomes of the job
 *     request.c            what users ask for: cancel, retry, delete
 *     move.c               THE MOVER: the only place where a job's state changes
 *     batches.c            jobs that came together: opened page by page
 *     flows.c              jobs that wait for each other, as a whole; resolve.c: their values;
 *     expand.c             those that make a job for each item
 *     errand.c             operations on their way to the store, and again if it failed
 *     purge.c              now and then, what nobody needs any more
 *     jobs.c               the public face; the tick
 *
 * INVARIANTS
 *   - At most one write of a job is under way (JOB_FLAG_MOVING, or its attempt's). So the state in
 *     memory is the one in the store, but for a `safe` attempt whose start is not on record yet,
 * and for children that the store has just released.
 *   - A job that waits is in exactly one place: queued in its lane, scheduled in the timers; and in
 *     the timers too if it expires. One that moves or has an attempt is in none.
 *   - What a job may need later is reserved when it is born (heap slots, a slot of the index; its
 *     attempt brings the operation that will write its end): so nothing that was accepted can
 *     get stuck for want of memory.
 *
 * Thread: [loop].
 */
#ifndef HUB_JOBS_ENGINE_H
#define HUB_JOBS_ENGINE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/thread.h"
#include "jobs/job_index.h"
#include "jobs/jobs.h"
#include "jobs/slab.h"
#include "jobs/verdict.h"

/* Caps on what could grow without end. */
#define TYPES_MAX            UINT16_MAX
#define QUEUES_MAX           10000      /* names in use at once; what was stored is always loaded */
#define ATTEMPTS_MAX         (1u << 20) /* in flight; the low bits of a token */
#define ENDINGS_MAX          8192       /* ends on their way to the store, before starting pauses */
#define ENDING_BYTES_MAX     ((size_t)64 << 20) /* and their bytes */
#define ACCOUNTS_MAX         20000 /* names in use at once; what was stored is always loaded */
#define TIMED_MOVES_MAX      1024  /* moves on behalf of the clock, at once */
#define STARTS_PER_TICK      4096  /* then the loop gets a turn */
#define RELEASES_FREE        3     /* in a row; from then on each waits for a back-off */
#define LOAD_PAGE            4096

#define PROGRESS_MESSAGE_MAX 256

#define NEVER                INT64_MAX

/* --- Names -------------------------------------------------------------------------------------*/

struct connector {
    struct str name;
    unsigned index;        /* in queue.lanes */
    struct heap lanes;     /* those with a ready job in an open queue, best head first */
    struct heap_node node; /* in jobs.open */
    unsigned lane_count;
    bool room_known;
    unsigned room;     /* attempts that may be begun before asking again */
    unsigned reserved; /* attempts begun but not handed over: they take room the asked cannot see */
};

struct job_type {
    struct connector *connector;
    struct str name;
    struct str operation;
    uint16_t index;
};

/* --- Waiting -----------------------------------------------------------------------------------*/

enum timer_kind { TIMER_JOB, TIMER_GATE };

struct timer {
    int64_t due;
    struct heap_node node;
    uint8_t kind;
};

struct gate_limits {
    bool paused;
    uint32_t concurrency; /* attempts at once; 0: no limit */
    uint32_t rate;        /* attempts per rate_period_ms; 0: no limit */
    uint32_t rate_period_ms;
};

/* What attempts must pass before they begin: each lane stands behind one or more. */
struct gate {
    struct gate_limits limits;
    bool open;       /* may an attempt be begun now, as far as this goes? */
    bool half_open;  /* it was held: one attempt goes first, the others wait for how it ends */
    bool on_trial;   /* and that one is under way */
    uint32_t taken;  /* attempts of any phase: what `concurrency` limits */
    uint64_t credit; /* see gate.c */
    int64_t credit_at;
    int64_t held_until; /* nothing begins before */
    struct timer timer; /* when the rate allows the next, or the hold is over */
    struct list lanes;  /* struct lane_link */
};

struct queue {
    struct store_queue settings; /* name: the key in jobs.queues, behind this struct */
    bool stored;                 /* has settings on record */
    uint32_t jobs;
    uint32_t counts[JOB_STATE_COUNT]; /* jobs by state */
    uint64_t parked;                  /* jobs of batches that were not opened yet */
    struct gate gate;
    struct lane **lanes; /* those without account and batch, by connector.index; NULL: none */
    unsigned lane_cap;
};

/* Credentials under which jobs run: here no more than a name and a gate. */
struct account {
    struct str name; /* the key in jobs.accounts, behind this struct */
    bool configured; /* somebody has said what its limits are */
    uint32_t jobs;
    uint64_t uses; /* that have ended */
    uint64_t failures;
    unsigned pass_count; /* of any state */
    struct list passes;  /* struct jobs_pass: those that wait */
    struct list asking;  /* in jobs.asking, while some do */
    struct gate gate;
};

/* A lane behind one of its gates. */
struct lane_link {
    struct list link;  /* in gate.lanes */
    struct gate *gate; /* NULL: none */
    struct lane *lane;
};

/* What makes a lane the one that it is: the key in jobs.keyed_lanes. */
struct lane_key {
    struct queue *queue;
    struct connector *connector;
    struct account *account; /* NULL: of jobs without one */
    struct batch *batch;     /* likewise */
};

enum { LANE_QUEUE, LANE_ACCOUNT, LANE_BATCH, LANE_GATES };

struct lane {
    struct lane_key key;
    struct lane_link gates[LANE_GATES];
    struct heap ready;
    struct heap_node node; /* in connector.lanes */
    uint32_t jobs;         /* of any state */
};

#define JOB_FLAG_MOVING     1u /* a write or a read decides its state */
#define JOB_FLAG_CANCELLING 2u /* somebody waits for it to be cancelled: see request.c */

/* An unfinished job. A million of them must fit: mind the size. */
struct job {
    struct id id;
    struct timer timer; /* due: run_at, or expiry */
    int64_t ready_at;   /* run_at, or when it came */
    int64_t expires_at; /* NEVER */
    struct lane *lane;
    union {
        struct payload *payload; /* without attempt: NULL unless in the cache */
        struct attempt *attempt; /* with JOB_HAS_ATTEMPT */
    };
    struct heap_node node; /* in lane.ready */
    uint32_t number;       /* of the last attempt begun */
    uint32_t timeout_ms;
    uint16_t type;
    int8_t priority;
    uint8_t state;
    uint8_t safety;
    uint8_t max_attempts;
    uint8_t charged;
    uint8_t crashes;
    uint8_t releases; /* in a row */
    uint8_t flags;
};

#define JOB_FLAG_ATTEMPT 4u /* the union holds the attempt */

/* Does it run by its items alone (flow.h)? Such a job never has an attempt. */
static inline bool job_has_items(const struct job *job)
{
    return job->state == JOB_RUNNING && job->number == 0;
}

/* No attempt is left that may begin something. */
static inline bool job_used_up(const struct job *job)
{
    return job->crashes >= JOB_CRASHES_MAX || job->charged >= job->max_attempts;
}

static inline struct attempt *job_attempt(const struct job *job)
{
    return job->flags & JOB_FLAG_ATTEMPT ? job->attempt : NULL;
}

/* What an attempt is given: one allocation. */
struct payload {
    uint32_t input_len;
    uint32_t account_len;
    uint32_t traceparent_len;
    bool cached; /* counts in jobs.cached_bytes */
    char bytes[];
};

/* --- Running -----------------------------------------------------------------------------------*/

enum attempt_phase {
    PHASE_FETCHING,  /* its input is being read */
    PHASE_BEGINNING, /* its start is being written, before it may run */
    PHASE_ACTIVE,    /* handed over: it runs until jobs_finished() */
    PHASE_ENDING,    /* its end is being written */
};

enum start_record { START_UNWRITTEN, START_WRITING, START_WRITTEN };

struct attempt {
    uint64_t token;
    struct job *job; /* NULL: this slot is free */
    uint32_t number;
    enum attempt_phase phase;
    enum start_record start;
    bool reserved; /* counts in connector.reserved */
    bool cancel_sent;
    bool trial;   /* its account waits for how it ends */
    bool settles; /* begun when no attempt was left */
    int64_t started_at;
    struct list unwritten;   /* in jobs.unwritten: active, start not on record */
    struct store_op *end;    /* a STORE_JOB_MOVE, made beforehand: see INVARIANTS */
    bool end_ready;          /* filled: it goes when the start is on record */
    size_t end_bytes;        /* counted in jobs.ending_bytes */
    struct payload *payload; /* until it is handed over */
    uint32_t permille;
    struct buf message;
};

/* --- Batches -----------------------------------------------------------------------------------*/

#define BATCH_SECONDS 11 /* over which the rate is told: ten, and the one that runs */

struct batch {
    struct batch_record record; /* as the store said last; no texts but `queue` */
    struct queue *queue;
    struct gate gate;
    bool opening;    /* a page is on its way */
    bool cancelling; /* the jobs in memory were told */
    uint32_t jobs;   /* in memory */
    uint32_t ready;  /* of those: queued */
    unsigned errands;
    struct list hungry;            /* in jobs.hungry: to be looked at */
    int64_t second;                /* of the last end */
    int64_t first_second;          /* of the ends that the rate is told from */
    uint32_t ended[BATCH_SECONDS]; /* jobs, by second */
};

/* --- On the way to the store -------------------------------------------------------------------*/

struct errand;
typedef void errand_done_fn(struct jobs *self, struct errand *errand);

/* An operation of the engine's: its op->context, in its arena. */
struct errand {
    struct jobs *jobs;
    struct store_op *op;
    errand_done_fn *done;
    struct job *job;
    struct attempt *attempt;
    jobs_done_fn *tell; /* whoever asked from outside; may be NULL */
    void *tell_context;
    jobs_submitted_fn *tell_submitted;
    /* Not a wish but a fact, which must not be lost: tried again until the store takes it. */
    bool must;
    bool timed;        /* counts in jobs.timed_moves */
    struct list again; /* in jobs.again */
};

/* Somebody who waits for a job to be cancelled. */
struct waiter {
    struct id id;
    struct waiter *next; /* others who wait for the same */
    jobs_done_fn *done;
    void *context;
};

struct jobs {
    struct store *store;
    struct jobs_config config;
    struct jobs_hooks hooks;
    void *context;
    struct log *log;
    struct retry_policy policy;
    struct jobs_stats stats;
    struct id_gen ids;
    uint64_t jitter;
    int64_t now; /* of the call that came in; never goes back */
    bool ready;  /* loaded */
    bool draining;
    bool closed; /* nothing goes to the store any more */
    bool woken;

    struct slab slab; /* struct job */
    struct job_index index;
    uint32_t born; /* jobs in memory, those being inserted included */

    struct job_type **types; /* by job.type */
    unsigned type_count;
    struct map types_by_name;
    struct map connectors;
    unsigned connector_count;
    struct map queues;
    struct map accounts;
    struct list asking;     /* accounts that passes wait for */
    struct map keyed_lanes; /* lanes of jobs under an account, by lane_key */

    struct heap open; /* connectors with room and something to start, best head first */
    struct heap timers;
    unsigned timed_moves;
    int64_t purge_at; /* NEVER: under way */
    size_t cached_bytes;

    struct attempt **attempts; /* by the low bits of the token */
    unsigned attempt_cap;
    uint32_t *free_slots;
    unsigned free_slot_count;
    unsigned attempts_in_flight;
    uint64_t serial; /* the high bits of the last token */
    struct list unwritten;
    unsigned endings;
    size_t ending_bytes;

    struct map waiters; /* struct waiter by job id */

    struct map batches; /* struct batch by id: those that are not finished */
    struct list hungry; /* batches to be looked at, from hungry_at on */
    int64_t hungry_at;

    unsigned errands;  /* submitted or in `again` */
    struct list again; /* failed, to be submitted again at again_at */
    bool store_fails;  /* the last write that had to succeed did not, and none has since */
    int64_t again_at;
    unsigned again_delay_ms;

    jobs_done_fn *loaded;
    void *loaded_context;
    int load_err;
};

/* --- jobs.c ------------------------------------------------------------------------------------*/

void engine_clock(struct jobs *self); /* at the door of each public function: sets self->now */
void engine_wake(struct jobs *self);
/* Tells the world about a state that was committed, by `move` or otherwise (NULL). */
void engine_event(struct jobs *self, const struct job *job, enum job_state state, uint64_t seq,
                  const struct store_job_move *move);

/* --- names.c -----------------------------------------------------------------------------------*/

/* The type with this name, made if need be. HUB_ERR_NOMEM, HUB_ERR_UNAVAILABLE (too many). */
HUB_MUST_CHECK int names_type(struct jobs *self, struct str name, struct job_type **ret_type);
struct connector *names_connector(const struct jobs *self, struct str name); /* NULL: unknown */
void names_release(struct jobs *self);

/* --- queue.c -----------------------------------------------------------------------------------*/

/* `beyond_cap`: what is on record is loaded however much it is. Errors as names_type(). */
HUB_MUST_CHECK int queue_get(struct jobs *self, struct str name, bool beyond_cap,
                             struct queue **ret_queue);
void queue_configure(struct jobs *jobs, struct queue *self, const struct store_queue *settings);
void queues_release(struct jobs *self);

/* --- account.c ---------------------------------------------------------------------------------*/

/* Errors as names_type(). */
HUB_MUST_CHECK int account_get(struct jobs *self, struct str name, bool beyond_cap,
                               struct account **ret_account);
/* An attempt begins, has ended: what that tells of its account. Without one they do nothing. */
void account_begun(struct attempt *attempt);
void account_ended(struct jobs *jobs, struct attempt *attempt, const struct jobs_outcome *outcome);
/* The same for any use; `trial`: its account waits for how it ends. NULL: it came to nothing. */
void account_heard(struct jobs *jobs, struct account *self, bool trial,
                   const struct jobs_outcome *outcome);
void accounts_release(struct jobs *self);

/* --- pass.c ------------------------------------------------------------------------------------*/

void passes_run(struct jobs *self); /* begins those that may, turns away those that had better go */

/* --- gate.c ------------------------------------------------------------------------------------*/

void gate_init(struct gate *self);
void gate_configure(struct jobs *jobs, struct gate *self, const struct gate_limits *limits);
bool gate_admits(struct jobs *jobs, struct gate *self); /* if not, it is closed */
/* One more for whoever holds a place already: does what goes by time admit it? */
bool gate_admits_more(struct jobs *jobs, struct gate *self);
void gate_take(struct gate *self);   /* an attempt begins */
void gate_charge(struct gate *self); /* likewise, in a place that is taken already */
void gate_give_back(struct jobs *jobs, struct gate *self, bool started);
void gate_reopen(struct jobs *jobs, struct gate *self); /* if it admits again */
/* Nothing begins before `until`; then one attempt goes first. */
void gate_hold(struct jobs *jobs, struct gate *self, int64_t until);

/* --- lane.c ------------------------------------------------------------------------------------*/

heap_before_fn lane_job_before, lane_before, lane_connector_before;
/* The lane of this key, made if need be. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int lane_get(struct jobs *jobs, const struct lane_key *key, struct lane **ret_lane);
void lane_free(struct jobs *jobs, struct lane *self);
/* All that stand behind a gate, which has none then. */
void lanes_free(struct jobs *jobs, struct gate *gate);
/* An attempt of the lane no longer holds what lane_next() took of its gates. */
void lane_give_back(struct jobs *jobs, struct lane *self, bool started);
void lane_push(struct jobs *jobs, struct job *job);
void lane_remove(struct jobs *jobs, struct job *job);
/* Puts the lane, and its connector, where they belong after a change of its head or its queue. */
void lane_settle(struct jobs *jobs, struct lane *self);
void lane_settle_connector(struct jobs *jobs, struct connector *connector);
/* The job to start next, out of its lane and with its gates' and connector's room taken, or NULL.
 */
struct job *lane_next(struct jobs *jobs);

/* --- timers.c ----------------------------------------------------------------------------------*/

heap_before_fn timer_before;
void timer_init(struct timer *self, enum timer_kind kind);
void timer_set(struct jobs *jobs, struct timer *self, int64_t due); /* NEVER: takes it out */
/* Room for a timer more than there are: of jobs, of gates. 0 or HUB_ERR_NOMEM. */
HUB_MUST_CHECK int timers_reserve(struct jobs *self);
void timers_run(struct jobs *self);
int64_t timers_next(const struct jobs *self);

/* --- birth.c -----------------------------------------------------------------------------------*/

/* A job with all that it will need reserved; not in the index, in no place, state not set.
 * HUB_ERR_NOMEM, HUB_ERR_UNAVAILABLE (too many jobs, queues or types). */
HUB_MUST_CHECK int birth_job(struct jobs *self, const struct job_record *record, bool beyond_caps,
                             struct job **ret_job);
void birth_undo(struct jobs *self, struct job *job); /* frees one that is in no place */

/* --- input.c -----------------------------------------------------------------------------------*/

/* NULL: out of memory. */
struct payload *payload_new(struct str input, struct str account, struct str traceparent);
void payload_free(struct jobs *jobs, struct payload *self);
struct str payload_input(const struct payload *self);
struct str payload_account(const struct payload *self);
struct str payload_traceparent(const struct payload *self);
/* The payload if the cache has room for it; otherwise it is freed and NULL returned. */
struct payload *payload_keep(struct jobs *jobs, struct payload *self);
/* Reads it; then attempt_ready(), or the attempt is given up. False: out of memory. */
HUB_MUST_CHECK bool payload_fetch(struct jobs *jobs, struct attempt *attempt);
/* The attempt, which has fetched it, goes on with it. */
void payload_arrived(struct jobs *jobs, struct attempt *attempt, struct payload *payload);

/* --- resolve.c ---------------------------------------------------------------------------------*/

/* The input of a fetching attempt is open: reads its parents, puts their values in and on record,
 * then payload_arrived(). False: out of memory. */
HUB_MUST_CHECK bool resolve_begin(struct jobs *self, struct attempt *attempt);

/* The attempt, which has not begun, ends, and its job fails with this error. */
void resolve_fail(struct jobs *self, struct attempt *attempt, int err);

/* --- expand.c ----------------------------------------------------------------------------------*/

/* The job of a fetching attempt makes its items; the attempt ends with that. 0; HUB_ERR_NOMEM,
 * HUB_ERR_UNAVAILABLE (too many jobs): nothing has begun. */
HUB_MUST_CHECK int expand_begin(struct jobs *self, struct attempt *attempt,
                                const struct jobs_resolution *resolution);
/* Cancels the items of a job, durably; it ends when they have. False: out of memory. */
HUB_MUST_CHECK bool expand_cancel(struct jobs *self, const struct job *job);

/* --- flows.c -----------------------------------------------------------------------------------*/

/* The store has put it back into a queue, or to wait. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int flow_take_back(struct jobs *self, const struct flow_item *item);

/* --- batches.c ---------------------------------------------------------------------------------*/

struct batch *batch_find(const struct jobs *self, const struct id *id); /* NULL: not unfinished */
/* From move.c; JOB_STATE_COUNT: from nowhere. */
void batch_job_moved(struct jobs *self, const struct job *job, enum job_state from,
                     enum job_state to);
void batch_job_gone(struct jobs *self, struct batch *batch); /* from birth.c */
void batches_run(struct jobs *self);                         /* opens what should be opened */
int64_t batches_next(const struct jobs *self);
HUB_MUST_CHECK int batches_load(struct jobs *self, const struct store_batch_list *list);
void batches_begin(struct jobs *self); /* all is loaded */
void batches_release(struct jobs *self);

/* --- submit.c ----------------------------------------------------------------------------------*/

/* Gives a new job its id, its times, its state and what the client left out. */
void submit_fill(struct jobs *self, struct job_record *job);
/* May new jobs be taken? HUB_ERR_UNAVAILABLE, HUB_ERR_STORAGE_FULL. */
HUB_MUST_CHECK int submit_allowed(const struct jobs *self);
/* It is on record: `job`, born for it, takes its place. */
void submit_accept(struct jobs *self, struct job *job, const struct job_record *record,
                   enum job_state state, uint64_t event_seq);

/* --- move.c ------------------------------------------------------------------------------------*/

/* The first state of a job: enters the index and its place. */
void move_birth(struct jobs *self, struct job *job, enum job_state state);
/* queued → running and back, in memory only: see DURABILITY in jobs.h. */
void move_running(struct jobs *self, struct job *job);
void move_not_running(struct jobs *self, struct job *job);
/* It has made its items: `state` is running, or what it came to at once. */
void move_expanded(struct jobs *self, struct job *job, enum job_state state, uint64_t event_seq);
/* The start of its attempt is on record; tells the world. */
void move_started(struct jobs *self, struct job *job, uint64_t event_seq);
/* An operation that will move `job`, filled with where it stands. NULL: out of memory. */
struct store_op *move_new(struct jobs *self);
/* Moves it: `op` from move_new(), filled with what else there is to say. */
void move_job(struct jobs *self, struct job *job, enum job_state to, struct store_op *op);
/* Puts a job that neither moves nor has an attempt where its state waits, and takes it out. */
void move_place(struct jobs *self, struct job *job);
void move_displace(struct jobs *self, struct job *job);
/* The store has released them from `blocked`. */
void move_released(struct jobs *self, const struct store_released *released, unsigned count);
/* The store does not agree with memory: reads the job and takes its word. */
void move_resync(struct jobs *self, struct job *job);

/* --- attempt.c ---------------------------------------------------------------------------------*/

/* An attempt for a job that lane_next() gave. False: out of memory, the job is back in its lane. */
bool attempt_begin(struct jobs *self, struct job *job);
/* It has its input: starts it, or writes its start first. */
bool attempt_ready(struct jobs *self, struct attempt *attempt); /* as attempt_begin() */
/* One that was not handed over: its job waits again. */
void attempt_abandon(struct jobs *self, struct attempt *attempt);
struct attempt *attempt_find(const struct jobs *self, uint64_t token); /* NULL: an old token */
void attempt_cancel(struct jobs *self, struct attempt *attempt);
/* Ends what the attempt holds; its job has none then. `started`: it had been handed over. */
void attempt_free(struct jobs *self, struct attempt *attempt, bool started);
void attempts_write_late(struct jobs *self); /* starts that were not written long enough */
int64_t attempts_write_next(const struct jobs *self);
void attempts_release(struct jobs *self);

/* --- finish.c ----------------------------------------------------------------------------------*/

void finish_attempt(struct jobs *self, struct attempt *attempt, const struct jobs_outcome *outcome,
                    enum verdict verdict);
/* Its start is on record now, and its end may wait for that. */
void finish_after_start(struct jobs *self, struct attempt *attempt);
/* Closes an attempt of an earlier life, found running. 0 or HUB_ERR_NOMEM. */
HUB_MUST_CHECK int finish_lost(struct jobs *self, struct job *job, int64_t started_at);
void finish_discard(struct jobs *self, const struct blob_pending *blobs, unsigned count);

/* --- request.c ---------------------------------------------------------------------------------*/

/* `job` came to rest in a state that is not terminal, and somebody wants it cancelled. */
void request_go_on(struct jobs *self, struct job *job);

/* finish.c: may an earlier attempt have had an effect that nobody has told of? So it is with a type
 * that can find out (hooks.settles) once an attempt has begun. Such a job is given up as `unknown`,
 * by cancel and by expiry too: both other words would be guesses about money. */
bool job_in_doubt(const struct jobs *self, const struct job *job);
/* It is terminal (or its cancelling failed): tells those who wait. */
void request_settle(struct jobs *self, struct job *job, int err);
void requests_close(struct jobs *self); /* whoever waits still is told HUB_ERR_UNAVAILABLE */

/* --- purge.c -----------------------------------------------------------------------------------*/

void purge_run(struct jobs *self); /* if it is time */

/* --- errand.c ----------------------------------------------------------------------------------*/

struct store_op *errand_new(struct jobs *self, enum store_op_kind kind, errand_done_fn *done);
/* As errand_new(), for an operation that somebody else made. NULL: its arena is full. */
struct errand *errand_attach(struct jobs *self, struct store_op *op, errand_done_fn *done);
static inline struct errand *errand_of(const struct store_op *op)
{
    return op->context;
}
void errand_submit(struct jobs *self, struct store_op *op);
/* From `done`: takes the errand as failed for now; it is submitted again later. */
void errand_defer(struct jobs *self, struct errand *errand);
void errands_again(struct jobs *self); /* if it is time */
void errands_release(struct jobs *self);

#endif
