/*
 * types.h — the job types there are: each operation of each connector, ready to check inputs.
 *
 *     types_new(&types);
 *     types_rebuild(types, supervisor, log);       // after every scan
 *     const struct job_type *type = types_find(types, STR("image.transform"));
 *     if (type) schema_validate(type->input, input, &errors);
 *
 * A view of a type lives until the next types_rebuild(). Thread: [loop].
 */
#ifndef HUB_API_TYPES_H
#define HUB_API_TYPES_H

#include "api/places.h"
#include "base/log.h"
#include "jobs/job.h"
#include "schemas/schema.h"
#include "supervisor/supervisor.h"

struct job_type {
    struct str name; /* "image.transform" */
    struct str connector;
    struct str operation;
    enum job_retry_safety retry_safety;
    bool settles; /* it can find out what became of attempts that were cut short */
    uint32_t timeout_ms;
    uint32_t max_attempts;
    struct schema *input;
    struct places places; /* where the input takes files */
};

/* What a connector asks of its accounts. */
struct account_type {
    struct str connector;
    struct json_object *document; /* its account schema */
    struct schema *schema;
    uint64_t generation; /* of the connector */
};

/* The operation that tells whether an account works, if a connector has it. */
#define TYPES_VERIFY "verify_account"

struct types;

HUB_MUST_CHECK int types_new(struct types **ret_self);
void types_free(struct types *self);

/* Compiles what the supervisor found. A schema that is not acceptable leaves its operation out. */
void types_rebuild(struct types *self, const struct supervisor *supervisor, struct log *log);

const struct job_type *types_find(const struct types *self, struct str name); /* or NULL */

/* NULL: there is no such connector, or it takes no account. */
const struct account_type *types_account(const struct types *self, struct str connector);

/* Why an operation of the supervisor's has no type: the compiler's words; or NULL. */
const char *types_refusal(const struct types *self, struct str name);

/* The nearest name there is, for "did you mean"; empty if none is near. */
struct str types_suggest(const struct types *self, struct str name);

void types_each(const struct types *self, void (*visit)(void *context, const struct job_type *type),
                void *context);

#endif
