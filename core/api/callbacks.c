/*
 * GET /v1/jobs/{id}/callbacks, POST …/resend, the same of batches and flows, GET /v1/callbacks, GET
 * /v1/callbacks/keys, POST …/keys/rotate
 */
#include "api/cursor.h"
#include "api/deliver.h"
#include "api/render.h"
#include "api/resources.h"
#include "base/clock.h"

#include <endian.h>
#include <string.h>

#define LIMIT_DEFAULT 50
#define KEYS_MAX      1024

/* --- Rendering ---------------------------------------------------------------------------------*/

static void render_attempts(struct buf *out, const struct callback_record *callback)
{
    buf_append_c(out, ",\"log\":[");
    for (unsigned i = 0; i < callback->log_count; i++) {
        const struct callback_attempt *attempt = &callback->log[i];
        buf_append_format(out, "%s{\"number\":%u,\"started_at\":", i > 0 ? "," : "",
                          attempt->number);
        clock_append_json(out, attempt->started_at);
        buf_append_c(out, ",\"finished_at\":");
        clock_append_json(out, attempt->finished_at);
        if (attempt->status > 0) {
            buf_append_format(out, ",\"status\":%u,", attempt->status);
        } else {
            buf_append_c(out, ",\"status\":null,");
        }
        render_text_or_null(out, "code", attempt->code);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void render_callback(struct buf *out, const struct callback_record *callback, bool with_log)
{
    char of[ID_TEXT_LEN + 1];
    char id[DELIVERY_SHOWN_ID_MAX];
    const char *kind = work_kind_name(callback->of.kind);

    id_format(&callback->of.id, of);
    delivery_id(callback, id);
    buf_append_format(out, "{\"id\":\"%s\",\"%s\":\"%s\",\"type\":\"%s.%s\",\"url\":", id, kind, of,
                      kind, delivery_event(callback));
    buf_append_json_string(out, callback->url);
    buf_append_format(out, ",\"state\":\"%s\",\"attempts\":%u,\"created_at\":",
                      callback_state_name(callback->state), callback->attempts);
    clock_append_json(out, callback->created_at);
    buf_append_c(out, ",\"next_at\":");
    clock_append_json(out, callback->state == CALLBACK_PENDING ? callback->next_at : 0);
    if (with_log) {
        render_attempts(out, callback);
    }
    buf_append_char(out, '}');
}

static void render_callbacks(struct buf *out, const struct callback_record *callbacks,
                             unsigned count, bool with_log)
{
    buf_append_c(out, "{\"callbacks\":[");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        render_callback(out, &callbacks[i], with_log);
    }
}

/* --- Of one ------------------------------------------------------------------------------------*/

static void on_of(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct store_callbacks *found = &op->callback_of.ret_callbacks;
    struct buf *body = api_answer_buf(call->api);

    if (op->err < 0) {
        api_fail(call, op->err, "the callbacks could not be read");
        return;
    }
    render_callbacks(body, found->items, found->count, true);
    cursor_reply(call, body, NULL);
}

static void answer_of(struct api_call *call, const struct work *work)
{
    struct store_op *op = api_op(call, STORE_CALLBACK_OF, on_of);

    if (op != NULL) {
        op->callback_of.of = *work;
        api_submit(call, op);
    }
}

static void fail_missing(struct api_call *call, int err, enum work_kind kind)
{
    api_fail(call, err, err == HUB_ERR_NOT_FOUND ? "no %s has this id" : "the %s could not be read",
             work_kind_name(kind));
}

/* It is there, or not. */
static void on_job(struct store_op *op, void *context)
{
    if (op->err < 0) {
        fail_missing(context, op->err, WORK_JOB);
    } else {
        answer_of(context, &(struct work){WORK_JOB, op->job_input.id});
    }
}

static void on_batch(struct store_op *op, void *context)
{
    bool is_there = op->err == 0 && !batch_hidden(&op->batch_get.ret_batch);

    if (!is_there) {
        fail_missing(context, op->err < 0 ? op->err : HUB_ERR_NOT_FOUND, WORK_BATCH);
    } else {
        answer_of(context, &(struct work){WORK_BATCH, op->batch_get.id});
    }
}

static void on_flow(struct store_op *op, void *context)
{
    if (op->err < 0) {
        fail_missing(context, op->err, WORK_FLOW);
    } else {
        answer_of(context, &(struct work){WORK_FLOW, op->flow_get.id});
    }
}

void api_job_callbacks(struct api_call *call)
{
    struct store_op *op;
    struct id id;

    if (!api_path_id(call, 0, &id)) {
        return;
    }
    op = api_op(call, STORE_JOB_INPUT, on_job); /* the least that tells whether it is there */
    if (op != NULL) {
        op->job_input.id = id;
        api_submit(call, op);
    }
}

void api_batch_callbacks(struct api_call *call)
{
    struct store_op *op;
    struct id id;

    if (!api_path_id(call, 0, &id)) {
        return;
    }
    op = api_op(call, STORE_BATCH_GET, on_batch);
    if (op != NULL) {
        op->batch_get.id = id;
        api_submit(call, op);
    }
}

void api_flow_callbacks(struct api_call *call)
{
    struct store_op *op;
    struct id id;

    if (!api_path_id(call, 0, &id)) {
        return;
    }
    op = api_op(call, STORE_FLOW_GET, on_flow);
    if (op != NULL) {
        op->flow_get.id = id;
        api_submit(call, op);
    }
}

static void on_resent(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct work *of = &op->callback_resend.of;

    if (op->err == HUB_ERR_CONFLICT) {
        api_fail(call, op->err, "the %s has no callback_url, or has not ended yet",
                 work_kind_name(of->kind));
    } else if (op->err < 0) {
        fail_missing(call, op->err, of->kind);
    } else {
        deliveries_wake(call->api->deliveries);
        answer_of(call, of);
    }
}

static void resend(struct api_call *call, enum work_kind kind)
{
    struct store_op *op;
    struct id id;

    if (!api_path_id(call, 0, &id)) {
        return;
    }
    op = api_op(call, STORE_CALLBACK_RESEND, on_resent);
    if (op != NULL) {
        op->callback_resend.of = (struct work){kind, id};
        op->callback_resend.now = clock_wall_ms();
        api_submit(call, op);
    }
}

void api_job_callbacks_resend(struct api_call *call)
{
    resend(call, WORK_JOB);
}

void api_batch_callbacks_resend(struct api_call *call)
{
    resend(call, WORK_BATCH);
}

void api_flow_callbacks_resend(struct api_call *call)
{
    resend(call, WORK_FLOW);
}

/* --- Of all ------------------------------------------------------------------------------------*/

static struct id place_of(int64_t seq)
{
    uint64_t packed = htobe64((uint64_t)seq);
    struct id place = {{0}};

    memcpy(place.bytes, &packed, sizeof packed);
    return place;
}

static int64_t seq_of(const struct id *place)
{
    uint64_t packed;

    memcpy(&packed, place->bytes, sizeof packed);
    return (int64_t)(be64toh(packed) & INT64_MAX);
}

static void on_listed(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct store_callback_list *list = &op->callback_list;
    const struct store_callbacks *found = &list->ret_callbacks;
    struct buf *body = api_answer_buf(call->api);

    if (op->err < 0) {
        api_fail(call, op->err, "the callbacks could not be read");
        return;
    }
    bool more = found->count == list->limit; /* one more than was asked for */
    unsigned count = more ? found->count - 1 : found->count;
    render_callbacks(body, found->items, count, false);
    struct id place;
    if (more) {
        place = place_of(found->items[count - 1].seq);
    }
    cursor_reply(call, body, more ? &place : NULL);
}

void api_callback_list(struct api_call *call)
{
    enum callback_state state = CALLBACK_FAILED;
    struct id place = {{0}};
    struct store_op *op;
    struct str name;
    uint64_t limit;

    if (!api_query(call, "state", &name) || !cursor_read(call, &place) ||
        !api_query_u64(call, "limit", 1, CALLBACK_LIST_MAX, LIMIT_DEFAULT, &limit)) {
        return;
    }
    if (name.len > 0 && !callback_state_parse(name, &state)) {
        api_fail(call, HUB_ERR_BAD_REQUEST,
                 "state: must be pending, delivered, failed or disabled");
        return;
    }
    op = api_op(call, STORE_CALLBACK_LIST, on_listed);
    if (op != NULL) {
        op->callback_list.state = state;
        op->callback_list.before = seq_of(&place);
        op->callback_list.limit = (unsigned)limit + 1;
        api_submit(call, op);
    }
}

/* --- Keys --------------------------------------------------------------------------------------*/

static void append_secrets(struct buf *out, const struct signer *signer, int64_t now)
{
    buf_append_c(out, ",\"secrets\":[");
    for (unsigned i = 0; i < signer_secrets(signer, now); i++) {
        buf_append_c(out, i > 0 ? ",{\"secret\":\"" : "{\"secret\":\"");
        signer_secret_append(signer, i, out);
        buf_append_c(out, "\",\"created_at\":");
        clock_append_json(out, signer_secret_created(signer, i));
        buf_append_c(out, ",\"expires_at\":");
        clock_append_json(out, signer_secret_until(signer, i));
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void answer_keys(struct api_call *call)
{
    const struct signer *signer = deliveries_signer(call->api->deliveries);
    char bytes[KEYS_MAX];
    struct buf body;

    if (signer == NULL) {
        api_fail(call, HUB_ERR_UNAVAILABLE, "the keys are not there yet");
        return;
    }
    buf_init_fixed(&body, bytes, sizeof bytes);
    buf_append_c(&body, "{\"public_key\":\"");
    int err = signer_public_append(signer, &body);
    buf_append_char(&body, '"');
    if (auth_allows(&call->principal, SCOPE_ADMIN)) {
        append_secrets(&body, signer, clock_wall_ms());
    }
    buf_append_char(&body, '}');
    if (err < 0 || buf_failed(&body)) {
        api_fail(call, HUB_ERR_INTERNAL, "the keys could not be shown");
    } else {
        const struct http_header header = {STR("Cache-Control"), STR("no-store")};
        api_reply_with(call, 200, buf_view(&body), &header, 1);
    }
    explicit_bzero(bytes, sizeof bytes);
}

void api_callback_keys(struct api_call *call)
{
    answer_keys(call);
}

static void on_rotated(void *context, int err)
{
    struct api_call *call = context;

    if (err < 0) {
        api_fail(call, err, "the secret could not be rotated");
    } else {
        answer_keys(call);
    }
}

void api_callback_keys_rotate(struct api_call *call)
{
    deliveries_rotate(call->api->deliveries, on_rotated, call);
}
