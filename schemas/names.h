/*
 * names.h — an immutable set of strings that gives each a small number.
 *
 *     schema_names_init(&names, arena, 3, secret);            // room for three
 *     uint32_t width = schema_names_put(&names, STR("width"));    // 0
 *     schema_names_find(&names, STR("height"));               // SCHEMA_NAMES_NONE
 *
 * Numbers are given in the order of putting, from 0; a name put twice keeps its number. A set of a
 * few names is searched in line, a larger one by SipHash under `secret`, so that neither the author
 * of a schema nor of a value can make names collide. The strings are not copied.
 *
 * Owner: the arena. Thread: [any]; constant once filled.
 */
#ifndef HUB_SCHEMAS_NAMES_H
#define HUB_SCHEMAS_NAMES_H

#include "base/arena.h"

#define SCHEMA_NAMES_NONE UINT32_MAX

struct schema_names {
    struct str *texts; /* by number */
    uint32_t *slots;   /* number + 1, or 0; NULL for a small set */
    uint32_t mask;
    uint32_t len;
    const uint64_t *secret;
};

/* False if the arena is exhausted. `secret` (two words) must live as long as the set. */
bool schema_names_init(struct schema_names *self, struct arena *arena, size_t capacity,
                       const uint64_t *secret);
uint32_t schema_names_put(struct schema_names *self, struct str text);
uint32_t schema_names_find(const struct schema_names *self, struct str text);

#endif
