#include "api/types.h"

#include "api/schemas.h"
#include "base/map.h"
#include "base/nearest.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_ARENA_MAX (16u << 20)

/* A generation of types; replaced whole by types_rebuild(). */
struct types {
    struct arena arena;
    struct map by_name;  /* → struct job_type */
    struct map refusals; /* → reason, a C string */
    struct map accounts; /* by connector → struct account_type */
};

int types_new(struct types **ret_self)
{
    struct types *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    arena_init(&self->arena, TYPES_ARENA_MAX);
    map_init(&self->by_name);
    map_init(&self->refusals);
    map_init(&self->accounts);
    *ret_self = self;
    return 0;
}

static void types_clear(struct types *self)
{
    MAP_FOR_EACH(e, &self->by_name) {
        struct job_type *type = e->value;
        schema_free(type->input);
    }
    MAP_FOR_EACH(e, &self->accounts) {
        struct account_type *account = e->value;
        schema_free(account->schema);
        json_object_put(account->document);
    }
    map_release(&self->by_name);
    map_release(&self->refusals);
    map_release(&self->accounts);
    map_init(&self->by_name);
    map_init(&self->refusals);
    map_init(&self->accounts);
    arena_release(&self->arena);
}

void types_free(struct types *self)
{
    if (self == NULL) {
        return;
    }
    types_clear(self);
    free(self);
}

static struct str join_name(struct arena *arena, struct str connector, struct str operation)
{
    size_t len = connector.len + 1 + operation.len;
    char *text = arena_alloc(arena, len + 1);

    if (text == NULL) {
        return (struct str){0};
    }
    memcpy(text, connector.ptr, connector.len);
    text[connector.len] = '.';
    memcpy(text + connector.len + 1, operation.ptr, operation.len);
    text[len] = '\0';
    return str_of(text, len);
}

static uint32_t given_or(uint32_t given, uint32_t fallback)
{
    return given != 0 ? given : fallback;
}

static int compile_input(struct types *self, struct str text, struct job_type *type,
                         struct hub_error *error)
{
    struct json_object *schema;
    int err = json_read(text, JSON_DEPTH_MAX, &schema, NULL, error);

    if (err < 0) {
        return err;
    }
    if (places_compile(schema, &self->arena, &type->places) < 0) {
        err = hub_fail(error, HUB_ERR_LIMIT, "input_schema: too many places that take a file");
    } else {
        err = api_schema_compile_operation(schema, &type->input, error);
    }
    json_object_put(schema);
    return err;
}

static int fill_type(struct types *self, const struct supervisor_connector *connector,
                     const struct supervisor_operation *operation, struct job_type *type,
                     struct hub_error *error)
{
    type->connector = arena_str(&self->arena, connector->name);
    type->operation = arena_str(&self->arena, operation->name);
    if (type->connector.ptr == NULL || type->operation.ptr == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    type->retry_safety = (enum job_retry_safety)operation->retry_safety;
    type->settles = operation->settles;
    type->timeout_ms = given_or(operation->timeout_ms, JOB_TIMEOUT_MS_DEFAULT);
    type->max_attempts = given_or(operation->max_attempts, JOB_MAX_ATTEMPTS_DEFAULT);
    return compile_input(self, operation->input_schema, type, error);
}

struct rebuild {
    struct types *types;
    struct log *log;
};

static void refuse(struct rebuild *self, struct str name, const char *why)
{
    char quoted[HUB_ERROR_DETAIL_MAX];
    char *reason = arena_strdup(&self->types->arena, str_from_c(why));

    log_warn(self->log, "types", "operation refused", "type=%.*s why=%s", STR_ARG(name),
             log_quote(str_from_c(why), quoted, sizeof quoted));
    if (reason != NULL && map_put(&self->types->refusals, name, reason) < 0) {
        log_warn(self->log, "types", "out of memory", "type=%.*s", STR_ARG(name));
    }
}

static void add_account(struct rebuild *self, const struct supervisor_connector *connector)
{
    struct types *types = self->types;
    struct account_type *account = arena_zalloc(&types->arena, sizeof *account);
    struct hub_error error = {0};

    if (account == NULL) {
        return;
    }
    account->connector = arena_str(&types->arena, connector->name);
    account->generation = connector->generation;
    struct str text = connector->account_schema;
    if (account->connector.ptr == NULL ||
        json_read(text, JSON_DEPTH_MAX, &account->document, NULL, &error) < 0 ||
        schema_compile_document(STR("hub:account"), account->document, SCHEMA_ASSERT_FORMAT,
                                &account->schema, &error) < 0) {
        json_object_put(account->document);
        char quoted[HUB_ERROR_DETAIL_MAX];
        log_warn(self->log, "types", "account schema refused", "connector=%.*s why=%s",
                 STR_ARG(connector->name),
                 log_quote(str_from_c(error.detail), quoted, sizeof quoted));
        return;
    }
    if (map_put(&types->accounts, account->connector, account) < 0) {
        schema_free(account->schema);
        json_object_put(account->document);
    }
}

static void add_connector(void *context, const struct supervisor_connector *connector)
{
    struct rebuild *self = context;

    if (connector->health == CONNECTOR_REFUSED || connector->health == CONNECTOR_REMOVED) {
        return;
    }
    if (connector->account_schema.ptr != NULL) {
        add_account(self, connector);
    }
    for (unsigned i = 0; i < connector->operation_count; i++) {
        const struct supervisor_operation *operation = &connector->operations[i];
        struct job_type *type = arena_zalloc(&self->types->arena, sizeof *type);
        struct hub_error error = {0};

        if (type == NULL) {
            return;
        }
        type->name = join_name(&self->types->arena, connector->name, operation->name);
        if (type->name.ptr == NULL) {
            return;
        }
        if (fill_type(self->types, connector, operation, type, &error) < 0) {
            refuse(self, type->name, error.detail);
        } else if (map_put(&self->types->by_name, type->name, type) < 0) {
            schema_free(type->input);
        }
    }
}

void types_rebuild(struct types *self, const struct supervisor *supervisor, struct log *log)
{
    struct rebuild rebuild = {self, log};

    types_clear(self);
    supervisor_each(supervisor, add_connector, &rebuild);
    malloc_trim(0); /* compiling took several times what is kept, and is not done again soon */
}

const struct job_type *types_find(const struct types *self, struct str name)
{
    return map_get(&self->by_name, name);
}

const struct account_type *types_account(const struct types *self, struct str connector)
{
    return map_get(&self->accounts, connector);
}

const char *types_refusal(const struct types *self, struct str name)
{
    return map_get(&self->refusals, name);
}

struct str types_suggest(const struct types *self, struct str name)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    MAP_FOR_EACH(e, &self->by_name) {
        nearest_offer(&nearest, e->key);
    }
    return nearest.best;
}

void types_each(const struct types *self, void (*visit)(void *context, const struct job_type *type),
                void *context)
{
    MAP_FOR_EACH(e, &self->by_name) {
        visit(context, e->value);
    }
}
