/*
 * input_refs.h — values of other jobs in an input: {"from": JOB, "pointer": "/result/id"}.
 *
 * An object with exactly these two members, both texts, stands for the value at that JSON Pointer
 * (RFC 6901) of what GET /v1/jobs/{id} answers for that job. When a job is posted such places match
 * any schema (schema_validate_open() with input_ref_is); before its first attempt the values are
 * put in, and the input is validated as it is then.
 *
 * In a flow's job with for_each (jobs/flow.h), {"item": true, "pointer": "/x"} stands for the value
 * at that pointer of the item that an input is made for.
 *
 *     if (input_refs_any(body, input)) { input_refs_each(input, visit, context); … }
 *     …
 *     input_refs_resolve(types, &resolution);        // the engine's hook
 *
 * Thread: [any]; input_refs_resolve() [loop].
 */
#ifndef HUB_API_INPUT_REFS_H
#define HUB_API_INPUT_REFS_H

#include "api/types.h"
#include "base/json.h"
#include "jobs/jobs.h"

struct input_ref {
    struct str from;
    struct str pointer;
    struct json_object *from_json; /* the value that `from` views: the caller may set it anew */
};

bool input_ref_is(struct json_object *value);
bool input_ref_or_item_is(struct json_object *value);

/* `text` is what `input` was read from: a quick look there answers for most. A name that is written
 * with escapes is not seen, and its object is an object like any other. */
bool input_refs_any(struct str text, struct json_object *input);

/* Each of them, with the JSON Pointer of its place. */
typedef void input_refs_visit_fn(void *context, struct input_ref *ref, struct str place);
void input_refs_each(struct json_object *input, input_refs_visit_fn *visit, void *context);

/* The largest input that values may make. */
#define INPUT_RESOLVED_MAX ((size_t)1 << 20)

/* See jobs_hooks.resolve. */
int input_refs_resolve(const struct types *types, struct jobs_resolution *resolution);

#endif
