/*
 * Nodes flow down a column, from page to page.
 */
#include "flow_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
