/*
 * meta.h — the documents of the dialect: the meta-schema of 2020-12 and its parts.
 *
 * They are written in schemas/meta, from the specification, and linked into the program.
 */
#ifndef HUB_SCHEMAS_META_H
#define HUB_SCHEMAS_META_H

#include "base/str.h"

/* The text of the document with this URI; false if it is not one of the dialect's. */
bool schema_meta_find(struct str uri, struct str *ret_text);

#endif
