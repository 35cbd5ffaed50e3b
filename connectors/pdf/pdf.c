/*
 * The pdf connector: its descriptor and its table of operations.
 */
#include "pdf.h"

#include "operations.h"
#include "render.h"

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

/* A file in an example. */
#define FILE_SAMPLE "\"file\":{\"artifact\":\"0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\"}"

/* One row an operation. */
static const hub_operation *const OPERATIONS[] = {
    OPERATION("render", "Sets a document described in JSON as a PDF.", RENDER_SCHEMA,
              RENDER_RESULT_SCHEMA, "{\"content\":[\"Hello, world.\"]}", pdf_render_start),
    OPERATION("merge", "Joins documents, or pages of them, into one.", MERGE_SCHEMA,
              DOCUMENTS_RESULT_SCHEMA, "{\"files\":[{" FILE_SAMPLE ",\"pages\":\"1-\"}]}",
              pdf_merge_start),
    OPERATION("split", "Takes a document apart.", SPLIT_SCHEMA, DOCUMENTS_RESULT_SCHEMA,
              "{" FILE_SAMPLE ",\"every\":2}", pdf_split_start),
    OPERATION("rotate", "Turns pages.", ROTATE_SCHEMA, DOCUMENTS_RESULT_SCHEMA,
              "{" FILE_SAMPLE ",\"angle\":90,\"pages\":\"1\"}", pdf_rotate_start),
    OPERATION("stamp", "Draws a text, a picture or a page of another document on pages.",
              STAMP_SCHEMA, DOCUMENTS_RESULT_SCHEMA,
              "{" FILE_SAMPLE ",\"text\":{\"text\":\"DRAFT\"},\"angle\":45,\"opacity\":0.2}",
              pdf_stamp_start),
    OPERATION("encrypt", "Encrypts a document with AES-256.", ENCRYPT_SCHEMA,
              DOCUMENTS_RESULT_SCHEMA, "{" FILE_SAMPLE ",\"owner_password\":\"correct horse\"}",
              pdf_encrypt_start),
    OPERATION("decrypt", "Removes encryption whose password is known.", DECRYPT_SCHEMA,
              DOCUMENTS_RESULT_SCHEMA, "{" FILE_SAMPLE ",\"password\":\"correct horse\"}",
              pdf_decrypt_start),
    OPERATION("metadata", "Sets what a document says of itself.", METADATA_SCHEMA,
              DOCUMENTS_RESULT_SCHEMA, "{" FILE_SAMPLE ",\"title\":\"Annual report\"}",
              pdf_metadata_start),
    OPERATION("attach", "Puts files into a document; an electronic invoice too.", ATTACH_SCHEMA,
              DOCUMENTS_RESULT_SCHEMA,
              "{" FILE_SAMPLE ",\"attachments\":[{" FILE_SAMPLE ",\"name\":\"data.xml\"}]}",
              pdf_attach_start),
    OPERATION("info", "Tells pages, sizes, fonts, outline and encryption of a document.",
              INFO_SCHEMA, INFO_RESULT_SCHEMA, "{" FILE_SAMPLE "}", pdf_info_start),
    OPERATION("linearize", "Arranges a document for showing it while it arrives.", LINEARIZE_SCHEMA,
              DOCUMENTS_RESULT_SCHEMA, "{" FILE_SAMPLE "}", pdf_linearize_start),
};

static hub_instance *create(const hub_host *host)
{
    struct pdf *self = calloc(1, sizeof *self);
    const hub_folders_api *folders = host->extension(HUB_EXT_FOLDERS);
    if (self) {
        self->host = host;
    }
    if (self && folders) {
        hub_str path = folders->path(HUB_STR("templates"));
        self->templates = str_of(path.ptr, path.len);
    }
    return (hub_instance *)self;
}

static void destroy(hub_instance *instance)
{
    struct pdf *self = (struct pdf *)instance;
    render_cache_free(self->cache);
    free(self);
}

static const hub_str PATHS[] = {
    HUB_STR_INIT("/usr/share/fonts"),
    HUB_STR_INIT("/usr/local/share/fonts"),
    HUB_STR_INIT("/usr/share/hyphen"),
    HUB_STR_INIT("/usr/share/zoneinfo"),
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
