#include "api/deliver_parts.h"

#include "api/batches.h"
#include "api/flows.h"
#include "api/render.h"
#include "base/clock.h"

#include <stdio.h>

#define BODY_MAX (1u << 20)

void delivery_id(const struct callback_record *callback, char ret_text[DELIVERY_SHOWN_ID_MAX])
{
    char id[ID_TEXT_LEN + 1];

    id_format(&callback->of.id, id);
    snprintf(ret_text, DELIVERY_SHOWN_ID_MAX, "%s-%lld", id, (long long)callback->seq);
}

const char *delivery_event(const struct callback_record *callback)
{
    return callback->of.kind == WORK_JOB ? job_state_name(callback->event) : "completed";
}

struct store_op *delivery_read(const struct callback_record *callback)
{
    static const enum store_op_kind KINDS[WORK_KIND_COUNT] = {
        [WORK_JOB] = STORE_JOB_GET,
        [WORK_BATCH] = STORE_BATCH_GET,
        [WORK_FLOW] = STORE_FLOW_GET,
    };
    struct store_op *op = store_op_new(KINDS[callback->of.kind]);

    if (op == NULL) {
        return NULL;
    }
    switch (op->kind) {
    case STORE_BATCH_GET:
        op->batch_get.id = callback->of.id;
        break;
    case STORE_FLOW_GET:
        op->flow_get.id = callback->of.id;
        break;
    default:
        op->job_get.id = callback->of.id;
    }
    return op;
}

static void append_data(const struct deliveries *self, const struct store_op *read,
                        enum render_detail detail, struct buf *out)
{
    struct api *api = self->api;

    switch (read->kind) {
    case STORE_BATCH_GET:
        render_batch(out, api, &read->batch_get.ret_batch, NULL, 0);
        break;
    case STORE_FLOW_GET:
        render_flow(out, api->deps.jobs, &read->flow_get);
        break;
    default:
        render_job(out, &read->job_get.ret_job, NULL, detail);
    }
}

static void append_message(const struct deliveries *self, const struct callback_record *callback,
                           const struct store_op *read, enum render_detail detail, struct buf *out)
{
    buf_append_format(out, "{\"type\":\"%s.%s\",\"timestamp\":", work_kind_name(callback->of.kind),
                      delivery_event(callback));
    clock_append_json(out, callback->created_at);
    buf_append_c(out, ",\"data\":");
    append_data(self, read, detail, out);
    buf_append_char(out, '}');
}

/* The input of http.request. */
static int append_input(const struct deliveries *self, const struct callback_record *callback,
                        struct str message, int64_t now, struct buf *out)
{
    const int64_t seconds = now / 1000;
    char id[DELIVERY_SHOWN_ID_MAX];
    struct buf signatures;

    delivery_id(callback, id);
    buf_init(&signatures, 1024);
    int err = signer_sign(self->signer, str_from_c(id), seconds, message, now, &signatures);
    buf_append_c(out, "{\"method\":\"POST\",\"url\":");
    buf_append_json_string(out, callback->url);
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

static int make_input(const struct deliveries *self, const struct callback_record *callback,
                      const struct store_op *read, enum render_detail detail, int64_t now,
                      struct buf *out)
{
    struct buf message;
    int err = HUB_ERR_TOO_LARGE;

    buf_init(&message, BODY_MAX);
    append_message(self, callback, read, detail, &message);
    if (!buf_failed(&message)) {
        err = append_input(self, callback, buf_view(&message), now, out);
    }
    buf_release(&message);
    return err;
}

int delivery_input(const struct deliveries *self, const struct callback_record *callback,
                   const struct store_op *read, int64_t now, struct buf *out)
{
    int err = make_input(self, callback, read, RENDER_FULL, now, out);

    if (err == HUB_ERR_TOO_LARGE && read->kind == STORE_JOB_GET) {
        buf_clear(out);
        err = make_input(self, callback, read, RENDER_SUMMARY, now, out);
    }
    return err;
}
