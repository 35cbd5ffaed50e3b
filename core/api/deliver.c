#include "api/deliver.h"

#include "api/render.h"
#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOON_MS    20 /* what ends together is looked for once */
#define AGAIN_MS   1000
#define BODY_MAX   (1u << 20)
#define INPUT_MAX  (2u << 20) /* that a runner takes */
#define SEALED_MAX 1024
#define URL_ARENA  (8u << 10)

struct deliveries {
    struct api *api;
    uv_timer_t timer;
    int64_t timer_at; /* wall clock; 0: it is not set */
    struct signer *signer;
    bool looking;              /* at what is due */
    bool overdue;              /* look once more after that */
    struct rotation *rotation; /* under way, or NULL */
    uint64_t last;             /* token */
    struct map flights;        /* token → struct flight */
};

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

static bool is_open(const struct deliveries *self)
{
    return self->api->phase == API_READY;
}

void delivery_id(const struct callback_record *callback, char ret_text[DELIVERY_SHOWN_ID_MAX])
{
    char job[ID_TEXT_LEN + 1];

    id_format(&callback->job, job);
    snprintf(ret_text, DELIVERY_SHOWN_ID_MAX, "%s-%lld", job, (long long)callback->seq);
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

    if (!is_open(self) || (self->timer_at != 0 && self->timer_at <= at)) {
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

static void append_message(const struct flight *self, const struct job_record *job,
                           enum render_detail detail, struct buf *out)
{
    buf_append_format(out,
                      "{\"type\":\"job.%s\",\"timestamp\":", job_state_name(self->callback.event));
    clock_append_json(out, self->callback.created_at);
    buf_append_c(out, ",\"data\":");
    render_job(out, job, NULL, detail);
    buf_append_char(out, '}');
}

/* The input of http.request. */
static int append_input(const struct flight *self, struct str message, struct buf *out)
{
    const int64_t seconds = self->started_at / 1000;
    char id[DELIVERY_SHOWN_ID_MAX];
    struct buf signatures;

    delivery_id(&self->callback, id);
    buf_init(&signatures, 1024);
    int err = signer_sign(self->deliveries->signer, str_from_c(id), seconds, message,
                          self->started_at, &signatures);
    buf_append_c(out, "{\"method\":\"POST\",\"url\":");
    buf_append_json_string(out, self->callback.url);
    buf_append_format(out,
                      ",\"headers\":{\"webhook-id\":\"%s\",\"webhook-timestamp\":\"%lld\","
                      "\"webhook-signature\":",
                      id, (long long)seconds);
    buf_append_json_string(out, buf_view(&signatures));
    buf_append_c(out, "},\"idempotency_header\":null,\"retry_status\":[],\"max_redirects\":0");
    buf_append_format(out, ",\"timeout_ms\":%d,\"connect_timeout_ms\":%d", DELIVERY_TIMEOUT_MS,
                      DELIVERY_TIMEOUT_MS);
    buf_append_c(out, ",\"body\":{\"media_type\":\"application/json\",\"text\":");
    buf_append_json_string(out, message);
    buf_append_c(out, "}}");
    buf_release(&signatures);
    return err == 0 && buf_failed(out) ? HUB_ERR_TOO_LARGE : err;
}

static int make_input(const struct flight *self, const struct job_record *job,
                      enum render_detail detail, struct buf *out)
{
    struct buf message;
    int err = HUB_ERR_TOO_LARGE;

    buf_init(&message, BODY_MAX);
    append_message(self, job, detail, &message);
    if (!buf_failed(&message)) {
        err = append_input(self, buf_view(&message), out);
    }
    buf_release(&message);
    return err;
}

static int place(struct flight *self, const struct job_record *job)
{
    struct api *api = self->deliveries->api;
    char id[ID_TEXT_LEN + 1];
    struct buf input;

    id_format(&job->id, id);
    buf_init(&input, INPUT_MAX);
    self->started_at = now_ms();
    int err = make_input(self, job, RENDER_FULL, &input);
    if (err == HUB_ERR_TOO_LARGE) {
        buf_clear(&input);
        err = make_input(self, job, RENDER_SUMMARY, &input);
    }
    if (err == 0) {
        const struct supervisor_request request = {
            .token = self->token,
            .connector = STR("http"),
            .operation = STR("request"),
            .job_id = str_from_c(id),
            .attempt = self->callback.attempts + 1,
            .max_attempts = self->callback.attempts + CALLBACK_TRIES_MAX,
            .input = buf_view(&input),
            .idempotency_key = str_from_c(id),
            .traceparent = job->traceparent,
            .timeout_ms = DELIVERY_TIMEOUT_MS + 1000, /* the connector's own comes first */
        };
        err = supervisor_start(api->deps.supervisor, &request);
    }
    buf_release(&input);
    return err;
}

static void on_job(struct store_op *op, void *context)
{
    struct flight *self = context;
    bool is_open_still = is_open(self->deliveries);
    int err = op->err;

    if (err == 0 && is_open_still) {
        err = place(self, &op->job_get.ret_job);
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
    op = store_op_new(STORE_JOB_GET);
    if (op == NULL) {
        put_off(self, AGAIN_MS);
        return;
    }
    op->job_get.id = self->callback.job;
    op->done = on_job;
    op->context = self;
    store_submit(self->deliveries->api->deps.store, op);
}

/* --- Looking -----------------------------------------------------------------------------------*/

static void take(struct deliveries *self, const struct store_callbacks *callbacks)
{
    int64_t now = now_ms();

    for (unsigned i = 0; i < callbacks->count; i++) {
        const struct callback_record *callback = &callbacks->items[i];
        if (is_flying(self, callback->seq)) {
            continue;
        }
        if (callback->next_at > now) {
            look_at(self, callback->next_at);
            return;
        }
        /* Who lands makes room, and looks again. */
        struct flight *flight =
            self->flights.len < DELIVERIES_MAX ? flight_new(self, callback) : NULL;
        if (flight == NULL) {
            look_at(self, now + AGAIN_MS);
            return;
        }
        begin(flight);
    }
}

static void on_due(struct store_op *op, void *context)
{
    struct deliveries *self = context;

    self->looking = false;
    if (!is_open(self)) {
        return;
    }
    if (op->err < 0) {
        look_at(self, now_ms() + AGAIN_MS);
    } else {
        take(self, &op->callback_due.ret_callbacks);
    }
    if (self->overdue) {
        self->overdue = false;
        deliveries_wake(self);
    }
}

static void look(struct deliveries *self)
{
    if (!is_open(self) || !signer_ready(self->signer)) {
        return;
    }
    if (self->looking) {
        self->overdue = true;
        return;
    }
    struct store_op *op = store_op_new(STORE_CALLBACK_DUE);
    if (op == NULL) {
        look_at(self, now_ms() + AGAIN_MS);
        return;
    }
    /* Those under way are pending still; one more tells when to come back. */
    op->callback_due.limit = (unsigned)self->flights.len + DELIVERIES_MAX + 1;
    op->done = on_due;
    op->context = self;
    self->looking = true;
    store_submit(self->api->deps.store, op);
}

/* --- Keys --------------------------------------------------------------------------------------*/

/* Of new keys, on their way to the store. */
struct rotation {
    struct deliveries *deliveries;
    struct signer *signer;
    deliveries_done_fn *done; /* NULL: they are the first */
    void *context;
};

static void rotation_free(struct rotation *self)
{
    if (self != NULL) {
        signer_free(self->signer);
        free(self);
    }
}

static void read_keys(struct deliveries *self);

static void on_put(struct store_op *op, void *context)
{
    struct rotation *self = context;
    struct deliveries *deliveries = self->deliveries;
    deliveries_done_fn *done = self->done;

    deliveries->rotation = NULL;
    if (op->err == 0) {
        signer_copy(deliveries->signer, self->signer);
    }
    if (done != NULL) {
        done(self->context, op->err);
    } else if (op->err == HUB_ERR_CONFLICT) {
        read_keys(deliveries);
    } else {
        deliveries_wake(deliveries);
    }
    rotation_free(self);
}

/* 0: on_put() comes. */
static int put_keys(struct deliveries *self, deliveries_done_fn *done, void *context)
{
    struct rotation *rotation = calloc(1, sizeof *rotation);
    struct store_op *op = store_op_new(STORE_SIGNING_PUT);
    struct buf sealed;
    int err = HUB_ERR_NOMEM;

    buf_init(&sealed, SEALED_MAX);
    if (rotation == NULL || op == NULL || signer_new(&rotation->signer) < 0) {
        goto out;
    }
    if (signer_ready(self->signer)) {
        signer_copy(rotation->signer, self->signer);
        signer_rotate(rotation->signer, now_ms());
    } else {
        signer_make(rotation->signer, now_ms());
        op->signing_put.only_new = true;
    }
    err = signer_seal(rotation->signer, self->api->deps.vault, &sealed);
    if (err < 0) {
        goto out;
    }
    op->signing_put.sealed = arena_str(&op->arena, buf_view(&sealed));
    if (op->signing_put.sealed.ptr == NULL) {
        err = HUB_ERR_NOMEM;
        goto out;
    }
    rotation->deliveries = self;
    rotation->done = done;
    rotation->context = context;
    self->rotation = rotation;
    op->done = on_put;
    op->context = rotation;
    store_submit(self->api->deps.store, op);
out:
    buf_release(&sealed);
    if (err < 0) {
        rotation_free(rotation);
        store_op_free(op);
    }
    return err;
}

static void on_keys(struct store_op *op, void *context)
{
    struct deliveries *self = context;
    int err = op->err;

    if (!is_open(self)) {
        return;
    }
    if (err == 0) {
        err = signer_open(self->signer, self->api->deps.vault, op->signing_get.ret_sealed);
    } else if (err == HUB_ERR_NOT_FOUND) {
        err = put_keys(self, NULL, NULL);
    }
    if (err < 0) {
        log_error(self->api->deps.log, "api", "callbacks cannot be signed, and are not sent",
                  "why=%s", hub_err_code(err));
    } else {
        deliveries_wake(self);
    }
}

static void read_keys(struct deliveries *self)
{
    struct store_op *op = is_open(self) ? store_op_new(STORE_SIGNING_GET) : NULL;

    if (op != NULL) {
        op->done = on_keys;
        op->context = self;
        store_submit(self->api->deps.store, op);
    }
}

void deliveries_begin(struct deliveries *self)
{
    read_keys(self);
}

const struct signer *deliveries_signer(const struct deliveries *self)
{
    return signer_ready(self->signer) ? self->signer : NULL;
}

void deliveries_rotate(struct deliveries *self, deliveries_done_fn *done, void *context)
{
    bool possible = is_open(self) && signer_ready(self->signer) && self->rotation == NULL;
    int err = possible ? put_keys(self, done, context) : HUB_ERR_UNAVAILABLE;

    if (err < 0) {
        done(context, err);
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
