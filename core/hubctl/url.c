#include "hubctl/url.h"

#include <string.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void append_encoded(struct buf *url, struct str text, bool dots)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (is_unreserved(c) && (c != '.' || dots)) {
            buf_append_char(url, c);
        } else {
            buf_append_format(url, "%%%02X", (unsigned)(uint8_t)c);
        }
    }
}

void url_append_segment(struct buf *url, struct str text)
{
    append_encoded(url, text, !str_eq(text, STR(".")) && !str_eq(text, STR("..")));
}

void url_append_query(struct buf *url, const char *name, struct str value)
{
    if (!value.ptr) {
        return;
    }
    buf_append_char(url, url->len > 0 && memchr(url->ptr, '?', url->len) ? '&' : '?');
    buf_append_c(url, name);
    buf_append_char(url, '=');
    append_encoded(url, value, true);
}
