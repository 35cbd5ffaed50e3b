/*
 * template — a connector that works until its job is done ("blocking").
 *
 * hubd runs each job in a process of its own and as many at once as it has been told to. start()
 * may take its time, and block.
 */
#include <hub/connector.h>

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "schemas.h"

/* Your state: made once per process, before the first job. Here the host is all that is needed. */
struct hub_instance {
    const hub_host *host;
};

static hub_str str_of(const char *text)
{
    hub_str str = {text, strlen(text)};
    return str;
}

/* A job must be completed exactly once, on every path: by succeed(), fail(), retry() or unknown().
 * Afterwards it is gone. */
static void fail(const hub_host *host, hub_job *job, const char *code, const char *message)
{
    host->fail(job, str_of(code), str_of(message), str_of(""));
}

/* The text `times` times, as the result; NULL if there is no memory. */
static json_object *say(const hub_host *host, hub_job *job, json_object *input)
{
    json_object *text = json_object_object_get(input, "text");
    json_object *number = json_object_object_get(input, "times");
    int times = number ? json_object_get_int(number) : 1;
    int len = json_object_get_string_len(text);
    json_object *result = NULL;
    char *said = malloc((size_t)(len + 1) * (size_t)times);

    if (!said) {
        return NULL;
    }
    for (int i = 0; i < times && !host->cancelled(job); i++) {
        memcpy(said + i * (len + 1), json_object_get_string(text), (size_t)len);
        said[i * (len + 1) + len] = ' ';
        host->progress(job, (uint32_t)(i * 1000 / times), str_of("saying it"));
    }
    if (!host->cancelled(job) && (result = json_object_new_object()) != NULL) {
        json_object *value = json_object_new_string_len(said, times * (len + 1) - 1);
        if (!value || json_object_object_add(result, "said", value) < 0) {
            json_object_put(value);
            json_object_put(result);
            result = NULL;
        }
    }
    free(said);
    return result;
}

static void run(hub_instance *instance, hub_job *job)
{
    const hub_host *host = instance->host;
    json_object *input = NULL;
    json_object *result = NULL;
    const char *json = NULL;
    /* hubd has validated the input against the schema: it has the members it must have. */
    json_tokener *tokener = json_tokener_new();

    if (tokener) {
        input = json_tokener_parse_ex(tokener, job->input.ptr, (int)job->input.len);
    }
    if (input) {
        result = say(host, job, input);
    }
    if (result) {
        json = json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN);
    }
    if (json) {
        host->succeed(job, str_of(json));
    } else if (host->cancelled(job)) {
        fail(host, job, "cancelled", "Nobody waits for it any more.");
    } else {
        fail(host, job, "no_memory", "There was no memory for it.");
    }
    json_object_put(result);
    json_object_put(input);
    if (tokener) {
        json_tokener_free(tokener);
    }
}

static hub_instance *create(const hub_host *host)
{
    hub_instance *instance = malloc(sizeof *instance);

    if (instance) {
        instance->host = host;
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
    .mode = HUB_MODE_BLOCKING,
    .operation_count = sizeof OPERATIONS / sizeof OPERATIONS[0],
    .operations = OPERATIONS,
    .create = create,
    .destroy = destroy,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : NULL;
}
