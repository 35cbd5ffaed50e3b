#include "standard.h"

#include <hpdf.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 3, STYLES = 4 };

struct standard_fonts {
    struct standard_font fonts[FAMILIES][STYLES];
};

static const struct {
    struct str family;
    const char *styles[STYLES]; /* normal, bold, italics, both */
} NAMES[FAMILIES] = {
    {STR_INIT("Helvetica"),
     {"Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"}},
    {STR_INIT("Times"), {"Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"}},
    {STR_INIT("Courier"), {"Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"}},
};

/* WinAnsiEncoding where it is not Latin-1: codes 0x80 to 0x9F. */
static const uint16_t WINANSI_80[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

uint8_t winansi_code(uint32_t character)
{
    if ((character >= 0x20 && character < 0x7F) || (character >= 0xA0 && character <= 0xFF)) {
        return (uint8_t)character;
    }
    for (unsigned i = 0; i < 32 && character > 0xFF; i++) {
        if (WINANSI_80[i] == character) {
            return (uint8_t)(0x80 + i);
        }
    }
    return 0;
}

static uint32_t winansi_character(unsigned code)
{
    return code >= 0x80 && code < 0xA0 ? WINANSI_80[code - 0x80] : code;
}

/* libharu calls this instead of aborting; its return values say the same. */
static void ignore_error(HPDF_STATUS error, HPDF_STATUS detail, void *context)
{
    (void)error;
    (void)detail;
    (void)context;
}

static bool fill(HPDF_Doc doc, const char *name, struct standard_font *font)
{
    HPDF_Font haru = HPDF_GetFont(doc, name, "WinAnsiEncoding");
    if (!haru) {
        return false;
    }
    font->name = name;
    font->ascent = (int16_t)HPDF_Font_GetAscent(haru);
    font->descent = (int16_t)HPDF_Font_GetDescent(haru);
    font->cap_height = (int16_t)HPDF_Font_GetCapHeight(haru);
    font->x_height = (int16_t)HPDF_Font_GetXHeight(haru);
    HPDF_Box box = HPDF_Font_GetBBox(haru);
    font->box[0] = (int16_t)box.left;
    font->box[1] = (int16_t)box.bottom;
    font->box[2] = (int16_t)box.right;
    font->box[3] = (int16_t)box.top;
    for (unsigned code = 0x20; code < 256; code++) {
        uint32_t character = winansi_character(code);
        if (character) {
            font->widths[code] = (int16_t)HPDF_Font_GetUnicodeWidth(haru, (HPDF_UNICODE)character);
        }
    }
    return true;
}

int standard_fonts_new(struct standard_fonts **ret_fonts)
{
    struct standard_fonts *self = calloc(1, sizeof *self);
    HPDF_Doc doc = HPDF_New(ignore_error, NULL);
    bool ok = self && doc;
    for (unsigned i = 0; ok && i < FAMILIES * STYLES; i++) {
        const char *name = NAMES[i / STYLES].styles[i % STYLES];
        ok = fill(doc, name, &self->fonts[i / STYLES][i % STYLES]);
    }
    HPDF_Free(doc);
    if (!ok) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    *ret_fonts = self;
    return 0;
}

void standard_fonts_free(struct standard_fonts *self)
{
    free(self);
}

const struct standard_font *standard_fonts_get(const struct standard_fonts *self, struct str family,
                                               bool bold, bool italic)
{
    for (unsigned i = 0; i < FAMILIES; i++) {
        if (str_eq_nocase(family, NAMES[i].family)) {
            return &self->fonts[i][(bold ? 1 : 0) + (italic ? 2 : 0)];
        }
    }
    return NULL;
}
