#include "http/decode.h"
#include "http/chars.h"

#include <string.h>

static int decode_byte(struct str *rest, bool plus_is_blank, char *ret_byte)
{
    char c = rest->ptr[0];
    size_t used = 1;
    if (c == '%') {
        if (rest->len < 3 || !char_is(rest->ptr[1], CHAR_HEX) || !char_is(rest->ptr[2], CHAR_HEX)) {
            return HUB_ERR_BAD_REQUEST;
        }
        c = (char)(char_hex_value(rest->ptr[1]) << 4 | char_hex_value(rest->ptr[2]));
        used = 3;
    } else if (c == '+' && plus_is_blank) {
        c = ' ';
    }
    *rest = str_of(rest->ptr + used, rest->len - used);
    *ret_byte = c;
    return 0;
}

int percent_decode(struct str text, bool plus_is_blank, struct arena *arena, struct str *ret_text)
{
    char *bytes = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    if (bytes == NULL) {
        return HUB_ERR_NOMEM;
    }
    while (text.len > 0) {
        int err = decode_byte(&text, plus_is_blank, &bytes[len]);
        if (err < 0) {
            return err;
        }
        len++;
    }
    struct str decoded = str_of(bytes, len);
    if (memchr(bytes, '\0', len) != NULL || str_utf8_valid_prefix(decoded) != len) {
        return HUB_ERR_BAD_REQUEST;
    }
    *ret_text = decoded;
    return 0;
}
