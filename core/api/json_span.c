#include "api/json_span.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_blanks(struct str text, size_t at)
{
    while (at < text.len && is_blank(text.ptr[at])) {
        at++;
    }
    return at;
}

/* Is the quote at `at` part of its string: behind an odd number of backslashes? */
static bool is_escaped(struct str text, size_t at)
{
    size_t slashes = 0;

    while (text.ptr[at - 1 - slashes] == '\\') {
        slashes++;
    }
    return slashes % 2 != 0;
}

/* `at` is at the opening quote; returns the index after the closing one. */
static size_t skip_string(struct str text, size_t at)
{
    const char *quote;

    do {
        at++;
        quote = at < text.len ? memchr(text.ptr + at, '"', text.len - at) : NULL;
        if (quote == NULL) {
            return text.len + 1;
        }
        at = (size_t)(quote - text.ptr);
    } while (is_escaped(text, at));
    return at + 1;
}

/* Returns the index of the ',' or the bracket that ends the value at `at`. */
static size_t skip_value(struct str text, size_t at)
{
    unsigned depth = 0;

    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            break;
        }
        depth += (c == '{' || c == '[');
        depth -= (c == '}' || c == ']');
        at++;
    }
    return at;
}

struct str json_member_span(struct str text, struct str name)
{
    size_t at = skip_blanks(text, 0) + 1; /* after '{' */

    while ((at = skip_blanks(text, at)) < text.len && text.ptr[at] == '"') {
        size_t key = at + 1;
        size_t key_end = skip_string(text, at) - 1;
        size_t value = skip_blanks(text, skip_blanks(text, key_end + 1) + 1); /* after ':' */
        size_t end = skip_value(text, value);

        if (end > text.len) {
            break;
        }
        if (str_eq(str_slice(text, key, key_end - key), name)) {
            while (end > value && is_blank(text.ptr[end - 1])) {
                end--;
            }
            return str_slice(text, value, end - value);
        }
        at = end + 1;
    }
    return (struct str){0};
}
