/*
 * Paragraphs flow line by line, with what lies behind them and on them.
 */
#include "flow_parts.h"

#include <math.h>

enum { ORPHANS = 2, WIDOWS = 2 /* lines that are not left alone at the end or start of a page */ };

static const double EPSILON = 0.01;

static int add_decoration(struct layout *self, const struct slot *slot, uint32_t page, double x,
                          double baseline, enum decoration which)
{
    const struct piece *piece = slot->piece;
    const struct text_style *style = piece->run->style;
    const struct face_metrics *m = &piece->face->metrics;
    double scale = piece->size / piece->face->upem;
    double up = which == DECORATION_UNDERLINE  ? m->underline_position
                : which == DECORATION_OVERLINE ? m->ascent
                                               : m->strike_position;
    struct item *item = layout_add(self, page);
    if (!item) {
        return self->doc->error->err;
    }
    double left = piece->space_level & 1 ? slot->spaces * slot->space : 0;
    item->kind = ITEM_LINE;
    item->x = x - left;
    item->w = piece->width + slot->spaces * slot->space;
    item->y = baseline - up * scale - style->rise * style->size;
    item->line = (struct line_style){
        .width = fmax(m->underline_thickness * scale, 0.4),
        .color = style->decoration_color != COLOR_NONE ? style->decoration_color : style->color,
        .dash = style->decoration_style,
    };
    return 0;
}

static int decorate(struct layout *self, const struct slot *slot, uint32_t page, double x,
                    double baseline)
{
    static const enum decoration ALL[] = {DECORATION_UNDERLINE, DECORATION_STRIKE,
                                          DECORATION_OVERLINE};
    const struct text_style *style = slot->piece->run->style;
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        if (style->decoration & ALL[i]) {
            int err = add_decoration(self, slot, page, x, baseline, ALL[i]);
            if (err < 0) {
                return err;
            }
        }
    }
    return 0;
}

/* An area that belongs to a stretch of text: what is behind it, or what it links to. Grows the
 * last one if that ends where this begins. */
static int add_area(struct layout *self, uint32_t page, struct item area, struct item **last)
{
    if (*last && fabs((*last)->x + (*last)->w - area.x) < EPSILON && (*last)->kind == area.kind &&
        (area.kind == ITEM_LINK ? (*last)->link == area.link : (*last)->fill == area.fill)) {
        (*last)->w += area.w;
        return 0;
    }
    struct item *item = layout_add(self, page);
    if (!item) {
        return self->doc->error->err;
    }
    area.cell_content = item->cell_content;
    *item = area;
    *last = item;
    return 0;
}

static int add_areas(struct layout *self, const struct line *line, uint32_t page, double x,
                     double y)
{
    struct item *last_fill = NULL;
    for (uint32_t pass = 0; pass < 2; pass++) {
        struct item *last = last_fill;
        for (uint32_t i = 0; i < line->count; i++) {
            const struct slot *slot = &line->slots[i];
            const struct inline_run *run = slot->piece->run;
            struct item area = {.x = x + line->x + slot->x,
                                .y = y,
                                .w = slot->piece->width + slot->spaces * slot->space,
                                .h = line->ascent + line->descent,
                                .kind = pass ? ITEM_LINK : ITEM_FILL,
                                .layer = pass ? LAYER_BORDER : LAYER_CONTENT - 1};
            if (pass ? !run->link : run->style->background == COLOR_NONE) {
                last = NULL;
                continue;
            }
            if (pass) {
                area.link = run->link;
            } else {
                area.fill = run->style->background;
            }
            int err = add_area(self, page, area, &last);
            if (err < 0) {
                return err;
            }
        }
        last_fill = NULL;
    }
    return 0;
}

int flow_line(struct layout *self, const struct line *line, uint32_t page, double x, double y)
{
    int err = 0;
    bool areas = false;
    for (uint32_t i = 0; i < line->count; i++) {
        const struct inline_run *run = line->slots[i].piece->run;
        areas |= run->link || run->style->background != COLOR_NONE;
    }
    if (areas) {
        err = add_areas(self, line, page, x, y);
    }
    for (uint32_t i = 0; err == 0 && i < line->count; i++) {
        const struct slot *slot = &line->slots[i];
        const struct text_style *style = slot->piece->run->style;
        double at = x + line->x + slot->x;
        if (slot->piece->glyphs.count > 0 || slot->spaces > 0) {
            struct item *item = layout_add(self, page);
            if (!item) {
                return self->doc->error->err;
            }
            item->kind = ITEM_TEXT;
            item->x = at;
            item->y = y;
            item->w = slot->piece->width;
            item->h = line->ascent + line->descent;
            item->text.piece = slot->piece;
            item->text.baseline = line->ascent - style->rise * style->size;
            item->text.spaces = slot->piece->space_level & 1 ? 0 : slot->spaces;
            item->text.space = slot->space;
        }
        if (style->decoration) {
            err = decorate(self, slot, page, at, y + line->ascent);
        }
    }
    if (!self->has_baseline) {
        self->has_baseline = true;
        self->baseline_page = page;
        self->baseline_y = y + line->ascent;
    }
    return err;
}

/* How many of the lines from `first` on fit below the cursor. */
static uint32_t fitting_lines(const struct layout *self, const struct lines *lines, uint32_t first,
                              struct cursor cursor)
{
    double bottom = layout_bottom(self, cursor.page) + EPSILON;
    uint32_t count = 0;
    for (uint32_t i = first; i < lines->count; i++, count++) {
        cursor.y += lines->items[i].ascent + lines->items[i].descent;
        if (cursor.y > bottom) {
            break;
        }
    }
    return count;
}

/* How many lines go onto this page: not the first one alone, and leaving more than one for the
 * next. 0: better begin on the next page. */
static uint32_t lines_here(uint32_t fit, uint32_t first, uint32_t rest, bool at_top)
{
    if (fit >= rest) {
        return rest;
    }
    if (rest - fit < WIDOWS) {
        uint32_t kept = rest > WIDOWS ? rest - WIDOWS : 0;
        fit = kept > 0 && kept < fit ? kept : rest <= WIDOWS + 1 && !at_top ? 0 : fit;
    }
    if (first == 0 && fit < ORPHANS && !at_top) {
        return 0;
    }
    return fit;
}

int flow_paragraph(struct layout *self, const struct node *node, struct paragraph *paragraph,
                   double x, double width, struct cursor *cursor)
{
    struct lines lines;
    int err = paragraph_prepare(self->doc, paragraph, &self->numbers);
    if (err == 0) {
        err = paragraph_break(self->doc, paragraph, width, &lines);
    }
    for (uint32_t i = 0; err == 0 && i < lines.count;) {
        double first = lines.items[i].ascent + lines.items[i].descent;
        uint32_t fit = fitting_lines(self, &lines, i, *cursor);
        fit = lines_here(fit, i, lines.count - i, layout_at_top(self, *cursor));
        if (fit == 0) {
            err = layout_at_top(self, *cursor) ? layout_need(self, node, first, cursor)
                                               : layout_next_page(self, cursor);
            continue;
        }
        for (; fit > 0 && err == 0; fit--, i++) {
            const struct line *line = &lines.items[i];
            err = flow_line(self, line, cursor->page, x, cursor->y);
            cursor->y += line->ascent + line->descent;
        }
        if (err == 0 && i < lines.count) {
            err = layout_next_page(self, cursor);
        }
    }
    return err;
}
