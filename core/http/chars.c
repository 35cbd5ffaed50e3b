#include "http/chars.h"

#define T          CHAR_TOKEN
#define F          CHAR_FIELD
#define P          CHAR_PATH
#define Q          CHAR_QUERY
#define H          CHAR_HOST
#define X          CHAR_HEX
#define D          CHAR_DIGIT

#define UNRESERVED (T | F | P | Q | H)

/*
 * `{`, `|`, `[` and their like are no URI characters, yet browsers and Node's fetch send them as
 * they are in a query (WHATWG URL §1.3); nothing about framing hangs on them, so the query takes
 * them and the path does not. The comma is out of CHAR_HOST: two Host fields merged by something
 * in between ("a,b") must not pass for one name.
 */
const uint8_t HTTP_CHARS[256] = {
    ['\t'] = F,
    [' '] = F,
    ['!'] = T | F | P | Q | H,
    ['"'] = F,
    ['#'] = T | F,
    ['$'] = T | F | P | Q | H,
    ['%'] = T | F | P | Q | H,
    ['&'] = T | F | P | Q | H,
    ['\''] = T | F | P | Q | H,
    ['('] = F | P | Q | H,
    [')'] = F | P | Q | H,
    ['*'] = T | F | P | Q | H,
    ['+'] = T | F | P | Q | H,
    [','] = F | P | Q,
    ['-'] = UNRESERVED,
    ['.'] = UNRESERVED,
    ['/'] = F | P | Q,
    ['0' ... '9'] = UNRESERVED | X | D,
    [':'] = F | P | Q,
    [';'] = F | P | Q | H,
    ['<'] = F,
    ['='] = F | P | Q | H,
    ['>'] = F,
    ['?'] = F | Q,
    ['@'] = F | P | Q,
    ['A' ... 'F'] = UNRESERVED | X,
    ['G' ... 'Z'] = UNRESERVED,
    ['['] = F | Q,
    ['\\'] = F | Q,
    [']'] = F | Q,
    ['^'] = T | F | Q,
    ['_'] = UNRESERVED,
    ['`'] = T | F | Q,
    ['a' ... 'f'] = UNRESERVED | X,
    ['g' ... 'z'] = UNRESERVED,
    ['{'] = F | Q,
    ['|'] = T | F | Q,
    ['}'] = F | Q,
    ['~'] = UNRESERVED,
    [0x80 ... 0xff] = F,
};

bool chars_are(struct str s, enum http_char class)
{
    uint8_t common = (uint8_t) class;
    for (size_t i = 0; i < s.len; i++) {
        common &= HTTP_CHARS[(uint8_t)s.ptr[i]];
    }
    return common != 0;
}

unsigned char_hex_value(char c)
{
    if (char_is(c, CHAR_DIGIT)) {
        return (unsigned)(c - '0');
    }
    return (unsigned)((c | 0x20) - 'a') + 10;
}
