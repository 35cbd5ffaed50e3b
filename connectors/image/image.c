/*
 * The image connector: its descriptor, and how its operations begin and end.
 */
#include "image.h"

#include <gd.h>
#include <malloc.h>
#include <string.h>

#include "image_schemas.h"

static void report(const hub_host *host, hub_job *job, const struct fault *fault)
{
    const char *code = fault_code(fault);
    hub_str code_str = {code, strlen(code)};
    hub_str message = {fault->message, strlen(fault->message)};
    if (fault_retryable(fault))
        host->retry(job, code_str, message, 0);
    else
        host->fail(job, code_str, message, (hub_str){0});
}

static void run(hub_instance *instance, hub_job *job, image_run_fn *operation)
{
    const hub_host *host = (const hub_host *)instance;
    struct fault fault = {0};
    if (operation(host, job, &fault) != 0)
        report(host, job, &fault);
}

static void start_transform(hub_instance *instance, hub_job *job)
{
    run(instance, job, transform_run);
}

static void start_info(hub_instance *instance, hub_job *job)
{
    run(instance, job, info_run);
}

static void start_compare(hub_instance *instance, hub_job *job)
{
    run(instance, job, compare_run);
}

static void start_montage(hub_instance *instance, hub_job *job)
{
    run(instance, job, montage_run);
}

/* libgd's own words go to stderr unless somebody takes them; the fault says it better. */
static void ignore_gd(int priority, const char *format, va_list args)
{
    (void)priority;
    (void)format;
    (void)args;
}

/* Buffers of a few megabytes come and go with every picture: the allocator keeps their pages, which
 * would else be asked for and cleared each time anew, and gives back what is larger. */
static void keep_pages(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}

/* The host is all the state there is. */
static hub_instance *create(const hub_host *host)
{
    keep_pages();
    gdSetErrorMethod(ignore_gd);
    return (hub_instance *)host;
}

static const hub_operation TRANSFORM = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("transform"),
    .summary = HUB_STR_INIT("Resizes, crops, turns and converts a picture, once or many times."),
    .input_schema = HUB_STR_INIT(TRANSFORM_SCHEMA),
    .result_schema = HUB_STR_INIT(TRANSFORM_RESULT_SCHEMA),
    .example = HUB_STR_INIT("{\"image\":{\"artifact\":\"0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\"},"
                            "\"outputs\":[{\"width\":800,\"format\":\"jpeg\"},"
                            "{\"width\":200,\"height\":200,\"format\":\"webp\"}]}"),
    .timeout_ms = 30000,
    .start = start_transform,
};

static const hub_operation INFO = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("info"),
    .summary =
        HUB_STR_INIT("Tells format, size, kind and metadata of a picture, and what it looks like."),
    .input_schema = HUB_STR_INIT(INFO_SCHEMA),
    .result_schema = HUB_STR_INIT(INFO_RESULT_SCHEMA),
    .example = HUB_STR_INIT("{\"image\":{\"artifact\":\"0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\"}}"),
    .timeout_ms = 30000,
    .start = start_info,
};

static const hub_operation COMPARE = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("compare"),
    .summary = HUB_STR_INIT("Tells how much two pictures differ, in numbers and as a picture."),
    .input_schema = HUB_STR_INIT(COMPARE_SCHEMA),
    .result_schema = HUB_STR_INIT(COMPARE_RESULT_SCHEMA),
    .example = HUB_STR_INIT("{\"image\":{\"artifact\":\"0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\"},"
                            "\"other\":{\"artifact\":\"0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\"}}"),
    .timeout_ms = 60000,
    .start = start_compare,
};

static const hub_operation MONTAGE = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("montage"),
    .summary = HUB_STR_INIT("Puts many pictures on one sheet."),
    .input_schema = HUB_STR_INIT(MONTAGE_SCHEMA),
    .result_schema = HUB_STR_INIT(MONTAGE_RESULT_SCHEMA),
    .example = HUB_STR_INIT(
        "{\"images\":[{\"artifact\":\"0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\"}],\"columns\":4,"
        "\"cell\":{\"width\":160,\"height\":120},\"gap\":8,"
        "\"format\":\"jpeg\"}"),
    .timeout_ms = 120000,
    .start = start_montage,
};

static const hub_operation *const OPERATIONS[] = {&TRANSFORM, &INFO, &COMPARE, &MONTAGE};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("image"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Resizes, edits, converts, compares and describes pictures."),
    .mode = HUB_MODE_BLOCKING,
    .operation_count = sizeof(OPERATIONS) / sizeof(OPERATIONS[0]),
    .operations = OPERATIONS,
    .create = create,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
}
