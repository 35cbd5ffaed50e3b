/*
 * ext_keep.c — HUB_EXT_KEEP and HUB_EXT_LEDGER: what is asked for is checked here, and asked of
 * hubd by calls.c.
 */
#include "runner/runner.h"
#include "wire/names.h"

#define EXPIRES_MAX ((uint64_t)1 << 50) /* ms: what lasts longer lasts for ever */

static struct runner *the_runner; /* the ABI's functions carry no context */

static bool is_key(hub_str key)
{
    return key.ptr && name_is_key(str_of_hub(key));
}

static bool is_key_or_none(hub_str key)
{
    return key.len == 0 || is_key(key);
}

static bool is_scope(uint32_t scope)
{
    return scope == HUB_KEEP_JOB || scope == HUB_KEEP_ACCOUNT;
}

_Static_assert((int)HUB_KEEP_JOB == WIRE_SCOPE_JOB && (int)HUB_KEEP_ACCOUNT == WIRE_SCOPE_ACCOUNT,
               "scopes go over the wire as they are");

/* --- hub.keep/1 --------------------------------------------------------------------------------*/

static int send_put(struct wire_channel *channel, const struct call *call)
{
    struct wire_keep_put frame = call->request.put;
    frame.call = call->number;
    return wire_send_keep_put(channel, call->token, &frame, NULL, 0);
}

static int32_t keep_put(hub_job *job, uint32_t scope, uint32_t flags, hub_str key, hub_str value,
                        uint64_t expires_ms, hub_keep_done *done, void *context)
{
    bool removes = !value.ptr && value.len == 0;
    bool only_new = flags == HUB_KEEP_NEW;
    if (!job || !done || !is_scope(scope) || !is_key(key) || (flags != 0 && !only_new) ||
        (!value.ptr && value.len > 0) || (removes && only_new)) {
        return HUB_CALL_INVALID;
    }
    if (value.len > WIRE_VALUE_MAX) {
        return HUB_CALL_LIMIT;
    }
    struct call call = {.job = job_of(job), .send = send_put, .done = done, .context = context};
    call.request.put = (struct wire_keep_put){
        .scope = scope,
        .only_new = only_new,
        .removes = removes,
        .expires_ms = expires_ms <= EXPIRES_MAX ? expires_ms : 0,
        .key = str_of_hub(key),
        .value = str_of_hub(value),
    };
    return calls_make(the_runner, &call);
}

static int send_get(struct wire_channel *channel, const struct call *call)
{
    struct wire_keep_get frame = call->request.get;
    frame.call = call->number;
    return wire_send_keep_get(channel, call->token, &frame, NULL, 0);
}

static int32_t keep_get(hub_job *job, uint32_t scope, hub_str key, hub_keep_done *done,
                        void *context)
{
    if (!job || !done || !is_scope(scope) || !is_key(key)) {
        return HUB_CALL_INVALID;
    }
    struct call call = {.job = job_of(job), .send = send_get, .done = done, .context = context};
    call.request.get = (struct wire_keep_get){.scope = scope, .key = str_of_hub(key)};
    return calls_make(the_runner, &call);
}

static int send_list(struct wire_channel *channel, const struct call *call)
{
    struct wire_keep_list frame = call->request.list;
    frame.call = call->number;
    return wire_send_keep_list(channel, call->token, &frame, NULL, 0);
}

static int32_t keep_list(hub_job *job, uint32_t scope, hub_str prefix, hub_str after,
                         uint32_t limit, hub_keep_done *done, void *context)
{
    if (!job || !done || !is_scope(scope) || !is_key_or_none(prefix) || !is_key_or_none(after) ||
        limit < 1 || limit > WIRE_VALUES_MAX) {
        return HUB_CALL_INVALID;
    }
    struct call call = {.job = job_of(job), .send = send_list, .done = done, .context = context};
    call.request.list = (struct wire_keep_list){
        .scope = scope,
        .limit = limit,
        .prefix = str_of_hub(prefix),
        .after = str_of_hub(after),
    };
    return calls_make(the_runner, &call);
}

const void *ext_keep_init(struct runner *runner)
{
    static const hub_keep_api API = {
        .size = sizeof(hub_keep_api),
        .value_max = WIRE_VALUE_MAX,
        .put = keep_put,
        .get = keep_get,
        .list = keep_list,
    };
    the_runner = runner;
    return &API;
}

/* --- hub.ledger/1 ------------------------------------------------------------------------------*/

static int send_append(struct wire_channel *channel, const struct call *call)
{
    struct wire_ledger_append frame = call->request.append;
    frame.call = call->number;
    return wire_send_ledger_append(channel, call->token, &frame, NULL, 0);
}

static int32_t ledger_append(hub_job *job, hub_str kind, hub_str body, hub_keep_done *done,
                             void *context)
{
    struct str name = str_of(kind.ptr, kind.ptr ? kind.len : 0);
    struct str text = str_of(body.ptr, body.ptr ? body.len : 0);
    if (!job || !done || !name_is_code(name)) {
        return HUB_CALL_INVALID;
    }
    if (text.len > WIRE_ENTRY_MAX) {
        return HUB_CALL_LIMIT;
    }
    if (!name_is_entry(text)) {
        return HUB_CALL_INVALID;
    }
    struct call call = {.job = job_of(job), .send = send_append, .done = done, .context = context};
    call.request.append = (struct wire_ledger_append){.kind = name, .body = text};
    return calls_make(the_runner, &call);
}

const void *ext_ledger_init(struct runner *runner)
{
    static const hub_ledger_api API = {
        .size = sizeof(hub_ledger_api),
        .body_max = WIRE_ENTRY_MAX,
        .append = ledger_append,
    };
    the_runner = runner;
    return &API;
}
