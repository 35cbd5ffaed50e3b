/*
 * json_string.h — the strings of JSON (RFC 8259 §7), for json_read.c alone.
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_JSON_STRING_H
#define HUB_BASE_JSON_STRING_H

#include "base/str.h"

/* What stands between two quotes, checked but not yet unescaped. */
struct json_raw_string {
    struct str text;
    bool escaped;
};

/* Reads the string whose first quote is at `*at`, checks all of it and moves `*at` behind its last
 * quote. Returns NULL, or why it is not valid, with `*at` at the first offending byte: bytes that
 * are not UTF-8, control characters, unknown escapes, U+0000, half surrogate pairs. */
const char *json_string_scan(const char **at, const char *end, struct json_raw_string *ret_raw);

/* The text of a string that was read, malloc'ed and NUL-terminated; NULL if there is no memory. */
char *json_string_unescape(const struct json_raw_string *raw, size_t *ret_len);

#endif
