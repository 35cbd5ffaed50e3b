#include "base/disposition.h"

#include <ctype.h>
#include <string.h>

bool file_name_is_plain(struct str name)
{
    if (name.len == 0 || name.len > FILE_NAME_MAX || str_utf8_valid_prefix(name) != name.len ||
        str_eq(name, STR(".")) || str_eq(name, STR(".."))) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') {
            return false;
        }
    }
    return true;
}

static struct str last_part(struct str path)
{
    size_t start = 0;

    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '/' || path.ptr[i] == '\\') {
            start = i + 1;
        }
    }
    return str_slice(path, start, path.len);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* UTF-8''percent-encoded (RFC 8187 §3.2) */
static struct str extended_value(struct str value, struct arena *arena)
{
    struct str charset = str_split(&value, '\'');
    char *text;
    size_t len = 0;

    str_split(&value, '\''); /* the language */
    if (value.ptr == NULL || !str_eq_nocase(charset, STR("utf-8"))) {
        return (struct str){0};
    }
    text = arena_alloc(arena, value.len + 1);
    for (size_t i = 0; text != NULL && i < value.len; i++) {
        if (value.ptr[i] != '%') {
            text[len++] = value.ptr[i];
            continue;
        }
        int high = i + 2 < value.len ? hex_value(value.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_value(value.ptr[i + 2]) : -1;
        if (low < 0) {
            return (struct str){0};
        }
        text[len++] = (char)(high * 16 + low);
        i += 2;
    }
    return str_of(text, len);
}

/* A token or a quoted string (RFC 9110 §5.6.4) at the front of `*rest`, which goes on behind it. */
static struct str plain_value(struct str *rest, struct arena *arena)
{
    char *text;
    size_t len = 0;
    size_t i = 1;

    if (rest->len == 0 || rest->ptr[0] != '"') {
        return str_trim(str_split(rest, ';'));
    }
    text = arena_alloc(arena, rest->len);
    for (; text != NULL && i < rest->len && rest->ptr[i] != '"'; i++) {
        if (rest->ptr[i] == '\\' && i + 1 < rest->len) {
            i++;
        }
        text[len++] = rest->ptr[i];
    }
    *rest = str_slice(*rest, i + 1, rest->len);
    str_split(rest, ';');
    return str_of(text, len);
}

struct str disposition_file_name(struct str header, struct arena *arena)
{
    struct str plain = {0}, extended = {0};

    str_split(&header, ';'); /* the type */
    while (header.ptr != NULL && header.len > 0) {
        struct str name = str_trim(str_split(&header, '='));
        header = str_trim(header);
        struct str value = plain_value(&header, arena);
        if (str_eq_nocase(name, STR("filename*"))) {
            extended = last_part(extended_value(value, arena));
        } else if (str_eq_nocase(name, STR("filename"))) {
            plain = last_part(value);
        }
    }
    if (file_name_is_plain(extended)) {
        return extended;
    }
    return file_name_is_plain(plain) ? plain : (struct str){0};
}

/* attr-char of RFC 8187 */
static bool is_attr_char(unsigned char c)
{
    return isalnum(c) || (c != 0 && c < 0x80 && strchr("!#$&+-.^_`|~", c) != NULL);
}

void disposition_append(struct buf *out, struct str name)
{
    bool plain = true;

    buf_append_c(out, "attachment; filename=\"");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        bool visible = c >= 0x20 && c < 0x7f;

        plain = plain && visible;
        if (c == '"' || c == '\\') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, visible ? (char)c : '_');
    }
    buf_append_char(out, '"');
    if (plain) {
        return;
    }
    buf_append_c(out, "; filename*=UTF-8''");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (is_attr_char(c)) {
            buf_append_char(out, (char)c);
        } else {
            buf_append_format(out, "%%%02X", c);
        }
    }
}
