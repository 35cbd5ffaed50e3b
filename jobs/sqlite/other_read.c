#include "jobs/sqlite/lite.h"

#include <string.h>

int lite_read_artifact(struct lite_call *call, struct arena *arena,
                       struct artifact_record *ret_artifact)
{
    struct sha256_digest digest;
    char *hex = arena_alloc(arena, SHA256_HEX_LEN + 1);
    bool ok = hex != NULL;

    ret_artifact->id = lite_id(call);
    ret_artifact->name = lite_copy(call, arena, &ok);
    ret_artifact->media_type = lite_copy(call, arena, &ok);
    ret_artifact->size = (uint64_t)lite_int(call);
    struct str sha256 = lite_str(call);
    ret_artifact->created_at = lite_int(call);
    ret_artifact->expires_at = lite_int(call);
    if (!ok || sha256.len != SHA256_LEN) {
        return ok ? HUB_ERR_CORRUPT : HUB_ERR_NOMEM;
    }
    memcpy(digest.bytes, sha256.ptr, SHA256_LEN);
    ret_artifact->job = lite_id(call);
    sha256_hex(&digest, hex);
    ret_artifact->sha256 = str_of(hex, SHA256_HEX_LEN);
    return 0;
}

int lite_artifact_get(struct lite *self, struct store_op *op)
{
    struct store_artifact_get *get = &op->artifact_get;
    bool by_id = !id_is_zero(&get->id);
    struct lite_call call =
        lite_call(&self->reader, by_id ? LITE_ARTIFACT_GET : LITE_ARTIFACT_GET_BY_NAME);

    lite_bind_id(&call, by_id ? &get->id : &get->job);
    if (!by_id) {
        lite_bind_text(&call, get->name);
    }
    int got = lite_step(&call);
    int err = got > 0    ? lite_read_artifact(&call, &op->arena, &get->ret_artifact)
              : got == 0 ? HUB_ERR_NOT_FOUND
                         : got;
    lite_end(&call);
    return err;
}

int lite_job_counts(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_COUNTS);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_count)};
    bool ok = true;
    int got;

    while ((got = lite_step(&call)) > 0) {
        struct store_count *count = lite_rows_add(&rows);
        if (!count) {
            got = HUB_ERR_NOMEM;
            break;
        }
        count->queue = lite_copy(&call, &op->arena, &ok);
        count->state = (enum job_state)lite_int(&call);
        count->count = (uint64_t)lite_int(&call);
    }
    lite_end(&call);
    op->job_counts.ret_counts = rows.items;
    op->job_counts.ret_count = rows.len;
    return ok ? got : HUB_ERR_NOMEM;
}
