/*
 * Upper and lower case of the scripts that have them, from Unicode's simple mappings. Not the C
 * library's: its tables come from a file, which a confined process can't open.
 */
#include "template_parts.h"

enum { SHARP_S = 0xdf, DOTLESS_I = 0x131, DOTTED_I = 0x130, FINAL_SIGMA = 0x3c2, SIGMA = 0x3a3 };

/* Capitals from `first` to `last`, each `step` after the other; the small letter of each is `delta`
 * further. */
static const struct {
    uint32_t first, last;
    uint32_t step, delta;
} CAPITALS[] = {
    {'A', 'Z', 1, 32},     {0xc0, 0xd6, 1, 32},    {0xd8, 0xde, 1, 32},    {0x100, 0x12e, 2, 1},
    {0x132, 0x136, 2, 1},  {0x139, 0x147, 2, 1},   {0x14a, 0x176, 2, 1},   {0x179, 0x17d, 2, 1},
    {0x218, 0x21a, 2, 1},  {0x386, 0x386, 1, 38},  {0x388, 0x38a, 1, 37},  {0x38c, 0x38c, 1, 64},
    {0x38e, 0x38f, 1, 63}, {0x391, 0x3a1, 1, 32},  {0x3a3, 0x3ab, 1, 32},  {0x400, 0x40f, 1, 80},
    {0x410, 0x42f, 1, 32}, {0x460, 0x480, 2, 1},   {0x48a, 0x4be, 2, 1},   {0x4d0, 0x52e, 2, 1},
    {0x531, 0x556, 1, 48}, {0x1e00, 0x1e94, 2, 1}, {0x1ea0, 0x1efe, 2, 1},
};

static uint32_t to_lower(uint32_t c, bool turkic)
{
    if (c == DOTTED_I) {
        return 'i';
    }
    if (turkic && c == 'I') {
        return DOTLESS_I;
    }
    if (c == 0x178) { /* Ÿ */
        return 0xff;
    }
    for (size_t i = 0; i < sizeof CAPITALS / sizeof CAPITALS[0]; i++) {
        if (c >= CAPITALS[i].first && c <= CAPITALS[i].last &&
            (c - CAPITALS[i].first) % CAPITALS[i].step == 0) {
            return c + CAPITALS[i].delta;
        }
    }
    return c;
}

static uint32_t to_upper(uint32_t c, bool turkic)
{
    if (c == DOTLESS_I) {
        return 'I';
    }
    if (turkic && c == 'i') {
        return DOTTED_I;
    }
    if (c == FINAL_SIGMA) {
        return SIGMA;
    }
    if (c == 0xff) { /* ÿ */
        return 0x178;
    }
    for (size_t i = 0; i < sizeof CAPITALS / sizeof CAPITALS[0]; i++) {
        uint32_t capital = c - CAPITALS[i].delta;
        if (c >= CAPITALS[i].delta && capital >= CAPITALS[i].first && capital <= CAPITALS[i].last &&
            (capital - CAPITALS[i].first) % CAPITALS[i].step == 0) {
            return capital;
        }
    }
    return c;
}

static uint32_t decode(struct str c)
{
    static const unsigned char FIRST_MASK[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)c.ptr[0] & FIRST_MASK[c.len];
    for (size_t i = 1; i < c.len; i++) {
        code = code << 6 | ((unsigned char)c.ptr[i] & 0x3f);
    }
    return code;
}

/* Of what this file maps to, nothing needs more than three bytes. */
static void append_short(struct buf *buf, uint32_t code)
{
    if (code < 0x80) {
        buf_append_char(buf, (char)code);
    } else if (code < 0x800) {
        buf_append_char(buf, (char)(0xc0 | code >> 6));
        buf_append_char(buf, (char)(0x80 | (code & 0x3f)));
    } else {
        buf_append_char(buf, (char)(0xe0 | code >> 12));
        buf_append_char(buf, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_append_char(buf, (char)(0x80 | (code & 0x3f)));
    }
}

void text_case_append(struct str text, bool upper, bool turkic, struct buf *buf)
{
    while (text.len > 0) {
        size_t len = str_utf8_char_len(text);
        struct str c = str_slice(text, 0, len ? len : 1);
        text = str_slice(text, c.len, text.len);
        if (len == 0 || len == 4) {
            buf_append_str(buf, c);
            continue;
        }
        uint32_t code = decode(c);
        if (upper && code == SHARP_S) {
            buf_append_str(buf, STR("SS"));
        } else {
            append_short(buf, upper ? to_upper(code, turkic) : to_lower(code, turkic));
        }
    }
}
