/*
 * Tables of contents: an entry is a line with dots that lead to its page.
 */
#include "flow_parts.h"
#include "pieces.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

int flow_toc_line(struct layout *self, struct node *node, double x, double width,
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
        err = flow_line(self, line, cursor->page, x, cursor->y);
        if (err == 0 && i + 1 == lines.count && number_lines.count > 0) {
            double at = x + width - number_lines.items[0].width;
            err = flow_line(self, &number_lines.items[0], cursor->page,
                            at - number_lines.items[0].x, cursor->y);
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

int flow_toc(struct layout *self, struct node *node, double x, double width, struct cursor *cursor)
{
    int err = node->toc.title ? flow_node(self, node->toc.title, x, width, cursor) : 0;
    return err < 0 ? err : flow_nodes(self, &node->toc.lines, x, width, cursor);
}
