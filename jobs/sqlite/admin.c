#include "jobs/sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

int lite_queue_put(struct lite *self, struct store_op *op)
{
    const struct store_queue *queue = &op->queue_put.queue;
    struct lite_call call = lite_call(&self->writer, LITE_QUEUE_PUT);

    lite_bind_text(&call, queue->name);
    lite_bind_int(&call, queue->paused);
    lite_bind_int(&call, queue->concurrency);
    lite_bind_int(&call, queue->rate);
    lite_bind_int(&call, queue->rate_period_ms);
    return lite_run(&call);
}

int lite_key_put(struct lite *self, struct store_op *op)
{
    const struct store_key *key = &op->key_put.key;
    struct lite_call call = lite_call(&self->writer, LITE_API_KEY_PUT);

    lite_bind_text(&call, key->id);
    lite_bind_text(&call, key->name);
    lite_bind_blob(&call, key->digest.bytes, SHA256_LEN);
    lite_bind_int(&call, key->scopes);
    lite_bind_int(&call, key->created_at);
    return lite_run(&call);
}

int lite_key_delete(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->writer, LITE_API_KEY_DELETE);

    lite_bind_text(&call, op->key_delete.id);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_NOT_FOUND;
    }
    return err;
}

int lite_queue_list(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_QUEUE_ALL);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_queue)};
    bool ok = true;
    int got;

    while ((got = lite_step(&call)) > 0) {
        struct store_queue *queue = lite_rows_add(&rows);
        if (!queue) {
            got = HUB_ERR_NOMEM;
            break;
        }
        queue->name = lite_copy(&call, &op->arena, &ok);
        queue->paused = lite_int(&call) != 0;
        queue->concurrency = (uint32_t)lite_int(&call);
        queue->rate = (uint32_t)lite_int(&call);
        queue->rate_period_ms = (uint32_t)lite_int(&call);
    }
    lite_end(&call);
    op->queue_list.ret_queues = rows.items;
    op->queue_list.ret_count = rows.len;
    return ok ? got : HUB_ERR_NOMEM;
}

int lite_key_list(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_API_KEY_ALL);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_key)};
    bool ok = true;
    int got;

    while ((got = lite_step(&call)) > 0) {
        struct store_key *key = lite_rows_add(&rows);
        if (!key) {
            got = HUB_ERR_NOMEM;
            break;
        }
        key->id = lite_copy(&call, &op->arena, &ok);
        key->name = lite_copy(&call, &op->arena, &ok);
        struct str digest = lite_str(&call);
        if (digest.len == SHA256_LEN) {
            memcpy(key->digest.bytes, digest.ptr, SHA256_LEN);
        }
        key->scopes = (uint32_t)lite_int(&call);
        key->created_at = lite_int(&call);
    }
    lite_end(&call);
    op->key_list.ret_keys = rows.items;
    op->key_list.ret_count = rows.len;
    return ok ? got : HUB_ERR_NOMEM;
}
