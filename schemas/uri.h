/*
 * uri.h — URI references taken apart and resolved, RFC 3986.
 *
 * Nothing is normalised but dot segments: URIs are names here and are compared byte by byte.
 *
 * Thread: [any].
 */
#ifndef HUB_SCHEMAS_URI_H
#define HUB_SCHEMAS_URI_H

#include "base/arena.h"

/* Views into the text. A component that is not there has a NULL `ptr`; `path` is always there. */
struct schema_uri {
    struct str scheme;
    struct str authority;
    struct str path;
    struct str query;
    struct str fragment;
};

/* RFC 3986, appendix B: every text can be taken apart, valid or not. */
void schema_uri_split(struct str text, struct schema_uri *ret_uri);

/* Is it a URI reference after the grammar of RFC 3986, appendix A? With `absolute` it must have a
 * scheme. */
bool schema_uri_valid(struct str text, bool absolute);

/* Resolves `reference` against `base` (§5.2) into the target without its fragment, in the arena;
 * `*ret_fragment` is a view into `reference`, empty if there is none. False if the arena is
 * exhausted. */
bool schema_uri_resolve(struct arena *arena, struct str base, struct str reference,
                        struct str *ret_target, struct str *ret_fragment);

/* `text` with its %XX decoded, in the arena. False if one is malformed or the arena is
 * exhausted. */
bool schema_uri_decode(struct arena *arena, struct str text, struct str *ret_decoded);

#endif
