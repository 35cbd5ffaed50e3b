/*
 * templates.h — definitions out of templates: pdf.render's "template" and "data".
 *
 * A template is a definition with placeholders (common/template.h): one of the ready ones by name,
 * or a file. It sees the members of "data", and two more: `labels`, the words of the ready
 * templates in the language of "locale" (with those of data's own "labels" in their place), and
 * `images`, which says true for each name in the input's "images".
 *
 * What else the input holds, such as "images" or "info", goes on top of what the template gives.
 *
 * Thread: [any].
 */
#ifndef PDF_TEMPLATES_H
#define PDF_TEMPLATES_H

#include "parse.h"

/* The definition that an input asks for: a new reference, to be treated as read-only; the input
 * itself if it names no template. On failure `ret_pointer`, which is cleared, gets the JSON Pointer
 * of the part of the input at fault. HUB_ERR_INVALID_INPUT, HUB_ERR_TOO_LARGE, HUB_ERR_LIMIT,
 * HUB_ERR_IO, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int template_definition(struct json_object *input, const struct sources *sources,
                                       struct json_object **ret_definition, struct buf *ret_pointer,
                                       struct hub_error *error);

#endif
