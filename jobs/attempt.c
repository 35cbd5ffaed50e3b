#include "jobs/engine.h"

#include <stdlib.h>

/* A token is a serial number and, in its low bits, the attempt's slot: 2^44 attempts before one
 * could come again. */
#define SLOT_BITS 20
_Static_assert(ATTEMPTS_MAX == 1u << SLOT_BITS, "a slot must fit into a token");

static bool grow(struct jobs *self)
{
    unsigned cap = self->attempt_cap ? self->attempt_cap * 2 : 64;
    if (self->attempt_cap == ATTEMPTS_MAX) {
        return false;
    }
    struct attempt **attempts = reallocarray(self->attempts, cap, sizeof(struct attempt *));
    if (!attempts) {
        return false;
    }
    self->attempts = attempts;
    uint32_t *slots = reallocarray(self->free_slots, cap, sizeof *slots);
    if (!slots) {
        return false;
    }
    self->free_slots = slots;
    while (self->attempt_cap < cap) {
        attempts[self->attempt_cap] = NULL;
        slots[self->free_slot_count++] = self->attempt_cap++;
    }
    return true;
}

/* A free slot's attempt: made when the slot is used for the first time, and kept. */
static struct attempt *take_slot(struct jobs *self)
{
    if (self->free_slot_count == 0 && !grow(self)) {
        return NULL;
    }
    uint32_t slot = self->free_slots[self->free_slot_count - 1];
    struct attempt *attempt = self->attempts[slot];
    if (!attempt) {
        attempt = calloc(1, sizeof *attempt);
        if (!attempt) {
            return NULL;
        }
        self->attempts[slot] = attempt;
    }
    self->free_slot_count--;
    *attempt = (struct attempt){.token = ++self->serial << SLOT_BITS | slot};
    list_init(&attempt->unwritten);
    buf_init(&attempt->message, PROGRESS_MESSAGE_MAX);
    return attempt;
}

static void free_slot(struct jobs *self, struct attempt *attempt)
{
    attempt->job = NULL;
    self->free_slots[self->free_slot_count++] = (uint32_t)attempt->token & (ATTEMPTS_MAX - 1);
}

struct attempt *attempt_find(const struct jobs *self, uint64_t token)
{
    uint64_t slot = token & (ATTEMPTS_MAX - 1);
    struct attempt *attempt = slot < self->attempt_cap ? self->attempts[slot] : NULL;

    return attempt && attempt->job && attempt->token == token && attempt->phase == PHASE_ACTIVE
               ? attempt
               : NULL;
}

static void unreserve(struct attempt *attempt)
{
    if (attempt->reserved) {
        attempt->reserved = false;
        attempt->job->lane->key.connector->reserved--;
    }
}

void attempt_free(struct jobs *self, struct attempt *attempt, bool started)
{
    struct job *job = attempt->job;
    struct connector *connector = job->lane->key.connector;

    if (attempt->reserved && connector->room_known) {
        connector->room++;
    }
    unreserve(attempt);
    lane_settle_connector(self, connector);
    list_remove(&attempt->unwritten);
    if (attempt->trial) { /* it never began */
        account_ended(self, attempt, NULL);
    }
    if (attempt->end) {
        store_op_free(attempt->end);
    }
    if (attempt->end_bytes > 0) {
        self->endings--;
        self->ending_bytes -= attempt->end_bytes;
    }
    payload_free(self, attempt->payload);
    buf_release(&attempt->message);
    job->flags &= (uint8_t)~JOB_FLAG_ATTEMPT;
    job->payload = NULL;
    self->attempts_in_flight--;
    free_slot(self, attempt);
    lane_give_back(self, job->lane, started);
}

void attempt_abandon(struct jobs *self, struct attempt *attempt)
{
    struct job *job = attempt->job;
    struct payload *payload = attempt->payload;

    attempt->payload = NULL;
    attempt_free(self, attempt, false);
    job->payload = payload_keep(self, payload);
    move_place(self, job);
    request_go_on(self, job);
}

bool attempt_begin(struct jobs *self, struct job *job)
{
    struct connector *connector = job->lane->key.connector;
    struct attempt *attempt = take_slot(self);
    struct store_op *end = attempt ? move_new(self) : NULL;

    if (!end) {
        if (attempt) {
            free_slot(self, attempt);
        }
        connector->reserved--;
        connector->room++;
        lane_give_back(self, job->lane, false);
        move_place(self, job);
        return false;
    }
    timer_set(self, &job->timer, NEVER);
    self->attempts_in_flight++;
    attempt->job = job;
    attempt->number = job->number + 1;
    attempt->settles = job_used_up(job);
    attempt->reserved = true;
    attempt->end = end;
    attempt->payload = job->payload;
    account_begun(attempt);
    job->attempt = attempt;
    job->flags |= JOB_FLAG_ATTEMPT;
    if (attempt->payload) {
        attempt_ready(self, attempt);
    } else if (!payload_fetch(self, attempt)) {
        attempt_abandon(self, attempt);
        return false;
    }
    return true;
}

/* The dispatcher has no room after all. */
static void turned_away(struct jobs *self, struct attempt *attempt)
{
    struct job *job = attempt->job;
    struct connector *connector = job->lane->key.connector;

    connector->room = 0;
    connector->room_known = true;
    lane_settle_connector(self, connector);
    if (attempt->start == START_WRITTEN) {
        const struct jobs_outcome outcome = {.outcome = ATTEMPT_RELEASED, .untouched = true};
        finish_attempt(self, attempt, &outcome, VERDICT_RELEASE);
    } else {
        move_not_running(self, job);
        attempt_abandon(self, attempt);
    }
}

static void could_not_start(struct jobs *self, struct attempt *attempt, int err)
{
    const struct jobs_outcome outcome = {
        .outcome = ATTEMPT_FAILED,
        .untouched = true,
        .code = str_from_c(hub_err_code(err)),
        .message = str_from_c(hub_err_title(err)),
    };
    finish_attempt(self, attempt, &outcome, VERDICT_FAIL);
}

/* The number of the last attempt, if hubd cuts none short. */
static uint32_t last_attempt(const struct attempt *attempt)
{
    const struct job *job = attempt->job;
    uint32_t left = attempt->settles ? 0 : (uint32_t)(job->max_attempts - job->charged);

    return attempt->number - 1 + left;
}

static int call_start(struct jobs *self, const struct attempt *attempt,
                      const struct payload *payload)
{
    const struct job *job = attempt->job;
    const struct job_type *type = self->types[job->type];
    const struct jobs_attempt view = {
        .token = attempt->token,
        .id = job->id,
        .number = attempt->number,
        .max_attempts = last_attempt(attempt),
        .type = type->name,
        .connector = type->connector->name,
        .operation = type->operation,
        .input = payload_input(payload),
        .account = payload_account(payload),
        .traceparent = payload_traceparent(payload),
        .timeout_ms = job->timeout_ms,
    };
    return self->hooks.start(self->context, &view);
}

static void hand_over(struct jobs *self, struct attempt *attempt)
{
    uint64_t token = attempt->token;
    struct payload *payload = attempt->payload;

    attempt->payload = NULL;
    attempt->phase = PHASE_ACTIVE;
    attempt->started_at = self->now;
    if (attempt->start == START_UNWRITTEN) {
        move_running(self, attempt->job);
        list_append(&self->unwritten, &attempt->unwritten);
    }
    unreserve(attempt);
    self->stats.started++;
    int err = call_start(self, attempt, payload);
    /* The hook may have finished it already: then its token is an old one. */
    if (err == HUB_ERR_AGAIN && attempt_find(self, token)) {
        self->stats.started--;
        attempt->payload = payload;
        turned_away(self, attempt);
        return;
    }
    payload_free(self, payload);
    if (err < 0 && attempt_find(self, token)) {
        could_not_start(self, attempt, err);
    }
}

/* On record, but before anything ran: does anybody still want it? */
static void begun(struct jobs *self, struct attempt *attempt)
{
    const struct jobs_outcome released = {.outcome = ATTEMPT_RELEASED, .untouched = true};
    const struct jobs_outcome cancelled = {.outcome = ATTEMPT_CANCELLED, .untouched = true};

    attempt->started_at = self->now;
    if (attempt->job->flags & JOB_FLAG_CANCELLING) {
        finish_attempt(self, attempt, &cancelled, VERDICT_CANCEL);
    } else if (self->draining) {
        finish_attempt(self, attempt, &released, VERDICT_RELEASE);
    } else {
        hand_over(self, attempt);
    }
}

static void on_start_written(struct jobs *self, struct errand *errand)
{
    struct attempt *attempt = errand->attempt;
    struct job *job = attempt->job;
    bool ok = errand->op->err == 0;

    if (!ok) {
        log_error(self->log, "jobs", "a start was refused", "error=%s",
                  hub_err_code(errand->op->err));
    }
    if (!ok && attempt->phase == PHASE_BEGINNING) {
        attempt_free(self, attempt, false);
        move_resync(self, job);
        return;
    }
    /* Of a running attempt that was refused the end will be refused too, and put it right. */
    attempt->start = START_WRITTEN;
    if (ok) {
        move_started(self, job, errand->op->event_seq);
    }
    if (attempt->phase == PHASE_BEGINNING) {
        begun(self, attempt);
    } else if (attempt->phase == PHASE_ENDING) {
        finish_after_start(self, attempt);
    }
}

static bool write_start(struct jobs *self, struct attempt *attempt, int64_t at)
{
    struct store_op *op = errand_new(self, STORE_JOB_START, on_start_written);
    if (!op) {
        return false;
    }
    op->job_start = (struct store_job_start){
        .id = attempt->job->id,
        .fence = attempt->number - 1,
        .number = attempt->number,
        .at = at,
    };
    errand_of(op)->attempt = attempt;
    errand_of(op)->must = true;
    attempt->start = START_WRITING;
    errand_submit(self, op);
    return true;
}

bool attempt_ready(struct jobs *self, struct attempt *attempt)
{
    const struct job *job = attempt->job;

    /* A secret leaves hubd only with a use on record that no crash can lose. */
    if (job->safety == JOB_SAFE && !job->lane->key.account) {
        hand_over(self, attempt);
        return true;
    }
    attempt->phase = PHASE_BEGINNING;
    if (!write_start(self, attempt, self->now)) {
        attempt_abandon(self, attempt);
        return false;
    }
    return true;
}

void attempt_cancel(struct jobs *self, struct attempt *attempt)
{
    if (attempt->phase == PHASE_ACTIVE && !attempt->cancel_sent) {
        attempt->cancel_sent = true;
        self->hooks.cancel(self->context, attempt->token);
    }
}

static struct attempt *first_unwritten(const struct jobs *self)
{
    struct list *link = list_first(&self->unwritten);

    return link ? CONTAINER_OF(link, struct attempt, unwritten) : NULL;
}

int64_t attempts_write_next(const struct jobs *self)
{
    const struct attempt *first = first_unwritten(self);

    return first ? first->started_at + self->config.start_write_after_ms : NEVER;
}

void attempts_write_late(struct jobs *self)
{
    while (attempts_write_next(self) <= self->now) {
        struct attempt *attempt = first_unwritten(self);
        if (!write_start(self, attempt, attempt->started_at)) {
            return;
        }
        list_remove(&attempt->unwritten);
    }
}

void attempts_release(struct jobs *self)
{
    for (unsigned i = 0; i < self->attempt_cap; i++) {
        struct attempt *attempt = self->attempts[i];
        if (attempt && attempt->job) {
            attempt_free(self, attempt, true);
        }
        free(attempt);
    }
    free(self->attempts);
    free(self->free_slots);
}
