#include "text.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <string.h>

#include "base/str.h"

#include "plan.h"

extern const char font_dejavu[];
extern const size_t font_dejavu_len;

enum { SUBPIXEL = 64, MAX_LINES = 64 };

struct line {
    struct str text;
    int64_t width; /* in 1/64 pixel */
};

struct writer {
    FT_Library lib;
    FT_Face face;
    const struct text_request *request;
    struct line lines[MAX_LINES];
    uint32_t line_count;
    int64_t width; /* of the widest line */
};

/* --- Measuring ---------------------------------------------------------------------------------*/

/* Takes the next character off the text; U+FFFD for what is not UTF-8. */
static uint32_t next_character(struct str *text)
{
    size_t len = str_utf8_char_len(*text);
    const unsigned char *at = (const unsigned char *)text->ptr;
    static const unsigned char MASKS[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t character = len > 0 ? at[0] & MASKS[len] : 0xfffd;
    for (size_t i = 1; i < len; i++)
        character = character << 6 | (at[i] & 0x3f);
    *text = str_slice(*text, len > 0 ? len : 1, text->len);
    return character;
}

/* How far the pen moves before this glyph. */
static int64_t kerning(const struct writer *self, FT_UInt before, FT_UInt glyph)
{
    FT_Vector by = {0, 0};
    if (before && FT_HAS_KERNING(self->face))
        FT_Get_Kerning(self->face, before, glyph, FT_KERNING_DEFAULT, &by);
    return by.x;
}

static int64_t measure(const struct writer *self, struct str text)
{
    int64_t width = 0;
    FT_UInt before = 0;
    while (text.len > 0) {
        FT_UInt glyph = FT_Get_Char_Index(self->face, next_character(&text));
        if (FT_Load_Glyph(self->face, glyph, FT_LOAD_NO_HINTING) != 0)
            continue;
        width += kerning(self, before, glyph) + self->face->glyph->advance.x;
        before = glyph;
    }
    return width;
}

static void split_lines(struct writer *self)
{
    struct str rest = str_from_c(self->request->text);
    while (rest.ptr && self->line_count < MAX_LINES) {
        struct line *line = &self->lines[self->line_count++];
        line->text = str_split(&rest, '\n');
        line->width = measure(self, line->text);
        if (line->width > self->width)
            self->width = line->width;
    }
}

/* --- Drawing -----------------------------------------------------------------------------------*/

static void put_glyph(struct pixmap *to, const FT_Bitmap *bitmap, int64_t left, int64_t top,
                      uint32_t alpha)
{
    for (int64_t y = 0; y < bitmap->rows; y++) {
        for (int64_t x = 0; x < bitmap->width; x++) {
            int64_t column = left + x, row = top + y;
            if (column < 0 || row < 0 || column >= to->width || row >= to->height)
                continue;
            uint32_t covered = bitmap->buffer[y * bitmap->pitch + x] * alpha / 255;
            uint8_t *at = pixmap_at(to, (uint32_t)column, (uint32_t)row) + 3;
            *at = (uint8_t)(*at + covered > alpha ? alpha : *at + covered);
        }
    }
}

static void draw_line(const struct writer *self, const struct line *line, struct pixmap *to,
                      int64_t baseline)
{
    struct str text = line->text;
    int64_t slack = self->width - line->width;
    int64_t pen = self->request->align == ALIGN_CENTRE  ? slack / 2
                  : self->request->align == ALIGN_RIGHT ? slack
                                                        : 0;
    FT_UInt before = 0;
    while (text.len > 0) {
        FT_UInt glyph = FT_Get_Char_Index(self->face, next_character(&text));
        pen += kerning(self, before, glyph);
        FT_Vector shift = {pen % SUBPIXEL, 0};
        FT_Set_Transform(self->face, NULL, &shift);
        if (FT_Load_Glyph(self->face, glyph, FT_LOAD_NO_HINTING | FT_LOAD_RENDER) != 0)
            continue;
        FT_GlyphSlot slot = self->face->glyph;
        if (slot->bitmap.pixel_mode == FT_PIXEL_MODE_GRAY && slot->bitmap.pitch >= 0)
            put_glyph(to, &slot->bitmap, pen / SUBPIXEL + slot->bitmap_left + 1,
                      baseline - slot->bitmap_top, self->request->colour.alpha);
        pen += slot->advance.x;
        before = glyph;
    }
}

static int draw(struct writer *self, struct pixmap *ret_pixmap, struct fault *fault)
{
    const FT_Size_Metrics *metrics = &self->face->size->metrics;
    int64_t line_height = metrics->height / SUBPIXEL;
    int64_t ascent = (metrics->ascender + SUBPIXEL - 1) / SUBPIXEL;
    int64_t descent = (-metrics->descender + SUBPIXEL - 1) / SUBPIXEL;
    split_lines(self);
    int64_t width = self->width / SUBPIXEL + 3;
    int64_t height = line_height * (self->line_count - 1) + ascent + descent + 1;
    if (self->width <= 0 || height <= 0)
        return fault_set(fault, FAULT_INVALID, "The text has nothing to see.");
    if (plan_check_size((double)width, (double)height, fault) != 0 ||
        pixmap_init(ret_pixmap, (uint32_t)width, (uint32_t)height, 4, fault) != 0)
        return -1;
    struct colour colour = self->request->colour;
    colour.alpha = 0;
    pixmap_fill(ret_pixmap, colour);
    for (uint32_t i = 0; i < self->line_count; i++)
        draw_line(self, &self->lines[i], ret_pixmap, ascent + i * line_height);
    return 0;
}

int text_draw(const struct text_request *request, struct pixmap *ret_pixmap, struct fault *fault)
{
    struct writer self = {.request = request};
    const struct source built_in = {.data = (const uint8_t *)font_dejavu, .len = font_dejavu_len};
    const struct source *font = request->font ? request->font : &built_in;
    if (FT_Init_FreeType(&self.lib) != 0)
        return fault_memory(fault);
    int result;
    if (FT_New_Memory_Face(self.lib, font->data, (FT_Long)font->len, 0, &self.face) != 0)
        result = fault_set(fault, FAULT_INVALID, "The font is neither TrueType nor OpenType.");
    else if (FT_Set_Char_Size(self.face, 0, (FT_F26Dot6)(request->size * SUBPIXEL), 72, 72) != 0)
        result =
            fault_set(fault, FAULT_INVALID, "The font has no size of %.0f pixels.", request->size);
    else
        result = draw(&self, ret_pixmap, fault);
    if (self.face)
        FT_Done_Face(self.face);
    FT_Done_FreeType(self.lib);
    return result;
}
