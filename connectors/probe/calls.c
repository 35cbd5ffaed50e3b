#include "probe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef PROBE_ASYNC
#define PROBE_IS_ASYNC true
#else
#define PROBE_IS_ASYNC false
#endif

static hub_str text_of(json_object *object, const char *name)
{
    json_object *value = json_object_object_get(object, name);
    if (!value)
        return (hub_str){0};
    return (hub_str){json_object_get_string(value), (uint64_t)json_object_get_string_len(value)};
}

static uint64_t number_of(json_object *object, const char *name, uint64_t otherwise)
{
    json_object *value = json_object_object_get(object, name);
    return value ? (uint64_t)json_object_get_int64(value) : otherwise;
}

/* --- Answers -----------------------------------------------------------------------------------*/

static void add_text(json_object *object, const char *name, hub_str text)
{
    json_object_object_add(object, name, json_object_new_string_len(text.ptr, (int)text.len));
}

/* {called, status, values: [{key, value, bytes, kept_at}]}; of a large value only its size. */
static void add_answer(struct probe_run *run, int32_t called, int32_t status,
                       const hub_kept *values, uint32_t count)
{
    json_object *answer = json_object_new_object();
    json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < count; i++) {
        json_object *value = json_object_new_object();
        add_text(value, "key", values[i].key);
        if (values[i].value.len <= 4096)
            add_text(value, "value", values[i].value);
        json_object_object_add(value, "bytes", json_object_new_int64((int64_t)values[i].value.len));
        json_object_object_add(value, "kept_at", json_object_new_int64(values[i].kept_at));
        json_object_array_add(list, value);
    }
    json_object_object_add(answer, "called", json_object_new_int(called));
    json_object_object_add(answer, "status", json_object_new_int(status));
    json_object_object_add(answer, "values", list);
    json_object_array_add(run->answers, answer);
}

static void answered(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    struct probe_run *run = context;
    add_answer(run, HUB_CALL_OK, status, values, count);
    run->answered = true;
    if (!run->calling)
        probe_calls(run);
}

/* --- Calls -------------------------------------------------------------------------------------*/

/* A value as given, or `bytes` times a letter. It is the caller's to free. */
static hub_str value_of(json_object *call, char **ret_made)
{
    uint64_t bytes = number_of(call, "bytes", 0);
    *ret_made = NULL;
    if (!json_object_object_get(call, "bytes"))
        return text_of(call, "value");
    *ret_made = malloc(bytes + 1);
    if (*ret_made)
        memset(*ret_made, 'k', bytes);
    return (hub_str){*ret_made, bytes};
}

static int32_t call_put(struct probe_run *run, json_object *call, uint32_t scope)
{
    const hub_keep_api *keep = run->host->extension(HUB_EXT_KEEP);
    char *made;
    hub_str value = value_of(call, &made);
    uint32_t flags = number_of(call, "only_new", 0) ? HUB_KEEP_NEW : 0;
    int32_t called = keep->put(run->job, scope, flags, text_of(call, "key"), value,
                               number_of(call, "expires_ms", 0), answered, run);
    free(made);
    return called;
}

static int32_t call_get(struct probe_run *run, json_object *call, uint32_t scope)
{
    const hub_keep_api *keep = run->host->extension(HUB_EXT_KEEP);
    return keep->get(run->job, scope, text_of(call, "key"), answered, run);
}

static int32_t call_list(struct probe_run *run, json_object *call, uint32_t scope)
{
    const hub_keep_api *keep = run->host->extension(HUB_EXT_KEEP);
    return keep->list(run->job, scope, text_of(call, "prefix"), text_of(call, "after"),
                      (uint32_t)number_of(call, "limit", 256), answered, run);
}

static int32_t call_append(struct probe_run *run, json_object *call, uint32_t scope)
{
    const hub_ledger_api *ledger = run->host->extension(HUB_EXT_LEDGER);
    (void)scope;
    return ledger->append(run->job, text_of(call, "kind"), text_of(call, "value"), answered, run);
}

/* As many as the host takes at once, and some more: the answer's status says how many it took. */
static void burst_answered(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    struct probe_run *run = context;
    (void)status;
    (void)values;
    (void)count;
    if (--run->burst_left == 0 && run->burst_full)
        answered(run, run->burst_taken, NULL, 0);
}

static int32_t call_burst(struct probe_run *run, json_object *call, uint32_t scope)
{
    const hub_keep_api *keep = run->host->extension(HUB_EXT_KEEP);
    int64_t times = (int64_t)number_of(call, "times", 1024);
    int32_t called = HUB_CALL_OK;
    run->burst_full = false;
    run->burst_taken = 0;
    run->burst_left = 0;
    for (int64_t i = 0; i < times && called == HUB_CALL_OK; i++) {
        run->burst_left++;
        called = keep->get(run->job, scope, HUB_STR("burst"), burst_answered, run);
        run->burst_taken += called == HUB_CALL_OK;
        run->burst_left -= called != HUB_CALL_OK;
    }
    run->burst_full = true;
    if (run->burst_left > 0)
        return HUB_CALL_OK;
    add_answer(run, called, run->burst_taken, NULL, 0);
    run->answered = true;
    return HUB_CALL_OK;
}

/* On [main] a timer, on [work] the thread itself. */
static void slept(void *context)
{
    answered(context, HUB_CALL_OK, NULL, 0);
}

static int32_t call_sleep(struct probe_run *run, json_object *call, uint32_t scope)
{
    const hub_timer_api *timers = run->host->extension(HUB_EXT_TIMER);
    uint64_t ms = number_of(call, "times", 0);
    (void)scope;
    if (PROBE_IS_ASYNC)
        return timers && timers->start(ms, slept, run) ? HUB_CALL_OK : HUB_CALL_NOMEM;
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
    slept(run);
    return HUB_CALL_OK;
}

static int32_t make_call(struct probe_run *run, json_object *call)
{
    static const struct {
        const char *name;
        int32_t (*make)(struct probe_run *run, json_object *call, uint32_t scope);
    } CALLS[] = {
        {"put", call_put},       {"get", call_get},     {"list", call_list},
        {"append", call_append}, {"burst", call_burst}, {"sleep", call_sleep},
    };
    const char *name = json_object_get_string(json_object_object_get(call, "call"));
    hub_str scope = text_of(call, "scope");
    bool of_account = scope.len == 7 && memcmp(scope.ptr, "account", 7) == 0;
    for (size_t i = 0; i < sizeof(CALLS) / sizeof(CALLS[0]); i++) {
        if (name && strcmp(name, CALLS[i].name) == 0)
            return CALLS[i].make(run, call, of_account ? HUB_KEEP_ACCOUNT : HUB_KEEP_JOB);
    }
    return HUB_CALL_INVALID;
}

/* An older host may have neither. */
static bool has_extensions(const hub_host *host)
{
    return host->extension(HUB_EXT_KEEP) && host->extension(HUB_EXT_LEDGER);
}

void probe_calls(struct probe_run *run)
{
    json_object *calls = json_object_object_get(run->input, "calls");
    size_t count = calls && has_extensions(run->host) ? json_object_array_length(calls) : 0;
    while (run->call < count) {
        json_object *call = json_object_array_get_idx(calls, run->call++);
        if (number_of(call, "only_attempt", run->job->attempt) != run->job->attempt)
            continue;
        run->answered = false;
        run->calling = true;
        int32_t called = make_call(run, call);
        run->calling = false;
        if (called != HUB_CALL_OK)
            add_answer(run, called, 0, NULL, 0);
        else if (!run->answered)
            return; /* answered() goes on */
    }
    run->wake = run->host->now_ms() + run->ms;
    probe_drive(run);
}
