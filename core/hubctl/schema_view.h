/*
 * schema_view.h — an operation's input schema as a table of fields that a person can read.
 *
 * One row a field, nested ones with their path ("outputs[].width"), with type, limits, default and
 * description. It explains, it does not validate: what it does not understand it leaves out.
 *
 * Schemas come from connectors: they may be hostile, so depth and rows are capped.
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_SCHEMA_VIEW_H
#define HUB_HUBCTL_SCHEMA_VIEW_H

#include "hubctl/output.h"

/* Appends the table, or a sentence when the schema has no fields. */
void schema_append_fields(const struct output *output, struct buf *buf, struct json_object *schema,
                          size_t indent);

#endif
