#include "jobs/store.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

/* A transaction ends after so many operations or so long, so that the first of them does not wait
 * for a burst behind it. */
#define BATCH_OPS_MAX 4096
#define BATCH_NS_MAX  (10 * (int64_t)CLOCK_NS_PER_MS)

/* Often enough that what comes in meanwhile fits into the reserve; less often once the disk has
 * said that it is full, whatever the file system says. */
#define ROOM_CHECK_NS (5 * (int64_t)CLOCK_NS_PER_MS)
#define FULL_HOLD_NS  (250 * (int64_t)CLOCK_NS_PER_MS)
#define IDLE_WAIT_MS  1000

/* So often a store that has lost a transaction tries by itself whether it can write again. */
#define PROOF_NS (500 * (int64_t)CLOCK_NS_PER_MS)

/* So many operations of a batch may turn out to spoil it before all of it is lost. */
#define SPOILERS_MAX 8

struct store {
    struct store_backend *backend;
    struct log *log;

    struct mailbox writes;  /* to [store] */
    struct mailbox reads;   /* to [reader] */
    struct mailbox results; /* to [loop]: heads of chains of operations */
    struct mail end_writes; /* pushed last: the thread ends */
    struct mail end_reads;
    pthread_t store_thread;
    pthread_t reader_thread;
    bool store_started;
    bool reader_started;

    int64_t room_check_due_ns; /* [store] */
    int64_t proof_due_ns;      /* [store] while failing */
    _Atomic bool full;
    _Atomic bool damaged;
    _Atomic int failing; /* why the last transaction was lost; 0: it was not */

    _Atomic uint64_t commits, operations, failures, read_count;
    _Atomic uint64_t commit_ns_sum, commit_ns_max, batch_max;
    _Atomic unsigned pending;
};

/* --- Operations --------------------------------------------------------------------------------*/

struct store_op *store_op_new(enum store_op_kind kind)
{
    struct store_op *op = calloc(1, sizeof *op);

    if (op) {
        op->kind = kind;
        arena_init(&op->arena, STORE_OP_ARENA_MAX);
    }
    return op;
}

void store_op_free(struct store_op *op)
{
    if (op) {
        arena_release(&op->arena);
        free(op);
    }
}

static enum store_op_class class_of(enum store_op_kind kind)
{
    static const unsigned char classes[STORE_OP_COUNT] = {
#define X(name, member, class) [STORE_##name] = class,
        STORE_OP_MAP(X)
#undef X
    };

    return classes[kind];
}

bool store_op_is_write(enum store_op_kind kind)
{
    return class_of(kind) == STORE_WRITES;
}

static bool takes_new_work(const struct store_op *op)
{
    return op->kind == STORE_JOB_INSERT || op->kind == STORE_FLOW_INSERT ||
           op->kind == STORE_BATCH_APPEND || op->kind == STORE_ARTIFACT_INSERT;
}

/* --- [store] -----------------------------------------------------------------------------------*/

/* A chain of operations, oldest first. */
struct chain {
    struct store_op *first;
    struct store_op *last;
    uint64_t count;
};

static void chain_append(struct chain *self, struct store_op *op)
{
    op->next = NULL;
    if (self->last) {
        self->last->next = op;
    } else {
        self->first = op;
    }
    self->last = op;
    self->count++;
}

static struct store_op *chain_shift(struct chain *self)
{
    struct store_op *op = self->first;

    self->first = op->next;
    if (!self->first) {
        self->last = NULL;
    }
    self->count--;
    return op;
}

static void check_room(struct store *self)
{
    int64_t now = clock_mono_ns();

    if (now < self->room_check_due_ns) {
        return;
    }
    self->room_check_due_ns = now + ROOM_CHECK_NS;
    bool full = !self->backend->vtable->has_room(self->backend);
    if (full != atomic_exchange(&self->full, full)) {
        log_warn(self->log, "store", full ? "free space below the reserve" : "free space again",
                 "new_jobs=%s", full ? "refused" : "accepted");
    }
}

static int apply_one(struct store *self, struct store_op *op)
{
    int refusal = takes_new_work(op) ? store_admits(self) : 0;

    if (refusal < 0) {
        op->err = refusal;
        return 0;
    }
    if (class_of(op->kind) == STORE_READS_SETTLED) {
        return self->backend->vtable->settle ? self->backend->vtable->settle(self->backend) : 0;
    }
    return self->backend->vtable->apply(self->backend, op);
}

/* The next transaction will perhaps succeed as it is. */
static bool may_pass(int err)
{
    return hub_err_retry_class(err) == HUB_RETRY_LATER;
}

/* Applies it, unless that was found to cost the transaction. */
static int apply_or_mark(struct store *self, struct store_op *op)
{
    int err = op->spoils ? 0 : apply_one(self, op);

    if (err < 0 && !may_pass(err)) {
        op->spoils = true;
        op->err = err;
    }
    return err;
}

static int begin(struct store *self)
{
    const struct store_backend_vtable *vtable = self->backend->vtable;
    int err = vtable->begin(self->backend);

    return err == 0 && atomic_load(&self->failing) != 0 ? vtable->prove(self->backend) : err;
}

/* One transaction of what fits into it: moves that from `todo` to `batch`. 0, or why all of the
 * batch is lost. Of nothing at all: proves that there can be one. */
static int try_batch(struct store *self, struct chain *todo, struct chain *batch, int64_t start_ns)
{
    int err = begin(self);

    while (todo->first && batch->count < BATCH_OPS_MAX &&
           (batch->count == 0 || clock_mono_ns() - start_ns < BATCH_NS_MAX)) {
        struct store_op *op = chain_shift(todo);
        chain_append(batch, op);
        if (err == 0) {
            err = apply_or_mark(self, op);
        }
    }
    return err < 0 ? err : self->backend->vtable->commit(self->backend);
}

static void reset(struct store_op *op)
{
    op->err = 0;
    op->event_seq = 0;
    op->released = NULL;
    op->released_count = 0;
    op->ended = NULL;
    op->ended_count = 0;
    op->calls_back = false;
}

/* The same batch again, but for the operations that are marked. */
static int try_without_spoilers(struct store *self, struct chain *batch)
{
    int err = begin(self);

    for (struct store_op *op = batch->first; op && err == 0; op = op->next) {
        if (!op->spoils) {
            reset(op);
        }
        err = apply_or_mark(self, op);
    }
    return err < 0 ? err : self->backend->vtable->commit(self->backend);
}

static unsigned spoilers_in(const struct chain *batch)
{
    unsigned count = 0;

    for (const struct store_op *op = batch->first; op; op = op->next) {
        count += op->spoils;
    }
    return count;
}

/* As try_batch(): an operation that cannot be done does not take the others with it. */
static int do_batch(struct store *self, struct chain *todo, struct chain *batch, int64_t start_ns)
{
    int err = try_batch(self, todo, batch, start_ns);
    unsigned known = 0;

    while (err < 0) {
        unsigned spoilers = spoilers_in(batch);
        if (spoilers == known || spoilers > SPOILERS_MAX) {
            break; /* nobody in particular has failed it */
        }
        known = spoilers;
        self->backend->vtable->rollback(self->backend);
        err = try_without_spoilers(self, batch);
    }
    return err;
}

static void count_batch(struct store *self, const struct chain *batch, int err, int64_t ns)
{
    uint64_t took = (uint64_t)ns;

    if (err < 0) {
        atomic_fetch_add(&self->failures, 1);
    }
    atomic_fetch_add(&self->commits, 1);
    atomic_fetch_add(&self->operations, batch->count);
    atomic_fetch_add(&self->commit_ns_sum, took);
    if (took > atomic_load(&self->commit_ns_max)) {
        atomic_store(&self->commit_ns_max, took);
    }
    if (batch->count > atomic_load(&self->batch_max)) {
        atomic_store(&self->batch_max, batch->count);
    }
}

static void fail_batch(struct store *self, struct chain *batch, int err)
{
    self->backend->vtable->rollback(self->backend);
    if (batch->count > 0) {
        log_error(self->log, "store", "transaction lost", "operations=%llu error=%s",
                  (unsigned long long)batch->count, hub_err_code(err));
    }
    self->proof_due_ns = clock_mono_ns() + PROOF_NS;
    atomic_store(&self->failing, err);
    if (err == HUB_ERR_STORAGE_FULL) {
        atomic_store(&self->full, true);
        self->room_check_due_ns = clock_mono_ns() + FULL_HOLD_NS;
    }
    for (struct store_op *op = batch->first; op; op = op->next) {
        reset(op);
        op->err = err;
    }
}

/* A commit that had to prove something has. */
static void note_success(struct store *self)
{
    if (atomic_load_explicit(&self->failing, memory_order_relaxed) != 0) {
        atomic_store(&self->failing, 0);
        log_info(self->log, "store", "writing works again", NULL);
    }
}

/* Hands settled reads on to the reader, now that it sees what they need. */
static void pass_reads(struct store *self, struct chain *batch)
{
    struct chain rest = {0};

    while (batch->first) {
        struct store_op *op = chain_shift(batch);
        if (class_of(op->kind) == STORE_READS_SETTLED) {
            mailbox_push(&self->reads, &op->mail);
        } else {
            chain_append(&rest, op);
        }
    }
    *batch = rest;
}

static void run_batch(struct store *self, struct chain *todo)
{
    struct chain batch = {0};
    int64_t start_ns = clock_mono_ns();

    check_room(self);
    int err = do_batch(self, todo, &batch, start_ns);

    if (err < 0) {
        fail_batch(self, &batch, err);
    }
    count_batch(self, &batch, err, clock_mono_ns() - start_ns);
    if (err == 0) {
        note_success(self);
        pass_reads(self, &batch);
    }
    if (!batch.first) {
        return;
    }
    /* The chain hangs on its first operation: one push, at most one wake. */
    mailbox_push(&self->results, &batch.first->mail);
}

static bool proof_is_due(const struct store *self)
{
    return atomic_load_explicit(&self->failing, memory_order_relaxed) != 0 &&
           clock_mono_ns() >= self->proof_due_ns;
}

/* Runs all that came in. Returns false if the end mark was there. */
static bool run_writes(struct store *self, struct mail *mail)
{
    struct chain todo = {0};
    bool go_on = true;

    for (struct mail *next; mail; mail = next) {
        next = mail->next;
        if (mail == &self->end_writes) {
            go_on = false;
        } else {
            chain_append(&todo, CONTAINER_OF(mail, struct store_op, mail));
        }
    }
    while (todo.first || (go_on && proof_is_due(self))) {
        run_batch(self, &todo);
    }
    return go_on;
}

static void *store_main(void *context)
{
    struct store *self = context;
    const struct store_backend_vtable *vtable = self->backend->vtable;
    bool go_on = true;

    thread_set_role(THREAD_STORE, "hub-store");
    while (go_on) {
        check_room(self);
        if (mailbox_empty(&self->writes) && !vtable->idle(self->backend)) {
            mailbox_wait_for(&self->writes, IDLE_WAIT_MS);
        }
        go_on = run_writes(self, mailbox_take(&self->writes));
    }
    return NULL;
}

/* --- [reader] ----------------------------------------------------------------------------------*/

static void *reader_main(void *context)
{
    struct store *self = context;
    bool go_on = true;

    thread_set_role(THREAD_READER, "hub-reader");
    while (go_on) {
        mailbox_wait(&self->reads);
        for (struct mail *mail = mailbox_take(&self->reads), *next; mail; mail = next) {
            next = mail->next;
            if (mail == &self->end_reads) {
                go_on = false;
                continue;
            }
            struct store_op *op = CONTAINER_OF(mail, struct store_op, mail);
            op->next = NULL;
            self->backend->vtable->read(self->backend, op);
            atomic_fetch_add(&self->read_count, 1);
            mailbox_push(&self->results, &op->mail);
        }
    }
    return NULL;
}

/* --- [loop] ------------------------------------------------------------------------------------*/

static int start_threads(struct store *self, struct hub_error *error)
{
    int errnum = pthread_create(&self->store_thread, NULL, store_main, self);

    if (errnum != 0) {
        return hub_fail_errno(error, errnum, "cannot start the store thread");
    }
    self->store_started = true;
    errnum = pthread_create(&self->reader_thread, NULL, reader_main, self);
    if (errnum != 0) {
        return hub_fail_errno(error, errnum, "cannot start the reader thread");
    }
    self->reader_started = true;
    return 0;
}

int store_new(struct store_backend *backend, mailbox_wake_fn *wake, void *wake_context,
              struct log *log, struct store **ret_self, struct hub_error *error)
{
    struct store *self = calloc(1, sizeof *self);
    int err;

    if (!self) {
        backend->vtable->free(backend);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->backend = backend;
    self->log = log;
    self->writes.event_fd = self->reads.event_fd = self->results.event_fd = -1;
    err = mailbox_init(&self->results, wake, wake_context);
    if (err == 0) {
        err = mailbox_init(&self->writes, NULL, NULL);
    }
    if (err == 0) {
        err = mailbox_init(&self->reads, NULL, NULL);
    }
    if (err < 0) {
        store_free(self);
        return hub_fail(error, err, "cannot make the mailboxes of the store");
    }
    check_room(self);
    err = start_threads(self, error);
    if (err < 0) {
        store_free(self);
        return err;
    }
    *ret_self = self;
    return 0;
}

void store_submit(struct store *self, struct store_op *op)
{
    ASSERT_THREAD(THREAD_LOOP);
    reset(op);
    op->spoils = false;
    atomic_fetch_add_explicit(&self->pending, 1, memory_order_relaxed);
    mailbox_push(class_of(op->kind) == STORE_READS ? &self->reads : &self->writes, &op->mail);
}

static void note_damage(struct store *self)
{
    if (!atomic_exchange(&self->damaged, true)) {
        log_error(
            self->log, "store", "the database is damaged: new jobs are refused", "what_to_do=%s",
            "\"stop hubd, check hubd.db by sqlite3's integrity_check, restore or recover it\"");
    }
}

static void finish_op(struct store *self, struct store_op *op)
{
    if (op->err == HUB_ERR_CORRUPT) {
        note_damage(self);
    }
    atomic_fetch_sub_explicit(&self->pending, 1, memory_order_relaxed);
    /* Not in store_submit(): done() may keep the operation and submit it again at once. */
    op->kept = false;
    if (op->done) {
        op->done(op, op->context);
    }
    if (!op->kept) {
        store_op_free(op);
    }
}

void store_dispatch(struct store *self)
{
    ASSERT_THREAD(THREAD_LOOP);
    for (struct mail *mail = mailbox_take(&self->results), *next_mail; mail; mail = next_mail) {
        next_mail = mail->next;
        for (struct store_op *op = CONTAINER_OF(mail, struct store_op, mail), *next; op;
             op = next) {
            next = op->next;
            finish_op(self, op);
        }
    }
}

void store_free(struct store *self)
{
    if (!self) {
        return;
    }
    if (self->store_started) {
        mailbox_push(&self->writes, &self->end_writes);
        pthread_join(self->store_thread, NULL);
    }
    if (self->reader_started) {
        mailbox_push(&self->reads, &self->end_reads);
        pthread_join(self->reader_thread, NULL);
    }
    store_dispatch(self);
    mailbox_release(&self->writes);
    mailbox_release(&self->reads);
    mailbox_release(&self->results);
    self->backend->vtable->free(self->backend);
    free(self);
}

/* --- [any] -------------------------------------------------------------------------------------*/

void store_stats(const struct store *self, struct store_stats *ret_stats)
{
    *ret_stats = (struct store_stats){
        .commits = atomic_load(&self->commits),
        .operations = atomic_load(&self->operations),
        .failures = atomic_load(&self->failures),
        .commit_ns_sum = atomic_load(&self->commit_ns_sum),
        .commit_ns_max = atomic_load(&self->commit_ns_max),
        .batch_max = atomic_load(&self->batch_max),
        .reads = atomic_load(&self->read_count),
        .pending = atomic_load(&self->pending),
    };
}

int store_trouble(const struct store *self)
{
    int err = store_admits(self);

    return err < 0 ? err : atomic_load_explicit(&self->failing, memory_order_relaxed);
}

int store_admits(const struct store *self)
{
    if (atomic_load_explicit(&self->damaged, memory_order_relaxed)) {
        return HUB_ERR_CORRUPT;
    }
    return atomic_load_explicit(&self->full, memory_order_relaxed) ? HUB_ERR_STORAGE_FULL : 0;
}
