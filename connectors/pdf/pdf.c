/*
 * The pdf connector: its descriptor and its table of operations.
 */
#include "pdf.h"

#include "pdf_schemas.h"

#include <stdlib.h>

#define OPERATION(operation, what, input, result, sample, start_function)                          \
    &(const hub_operation)                                                                         \
    {                                                                                              \
        .size = sizeof(hub_operation), .retry_safety = HUB_RETRY_SAFE,                             \
        .name = HUB_STR_INIT(operation), .summary = HUB_STR_INIT(what),                            \
        .input_schema = HUB_STR_INIT(input), .result_schema = HUB_STR_INIT(result),                \
        .example = HUB_STR_INIT(sample), .timeout_ms = 60000, .start = start_function              \
    }

/* One row an operation. */
static const hub_operation *const OPERATIONS[] = {
    OPERATION("render", "Sets a document described in JSON as a PDF.", RENDER_SCHEMA,
              RENDER_RESULT_SCHEMA, "{\"content\":[\"Hello, world.\"]}", pdf_render_start),
};

static hub_instance *create(const hub_host *host)
{
    struct pdf *self = calloc(1, sizeof *self);
    if (self) {
        self->host = host;
    }
    return (hub_instance *)self;
}

static void destroy(hub_instance *instance)
{
    struct pdf *self = (struct pdf *)instance;
    free(self);
}

static const hub_str PATHS[] = {
    HUB_STR_INIT("/usr/share/fonts"),
    HUB_STR_INIT("/usr/local/share/fonts"),
    HUB_STR_INIT("/usr/share/hyphen"),
};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("pdf"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Makes PDF documents out of JSON, and works on those there are."),
    .mode = HUB_MODE_BLOCKING,
    .paths = PATHS,
    .path_count = sizeof PATHS / sizeof PATHS[0],
    .operation_count = sizeof OPERATIONS / sizeof OPERATIONS[0],
    .operations = OPERATIONS,
    .create = create,
    .destroy = destroy,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
}
