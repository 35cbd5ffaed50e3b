/*
 * connector_view.h — connectors and their operations as people see them, whether hubd tells about
 * them or a file does. The objects have the members of schemas/Connector.schema.json and
 * Operation.schema.json, as many as there are.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_CONNECTOR_VIEW_H
#define HUB_HUBCTL_CONNECTOR_VIEW_H

#include "hubctl/output.h"

int64_t connector_number(struct json_object *object, const char *name); /* 0 if it is not there */

/* "  label     text", nothing if there is no text. A label has at most 9 characters. */
void connector_line(const struct output *output, struct buf *buf, const char *label,
                    struct str text);

/* The table of operations, after an empty line. */
void connector_append_operations(const struct output *output, struct buf *buf,
                                 struct json_object *operations);

/* One operation: what it takes and gives, and its example. */
void connector_append_operation(const struct output *output, struct buf *buf,
                                struct json_object *operation);

/* What an account of the connector has. */
void connector_append_account(const struct output *output, struct buf *buf,
                              struct json_object *schema);

#endif
