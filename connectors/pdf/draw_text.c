/*
 * Text as operators (ISO 32000-1 §9.4): as few of them as can be.
 */
#include "draw_parts.h"

#include <math.h>

static void end_string(struct pen *pen)
{
    if (pen->in_string) {
        buf_append_char(pen->buf, pen->font->face->standard ? ')' : '>');
        pen->in_string = false;
    }
}

static void end_array(struct pen *pen)
{
    end_string(pen);
    if (pen->in_array) {
        buf_append_c(pen->buf, "]TJ\n");
        pen->in_array = false;
    }
}

void end_text(struct pen *pen)
{
    end_array(pen);
    if (pen->in_text) {
        buf_append_c(pen->buf, "ET\n");
        pen->in_text = false;
    }
}

static void put_code(struct pen *pen, uint32_t glyph)
{
    bool standard = pen->font->face->standard;
    if (!pen->in_string) {
        buf_append_char(pen->buf, standard ? '(' : '<');
        pen->in_string = true;
    }
    if (!standard) {
        put_hex16(pen->buf, pen->font->codes[glyph]);
        return;
    }
    if (glyph == '(' || glyph == ')' || glyph == '\\') {
        buf_append_char(pen->buf, '\\');
    }
    buf_append_char(pen->buf, (char)glyph);
}

/* Moves to x within the line: in thousandths of the size, less than one is not worth it. */
static void move_to(struct pen *pen, double x)
{
    double off = (pen->x - x) * 1000 / pen->size;
    if (fabs(off) < 1) {
        return;
    }
    end_string(pen);
    put_number(pen->buf, off, off > 50 || off < -50 ? 0 : 1);
    pen->x = x;
}

static void begin_line(struct pen *pen, double x, double y)
{
    end_array(pen);
    if (!pen->in_text) {
        buf_append_c(pen->buf, "BT ");
        pen->in_text = true;
        pen->start_x = pen->start_y = 0;
        pen->font = NULL;
    }
    put_coordinate(pen, x - pen->start_x);
    put_coordinate(pen, y - pen->start_y);
    buf_append_c(pen->buf, "Td ");
    /* What a reader adds up is what was written, not what was meant. */
    pen->start_x += round((x - pen->start_x) * 100) / 100;
    pen->start_y += round((y - pen->start_y) * 100) / 100;
    pen->x = pen->start_x;
}

static void set_font(struct pen *pen, struct font *font, double size, double spacing)
{
    if (pen->font != font || pen->size != size) {
        end_array(pen);
        buf_append_format(pen->buf, "/F%u ", font->index);
        put_coordinate(pen, size);
        buf_append_c(pen->buf, "Tf ");
        pen->font = font;
        pen->size = size;
    }
    if (pen->spacing != spacing) {
        end_array(pen);
        put_coordinate(pen, spacing);
        buf_append_c(pen->buf, "Tc ");
        pen->spacing = spacing;
    }
}

static void put_glyph(struct pen *pen, uint32_t glyph, double x)
{
    move_to(pen, x);
    put_code(pen, glyph);
    pen->x += font_advance(pen->font, glyph) * pen->size / pen->font->face->upem + pen->spacing;
}

/* Marks stand above or below the line: a rise of their own. */
static void put_raised(struct pen *pen, uint32_t glyph, double x, double rise)
{
    end_array(pen);
    put_coordinate(pen, rise);
    buf_append_c(pen->buf, "Ts[");
    pen->in_array = true;
    put_glyph(pen, glyph, x);
    end_array(pen);
    buf_append_c(pen->buf, "0 Ts ");
}

static void put_glyphs(struct pen *pen, const struct piece *piece, double x)
{
    double scale = piece->size / piece->face->upem;
    for (uint32_t i = 0; i < piece->glyphs.count; i++) {
        const struct glyph *glyph = &piece->glyphs.glyphs[i];
        if (glyph->dy != 0) {
            put_raised(pen, glyph->id, x + glyph->dx * scale, glyph->dy * scale);
        } else {
            if (!pen->in_array) {
                buf_append_char(pen->buf, '[');
                pen->in_array = true;
            }
            put_glyph(pen, glyph->id, x + glyph->dx * scale);
        }
        x += glyph->advance * scale + pen->spacing;
    }
}

static void put_spaces(struct pen *pen, const struct item *item, double x)
{
    uint32_t glyph = ' ';
    const struct face *face = item->text.piece->face;
    if (!face->standard && !hb_font_get_nominal_glyph(face->hb_font, ' ', &glyph)) {
        return;
    }
    for (uint32_t i = 0; i < item->text.spaces; i++) {
        if (!pen->in_array) {
            buf_append_char(pen->buf, '[');
            pen->in_array = true;
        }
        put_glyph(pen, glyph, x);
        x += item->text.space;
    }
}

void draw_text(struct pen *pen, const struct item *item)
{
    const struct piece *piece = item->text.piece;
    const struct text_style *style = piece->run->style;
    struct font *font;
    if (embed_use(pen->ink->embed, piece->face, &font, NULL) < 0) {
        return;
    }
    double y = pen->height - item->y - item->text.baseline;
    if (pen->fill != style->color) {
        end_array(pen);
        set_fill(pen, style->color);
    }
    bool same_line = pen->in_text && fabs(pen->start_y - y) < 0.005 &&
                     fabs(pen->x - item->x) < 4 * piece->size && pen->font == font &&
                     pen->size == piece->size && pen->spacing == style->character_spacing;
    if (!same_line) {
        begin_line(pen, item->x, y);
        set_font(pen, font, piece->size, style->character_spacing);
    }
    put_glyphs(pen, piece, item->x);
    put_spaces(pen, item, item->x + piece->width);
}
