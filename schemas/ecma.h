/*
 * ecma.h — ECMA-262 regular expressions in PCRE2's words.
 *
 * "pattern" means an ECMA-262 expression with the `u` flag. Most of it PCRE2 reads the same way;
 * the rest is rewritten here (\s, \v, \uXXXX, a dot, property names such as \p{Letter}, a bracket
 * in a class), and what PCRE2 has beyond ECMA-262 (recursion, verbs, atomic groups, possessive
 * quantifiers, \Q, \K …) is refused, because a schema that used it would mean something else
 * elsewhere.
 *
 * Thread: [any].
 */
#ifndef HUB_SCHEMAS_ECMA_H
#define HUB_SCHEMAS_ECMA_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the expression for PCRE2 with PCRE2_UTF, PCRE2_DOLLAR_ENDONLY and
 * PCRE2_ALLOW_EMPTY_CLASS. HUB_ERR_INVALID_INPUT with a detail; a full `ret_pcre` shows in
 * buf_failed(). */
HUB_MUST_CHECK int schema_ecma_translate(struct str source, struct buf *ret_pcre,
                                         struct hub_error *error);

#endif
