#include "api/deliver_parts.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOON_MS   20 /* what ends together is looked for once */
#define AGAIN_MS  1000
#define INPUT_MAX (2u << 20) /* that a runner takes */
#define URL_ARENA (8u << 10)
#define DUE_PAGE  256

/* A delivery that is being attempted. */
struct flight {
    struct deliveries *deliveries;
    uint64_t token;
    struct arena arena;
    struct callback_record callback; /* its URL in the arena */
    int64_t started_at;
};

static void look(struct deliveries *self);

static int64_t now_ms(void)
{
    return clock_wall_ms();
}

/* --- When to look ------------------------------------------------------------------------------*/

static void on_timer(uv_timer_t *timer)
{
    struct deliveries *self = timer->data;

    self->timer_at = 0;
    look(self);
}

static void look_at(struct deliveries *self, int64_t at)
{
    int64_t now = now_ms();

    if (!deliveries_open(self) || (self->timer_at != 0 && self->timer_at <= at)) {
        return;
    }
    self->timer_at = at;
    uv_update_time(self->api->deps.loop);
    uv_timer_start(&self->timer, on_timer, at > now ? (uint64_t)(at - now) : 0, 0);
}

void deliveries_wake(struct deliveries *self)
{
    look_at(self, now_ms() + SOON_MS);
}

/* --- Flights -----------------------------------------------------------------------------------*/

static struct str token_view(const uint64_t *token)
{
    return str_of((const char *)token, sizeof *token);
}

static struct flight *flight_new(struct deliveries *self, const struct callback_record *callback)
{
    struct flight *flight = calloc(1, sizeof *flight);

    if (flight == NULL) {
        return NULL;
    }
    flight->deliveries = self;
    flight->token = API_CALLBACK_TOKEN | ++self->last;
    flight->callback = *callback;
    arena_init(&flight->arena, URL_ARENA);
    flight->callback.url = arena_str(&flight->arena, callback->url);
    if (flight->callback.url.ptr == NULL ||
        map_put(&self->flights, token_view(&flight->token), flight) < 0) {
        arena_release(&flight->arena);
        free(flight);
        return NULL;
    }
    return flight;
}

static void flight_free(struct flight *self)
{
    map_remove(&self->deliveries->flights, token_view(&self->token));
    arena_release(&self->arena);
    free(self);
}

static bool is_flying(const struct deliveries *self, int64_t seq)
{
    MAP_FOR_EACH(entry, &self->flights) {
        const struct flight *flight = entry->value;
        if (flight->callback.seq == seq) {
            return true;
        }
    }
    return false;
}

/* It was not attempted, and stays due. */
static void put_off(struct flight *self, int64_t ms)
{
    struct deliveries *deliveries = self->deliveries;

    flight_free(self);
    look_at(deliveries, now_ms() + ms);
}

/* --- After an attempt --------------------------------------------------------------------------*/

static void on_recorded(struct store_op *op, void *context)
{
    struct flight *self = context;

    put_off(self, op->err < 0 && op->err != HUB_ERR_NOT_FOUND ? AGAIN_MS : 0);
}

/* Puts the attempt on record, if there was one, and what comes next. */
static void record(struct flight *self, const struct callback_attempt *attempt, bool delivered,
                   int64_t retry_after_ms)
{
    struct store_op *op = store_op_new(STORE_CALLBACK_PUT);
    const struct callback_record *callback = &self->callback;
    struct store_callback_put *put;
    uint32_t random;

    if (op == NULL) {
        put_off(self, AGAIN_MS);
        return;
    }
    hash_random(&random, sizeof random);
    put = &op->callback_put;
    put->seq = callback->seq;
    put->attempt = *attempt;
    put->attempt.code = arena_str(&op->arena, attempt->code);
    put->tries = callback->tries + (attempt->number > 0);
    put->gone = attempt->status == 410;
    int64_t pause = callback_pause_ms(put->tries, retry_after_ms, random);
    put->state = delivered                     ? CALLBACK_DELIVERED
                 : put->gone || callback->gone ? CALLBACK_DISABLED
                 : pause < 0                   ? CALLBACK_FAILED
                                               : CALLBACK_PENDING;
    put->next_at = put->state == CALLBACK_PENDING ? attempt->finished_at + pause : 0;
    op->done = on_recorded;
    op->context = self;
    store_submit(self->deliveries->api->deps.store, op);
}

/* What the answer says, from the connector's result or the details of its refusal. */
static void read_answer(struct str json, uint32_t *ret_status, int64_t *ret_retry_after_ms)
{
    struct json_object *answer, *headers;
    struct str text;
    int64_t status, at;
    uint64_t seconds;

    if (json.len == 0 || json_read(json, JSON_DEPTH_MAX, &answer, NULL, NULL) < 0) {
        return;
    }
    if (json_get_i64(answer, "status", &status)) {
        *ret_status = (uint32_t)status;
    }
    /* RFC 9110 §10.2.3: seconds, or a date. */
    if (json_get_object(answer, "headers", &headers) &&
        json_get_str(headers, "retry-after", &text)) {
        if (str_to_u64(text, UINT32_MAX, &seconds)) {
            *ret_retry_after_ms = (int64_t)seconds * 1000;
        } else if (clock_parse_http(text, &at)) {
            *ret_retry_after_ms = at - now_ms();
        }
    }
    json_object_put(answer);
}

/* Not the receiver's fault, and not the delivery's: hubd stops, or another attempt of the runner
 * brought it down. */
static bool was_cut_off(const struct supervisor_outcome *outcome)
{
    return outcome->kind == SUPERVISOR_DIED && (outcome->cause == SUPERVISOR_CAUSE_SIBLING ||
                                                outcome->cause == SUPERVISOR_CAUSE_CANCELLED);
}

static void fail(struct flight *self, struct str code)
{
    const struct callback_attempt attempt = {
        .number = self->callback.attempts + 1,
        .started_at = self->started_at,
        .finished_at = now_ms(),
        .code = code,
    };

    record(self, &attempt, false, 0);
}

void deliveries_finished(struct deliveries *self, const struct supervisor_outcome *outcome)
{
    struct flight *flight = map_get(&self->flights, token_view(&outcome->token));
    bool taken = outcome->kind == SUPERVISOR_OK;
    int64_t retry_after_ms = 0;

    for (unsigned i = 0; i < outcome->artifact_count; i++) {
        close(outcome->artifacts[i].fd);
    }
    if (flight == NULL) {
        return;
    }
    if (was_cut_off(outcome)) {
        put_off(flight, AGAIN_MS);
        return;
    }
    struct callback_attempt attempt = {
        .number = flight->callback.attempts + 1,
        .started_at = flight->started_at,
        .finished_at = now_ms(),
        .code = outcome->code,
    };
    read_answer(taken ? outcome->result : outcome->details, &attempt.status, &retry_after_ms);
    if (outcome->kind == SUPERVISOR_DIED) {
        attempt.code = str_from_c(supervisor_cause_name(outcome->cause));
    }
    record(flight, &attempt, taken, retry_after_ms);
}

/* --- An attempt --------------------------------------------------------------------------------*/

static int place(struct flight *self, const struct store_op *read)
{
    struct api *api = self->deliveries->api;
    const struct callback_record *callback = &self->callback;
    char id[ID_TEXT_LEN + 1];
    struct buf input;

    id_format(&callback->of.id, id);
    buf_init(&input, INPUT_MAX);
    self->started_at = now_ms();
    int err = delivery_input(self->deliveries, callback, read, self->started_at, &input);
    if (err == 0) {
        const struct supervisor_request request = {
            .token = self->token,
            .connector = STR("http"),
            .operation = STR("request"),
            .job_id = str_from_c(id),
            .attempt = callback->attempts + 1,
            .max_attempts = callback->attempts + CALLBACK_TRIES_MAX,
            .input = buf_view(&input),
            .idempotency_key = str_from_c(id),
            .traceparent =
                read->kind == STORE_JOB_GET ? read->job_get.ret_job.traceparent : (struct str){0},
            .timeout_ms = DELIVERY_TIMEOUT_MS + 1000, /* the connector's own comes first */
        };
        err = supervisor_start(api->deps.supervisor, &request);
    }
    buf_release(&input);
    return err;
}

static void on_read(struct store_op *op, void *context)
{
    struct flight *self = context;
    bool is_open_still = deliveries_open(self->deliveries);
    int err = op->err;

    if (err == 0 && is_open_still) {
        err = place(self, op);
    }
    if (err == HUB_ERR_NOT_FOUND || !is_open_still) {
        flight_free(self);
    } else if (err == HUB_ERR_AGAIN || err == HUB_ERR_NOMEM || op->err < 0) {
        put_off(self, AGAIN_MS);
    } else if (err < 0) {
        fail(self, str_from_c(hub_err_code(err)));
    }
}

static void begin(struct flight *self)
{
    struct store_op *op;

    if (self->callback.gone) {
        record(self, &(struct callback_attempt){0}, false, 0);
        return;
    }
    op = delivery_read(&self->callback);
    if (op == NULL) {
        put_off(self, AGAIN_MS);
        return;
    }
    op->done = on_read;
    op->context = self;
    store_submit(self->deliveries->api->deps.store, op);
}

/* --- Looking -----------------------------------------------------------------------------------*/

/* host:port, or what stands in its place. */
static struct str receiver_of(struct str url)
{
    struct str rest = url;

    str_split(&rest, '/');
    str_split(&rest, '/');
    size_t len = 0;
    while (len < rest.len && strchr("/?#", rest.ptr[len]) == NULL) {
        len++;
    }
    return str_of(rest.ptr, len);
}

/* One that hangs must not hold the places of all others. */
static bool is_busy(const struct deliveries *self, struct str url)
{
    struct str receiver = receiver_of(url);
    unsigned count = 0;

    MAP_FOR_EACH(entry, &self->flights) {
        const struct flight *flight = entry->value;
        count += str_eq_nocase(receiver_of(flight->callback.url), receiver);
    }
    return count >= DELIVERIES_RECEIVER_MAX;
}

/* False: there is no more to be done with what is due, for now. Who lands makes room, and looks
 * again. */
static bool take(struct deliveries *self, const struct callback_record *callback)
{
    int64_t now = now_ms();

    if (callback->next_at > now) {
        look_at(self, callback->next_at);
        return false;
    }
    if (is_flying(self, callback->seq) || is_busy(self, callback->url)) {
        return true;
    }
    struct flight *flight = self->flights.len < DELIVERIES_MAX ? flight_new(self, callback) : NULL;
    if (flight == NULL) {
        look_at(self, now + AGAIN_MS);
        return false;
    }
    begin(flight);
    return true;
}

static void read_due(struct deliveries *self, const struct callback_record *after);

static void on_due(struct store_op *op, void *context)
{
    struct deliveries *self = context;
    const struct store_callbacks *due = &op->callback_due.ret_callbacks;
    bool goes_on = op->err == 0 && due->count == op->callback_due.limit;

    self->looking = false;
    if (!deliveries_open(self)) {
        return;
    }
    if (op->err < 0) {
        look_at(self, now_ms() + AGAIN_MS);
    }
    for (unsigned i = 0; op->err == 0 && i < due->count; i++) {
        if (!take(self, &due->items[i])) {
            goes_on = false;
            break;
        }
    }
    if (goes_on) {
        read_due(self, &due->items[due->count - 1]);
    } else if (self->overdue) {
        self->overdue = false;
        deliveries_wake(self);
    }
}

/* The next page of what is pending, behind `after`; NULL: from the first on. */
static void read_due(struct deliveries *self, const struct callback_record *after)
{
    struct store_op *op = store_op_new(STORE_CALLBACK_DUE);

    if (op == NULL) {
        look_at(self, now_ms() + AGAIN_MS);
        return;
    }
    op->callback_due.limit = DUE_PAGE;
    if (after != NULL) {
        op->callback_due.after_at = after->next_at;
        op->callback_due.after_seq = after->seq;
    }
    op->done = on_due;
    op->context = self;
    self->looking = true;
    store_submit(self->api->deps.store, op);
}

static void look(struct deliveries *self)
{
    if (!deliveries_open(self) || !signer_ready(self->signer)) {
        return;
    }
    if (self->looking) {
        self->overdue = true;
    } else {
        read_due(self, NULL);
    }
}

/* --- Life --------------------------------------------------------------------------------------*/

int deliveries_new(struct api *api, struct deliveries **ret_self)
{
    struct deliveries *self = calloc(1, sizeof *self);

    if (self == NULL || signer_new(&self->signer) < 0) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    self->api = api;
    map_init(&self->flights);
    uv_timer_init(api->deps.loop, &self->timer);
    self->timer.data = self;
    *ret_self = self;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct deliveries *self = handle->data;

    map_release(&self->flights);
    signer_free(self->signer);
    free(self);
}

void deliveries_close(struct deliveries *self)
{
    struct map_entry *entry;

    if (self == NULL) {
        return;
    }
    while ((entry = map_next(&self->flights, NULL)) != NULL) {
        flight_free(entry->value);
    }
    uv_close((uv_handle_t *)&self->timer, on_closed);
}
