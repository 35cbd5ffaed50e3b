/*
 * api/schemas.h — the API's own JSON Schemas (schemas/NAME.schema.json): embedded in the program,
 * compiled at start, and handed out again for /openapi.json.
 *
 *     api_schemas_new(&schemas, &err);
 *     schema_validate(api_schema(schemas, "JobCreate"), body, &errors);
 *
 * Thread: [loop].
 */
#ifndef HUB_API_SCHEMAS_H
#define HUB_API_SCHEMAS_H

#include "base/error.h"
#include "schemas/schema.h"

struct api_schemas;

HUB_MUST_CHECK int api_schemas_new(struct api_schemas **ret_self, struct hub_error *error);
void api_schemas_free(struct api_schemas *self);

/* The compiled schema of this name, one of those that bodies are validated against (TAKEN in the
 * table of schemas.c). Formats are asserted. */
const struct schema *api_schema(const struct api_schemas *self, const char *name);

/* Each document by name, read anew and borrowed for the call. */
void api_schemas_each(void (*visit)(void *context, const char *name, struct json_object *document),
                      void *context);

/* Compiles the input schema of a connector's operation, which may refer to "hub:file". The document
 * is hostile input: it is checked against the meta-schema first. The caller owns `*ret_schema`. */
HUB_MUST_CHECK int api_schema_compile_operation(struct json_object *document,
                                                struct schema **ret_schema,
                                                struct hub_error *error);

#endif
