/*
 * shelf.h — templates by name: those of the operator's folder, and the ready ones.
 *
 *     shelf_read(STR("/srv/templates"), STR("letter"), &definition, &schema, &err);
 *
 * In the folder, NAME.json is a template and NAME.schema.json, if it is there, the JSON Schema of
 * its data. A ready one of the same name is hidden by it. Files are read at each call: what the
 * operator changes holds from the next document on.
 *
 * Thread: [any]; blocks.
 */
#ifndef PDF_SHELF_H
#define PDF_SHELF_H

#include "base/error.h"
#include "base/json.h"

/* `folder` is empty if there is none. Gives new references; `ret_schema` NULL if the template has
 * none. HUB_ERR_INVALID_INPUT (there is no such template, and the error says which there are; or
 * it is no JSON), HUB_ERR_TOO_LARGE, HUB_ERR_IO, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int shelf_read(struct str folder, struct str name,
                              struct json_object **ret_definition, struct json_object **ret_schema,
                              struct hub_error *error);

/* A template from an open file, at most 1 MiB. */
HUB_MUST_CHECK int shelf_read_fd(int fd, struct json_object **ret_value, struct hub_error *error);

#endif
