#include "hubctl/text.h"

#include "base/json.h"

#include <string.h>
#include <wchar.h>

static uint32_t decode(struct str text, size_t len)
{
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (uint8_t)text.ptr[0] & lead_bits[len];

    for (size_t i = 1; i < len; i++) {
        c = c << 6 | ((uint8_t)text.ptr[i] & 0x3f);
    }
    return c;
}

/* Characters that a terminal obeys instead of showing, or that hide what stands where. */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || /* C0, DEL, C1 */
           c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || /* direction: UAX #9 §2 */
           c == 0x2028 || c == 0x2029 || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe007f); /* separators, BOM, annotations, tags */
}

static void append_escape(struct buf *buf, uint32_t c)
{
    switch (c) {
    case '\n':
        buf_append_str(buf, STR("\\n"));
        break;
    case '\r':
        buf_append_str(buf, STR("\\r"));
        break;
    case '\t':
        buf_append_str(buf, STR("\\t"));
        break;
    default:
        buf_append_format(buf, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
    }
}

void text_append_safe(struct buf *buf, struct str text)
{
    while (text.len > 0) {
        size_t len = str_utf8_char_len(text);
        uint32_t c = len > 0 ? decode(text, len) : (uint8_t)text.ptr[0];

        if (len == 0 || is_harmful(c)) {
            append_escape(buf, c);
            len = len > 0 ? len : 1;
        } else {
            buf_append(buf, text.ptr, len);
        }
        text = str_slice(text, len, text.len);
    }
}

static void append_json_escape(struct buf *buf, uint32_t c)
{
    if (c >= 0x10000) { /* RFC 8259 §7: a surrogate pair */
        c -= 0x10000;
        buf_append_format(buf, "\\u%04x", 0xd800 + (unsigned)(c >> 10));
        c = 0xdc00 + (c & 0x3ff);
    }
    buf_append_format(buf, "\\u%04x", (unsigned)c);
}

void text_append_json(struct buf *buf, struct json_object *value)
{
    struct buf plain;

    buf_init(&plain, BUF_NO_LIMIT);
    json_append(&plain, value);
    buf->failed |= buf_failed(&plain);
    /* Outside of strings JSON is ASCII, so what is escaped here always stands in a string. */
    for (struct str rest = buf_view(&plain); rest.len > 0;) {
        size_t len = str_utf8_char_len(rest);
        uint32_t c = len > 0 ? decode(rest, len) : 0xfffd;

        if (len > 0 && !is_harmful(c)) {
            buf_append(buf, rest.ptr, len);
        } else {
            append_json_escape(buf, c);
        }
        rest = str_slice(rest, len > 0 ? len : 1, rest.len);
    }
    buf_release(&plain);
}

struct str text_member(struct json_object *object, const char *name)
{
    struct str text = STR("");

    json_get_str(object, name, &text);
    return text;
}

static size_t char_width(uint32_t c)
{
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 1 : (size_t)width;
}

struct str text_prefix(struct str text, size_t columns)
{
    size_t used = 0;
    size_t at = 0;

    while (at < text.len) {
        struct str rest = str_slice(text, at, text.len);
        size_t len = str_utf8_char_len(rest);
        size_t width = len > 0 ? char_width(decode(rest, len)) : 1;

        if (used + width > columns) {
            break;
        }
        used += width;
        at += len > 0 ? len : 1;
    }
    return str_slice(text, 0, at);
}

size_t text_width(struct str text)
{
    size_t width = 0;

    while (text.len > 0) {
        size_t len = str_utf8_char_len(text);

        width += len > 0 ? char_width(decode(text, len)) : 1;
        text = str_slice(text, len > 0 ? len : 1, text.len);
    }
    return width;
}

void text_append_cut(struct buf *buf, struct str text, size_t columns)
{
    if (text_width(text) <= columns) {
        buf_append_str(buf, text);
    } else if (columns > 0) {
        buf_append_str(buf, text_prefix(text, columns - 1));
        buf_append_str(buf, STR("…"));
    }
}

void text_append_blanks(struct buf *buf, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_char(buf, ' ');
    }
}

struct str text_take_line(struct str *rest, size_t columns)
{
    struct str all = *rest;
    struct str line = text_prefix(all, columns);

    if (line.len == all.len) {
        *rest = str_of(NULL, 0);
        return all;
    }
    /* The blank may stand just behind what fits. */
    const char *blank = memrchr(all.ptr, ' ', line.len + 1);
    if (blank && blank > all.ptr) {
        size_t len = (size_t)(blank - all.ptr);
        *rest = str_slice(all, len + 1, all.len);
        return str_slice(all, 0, len);
    }
    line.len = line.len > 0 ? line.len : str_utf8_char_len(all); /* wider than the whole line */
    *rest = str_slice(all, line.len, all.len);
    return line;
}

static void append_wrapped_line(struct buf *buf, struct str line, size_t indent, size_t width)
{
    for (bool first = true; line.ptr; first = false) {
        if (!first) {
            buf_append_char(buf, '\n');
            text_append_blanks(buf, indent);
        }
        buf_append_str(buf, text_take_line(&line, width > indent ? width - indent : 1));
    }
}

void text_append_wrapped(struct buf *buf, struct str text, size_t indent, size_t width)
{
    bool first = true;

    while (text.ptr) {
        struct str line = str_split(&text, '\n');

        if (!first) {
            buf_append_char(buf, '\n');
        }
        if (!first && line.len > 0) {
            text_append_blanks(buf, indent);
        }
        if (line.len > 0 && line.ptr[0] == ' ') {
            buf_append_str(buf, line);
        } else {
            append_wrapped_line(buf, line, indent, width);
        }
        first = false;
    }
}
