/*
 * str.h — a view of bytes that belong to somebody else.
 *
 * `struct str` is passed by value, is not NUL-terminated and owns nothing: whoever hands one out
 * says until when its bytes live. The empty view may have a NULL pointer.
 *
 *     if (str_eq(header.name, STR("host"))) …
 *     log_info(log, …, "name=%.*s", STR_ARG(name));
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_STR_H
#define HUB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A view of a string literal, usable as an initialiser too. */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* The two arguments of "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline struct str str_of(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

struct str str_from_c(const char *c_string); /* NULL gives the empty view */

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII case only */
int str_cmp(struct str a, struct str b);        /* by bytes, shorter first on a tie */
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
struct str str_trim(struct str s); /* without spaces and tabs at either end */
struct str str_slice(struct str s, size_t from, size_t len); /* clamped to what is there */

/* Splits at the first `separator`: returns what stands before it and leaves the rest in `*rest`,
 * which becomes {NULL, 0} when there was no separator left. `*rest` is also the input. */
struct str str_split(struct str *rest, char separator);

/* The whole of `s` as a decimal number without sign or blanks. Returns false, and leaves
 * `*ret_value` alone, if it is not one or is larger than `max`. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *ret_value);
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret_value); /* with '-' allowed */

/* Index of the first byte that is not part of well-formed UTF-8 (RFC 3629: no surrogates, nothing
 * over U+10FFFF, no overlong forms), or `s.len` if all of it is. */
size_t str_utf8_valid_prefix(struct str s);

/* Bytes of the well-formed UTF-8 character at the front of `s`: 1 to 4, or 0 if there is none. */
size_t str_utf8_char_len(struct str s);

/* The longest prefix of at most `max` bytes that does not end inside a UTF-8 character. */
struct str str_utf8_cut(struct str s, size_t max);

#endif
