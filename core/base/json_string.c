#include "base/json_string.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    uint8_t unit[2];

    if (end - at < 4 || !hex_decode(str_of(at, 4), unit, sizeof unit)) {
        return -1;
    }
    return unit[0] << 8 | unit[1];
}

static const char *read_unicode_escape(const char *at, const char *end, uint32_t *ret_char)
{
    int32_t unit = hex4(at, end);

    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return NULL;
    }
    at += 4;
    if (unit < 0xd800 || unit > 0xdbff) {
        *ret_char = (uint32_t)unit;
        return at;
    }
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') {
        return NULL;
    }
    int32_t low = hex4(at + 2, end);
    if (low < 0xdc00 || low > 0xdfff) {
        return NULL;
    }
    *ret_char = 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return at + 6;
}

/* Reads one escape from its backslash on. Returns what follows it, or NULL if it is not valid: no
 * such escape, U+0000, or half a surrogate pair. */
static const char *read_escape(const char *at, const char *end, uint32_t *ret_char)
{
    static const char meaning[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };

    if (end - at < 2) {
        return NULL;
    }
    unsigned char letter = (unsigned char)at[1];
    if (letter == 'u') {
        return read_unicode_escape(at + 2, end, ret_char);
    }
    if (letter >= sizeof meaning || !meaning[letter]) {
        return NULL;
    }
    *ret_char = (unsigned char)meaning[letter];
    return at + 2;
}

/* ASCII that stands for itself, as most of a string does: no closer look is needed. */
static bool is_plain(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* What starts at `at`: the length of a character that may stand in a string, or 0 and why not. */
static size_t char_len(const char *at, const char *end, const char **ret_why)
{
    unsigned char c = (unsigned char)*at;

    if (c == '\\') {
        uint32_t ignored;
        const char *next = read_escape(at, end, &ignored);
        *ret_why = "invalid escape";
        return next ? (size_t)(next - at) : 0;
    }
    if (c >= 0x80) {
        *ret_why = "not UTF-8";
        return str_utf8_char_len(str_of(at, (size_t)(end - at)));
    }
    *ret_why = "control character in a string";
    return c >= 0x20;
}

const char *json_string_scan(const char **at, const char *end, struct json_raw_string *ret_raw)
{
    const char *first = *at + 1;
    const char *now = first;
    const char *why;
    bool escaped = false;

    for (;;) {
        while (now < end && is_plain(*now)) {
            now++;
        }
        if (now == end || *now == '"') {
            break;
        }
        size_t len = char_len(now, end, &why);
        if (len == 0) {
            *at = now;
            return why;
        }
        escaped |= *now == '\\';
        now += len;
    }
    *at = now;
    if (now == end) {
        return "unexpected end";
    }
    *ret_raw = (struct json_raw_string){str_of(first, (size_t)(now - first)), escaped};
    ++*at;
    return NULL;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

char *json_string_unescape(const struct json_raw_string *raw, size_t *ret_len)
{
    const char *at = raw->text.ptr;
    const char *end = at + raw->text.len;
    char *bytes = malloc(raw->text.len + 1);
    char *to = bytes;

    if (!bytes) {
        return NULL;
    }
    if (!raw->escaped) {
        memcpy(to, at, raw->text.len);
        to += raw->text.len;
        at = end;
    }
    while (at < end) {
        uint32_t c;
        if (*at == '\\') {
            at = read_escape(at, end, &c);
            to = put_utf8(to, c);
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    *ret_len = (size_t)(to - bytes);
    return bytes;
}
