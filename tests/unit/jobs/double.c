#include "double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- Operations --------------------------------------------------------------------------------*/

static const bool writes[STORE_OP_COUNT] = {
#define X(name, member, class) [STORE_##name] = (class) == STORE_WRITES,
    STORE_OP_MAP(X)
#undef X
};

struct store_op *store_op_new(enum store_op_kind kind)
{
    struct store_op *op = calloc(1, sizeof *op);

    assert_non_null(op);
    op->kind = kind;
    arena_init(&op->arena, STORE_OP_ARENA_MAX);
    return op;
}

void store_op_free(struct store_op *op)
{
    arena_release(&op->arena);
    free(op);
}

bool store_op_is_write(enum store_op_kind kind)
{
    return writes[kind];
}

void store_submit(struct store *self, struct store_op *op)
{
    op->err = 0;
    op->event_seq = 0;
    op->mail.next = NULL;
    if (writes[op->kind]) {
        *self->writes_end = &op->mail;
        self->writes_end = &op->mail.next;
        self->write_count++;
    } else {
        *self->reads_end = &op->mail;
        self->reads_end = &op->mail.next;
        self->read_count++;
    }
}

int store_admits(const struct store *self)
{
    return self->full ? HUB_ERR_STORAGE_FULL : 0;
}

/* --- Rows --------------------------------------------------------------------------------------*/

struct row *double_row(const struct store *self, const struct id *id)
{
    struct row *row = map_get(&self->rows, id_view(id));

    return row && !row->deleted ? row : NULL;
}

static void copy(struct row *row, struct str *text)
{
    if (text->len > 0) {
        *text = arena_str(&row->texts, *text);
    }
}

static void copy_texts(struct row *row)
{
    struct job_record *job = &row->job;

    copy(row, &job->type);
    copy(row, &job->queue);
    copy(row, &job->input);
    copy(row, &job->account);
    copy(row, &job->traceparent);
    copy(row, &job->result);
    copy(row, &job->error_code);
    copy(row, &job->error_message);
    copy(row, &job->error_details);
}

static void push(struct row ***rows, size_t *count, size_t *cap, struct row *row)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        *rows = realloc(*rows, *cap * sizeof(struct row *));
        assert_non_null(*rows);
    }
    (*rows)[(*count)++] = row;
}

static struct attempt_record *add_attempt(struct row *row, uint32_t number)
{
    unsigned count = row->attempt_count;

    assert_int_equal(number, count ? row->attempts[count - 1].number + 1 : 1);
    row->attempts = realloc(row->attempts, (count + 1) * sizeof *row->attempts);
    assert_non_null(row->attempts);
    row->attempt_count++;
    row->attempts[count] = (struct attempt_record){.number = number};
    return &row->attempts[count];
}

struct row *double_plant(struct store *self, const struct job_record *job)
{
    struct row *row = calloc(1, sizeof *row);

    assert_non_null(row);
    arena_init(&row->texts, 1 << 20);
    row->job = *job;
    copy_texts(row);
    for (unsigned i = 0; i < job->after_count; i++) {
        row->after[row->after_count++] = job->after[i];
    }
    for (uint32_t number = 1; number <= job->attempt; number++) {
        bool running = number == job->attempt && job->state == JOB_RUNNING;
        add_attempt(row, number)->finished_at = running ? 0 : 1;
    }
    push(&self->all, &self->count, &self->cap, row);
    if (job->state == JOB_BLOCKED) {
        push(&self->blocked, &self->blocked_count, &self->blocked_cap, row);
    }
    assert_null(map_get(&self->rows, id_view(&row->job.id)));
    assert_int_equal(map_put(&self->rows, id_view(&row->job.id), row), 0);
    return row;
}

/* Its own idea of what is allowed. */
static bool allowed(enum job_state from, enum job_state to, bool by_hand)
{
    switch (from) {
    case JOB_BLOCKED:
        return to == JOB_QUEUED || to == JOB_SCHEDULED || to == JOB_CANCELLED || to == JOB_FAILED;
    case JOB_SCHEDULED:
        return to == JOB_QUEUED || to == JOB_CANCELLED || to == JOB_FAILED || to == JOB_UNKNOWN;
    case JOB_QUEUED:
        return to == JOB_RUNNING || to == JOB_CANCELLED || to == JOB_FAILED || to == JOB_UNKNOWN;
    case JOB_RUNNING:
        return to != JOB_BLOCKED && to != JOB_RUNNING;
    case JOB_FAILED:
    case JOB_UNKNOWN:
        return by_hand && to == JOB_QUEUED;
    default:
        return false;
    }
}

static void enter(struct store *self, struct row *row, enum job_state to, int64_t at,
                  uint64_t *ret_seq)
{
    row->job.state = to;
    if (to == JOB_BLOCKED) {
        push(&self->blocked, &self->blocked_count, &self->blocked_cap, row);
    }
    row->ends += job_state_terminal(to);
    row->finished_at = job_state_terminal(to) ? at : 0;
    *ret_seq = ++self->seq;
}

/* --- Writes ------------------------------------------------------------------------------------*/

static enum job_state settle_after(const struct store *self, const struct row *row)
{
    enum job_state state = row->job.run_at > row->job.created_at ? JOB_SCHEDULED : JOB_QUEUED;

    for (unsigned i = 0; i < row->after_count; i++) {
        const struct row *parent = double_row(self, &row->after[i]);
        if (!parent || !job_state_terminal(parent->job.state)) {
            state = state == JOB_FAILED ? state : JOB_BLOCKED;
        } else if (parent->job.state != JOB_SUCCEEDED) {
            state = JOB_FAILED;
        }
    }
    return state;
}

static void do_insert(struct store *self, struct store_op *op)
{
    struct store_job_insert *insert = &op->job_insert;

    self->inserts++;
    if (self->insert_error) {
        op->err = self->insert_error;
        return;
    }
    for (unsigned i = 0; i < insert->job.after_count; i++) {
        if (!double_row(self, &insert->job.after[i])) {
            op->err = HUB_ERR_NOT_FOUND;
            return;
        }
    }
    assert_true(insert->job.state == JOB_QUEUED || insert->job.state == JOB_SCHEDULED);
    struct row *row = double_plant(self, &insert->job);
    enum job_state state = row->after_count ? settle_after(self, row) : insert->job.state;
    enter(self, row, state, insert->job.created_at, &op->event_seq);
    insert->ret_state = state;
}

static void do_start(struct store *self, struct store_op *op)
{
    const struct store_job_start *start = &op->job_start;
    struct row *row = double_row(self, &start->id);

    self->starts++;
    assert_int_equal(start->number, start->fence + 1);
    if (!row || row->job.state != JOB_QUEUED || row->job.attempt != start->fence) {
        op->err = row ? HUB_ERR_CONFLICT : HUB_ERR_NOT_FOUND;
        return;
    }
    row->job.attempt = start->number;
    row->job.started_at = start->at;
    add_attempt(row, start->number)->started_at = start->at;
    enter(self, row, JOB_RUNNING, start->at, &op->event_seq);
}

static void write_attempt(struct row *row, const struct attempt_record *attempt)
{
    struct attempt_record *last =
        row->attempt_count ? &row->attempts[row->attempt_count - 1] : NULL;

    if (!last || last->number != attempt->number) {
        last = add_attempt(row, attempt->number);
    } else {
        assert_int_equal(last->finished_at, 0); /* completed once */
    }
    *last = *attempt;
    copy(row, &last->code);
    copy(row, &last->message);
    copy(row, &last->cause);
    copy(row, &last->connector_version);
}

static void add_released(struct store_op *op, struct row *child, enum job_state state, uint64_t seq)
{
    struct store_job_move *move = &op->job_move;
    struct store_released *more =
        arena_alloc(&op->arena, (move->ret_released_count + 1) * sizeof *more);

    if (move->ret_released_count > 0) {
        memcpy(more, move->ret_released, move->ret_released_count * sizeof *more);
    }
    more[move->ret_released_count++] =
        (struct store_released){.id = child->job.id, .state = state, .event_seq = seq};
    move->ret_released = more;
}

static void release_children(struct store *self, struct store_op *op)
{
    for (size_t i = 0; i < self->blocked_count;) {
        struct row *child = self->blocked[i];
        enum job_state state = child->job.state;
        bool released = false;
        if (state == JOB_BLOCKED) {
            state = settle_after(self, child);
            released = state != JOB_BLOCKED;
        }
        if (state == JOB_BLOCKED) {
            i++;
            continue;
        }
        self->blocked[i] = self->blocked[--self->blocked_count];
        if (released) {
            uint64_t seq;
            enter(self, child, state, op->job_move.at, &seq);
            add_released(op, child, state, seq);
            i = 0; /* its own children follow */
        }
    }
}

static bool fits(const struct row *row, const struct store_job_move *move)
{
    if (row->job.state == move->from && row->job.attempt == move->fence) {
        return true;
    }
    return move->from_unstarted && row->job.state == JOB_QUEUED &&
           row->job.attempt == move->fence - 1;
}

static void do_move(struct store *self, struct store_op *op)
{
    struct store_job_move *move = &op->job_move;
    struct row *row = double_row(self, &move->id);

    self->moves++;
    if (!row || !fits(row, move)) {
        op->err = row ? HUB_ERR_CONFLICT : HUB_ERR_NOT_FOUND;
        return;
    }
    if (self->spoil && (op->err = self->spoil(op)) < 0) {
        return;
    }
    assert_true(allowed(move->from, move->to, move->by_hand));
    row->job.attempt = move->fence;
    if (move->has_attempt) {
        assert_int_equal(move->attempt.number, move->fence);
        write_attempt(row, &move->attempt);
    }
    row->job.charged = move->reset ? 0 : row->job.charged + move->charge;
    row->job.crashes = move->reset ? 0 : row->job.crashes + move->crash;
    row->revived += move->by_hand;
    if (move->reset) {
        row->job.expires_at = 0;
    }
    if (move->to == JOB_SCHEDULED) {
        row->job.run_at = move->run_at;
    }
    if (move->error_code.len > 0 || move->reset || job_state_terminal(move->to)) {
        row->job.error_code = move->error_code;
        row->job.error_message = move->error_message;
        row->job.error_details = move->error_details;
        row->job.error_retryable = move->error_retryable;
        row->job.result = move->result;
        copy_texts(row);
    }
    enter(self, row, move->to, move->at, &op->event_seq);
    if (job_state_terminal(move->to)) {
        release_children(self, op);
    }
}

static void do_delete(struct store *self, struct store_op *op)
{
    struct row *row = double_row(self, &op->job_delete.id);

    if (!row) {
        op->err = HUB_ERR_NOT_FOUND;
    } else if (!job_state_terminal(row->job.state)) {
        op->err = HUB_ERR_CONFLICT;
    } else {
        row->deleted = true;
    }
}

static void do_queue_put(struct store *self, struct store_op *op)
{
    const struct store_queue *queue = &op->queue_put.queue;
    unsigned i = 0;

    while (i < self->queue_count && !str_eq(self->queues[i].name, queue->name)) {
        i++;
    }
    assert_true(i < 16 && queue->name.len < 64);
    self->queue_count = i == self->queue_count ? i + 1 : self->queue_count;
    self->queues[i] = *queue;
    memcpy(self->queue_names[i], queue->name.ptr, queue->name.len);
    self->queues[i].name.ptr = self->queue_names[i];
}

static void apply(struct store *self, struct store_op *op)
{
    switch (op->kind) {
    case STORE_JOB_INSERT:
        do_insert(self, op);
        break;
    case STORE_JOB_START:
        do_start(self, op);
        break;
    case STORE_JOB_MOVE:
        do_move(self, op);
        break;
    case STORE_JOB_DELETE:
        do_delete(self, op);
        break;
    case STORE_QUEUE_PUT:
        do_queue_put(self, op);
        break;
    case STORE_PURGE:
        self->purges++;
        op->purge.ret_more = self->purge_more;
        break;
    case STORE_ACCOUNT_USE:
        if (op->account_use.key == 0) {
            op->account_use.key = -++self->uses_begun;
        } else {
            self->uses_ended++;
            self->uses_dropped += op->account_use.untouched;
        }
        break;
    case STORE_BLOB_DISCARD:
        self->discarded += op->blob_discard.count;
        break;
    default:
        fail_msg("the engine has no business with operation %d", op->kind);
    }
}

static void complete(struct store_op *op)
{
    op->kept = false;
    op->done(op, op->context);
    if (!op->kept) {
        store_op_free(op);
    }
}

/* Cuts the first `max` off a queue. */
static struct mail *cut(struct mail **queue, struct mail ***end, unsigned *count, unsigned max)
{
    struct mail *first = *queue;
    struct mail **link = queue;
    unsigned taken = 0;

    while (*link && taken < max) {
        link = &(*link)->next;
        taken++;
    }
    if (taken == 0) {
        return NULL;
    }
    *queue = *link;
    *link = NULL;
    if (!*queue) {
        *end = queue;
    }
    *count -= taken;
    return first;
}

static struct store_op *op_of(struct mail *mail)
{
    return CONTAINER_OF(mail, struct store_op, mail);
}

unsigned double_write(struct store *self, unsigned max)
{
    struct mail *batch = cut(&self->writes, &self->writes_end, &self->write_count, max);
    unsigned count = 0;

    self->batches += batch != NULL;
    for (struct mail *mail = batch; mail; mail = mail->next) {
        if (self->commit_error) {
            op_of(mail)->err = self->commit_error;
        } else {
            apply(self, op_of(mail));
        }
    }
    for (struct mail *mail = batch, *next; mail; mail = next) {
        next = mail->next;
        complete(op_of(mail));
        count++;
    }
    return count;
}

/* --- Reads -------------------------------------------------------------------------------------*/

static void do_active_list(const struct store *self, struct store_op *op)
{
    struct store_active_list *list = &op->active_list;
    bool past = id_is_zero(&list->after);

    list->ret_jobs = arena_alloc(&op->arena, list->limit * sizeof *list->ret_jobs);
    for (size_t i = 0; i < self->count; i++) {
        const struct row *row = self->all[i];
        if (past && !row->deleted && !job_state_terminal(row->job.state)) {
            if (list->ret_count == list->limit) {
                list->ret_more = true;
                return;
            }
            struct job_record job = row->job;
            job.input = job.traceparent = (struct str){0};
            list->ret_jobs[list->ret_count++] = job;
        }
        past = past || id_eq(&row->job.id, &list->after);
    }
}

static void do_read(struct store *self, struct store_op *op)
{
    const struct row *row = NULL;

    if (self->read_error) {
        op->err = self->read_error;
        return;
    }
    switch (op->kind) {
    case STORE_JOB_GET:
        row = double_row(self, &op->job_get.id);
        op->err = row ? 0 : HUB_ERR_NOT_FOUND;
        if (row) {
            op->job_get.ret_job = row->job;
            op->job_get.ret_job.attempts = row->attempts;
            op->job_get.ret_job.attempt_count = row->attempt_count;
        }
        break;
    case STORE_JOB_INPUT:
        row = double_row(self, &op->job_input.id);
        op->err = row ? 0 : HUB_ERR_NOT_FOUND;
        if (row) {
            op->job_input.ret_input = row->job.input;
            op->job_input.ret_account = row->job.account;
            op->job_input.ret_traceparent = row->job.traceparent;
        }
        break;
    case STORE_ACTIVE_LIST:
        do_active_list(self, op);
        break;
    case STORE_BATCH_LIST:
        break;
    case STORE_QUEUE_LIST:
        op->queue_list.ret_queues = self->queues;
        op->queue_list.ret_count = self->queue_count;
        break;
    default:
        fail_msg("the engine has no business with operation %d", op->kind);
    }
}

unsigned double_read(struct store *self, unsigned max)
{
    struct mail *batch = cut(&self->reads, &self->reads_end, &self->read_count, max);
    unsigned count = 0;

    for (struct mail *mail = batch, *next; mail; mail = next) {
        next = mail->next;
        do_read(self, op_of(mail));
        complete(op_of(mail));
        count++;
    }
    return count;
}

/* --- Life --------------------------------------------------------------------------------------*/

struct store *double_new(void)
{
    struct store *self = calloc(1, sizeof *self);

    assert_non_null(self);
    map_init(&self->rows);
    self->writes_end = &self->writes;
    self->reads_end = &self->reads;
    return self;
}

void double_free(struct store *self)
{
    assert_null(self->writes);
    assert_null(self->reads);
    for (size_t i = 0; i < self->count; i++) {
        arena_release(&self->all[i]->texts);
        free(self->all[i]->attempts);
        free(self->all[i]);
    }
    free(self->all);
    free(self->blocked);
    map_release(&self->rows);
    free(self);
}
