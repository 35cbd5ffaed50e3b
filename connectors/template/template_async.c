/*
 * template — a connector that starts its jobs and goes on by callbacks ("async").
 *
 * One process holds many jobs at once, on the host's event loop. Nothing here may block: waiting is
 * for timers (hub.timer/1), long work for the pool of threads (hub.pool/1).
 */
#include <hub/connector.h>

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "schemas.h"

/* Your state: made once per process, before the first job. */
struct hub_instance {
    const hub_host *host;
    const hub_timer_api *timers;
};

/* One job on its way. */
struct task {
    hub_instance *instance;
    hub_job *job;
    hub_timer *timer;
    json_object *input;
    int times; /* that are left */
    int len;   /* of `said` */
    char *said;
};

#define PAUSE_MS 1 /* between one time and the next */

static hub_str str_of(const char *text)
{
    hub_str str = {text, strlen(text)};
    return str;
}

static void task_free(struct task *self)
{
    json_object_put(self->input);
    free(self->said);
    free(self);
}

/* A job must be completed exactly once, on every path: by succeed(), fail(), retry() or unknown().
 * Afterwards it is gone, and so is its task. */
static void task_fail(struct task *self, const char *code, const char *message)
{
    self->instance->host->fail(self->job, str_of(code), str_of(message), str_of(""));
    task_free(self);
}

static void task_succeed(struct task *self)
{
    json_object *result = json_object_new_object();
    json_object *said = json_object_new_string_len(self->said, self->len);
    const char *json = NULL;

    if (result && said && json_object_object_add(result, "said", said) == 0) {
        said = NULL; /* the result's now */
        json = json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN);
    }
    if (json) {
        self->instance->host->succeed(self->job, str_of(json));
        task_free(self);
    } else {
        task_fail(self, "no_memory", "There was no memory for it.");
    }
    json_object_put(said);
    json_object_put(result);
}

/* A timer's callback: says it once more, and sets the next timer. */
static void task_go_on(void *context)
{
    struct task *self = context;
    json_object *text = json_object_object_get(self->input, "text");
    int len = json_object_get_string_len(text);
    char *longer = realloc(self->said, (size_t)(self->len + len + 2));

    self->timer = NULL; /* it has fired, and freed itself */
    if (!longer) {
        task_fail(self, "no_memory", "There was no memory for it.");
        return;
    }
    self->said = longer;
    if (self->len > 0) {
        self->said[self->len++] = ' ';
    }
    memcpy(self->said + self->len, json_object_get_string(text), (size_t)len);
    self->len += len;
    if (--self->times == 0) {
        task_succeed(self);
        return;
    }
    self->timer = self->instance->timers->start(PAUSE_MS, task_go_on, self);
    if (!self->timer) {
        task_fail(self, "no_memory", "There was no memory for it.");
    }
}

/* hubd has validated the input against the schema: it has the members it must have. */
static json_object *parse(hub_str json)
{
    json_tokener *tokener = json_tokener_new();
    json_object *value = NULL;

    if (tokener) {
        value = json_tokener_parse_ex(tokener, json.ptr, (int)json.len);
        json_tokener_free(tokener);
    }
    return value;
}

static void run(hub_instance *instance, hub_job *job)
{
    struct task *task = calloc(1, sizeof *task);
    json_object *times;

    if (!task) {
        instance->host->fail(job, str_of("no_memory"), str_of("There was no memory for it."),
                             str_of(""));
        return;
    }
    task->instance = instance;
    task->job = job;
    task->input = parse(job->input);
    times = task->input ? json_object_object_get(task->input, "times") : NULL;
    task->times = times ? json_object_get_int(times) : 1;
    job->user = task;
    if (task->input) {
        task->timer = instance->timers->start(PAUSE_MS, task_go_on, task);
    }
    if (!task->timer) {
        task_fail(task, "no_memory", "There was no memory for it.");
    }
}

/* Nobody waits for this job any more: end it now. */
static void cancel(hub_instance *instance, hub_job *job)
{
    struct task *task = job->user;

    instance->timers->stop(task->timer);
    task_fail(task, "cancelled", "Nobody waits for it any more.");
}

static hub_instance *create(const hub_host *host)
{
    const hub_timer_api *timers = host->extension(HUB_EXT_TIMER);
    hub_instance *instance = timers ? malloc(sizeof *instance) : NULL;

    if (!timers) {
        host->log(NULL, HUB_LOG_ERROR, str_of("this host has no timers"));
    }
    if (instance) {
        instance->host = host;
        instance->timers = timers;
    }
    return instance;
}

static void destroy(hub_instance *instance)
{
    free(instance);
}

/* --- What hubd reads: constants, and nothing runs ----------------------------------------------*/

static const hub_operation RUN = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("run"),
    .summary = HUB_STR_INIT("Says a text a number of times."),
    .input_schema = HUB_STR_INIT(RUN_INPUT),
    .result_schema = HUB_STR_INIT(RUN_RESULT),
    .example = HUB_STR_INIT(RUN_EXAMPLE),
    .timeout_ms = 30000,
    .start = run,
};

static const hub_operation *const OPERATIONS[] = {&RUN};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("template"),
    .version = HUB_STR_INIT("0.1.0"),
    .licence = HUB_STR_INIT("0BSD"),
    .summary = HUB_STR_INIT("Says things."),
    .mode = HUB_MODE_ASYNC,
    .operation_count = sizeof OPERATIONS / sizeof OPERATIONS[0],
    .operations = OPERATIONS,
    .create = create,
    .destroy = destroy,
    .cancel = cancel,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : NULL;
}
