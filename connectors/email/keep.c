#include "keep.h"

/* What came of a call; it is filled in before the call returns. */
struct answer {
    int32_t status;
    struct buf *value;
    keep_visit *visit;
    void *context;
    uint32_t count;
};

static void answered(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    struct answer *self = context;
    self->status = status;
    self->count = count;
    for (uint32_t i = 0; i < count && status == HUB_CALL_OK; i++) {
        if (self->value) {
            buf_append_str(self->value, str_of_hub(values[i].value));
        }
        if (self->visit) {
            self->visit(self->context, &values[i]);
        }
    }
}

int32_t keep_put(const struct email *email, hub_job *job, uint32_t scope, struct str key,
                 struct str value)
{
    struct answer answer = {.status = HUB_CALL_CLOSED};
    if (!email->keep) {
        return HUB_CALL_CLOSED;
    }
    int32_t called =
        email->keep->put(job, scope, 0, hub_of_str(key), hub_of_str(value), 0, answered, &answer);
    return called == HUB_CALL_OK ? answer.status : called;
}

int32_t keep_get(const struct email *email, hub_job *job, uint32_t scope, struct str key,
                 struct buf *ret)
{
    struct answer answer = {.status = HUB_CALL_CLOSED, .value = ret};
    if (!email->keep) {
        return HUB_CALL_CLOSED;
    }
    int32_t called = email->keep->get(job, scope, hub_of_str(key), answered, &answer);
    return called == HUB_CALL_OK ? answer.status : called;
}

int32_t keep_list(const struct email *email, hub_job *job, uint32_t scope, struct str prefix,
                  struct str after, uint32_t limit, keep_visit *visit, void *context,
                  uint32_t *ret_count)
{
    struct answer answer = {.status = HUB_CALL_CLOSED, .visit = visit, .context = context};
    if (!email->keep) {
        return HUB_CALL_CLOSED;
    }
    int32_t called = email->keep->list(job, scope, hub_of_str(prefix), hub_of_str(after), limit,
                                       answered, &answer);
    *ret_count = answer.count;
    return called == HUB_CALL_OK ? answer.status : called;
}
