/*
 * calls.c — what attempts ask of hubd (hub.keep/1, hub.ledger/1), from a runner's frame to its
 * ANSWER.
 *
 * A call belongs to the member that made it until it is answered, even when its attempt has ended
 * meanwhile: a thread of the runner may be waiting. When the member goes, its calls forget it.
 */
#include "supervisor/internal.h"

#include "wire/names.h"

#include <stdlib.h>

struct supervisor_call {
    struct member *member; /* NULL: it is gone, nobody waits */
    struct list link;      /* in member.calls */
    uint64_t token;
    uint32_t number; /* the runner's */
};

/* --- Asking ------------------------------------------------------------------------------------*/

static bool is_key_or_none(struct str key)
{
    return key.len == 0 || name_is_key(key);
}

typedef int read_fn(struct str body, uint32_t *ret_number, struct supervisor_keep *ret_keep);

static int read_put(struct str body, uint32_t *ret_number, struct supervisor_keep *ret_keep)
{
    struct wire_keep_put put;
    if (wire_decode_keep_put(body, &put) < 0 || !name_is_key(put.key) ||
        (put.removes && (put.value.len > 0 || put.only_new))) {
        return HUB_ERR_PROTOCOL;
    }
    *ret_number = put.call;
    ret_keep->kind = SUPERVISOR_KEEP_PUT;
    ret_keep->of_account = put.scope == WIRE_SCOPE_ACCOUNT;
    ret_keep->only_new = put.only_new;
    ret_keep->removes = put.removes;
    ret_keep->expires_ms = put.expires_ms;
    ret_keep->key = put.key;
    ret_keep->value = put.value;
    return 0;
}

static int read_get(struct str body, uint32_t *ret_number, struct supervisor_keep *ret_keep)
{
    struct wire_keep_get get;
    if (wire_decode_keep_get(body, &get) < 0 || !name_is_key(get.key)) {
        return HUB_ERR_PROTOCOL;
    }
    *ret_number = get.call;
    ret_keep->kind = SUPERVISOR_KEEP_GET;
    ret_keep->of_account = get.scope == WIRE_SCOPE_ACCOUNT;
    ret_keep->key = get.key;
    return 0;
}

static int read_list(struct str body, uint32_t *ret_number, struct supervisor_keep *ret_keep)
{
    struct wire_keep_list list;
    if (wire_decode_keep_list(body, &list) < 0 || list.limit == 0 || !is_key_or_none(list.prefix) ||
        !is_key_or_none(list.after)) {
        return HUB_ERR_PROTOCOL;
    }
    *ret_number = list.call;
    ret_keep->kind = SUPERVISOR_KEEP_LIST;
    ret_keep->of_account = list.scope == WIRE_SCOPE_ACCOUNT;
    ret_keep->key = list.prefix;
    ret_keep->after = list.after;
    ret_keep->limit = list.limit;
    return 0;
}

static int read_append(struct str body, uint32_t *ret_number, struct supervisor_keep *ret_keep)
{
    struct wire_ledger_append append;
    if (wire_decode_ledger_append(body, &append) < 0 || !name_is_code(append.kind) ||
        !name_is_entry(append.body)) {
        return HUB_ERR_PROTOCOL;
    }
    *ret_number = append.call;
    ret_keep->kind = SUPERVISOR_LEDGER_APPEND;
    ret_keep->key = append.kind;
    ret_keep->value = append.body;
    return 0;
}

static bool is_under_way(const struct member *member, uint32_t number)
{
    LIST_FOR_EACH(link, &member->calls) {
        if (CONTAINER_OF(link, struct supervisor_call, link)->number == number) {
            return true;
        }
    }
    return false;
}

int member_call(struct member *self, const struct wire_frame *frame)
{
    static read_fn *const READ[WIRE_TYPE_END] = {
        [WIRE_KEEP_PUT] = read_put,
        [WIRE_KEEP_GET] = read_get,
        [WIRE_KEEP_LIST] = read_list,
        [WIRE_LEDGER_APPEND] = read_append,
    };
    struct supervisor *supervisor = self->connector->supervisor;
    struct attempt *attempt = placement_find(supervisor, frame->token);
    struct supervisor_keep keep = {0};
    uint32_t number;
    if (!attempt || attempt->member != self || self->call_count == WIRE_CALLS_MAX ||
        READ[frame->type](frame->body, &number, &keep) < 0 || is_under_way(self, number)) {
        return HUB_ERR_PROTOCOL;
    }
    struct supervisor_call *call = malloc(sizeof *call);
    if (!call) {
        return HUB_ERR_NOMEM;
    }
    *call = (struct supervisor_call){.member = self, .token = frame->token, .number = number};
    list_init(&call->link);
    list_append(&self->calls, &call->link);
    self->call_count++;
    keep.connector = str_from_c(self->connector->name);
    keep.job_id = str_of(attempt->job_id, attempt->job_id_len);
    keep.account = str_of(attempt->account, attempt->account_len);
    keep.attempt = attempt->number;
    if (attempt->stop == STOP_DEADLINE) { /* whatever it says now does not count */
        supervisor_answer(supervisor, call, HUB_ERR_CLOSED, NULL, 0);
    } else if (supervisor->events.on_keep) {
        supervisor->events.on_keep(supervisor->context, call, &keep);
    } else {
        supervisor_answer(supervisor, call, HUB_ERR_UNAVAILABLE, NULL, 0);
    }
    return 0;
}

/* --- Answering ---------------------------------------------------------------------------------*/

/* As many as fit; the first always does. */
static uint32_t append_values(struct buf *records, const struct supervisor_kept *values,
                              unsigned count)
{
    size_t bytes = 0;
    uint32_t done = 0;
    for (; done < count && done < WIRE_VALUES_MAX; done++) {
        struct wire_value value = {(uint64_t)values[done].kept_at, values[done].key,
                                   values[done].value};
        bytes += value.value.len;
        if (bytes > WIRE_VALUE_MAX || wire_value_append(records, &value) < 0) {
            break;
        }
    }
    return done;
}

void supervisor_answer(struct supervisor *self, struct supervisor_call *call, int err,
                       const struct supervisor_kept *values, unsigned count)
{
    struct member *member = call->member;
    struct wire_answer answer = {
        .call = call->number,
        .status = err == 0                  ? WIRE_STATUS_OK
                  : err == HUB_ERR_CONFLICT ? WIRE_STATUS_EXISTS
                  : err == HUB_ERR_LIMIT    ? WIRE_STATUS_LIMIT
                  : err == HUB_ERR_CLOSED   ? WIRE_STATUS_CLOSED
                                            : WIRE_STATUS_FAILED,
    };
    struct buf records;
    (void)self;
    buf_init(&records, BUF_NO_LIMIT);
    if (member && err == 0) {
        answer.count = append_values(&records, values, count);
        answer.values = buf_view(&records);
    }
    if (buf_failed(&records)) {
        answer = (struct wire_answer){.call = call->number, .status = WIRE_STATUS_FAILED};
    }
    if (member) {
        member->call_count--;
        runner_answer(member->runner, call->token, &answer);
    }
    buf_release(&records);
    list_remove(&call->link);
    free(call);
}

void member_forget_calls(struct member *self)
{
    LIST_FOR_EACH(link, &self->calls) {
        struct supervisor_call *call = CONTAINER_OF(link, struct supervisor_call, link);
        list_remove(link);
        call->member = NULL;
    }
}
