#include "api/schemas.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_URI_PREFIX "https://hubd.dev/schemas/"

/* The files of schemas/, embedded by the build. Bodies are validated against what is TAKEN; what
 * hubd only tells, or what others refer to, is TOLD. */
enum use { TOLD, TAKEN };

#define API_SCHEMA_MAP(X)                                                                          \
    X(Account, TOLD)                                                                               \
    X(AccountList, TOLD)                                                                           \
    X(AccountPut, TAKEN)                                                                           \
    X(AccountTest, TOLD)                                                                           \
    X(AccountUses, TOLD)                                                                           \
    X(Artifact, TOLD)                                                                              \
    X(Attempt, TOLD)                                                                               \
    X(Batch, TOLD)                                                                                 \
    X(BatchCreate, TAKEN)                                                                          \
    X(BatchError, TOLD)                                                                            \
    X(BatchList, TOLD)                                                                             \
    X(BatchPatch, TAKEN)                                                                           \
    X(BatchSettings, TAKEN)                                                                        \
    X(BatchTemplate, TAKEN)                                                                        \
    X(Callback, TOLD)                                                                              \
    X(CallbackKeys, TOLD)                                                                          \
    X(CallbackList, TOLD)                                                                          \
    X(Connector, TOLD)                                                                             \
    X(ConnectorList, TOLD)                                                                         \
    X(File, TOLD)                                                                                  \
    X(Health, TOLD)                                                                                \
    X(Job, TOLD)                                                                                   \
    X(Flow, TOLD)                                                                                  \
    X(FlowCreate, TAKEN)                                                                           \
    X(FlowList, TOLD)                                                                              \
    X(JobCreate, TAKEN)                                                                            \
    X(JobList, TOLD)                                                                               \
    X(JobState, TOLD)                                                                              \
    X(Key, TOLD)                                                                                   \
    X(KeyCreate, TAKEN)                                                                            \
    X(KeyList, TOLD)                                                                               \
    X(LedgerEntry, TOLD)                                                                           \
    X(LedgerVerification, TOLD)                                                                    \
    X(Operation, TOLD)                                                                             \
    X(Problem, TOLD)                                                                               \
    X(Queue, TOLD)                                                                                 \
    X(QueueList, TOLD)                                                                             \
    X(QueuePatch, TAKEN)                                                                           \
    X(Rate, TOLD)                                                                                  \
    X(Schedule, TOLD)                                                                              \
    X(ScheduleList, TOLD)                                                                          \
    X(SchedulePut, TAKEN)                                                                          \
    X(ScheduleRun, TOLD)                                                                           \
    X(ScheduleRunList, TOLD)                                                                       \
    X(ScheduleTemplate, TOLD)                                                                      \
    X(Scope, TOLD)

#define X(name, use)                                                                               \
    extern const char schema_##name[];                                                             \
    extern const size_t schema_##name##_len;
API_SCHEMA_MAP(X)
#undef X

static const struct {
    const char *name;
    const char *text;
    const size_t *len;
    enum use use;
} DOCUMENTS[] = {
#define X(name, use) {#name, schema_##name, &schema_##name##_len, use},
    API_SCHEMA_MAP(X)
#undef X
};
#define DOCUMENT_COUNT (sizeof DOCUMENTS / sizeof DOCUMENTS[0])

struct api_schemas {
    struct schema *compiled[DOCUMENT_COUNT]; /* NULL: it is TOLD */
};

static int read_document(size_t index, struct json_object **ret_document, struct hub_error *error)
{
    struct str text = str_of(DOCUMENTS[index].text, *DOCUMENTS[index].len);

    return json_read(text, JSON_DEPTH_MAX, ret_document, NULL, error);
}

static int register_all(struct schema_registry *registry, struct hub_error *error)
{
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        char uri[128] = SCHEMA_URI_PREFIX;
        struct json_object *document;
        int err = read_document(i, &document, error);

        if (err < 0) {
            return err;
        }
        strncat(uri, DOCUMENTS[i].name, sizeof uri - sizeof SCHEMA_URI_PREFIX);
        err = schema_registry_add(registry, str_from_c(uri), document, error);
        json_object_put(document);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* All of them, so that a mistake in any is found at the first start. */
static int compile_all(struct api_schemas *self, struct schema_registry *registry,
                       struct hub_error *error)
{
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        char uri[128] = SCHEMA_URI_PREFIX;
        int err;

        strncat(uri, DOCUMENTS[i].name, sizeof uri - sizeof SCHEMA_URI_PREFIX);
        err = schema_compile(registry, str_from_c(uri), SCHEMA_ASSERT_FORMAT | SCHEMA_STRICT,
                             &self->compiled[i], error);
        if (err < 0) {
            return err;
        }
        if (DOCUMENTS[i].use == TOLD) {
            schema_free(self->compiled[i]);
            self->compiled[i] = NULL;
        }
    }
    return 0;
}

int api_schemas_new(struct api_schemas **ret_self, struct hub_error *error)
{
    struct schema_registry *registry = schema_registry_new();
    struct api_schemas *self = calloc(1, sizeof *self);
    int err;

    if (registry == NULL || self == NULL) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        goto out;
    }
    err = register_all(registry, error);
    if (err == 0) {
        err = compile_all(self, registry, error);
    }
    if (err == 0) {
        *ret_self = self;
        self = NULL;
    }
out:
    api_schemas_free(self);
    schema_registry_free(registry);
    return err;
}

void api_schemas_free(struct api_schemas *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        schema_free(self->compiled[i]);
    }
    free(self);
}

const struct schema *api_schema(const struct api_schemas *self, const char *name)
{
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        if (strcmp(DOCUMENTS[i].name, name) == 0 && self->compiled[i] != NULL) {
            return self->compiled[i];
        }
    }
    abort(); /* the route table names a schema that does not exist, or is not marked as TAKEN */
}

void api_schemas_each(void (*visit)(void *context, const char *name, struct json_object *document),
                      void *context)
{
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        struct json_object *document;

        if (read_document(i, &document, NULL) == 0) {
            visit(context, DOCUMENTS[i].name, document);
            json_object_put(document);
        }
    }
}

static int add_file_schema(struct schema_registry *registry, struct hub_error *error)
{
    struct json_object *file = NULL;
    size_t index = 0;
    int err;

    while (strcmp(DOCUMENTS[index].name, "File") != 0) {
        index++;
    }
    err = read_document(index, &file, error);
    if (err == 0) {
        err = schema_registry_add(registry, STR("hub:file"), file, error);
    }
    json_object_put(file);
    return err;
}

int api_schema_compile_operation(struct json_object *document, struct schema **ret_schema,
                                 struct hub_error *error)
{
    struct schema_registry *registry = NULL;
    struct schema_errors errors;
    int err;

    schema_errors_init(&errors, 1);
    err = schema_check(document, &errors);
    if (err < 0) {
        const struct schema_error *first = errors.len > 0 ? &errors.items[0] : NULL;
        err = hub_fail(error, err, "input_schema%.*s: %.*s", first ? (int)first->pointer.len : 0,
                       first ? first->pointer.ptr : "", first ? (int)first->detail.len : 0,
                       first ? first->detail.ptr : "");
        goto out;
    }
    registry = schema_registry_new();
    if (registry == NULL) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        goto out;
    }
    err = add_file_schema(registry, error);
    if (err == 0) {
        err = schema_registry_add(registry, STR("hub:input"), document, error);
    }
    if (err == 0) {
        err = schema_compile(registry, STR("hub:input"), SCHEMA_ASSERT_FORMAT, ret_schema, error);
    }
out:
    schema_errors_release(&errors);
    schema_registry_free(registry);
    return err;
}
