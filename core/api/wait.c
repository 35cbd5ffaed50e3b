#include "api/wait.h"

#include "api/jobs.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"

#include <stdlib.h>
#include <string.h>

/* The calls that wait for one job. */
struct wait_list {
    struct id job;
    struct list waiters;
};

/* One call that waits; lives in its request's arena. */
struct waiter {
    struct api_call *call;
    struct wait_list *list;
    struct list link;        /* in list->waiters */
    struct heap_node due;    /* in wait_room.due, by at_ms */
    int64_t at_ms;           /* monotonic */
    struct store_op *insert; /* of the job; NULL: it was there before */
};

struct wait_room {
    struct map by_job; /* job id → struct wait_list, never an empty one */
    struct heap due;
    uv_timer_t timer;
};

static bool due_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct waiter, due)->at_ms < CONTAINER_OF(b, struct waiter, due)->at_ms;
}

int wait_room_new(uv_loop_t *loop, struct wait_room **ret_self)
{
    struct wait_room *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    map_init(&self->by_job);
    heap_init(&self->due, due_before);
    uv_timer_init(loop, &self->timer);
    self->timer.data = self;
    *ret_self = self;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct wait_room *self = handle->data;

    map_release(&self->by_job);
    heap_release(&self->due);
    free(self);
}

void wait_room_close(struct wait_room *self)
{
    if (self != NULL) {
        uv_close((uv_handle_t *)&self->timer, on_closed);
    }
}

unsigned wait_preference(const struct http_request *req, unsigned max)
{
    struct str rest = http_header(req, "prefer");

    while (rest.ptr != NULL) {
        struct str preference = str_trim(str_split(&rest, ','));
        struct str value = preference;
        struct str token = str_trim(str_split(&value, '='));
        uint64_t seconds;

        value = str_trim(str_split(&value, ';'));
        if (str_eq_nocase(token, STR("wait")) && str_to_u64(value, UINT32_MAX, &seconds)) {
            return seconds < max ? (unsigned)seconds : max;
        }
    }
    return 0;
}

static void leave(struct wait_room *self, struct waiter *waiter)
{
    struct wait_list *list = waiter->list;

    heap_remove(&self->due, &waiter->due);
    list_remove(&waiter->link);
    if (list_empty(&list->waiters)) {
        map_remove(&self->by_job, id_view(&list->job));
        free(list);
    }
    store_op_free(waiter->insert);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct wait_room *self)
{
    struct heap_node *first = heap_first(&self->due);
    int64_t now = clock_mono_ms();

    if (first == NULL) {
        uv_timer_stop(&self->timer);
        return;
    }
    int64_t at = CONTAINER_OF(first, struct waiter, due)->at_ms;
    uv_update_time(self->timer.loop);
    uv_timer_start(&self->timer, on_timer, at > now ? (uint64_t)(at - now) : 1, 0);
}

/* Answers with the job as it is on record. */
static void release(struct wait_room *self, struct waiter *waiter)
{
    struct id job = waiter->list->job;

    leave(self, waiter);
    api_answer_job(waiter->call, &job, ANSWER_WAITED);
}

/* Is what came in and how it ended all that there is on record? */
static bool knows_all(const struct waiter *waiter, const struct store_job_move *end)
{
    return waiter->insert != NULL && end != NULL && end->has_attempt && end->attempt.number == 1 &&
           end->artifact_count == 0;
}

/* Answers with a job that has ended with its first attempt. */
static void release_finished(struct wait_room *self, struct waiter *waiter,
                             const struct store_job_move *end)
{
    struct store_op *insert = waiter->insert;
    struct api_call *call = waiter->call;
    struct job_record job = insert->job_insert.job;

    job.state = end->to;
    job.attempt = end->attempt.number;
    job.attempts = &end->attempt;
    job.attempt_count = 1;
    job.started_at = end->attempt.started_at;
    job.finished_at = end->at;
    job.result = end->result;
    job.error_code = end->error_code;
    job.error_message = end->error_message;
    job.error_details = end->error_details;
    job.error_retryable = end->error_retryable;
    waiter->insert = NULL; /* needed for longer than the waiter, which goes with its request */
    leave(self, waiter);
    api_answer_job_record(call, &job, ANSWER_WAITED);
    store_op_free(insert);
}

static void on_timer(uv_timer_t *timer)
{
    struct wait_room *self = timer->data;
    int64_t now = clock_mono_ms();
    struct heap_node *first;

    while ((first = heap_first(&self->due)) != NULL &&
           CONTAINER_OF(first, struct waiter, due)->at_ms <= now) {
        release(self, CONTAINER_OF(first, struct waiter, due));
    }
    arm(self);
}

static void on_gone(struct http_request *req, void *context)
{
    struct waiter *waiter = context;
    struct wait_room *self = waiter->call->api->waits;

    (void)req;
    if (heap_contains(&waiter->due)) {
        leave(self, waiter);
        api_reply_empty(waiter->call, 202);
    }
}

static struct wait_list *list_of(struct wait_room *self, const struct id *job)
{
    struct wait_list *list = map_get(&self->by_job, id_view(job));

    if (list != NULL) {
        return list;
    }
    list = malloc(sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    list->job = *job;
    list_init(&list->waiters);
    if (map_put(&self->by_job, id_view(&list->job), list) < 0) {
        free(list);
        return NULL;
    }
    return list;
}

static bool enter(struct wait_room *self, struct waiter *waiter, const struct id *job)
{
    if (heap_push(&self->due, &waiter->due) < 0) {
        return false;
    }
    waiter->list = list_of(self, job);
    if (waiter->list == NULL) {
        heap_remove(&self->due, &waiter->due);
        return false;
    }
    list_append(&waiter->list->waiters, &waiter->link);
    return true;
}

void wait_for_job(struct api_call *call, const struct id *job, unsigned seconds,
                  struct store_op *insert)
{
    struct wait_room *self = call->api->waits;
    struct waiter *waiter = NULL;
    struct jobs_live live;

    /* It may have finished long ago (a replay), or as it came (after a job that failed). */
    if (call->api->phase == API_READY && jobs_live(call->api->deps.jobs, job, &live)) {
        waiter = arena_zalloc(&call->req->arena, sizeof *waiter);
    }
    if (waiter == NULL) {
        api_answer_job(call, job, ANSWER_WAITED);
        return;
    }
    waiter->call = call;
    waiter->at_ms = clock_mono_ms() + (int64_t)seconds * 1000;
    heap_node_init(&waiter->due);
    list_init(&waiter->link);
    if (!enter(self, waiter, job)) {
        api_answer_job(call, job, ANSWER_WAITED);
        return;
    }
    if (insert != NULL) {
        insert->kept = true;
        waiter->insert = insert;
    }
    arm(self);
    http_on_gone(call->req, on_gone, waiter);
}

void wait_job_finished(struct api *api, const struct jobs_event *event)
{
    struct wait_list *list = map_get(&api->waits->by_job, id_view(&event->id));
    struct list *link;

    if (list == NULL) {
        return;
    }
    /* The last one to leave frees the list. */
    while ((link = list_first(&list->waiters)) != NULL) {
        struct waiter *waiter = CONTAINER_OF(link, struct waiter, link);
        bool last = link->next == &list->waiters;
        if (knows_all(waiter, event->move)) {
            release_finished(api->waits, waiter, event->move);
        } else {
            release(api->waits, waiter);
        }
        if (last) {
            return;
        }
    }
}

void wait_end_all(struct api *api)
{
    struct heap_node *first;

    while ((first = heap_first(&api->waits->due)) != NULL) {
        release(api->waits, CONTAINER_OF(first, struct waiter, due));
    }
}
