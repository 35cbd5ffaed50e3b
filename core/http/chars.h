/*
 * chars.h — which bytes may stand where in a request. One table, so that two places cannot differ.
 *
 * Thread: [any].
 */
#ifndef HUB_HTTP_CHARS_H
#define HUB_HTTP_CHARS_H

#include "base/str.h"

enum http_char {
    CHAR_TOKEN = 1 << 0, /* tchar, RFC 9110 §5.6.2 */
    CHAR_FIELD = 1 << 1, /* field-vchar, SP and HTAB, RFC 9110 §5.5; obs-text is in it */
    CHAR_PATH = 1 << 2,  /* pchar and '/', RFC 3986 §3.3 */
    CHAR_QUERY = 1 << 3, /* RFC 3986 §3.4, and what WHATWG URL leaves unencoded in a query */
    CHAR_HOST = 1 << 4,  /* reg-name, RFC 3986 §3.2.2, without the comma */
    CHAR_HEX = 1 << 5,
    CHAR_DIGIT = 1 << 6,
};

extern const uint8_t HTTP_CHARS[256];

static inline bool char_is(char c, enum http_char class)
{
    return (HTTP_CHARS[(uint8_t)c] & class) != 0;
}

/* Are all bytes of `s` of this class? True for the empty view. */
bool chars_are(struct str s, enum http_char class);

/* The value of a hexadecimal digit (CHAR_HEX). */
unsigned char_hex_value(char c);

#endif
