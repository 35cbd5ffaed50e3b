/*
 * Nodes flow down a column, from page to page.
 */
#include "layout.h"

#include "pieces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORPHANS = 2, WIDOWS = 2 /* lines that are not left alone at the end or start of a page */ };

static const double EPSILON = 0.01;
static const double MARKER_GAP = 0.45; /* of the size, between a marker and its item */

/* --- Text --------------------------------------------------------------------------------------*/

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

static int add_line(struct layout *self, const struct line *line, uint32_t page, double x, double y)
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
            err = add_line(self, line, cursor->page, x, cursor->y);
            cursor->y += line->ascent + line->descent;
        }
        if (err == 0 && i < lines.count) {
            err = layout_next_page(self, cursor);
        }
    }
    return err;
}

/* --- Columns and lists -------------------------------------------------------------------------*/

static int flow_columns(struct layout *self, struct node *node, double x, double width,
                        struct cursor *cursor)
{
    const struct node_list *list = &node->columns.items;
    struct measure widths[PDF_MAX_COLUMNS];
    double least[PDF_MAX_COLUMNS], most[PDF_MAX_COLUMNS], shares[PDF_MAX_COLUMNS];
    struct cursor start = *cursor, end = *cursor;
    int err = node_measure(self, node);
    for (uint32_t i = 0; i < list->count; i++) {
        widths[i] = list->items[i]->width;
        least[i] = list->items[i]->min_width;
        most[i] = list->items[i]->max_width;
    }
    double gaps = list->count > 1 ? node->columns.gap * (list->count - 1) : 0;
    share_widths(widths, least, most, list->count, fmax(0, width - gaps), shares);
    if (node->style->direction == DIRECTION_RTL) {
        x += width;
    }
    for (uint32_t i = 0; err == 0 && i < list->count; i++) {
        struct cursor here = start;
        bool rtl = node->style->direction == DIRECTION_RTL;
        x -= rtl ? shares[i] : 0;
        self->table_depth++; /* pages can't change their shape in here */
        err = flow_node(self, list->items[i], x, shares[i], &here);
        self->table_depth--;
        x += rtl ? -node->columns.gap : shares[i] + node->columns.gap;
        if (cursor_before(end, here)) {
            end = here;
        }
    }
    *cursor = end;
    return err;
}

/* Of the items, from the list's edge; where there is hardly any room, they keep half of it. */
static double indent_of(const struct node *node, double width)
{
    return fmin(node->list.indent, width / 2);
}

static int add_marker(struct layout *self, const struct node *node, struct node *marker, double x,
                      double width)
{
    struct lines lines;
    int err = paragraph_prepare(self->doc, &marker->text, &self->numbers);
    if (err == 0) {
        err = paragraph_break(self->doc, &marker->text, 1000, &lines);
    }
    if (err < 0 || lines.count == 0) {
        return err;
    }
    const struct line *line = &lines.items[0];
    double gap = MARKER_GAP * node->style->size, indent = indent_of(node, width);
    double at = node->style->direction == DIRECTION_RTL ? x + width - indent + gap
                                                        : x + indent - gap - line->width;
    return add_line(self, line, self->baseline_page, at - line->x, self->baseline_y - line->ascent);
}

/* The marker stands on the first line of its item, wherever that has gone. */
static int flow_item(struct layout *self, struct node *node, uint32_t index, double x, double width,
                     struct cursor *cursor)
{
    const struct list *list = &node->list;
    struct node *marker = list->markers[index];
    bool rtl = node->style->direction == DIRECTION_RTL;
    bool had = self->has_baseline;
    struct cursor outer = {self->baseline_page, self->baseline_y};
    self->has_baseline = false;
    double indent = indent_of(node, width);
    int err =
        flow_node(self, list->items.items[index], rtl ? x : x + indent, width - indent, cursor);
    if (err == 0 && marker && self->has_baseline) {
        err = add_marker(self, node, marker, x, width);
    }
    if (had) { /* the first line is that of an item before */
        self->has_baseline = true;
        self->baseline_page = outer.page;
        self->baseline_y = outer.y;
    }
    return err;
}

static int flow_list(struct layout *self, struct node *node, double x, double width,
                     struct cursor *cursor)
{
    int err = node_measure(self, node);
    for (uint32_t i = 0; err == 0 && i < node->list.items.count; i++) {
        err = flow_item(self, node, i, x, width, cursor);
    }
    return err;
}

/* --- Pictures, shapes, codes -------------------------------------------------------------------*/

/* Where something of this width stands in a column. */
static double aligned(const struct node *node, double x, double room, double width)
{
    switch ((enum align)node->style->alignment) {
    case ALIGN_CENTER:
        return x + (room - width) / 2;
    case ALIGN_RIGHT:
        return x + room - width;
    default:
        return node->style->direction == DIRECTION_RTL ? x + room - width : x;
    }
}

static int add_box(struct layout *self, const struct node *node, enum item_kind kind, double x,
                   double width, double w, double h, struct cursor *cursor, struct item **ret_item)
{
    int err = layout_need(self, node, h, cursor);
    struct item *item = err < 0 ? NULL : layout_add(self, cursor->page);
    if (!item) {
        return self->doc->error->err;
    }
    *item = (struct item){.kind = (uint8_t)kind,
                          .layer = LAYER_CONTENT,
                          .cell_content = item->cell_content,
                          .x = aligned(node, x, width, w),
                          .y = cursor->y,
                          .w = w,
                          .h = h};
    *ret_item = item;
    struct item box = *item;
    if (node->link) {
        struct item *link = layout_add(self, cursor->page);
        if (!link) {
            return self->doc->error->err;
        }
        *link = box;
        link->kind = ITEM_LINK;
        link->layer = LAYER_BORDER;
        link->link = node->link;
        *ret_item = link - 1;
    }
    cursor->y += h;
    return 0;
}

static void image_size(const struct image *image, double width, double *w, double *h)
{
    double ratio = (double)image->picture->height / image->picture->width;
    *w = image->width > 0    ? image->width
         : image->height > 0 ? image->height / ratio
                             : fmin(width, image->picture->width * 0.75);
    *h = image->height > 0 ? image->height : *w * ratio;
    if (image->fit == IMAGE_FIT) {
        *w = fmin(image->width, image->height / ratio);
        *h = *w * ratio;
    }
    if (*w > width && width > 0) {
        *h *= image->fit == IMAGE_COVER ? 1 : width / *w;
        *w = width;
    }
}

static int flow_image(struct layout *self, const struct node *node, double x, double width,
                      struct cursor *cursor)
{
    double w, h;
    struct item *item = NULL;
    image_size(&node->image, width, &w, &h);
    int err = add_box(self, node, ITEM_IMAGE, x, width, w, h, cursor, &item);
    if (err == 0) {
        item->image = node;
    }
    return err;
}

static int flow_canvas(struct layout *self, const struct node *node, double x, double width,
                       struct cursor *cursor)
{
    struct item *item = NULL;
    int err = add_box(self, node, ITEM_SHAPE, x, width, node->canvas.width, node->canvas.height,
                      cursor, &item);
    if (err == 0) {
        item->shape.canvas = &node->canvas;
    }
    return err;
}

static int flow_code(struct layout *self, struct node *node, double x, double width,
                     struct cursor *cursor)
{
    struct code_node *code = &node->code;
    struct lines label = {0};
    int err = node_measure(self, node);
    double w = node->max_width - node->margin.left - node->margin.right;
    double h = code->linear ? code->height
                            : (code->code.height + (code->quiet ? 2 * code->code.quiet_y : 0)) *
                                  code->module;
    if (err == 0 && code->label) {
        err = paragraph_break(self->doc, code->label, w, &label);
    }
    struct item *item = NULL;
    double guards = code->linear && code->code.rect_count > 0 && code->code.rects[0].guard
                        ? 5 * code->module
                        : 0;
    double text = label.count > 0 ? fmax(guards, 1) + label.height : guards;
    if (err == 0) {
        err = add_box(self, node, ITEM_CODE, x, width, w, h + text, cursor, &item);
    }
    if (err < 0) {
        return err;
    }
    item->code = code;
    double left = item->x, top = item->y + h + fmax(guards, 1);
    for (uint32_t i = 0; err == 0 && i < label.count; i++) {
        err = add_line(self, &label.items[i], cursor->page, left, top);
        top += label.items[i].ascent + label.items[i].descent;
    }
    return err;
}

/* --- Tables of contents ------------------------------------------------------------------------*/

static int number_paragraph(struct layout *self, const struct node *node, uint32_t number,
                            struct paragraph *ret_paragraph)
{
    char room[16];
    struct inline_run *run = document_alloc(self->doc, sizeof *run);
    struct str text = str_of(room, (size_t)snprintf(room, sizeof room, "%u", number));
    text = arena_str(&self->doc->arena, text);
    if (!run || !text.ptr) {
        return document_nomem(self->doc);
    }
    *run = (struct inline_run){.text = text, .style = node->style, .place = node->place};
    *ret_paragraph = (struct paragraph){.runs = run, .count = 1, .style = node->style};
    return paragraph_prepare(self->doc, ret_paragraph, &self->numbers);
}

/* Dots from the text to the number, the same distance apart in every line. */
static int add_dots(struct layout *self, const struct node *node, struct cursor at, double ascent,
                    double from, double to)
{
    enum { MOST = 400 };
    struct text_style *style = document_alloc(self->doc, sizeof *style);
    struct inline_run *run = document_alloc(self->doc, sizeof *run);
    struct piece *dot = document_alloc(self->doc, sizeof *dot);
    uint32_t *text = arena_alloc(&self->doc->arena, MOST * sizeof *text);
    if (!style || !run || !dot || !text) {
        return document_nomem(self->doc);
    }
    memcpy(style, node->style, sizeof *style);
    style->character_spacing = node->style->size * 0.22;
    *run = (struct inline_run){.style = style, .place = node->place};
    for (int i = 0; i < MOST; i++) {
        text[i] = '.';
    }
    *dot = (struct piece){.text = text, .len = 1, .run = run};
    int err = style_face(self->doc, style, &dot->face);
    if (err == 0) {
        err = piece_shape(self->doc, dot);
    }
    double gap = node->style->size * 0.5, room = to - from - 2 * gap;
    if (err < 0 || room < 3 * dot->width) {
        return err;
    }
    dot->len = (uint32_t)fmin(MOST, floor(room / dot->width));
    err = piece_shape(self->doc, dot);
    struct item *item = err < 0 ? NULL : layout_add(self, at.page);
    if (!item) {
        return self->doc->error->err;
    }
    item->kind = ITEM_TEXT;
    item->x = to - gap - dot->width;
    item->y = at.y;
    item->w = dot->width;
    item->h = ascent;
    item->text.piece = dot;
    item->text.baseline = ascent;
    return 0;
}

static int flow_toc_line(struct layout *self, struct node *node, double x, double width,
                         struct cursor *cursor)
{
    struct toc_line *entry = &node->toc_line;
    struct lines lines, number_lines;
    int err = number_paragraph(self, node, entry->heading->anchor_page, &entry->number);
    double number_width = err < 0 ? 0 : entry->number.prepared->max_width;
    double reserve = fmax(number_width, 1.8 * node->style->size);
    double text_width = fmax(width - reserve - node->style->size, width / 2);
    if (err == 0) {
        err = paragraph_prepare(self->doc, &entry->text, &self->numbers);
    }
    if (err == 0) {
        err = paragraph_break(self->doc, &entry->text, text_width, &lines);
    }
    if (err == 0) {
        err = paragraph_break(self->doc, &entry->number, number_width + 1, &number_lines);
    }
    if (err == 0) {
        err = layout_need(self, node, lines.height, cursor);
    }
    double top = cursor->y;
    for (uint32_t i = 0; err == 0 && i < lines.count; i++) {
        const struct line *line = &lines.items[i];
        err = add_line(self, line, cursor->page, x, cursor->y);
        if (err == 0 && i + 1 == lines.count && number_lines.count > 0) {
            double at = x + width - number_lines.items[0].width;
            err = add_line(self, &number_lines.items[0], cursor->page, at - number_lines.items[0].x,
                           cursor->y);
            if (err == 0 && entry->dots) {
                err = add_dots(self, node, *cursor, line->ascent, x + line->x + line->width, at);
            }
        }
        cursor->y += line->ascent + line->descent;
    }
    struct item *link = err < 0 ? NULL : layout_add(self, cursor->page);
    if (!link) {
        return self->doc->error->err;
    }
    *link = (struct item){.kind = ITEM_LINK,
                          .layer = LAYER_BORDER,
                          .x = x,
                          .y = top,
                          .w = width,
                          .h = cursor->y - top,
                          .link = node->link};
    return 0;
}

static int flow_toc(struct layout *self, struct node *node, double x, double width,
                    struct cursor *cursor)
{
    int err = node->toc.title ? flow_node(self, node->toc.title, x, width, cursor) : 0;
    return err < 0 ? err : flow_nodes(self, &node->toc.lines, x, width, cursor);
}

/* --- Any node ----------------------------------------------------------------------------------*/

static int flow_content(struct layout *self, struct node *node, double x, double width,
                        struct cursor *cursor)
{
    switch (node->kind) {
    case NODE_TEXT:
        return flow_paragraph(self, node, &node->text, x, width, cursor);
    case NODE_STACK:
        return flow_nodes(self, &node->stack, x, width, cursor);
    case NODE_COLUMNS:
        return flow_columns(self, node, x, width, cursor);
    case NODE_LIST:
        return flow_list(self, node, x, width, cursor);
    case NODE_TABLE:
        return flow_table(self, node, x, width, cursor);
    case NODE_IMAGE:
        return flow_image(self, node, x, width, cursor);
    case NODE_CANVAS:
        return flow_canvas(self, node, x, width, cursor);
    case NODE_CODE:
        return flow_code(self, node, x, width, cursor);
    case NODE_TOC:
        return flow_toc(self, node, x, width, cursor);
    case NODE_TOC_LINE:
        return flow_toc_line(self, node, x, width, cursor);
    }
    return 0;
}

static int add_anchor(struct layout *self, const struct node *node, struct cursor at)
{
    if (self->anchor_count == self->anchor_cap) {
        uint32_t cap = self->anchor_cap ? self->anchor_cap * 2 : 32;
        struct anchor *anchors = realloc(self->anchors, cap * sizeof *anchors);
        if (!anchors) {
            return document_nomem(self->doc);
        }
        self->anchors = anchors;
        self->anchor_cap = cap;
    }
    self->anchors[self->anchor_count++] = (struct anchor){node, at.page, at.y};
    return 0;
}

static int flow_inner(struct layout *self, struct node *node, double x, double width,
                      struct cursor *cursor)
{
    const struct sides *margin = &node->margin;
    cursor->y += margin->top;
    double inner = fmax(1, width - margin->left - margin->right);
    bool named = node->id.len > 0 || node->outline || node->toc_level;
    bool had = self->has_baseline;
    uint32_t page = self->baseline_page;
    double y = self->baseline_y;
    struct cursor start = *cursor;
    if (named) {
        self->has_baseline = false;
    }
    int err = flow_content(self, node, x + margin->left, inner, cursor);
    if (named && err == 0) {
        if (self->has_baseline) {
            start =
                (struct cursor){self->baseline_page, self->baseline_y - 1.2 * node->style->size};
        }
        err = add_anchor(self, node, start);
    }
    if (named && had) {
        self->has_baseline = true;
        self->baseline_page = page;
        self->baseline_y = y;
    }
    cursor->y += margin->bottom;
    return err;
}

/* As a whole on this page, or else from the top of the next. */
static int flow_whole(struct layout *self, struct node *node, double x, double width,
                      struct cursor *cursor)
{
    struct cursor start = *cursor;
    struct mark mark;
    if (self->trial_depth > 0 || layout_at_top(self, *cursor)) {
        return flow_inner(self, node, x, width, cursor);
    }
    int err = layout_mark(self, start.page, &mark);
    if (err < 0) {
        return err;
    }
    self->trial_depth++;
    err = flow_inner(self, node, x, width, cursor);
    self->trial_depth--;
    if (err < 0 || cursor->page == start.page) {
        return err;
    }
    layout_rollback(self, &mark);
    *cursor = start;
    err = layout_next_page(self, cursor);
    uint32_t page = cursor->page;
    if (err == 0) {
        err = flow_inner(self, node, x, width, cursor);
    }
    if (err == 0 && cursor->page > page) {
        document_warn(self->doc, node->place, "unbreakable_too_high",
                      "this is higher than a page and had to be broken");
    }
    return err;
}

static int flow_absolute(struct layout *self, struct node *node, struct cursor cursor)
{
    double head = self->head_room, foot = self->foot_room;
    const struct page_setup *setup = &self->pages[cursor.page].setup;
    double width =
        node->width.kind == MEASURE_FIXED ? node->width.value : fmax(1, setup->width - node->x);
    struct cursor at = {cursor.page, node->y};
    self->head_room = -setup->margins.top;
    self->foot_room = -setup->margins.bottom;
    int err = flow_inner(self, node, node->x, width, &at);
    self->head_room = head;
    self->foot_room = foot;
    return err;
}

/* The next page, of another shape perhaps. A page that is still empty is used. */
static int break_page(struct layout *self, struct node *node, struct cursor *cursor)
{
    const struct page *page = &self->pages[cursor->page];
    bool fresh = layout_at_top(self, *cursor) && page->count == 0;
    int err = fresh ? 0 : layout_next_page(self, cursor);
    if (err == 0 && node->section && self->table_depth == 0) {
        struct page_setup setup = *node->section;
        err = layout_setup(self, node, &setup);
        self->pages[cursor->page].setup = setup;
        cursor->y = layout_top(self, cursor->page);
    }
    return err;
}

int flow_node(struct layout *self, struct node *node, double x, double width, struct cursor *cursor)
{
    int err = layout_step(self);
    if (err < 0) {
        return err;
    }
    if (node->absolute) {
        return flow_absolute(self, node, *cursor);
    }
    if (node->break_before) {
        const struct page_setup before = self->pages[cursor->page].setup;
        err = break_page(self, node, cursor);
        if (err == 0 && node->section && self->table_depth == 0) {
            const struct page_setup *now = &self->pages[cursor->page].setup;
            x += now->margins.left - before.margins.left;
            width += (now->width - now->margins.left - now->margins.right) -
                     (before.width - before.margins.left - before.margins.right);
        }
    }
    struct mark mark;
    if (err == 0 && node->relative) {
        err = layout_mark(self, cursor->page, &mark);
    }
    if (err == 0) {
        err = node->unbreakable ? flow_whole(self, node, x, width, cursor)
                                : flow_inner(self, node, x, width, cursor);
    }
    if (err == 0 && node->relative) {
        layout_shift(self, &mark, node->x, node->y);
    }
    if (err == 0 && node->break_after) {
        err = layout_next_page(self, cursor);
    }
    return err;
}

/* The column that a stack fills: it follows the margins of pages when their shape changes. */
struct column {
    double x, width;
    struct page_setup setup;
};

static int flow_child(struct layout *self, struct node *child, struct column *column,
                      struct cursor *cursor)
{
    const struct page_setup *now = &self->pages[cursor->page].setup;
    if (self->table_depth == 0 && memcmp(now, &column->setup, sizeof *now) != 0) {
        const struct page_setup *old = &column->setup;
        column->x += now->margins.left - old->margins.left;
        column->width += (now->width - now->margins.left - now->margins.right) -
                         (old->width - old->margins.left - old->margins.right);
        column->setup = *now;
    }
    return flow_node(self, child, column->x, column->width, cursor);
}

/* A heading stays with the first lines of what follows. [from, to): nodes that want to; `to` is the
 * one that they stay with. */
static int flow_group(struct layout *self, const struct node_list *list, uint32_t from, uint32_t to,
                      struct column *column, struct cursor *cursor)
{
    struct cursor start = *cursor;
    struct column before = *column;
    struct mark mark;
    bool can_move = !layout_at_top(self, start) && self->trial_depth == 0;
    int err = layout_mark(self, start.page, &mark);
    for (uint32_t i = from; err == 0 && i < to; i++) {
        err = flow_child(self, list->items[i], column, cursor);
    }
    if (err < 0) {
        return err;
    }
    uint32_t page = cursor->page, count = self->pages[page].count;
    err = flow_child(self, list->items[to], column, cursor);
    bool torn = cursor->page > page && self->pages[page].count == count;
    if (err < 0 || !torn || !can_move) {
        return err;
    }
    layout_rollback(self, &mark);
    *cursor = start;
    *column = before;
    err = layout_next_page(self, cursor);
    for (uint32_t i = from; err == 0 && i <= to; i++) {
        err = flow_child(self, list->items[i], column, cursor);
    }
    return err;
}

int flow_nodes(struct layout *self, const struct node_list *list, double x, double width,
               struct cursor *cursor)
{
    struct column column = {x, width, self->pages[cursor->page].setup};
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < list->count; i++) {
        uint32_t to = i;
        while (to + 1 < list->count && list->items[to]->keep_with_next &&
               !list->items[to + 1]->break_before && !list->items[to]->break_after &&
               (to == i || !list->items[to]->break_before)) {
            to++;
        }
        bool grouped = to > i && !list->items[i]->break_before;
        err = grouped ? flow_group(self, list, i, to, &column, cursor)
                      : flow_child(self, list->items[i], &column, cursor);
        i = grouped ? to : i;
    }
    return err;
}
