#include "base/str.h"

#include <string.h>
#include <strings.h>

struct str str_from_c(const char *c_string)
{
    return c_string ? str_of(c_string, strlen(c_string)) : (struct str){NULL, 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static unsigned char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends_with(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_slice(s, s.len - suffix.len, suffix.len), suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = str_slice(s, 1, s.len);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct str str_slice(struct str s, size_t from, size_t len)
{
    if (from > s.len) {
        from = s.len;
    }
    if (len > s.len - from) {
        len = s.len - from;
    }
    return str_of(s.ptr ? s.ptr + from : NULL, len);
}

struct str str_split(struct str *rest, char separator)
{
    struct str all = *rest;
    const char *found = all.len ? memchr(all.ptr, separator, all.len) : NULL;

    if (!found) {
        *rest = (struct str){NULL, 0};
        return all;
    }
    size_t before = (size_t)(found - all.ptr);
    *rest = str_of(found + 1, all.len - before - 1);
    return str_of(all.ptr, before);
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (digit > 9 || value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude;

    if (!str_to_u64(str_slice(s, negative, s.len), (uint64_t)INT64_MAX + negative, &magnitude)) {
        return false;
    }
    /* Negated as an unsigned number, since INT64_MIN has no positive counterpart. */
    int64_t value = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (value < min || value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

size_t str_utf8_char_len(struct str s)
{
    /* RFC 3629 §4: the first byte fixes the length and the range of the second; every further
     * byte is 80..BF. */
    const unsigned char *p = (const unsigned char *)s.ptr;
    unsigned char first = s.len ? p[0] : 0x80;
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len <= 1) {
        return len;
    }
    if (first > 0xf4 || s.len < len) {
        return 0;
    }
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

size_t str_utf8_valid_prefix(struct str s)
{
    size_t at = 0;

    while (at < s.len) {
        size_t len = str_utf8_char_len(str_of(s.ptr + at, s.len - at));
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

struct str str_utf8_cut(struct str s, size_t max)
{
    if (s.len <= max) {
        return s;
    }
    /* The byte after the cut must not continue a character; none is longer than four bytes. */
    size_t len = max;
    while (len > 0 && max - len < 3 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return str_of(s.ptr, ((unsigned char)s.ptr[len] & 0xc0) == 0x80 ? max : len);
}
