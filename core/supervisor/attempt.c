#include "supervisor/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPARE_MAX 4096

static struct str token_key(const struct attempt *attempt)
{
    return str_of((const char *)&attempt->token, sizeof attempt->token);
}

static bool due_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct attempt, by_due)->due_ms <
           CONTAINER_OF(b, struct attempt, by_due)->due_ms;
}

/* --- Deadlines ---------------------------------------------------------------------------------*/

static void attempt_overdue(struct supervisor *self, struct attempt *attempt);

static void arm(struct supervisor *self);

static void due(uv_timer_t *timer)
{
    struct supervisor *self = timer->data;
    int64_t now_ms = clock_mono_ms();
    struct heap_node *first;
    self->due_timer_at = INT64_MAX;
    while ((first = heap_first(&self->by_due)) != NULL) {
        struct attempt *attempt = CONTAINER_OF(first, struct attempt, by_due);
        if (attempt->due_ms > now_ms) {
            break;
        }
        attempt_overdue(self, attempt);
    }
    arm(self);
}

/* One timer for all. It is moved forward but not back: firing early costs less than moving it for
 * each attempt that ends. */
static void arm(struct supervisor *self)
{
    struct heap_node *first = heap_first(&self->by_due);
    if (!first) {
        return;
    }
    int64_t at = CONTAINER_OF(first, struct attempt, by_due)->due_ms;
    if (at < self->due_timer_at) {
        int64_t left = at - clock_mono_ms();
        self->due_timer_at = at;
        uv_update_time(self->loop);
        uv_timer_start(&self->due_timer, due, left > 0 ? (uint64_t)left : 0, 0);
    }
}

/* The end of its time: told to stop at the deadline, killed at the end of the grace. */
static void attempt_overdue(struct supervisor *self, struct attempt *attempt)
{
    if (!attempt->member) {
        placement_finish(self, attempt,
                         &(struct supervisor_outcome){.token = attempt->token,
                                                      .kind = SUPERVISOR_DIED,
                                                      .cause = SUPERVISOR_CAUSE_DEADLINE});
        return;
    }
    if (attempt->stop == STOP_NONE) {
        attempt->stop = STOP_DEADLINE;
        attempt->due_ms = clock_mono_ms() + self->config.cancel_grace_ms;
        heap_update(&self->by_due, &attempt->by_due);
        runner_cancel(attempt->member->runner, attempt->token);
        return;
    }
    heap_remove(&self->by_due, &attempt->by_due);
    runner_kill(attempt->member->runner, RUNNER_END_KILLED, attempt->token,
                "an attempt did not end when it was told to");
}

void placement_cancel(struct supervisor *self, struct attempt *attempt)
{
    if (!attempt->member) {
        attempt_finish_later(self, attempt, SUPERVISOR_CAUSE_CANCELLED);
        return;
    }
    if (attempt->stop == STOP_NONE) {
        attempt->stop = STOP_CANCELLED;
        attempt->due_ms = clock_mono_ms() + self->config.cancel_grace_ms;
        heap_update(&self->by_due, &attempt->by_due);
        runner_cancel(attempt->member->runner, attempt->token);
        arm(self);
    }
}

/* --- From placed to finished -------------------------------------------------------------------*/

int placements_init(struct supervisor *self)
{
    map_init(&self->attempts);
    heap_init(&self->by_due, due_before);
    list_init(&self->spare);
    list_init(&self->finished);
    self->due_timer_at = INT64_MAX;
    self->due_timer.data = self;
    return uv_timer_init(self->loop, &self->due_timer) < 0 ? HUB_ERR_IO : 0;
}

void placements_release(struct supervisor *self)
{
    LIST_FOR_EACH(link, &self->spare) {
        free(CONTAINER_OF(link, struct attempt, link));
    }
    heap_release(&self->by_due);
    map_release(&self->attempts);
}

static struct attempt *take_spare(struct supervisor *self)
{
    struct list *link = list_first(&self->spare);
    if (!link) {
        return malloc(sizeof(struct attempt));
    }
    list_remove(link);
    self->spare_count--;
    return CONTAINER_OF(link, struct attempt, link);
}

static void put_spare(struct supervisor *self, struct attempt *attempt)
{
    if (self->spare_count >= SPARE_MAX) {
        free(attempt);
        return;
    }
    list_prepend(&self->spare, &attempt->link);
    self->spare_count++;
}

int placement_new(struct supervisor *self, struct connector *connector,
                  const struct supervisor_request *request, int64_t due_ms,
                  struct attempt **ret_attempt)
{
    if (placement_find(self, request->token)) {
        return HUB_ERR_CONFLICT;
    }
    struct attempt *attempt = take_spare(self);
    if (!attempt) {
        return HUB_ERR_NOMEM;
    }
    attempt->token = request->token;
    attempt->connector = connector;
    attempt->member = NULL;
    attempt->due_ms = due_ms;
    attempt->stop = STOP_NONE;
    attempt->texts = NULL;
    attempt->fds = NULL;
    attempt->job_id_len = request->job_id.len < WIRE_ID_MAX ? request->job_id.len : WIRE_ID_MAX;
    if (attempt->job_id_len > 0) {
        memcpy(attempt->job_id, request->job_id.ptr, attempt->job_id_len);
    }
    attempt->number = request->attempt;
    attempt->account_len = request->account_name.len;
    if (attempt->account_len > 0) {
        memcpy(attempt->account, request->account_name.ptr, attempt->account_len);
    }
    list_init(&attempt->link);
    heap_node_init(&attempt->by_due);
    if (map_put(&self->attempts, token_key(attempt), attempt) < 0) {
        put_spare(self, attempt);
        return HUB_ERR_NOMEM;
    }
    if (heap_push(&self->by_due, &attempt->by_due) < 0) {
        map_remove(&self->attempts, token_key(attempt));
        put_spare(self, attempt);
        return HUB_ERR_NOMEM;
    }
    arm(self);
    *ret_attempt = attempt;
    return 0;
}

struct attempt *placement_find(const struct supervisor *self, uint64_t token)
{
    return map_get(&self->attempts, str_of((const char *)&token, sizeof token));
}

/* How to copy a field of START: texts move into one block, numbers stay. */
#define LENGTH_u32(field)
#define LENGTH_u64(field)
#define LENGTH_str(field)            +self->start.field.len
#define ADD_LENGTH(kind, field, max) LENGTH_##kind(field)
#define MOVE_u32(field)
#define MOVE_u64(field)
#define MOVE_str(field)                                                                            \
    if (self->start.field.len > 0) {                                                               \
        memcpy(at, self->start.field.ptr, self->start.field.len);                                  \
    }                                                                                              \
    self->start.field.ptr = at;                                                                    \
    at += self->start.field.len;
#define MOVE(kind, field, max) MOVE_##kind(field)

int placement_hold(struct attempt *self, const struct wire_start *start, const int *fds)
{
    self->start = *start;
    self->texts = malloc(1 WIRE_START_FIELDS(ADD_LENGTH));
    self->fds = calloc(start->file_count + 1, sizeof *self->fds);
    if (!self->texts || !self->fds) {
        free(self->texts);
        free(self->fds);
        self->texts = NULL;
        self->fds = NULL;
        return HUB_ERR_NOMEM;
    }
    char *at = self->texts;
    WIRE_START_FIELDS(MOVE)
    if (start->file_count > 0) {
        memcpy(self->fds, fds, start->file_count * sizeof *fds);
    }
    return 0;
}

static void drop_held(struct attempt *self)
{
    for (uint32_t i = 0; self->fds && i < self->start.file_count; i++) {
        if (self->fds[i] >= 0) {
            close(self->fds[i]);
        }
    }
    if (self->texts && self->start.account.len > 0) {
        explicit_bzero((char *)self->start.account.ptr, self->start.account.len);
    }
    free(self->texts);
    free(self->fds);
    self->texts = NULL;
    self->fds = NULL;
}

void placement_sent(struct attempt *self)
{
    self->start.file_count = 0;
    drop_held(self);
}

/* Takes it out of everything that knows it. */
static void detach(struct supervisor *self, struct attempt *attempt)
{
    list_remove(&attempt->link);
    heap_remove(&self->by_due, &attempt->by_due);
    map_remove(&self->attempts, token_key(attempt));
    if (attempt->member) {
        attempt->member->in_flight--;
        attempt->connector->in_flight--;
    } else if (attempt->texts) {
        attempt->connector->pending_count--;
    }
    drop_held(attempt);
}

void placement_finish(struct supervisor *self, struct attempt *attempt,
                      const struct supervisor_outcome *outcome)
{
    struct member *member = attempt->member;
    struct connector *connector = attempt->connector;
    detach(self, attempt);
    connector->attempts_died += outcome->kind == SUPERVISOR_DIED;
    connector->deaths[outcome->cause] += outcome->kind == SUPERVISOR_DIED;
    put_spare(self, attempt);
    self->events.on_finished(self->context, outcome);
    if (member) {
        member_freed(member);
    }
}

void attempt_finish_later(struct supervisor *self, struct attempt *attempt,
                          enum supervisor_cause cause)
{
    heap_remove(&self->by_due, &attempt->by_due);
    attempt->cause = cause;
    list_remove(&attempt->link);
    list_append(&self->finished, &attempt->link);
    supervisor_deliver_soon(self);
}

void attempts_finish_due(struct supervisor *self)
{
    struct list *link;
    while ((link = list_first(&self->finished)) != NULL) {
        struct attempt *attempt = CONTAINER_OF(link, struct attempt, link);
        placement_finish(self, attempt,
                         &(struct supervisor_outcome){.token = attempt->token,
                                                      .kind = SUPERVISOR_DIED,
                                                      .cause = attempt->cause});
    }
}

void placement_undo(struct supervisor *self, struct attempt *attempt)
{
    detach(self, attempt);
    put_spare(self, attempt);
}
