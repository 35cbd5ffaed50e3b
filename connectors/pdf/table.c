/*
 * Tables: widths of columns, and rows from page to page below a header that is repeated.
 */
#include "table.h"

#include <math.h>
#include <string.h>

struct sides cell_padding(const struct table *table, const struct cell *cell, uint32_t column)
{
    struct sides padding = cell->has_padding ? cell->padding : table->layout.padding;
    if (table->layout.flush && !cell->has_padding) {
        bool filled = cell->fill != COLOR_NONE || table->layout.fill != COLOR_NONE ||
                      table->layout.header_fill != COLOR_NONE ||
                      table->layout.zebra[0] != COLOR_NONE || table->layout.zebra[1] != COLOR_NONE;
        if (column == 0 && !filled) {
            padding.left = 0;
        }
        if (column + (cell->col_span ? cell->col_span : 1) == table->columns && !filled) {
            padding.right = 0;
        }
    }
    return padding;
}

/* --- Widths ------------------------------------------------------------------------------------*/

static double vertical_lines(const struct table *table, uint32_t from, uint32_t to)
{
    double width = 0;
    for (uint32_t i = from; i < to; i++) {
        width += vertical_line(table, i)->width;
    }
    return width;
}

/* What a cell over several columns needs more than they have goes to those that may grow. */
static void widen(const struct table *table, double *widths, uint32_t column, uint32_t span,
                  double needed)
{
    double have = vertical_lines(table, column + 1, column + span);
    uint32_t growing = 0;
    for (uint32_t i = column; i < column + span; i++) {
        have += widths[i];
        growing += table->widths[i].kind != MEASURE_FIXED;
    }
    for (uint32_t i = column; i < column + span && needed > have && growing > 0; i++) {
        if (table->widths[i].kind != MEASURE_FIXED) {
            widths[i] += (needed - have) / growing;
        }
    }
}

static int measure_cells(struct layout *self, struct table *table, bool spanning)
{
    for (uint32_t row = 0; row < table->rows; row++) {
        for (uint32_t column = 0; column < table->columns; column++) {
            const struct cell *cell = table_cell(table, row, column);
            if (!cell->content || (cell->col_span > 1) != spanning) {
                continue;
            }
            int err = node_measure(self, cell->content);
            if (err < 0) {
                return err;
            }
            struct sides padding = cell_padding(table, cell, column);
            double extra = padding.left + padding.right;
            double least = cell->content->min_width + extra;
            double most = cell->content->max_width + extra;
            if (spanning) {
                widen(table, table->min_widths, column, cell->col_span, least);
                widen(table, table->max_widths, column, cell->col_span, most);
            } else {
                table->min_widths[column] = fmax(table->min_widths[column], least);
                table->max_widths[column] = fmax(table->max_widths[column], most);
            }
        }
    }
    return 0;
}

/* A fixed width is the content's; the columns' have the padding too. */
static void outer_measures(const struct table *table, struct measure *ret_widths)
{
    for (uint32_t i = 0; i < table->columns; i++) {
        const struct cell plain = {.col_span = 1, .fill = COLOR_NONE};
        struct sides padding = cell_padding(table, &plain, i);
        ret_widths[i] = table->widths[i];
        if (ret_widths[i].kind == MEASURE_FIXED) {
            ret_widths[i].value += padding.left + padding.right;
        }
    }
}

int table_measure(struct layout *self, struct node *node)
{
    struct table *table = node->table;
    size_t size = table->columns * sizeof(double);
    struct measure widths[PDF_MAX_COLUMNS];
    table->min_widths = document_alloc(self->doc, size);
    table->max_widths = document_alloc(self->doc, size);
    if (!table->min_widths || !table->max_widths) {
        return self->doc->error->err;
    }
    int err = measure_cells(self, table, false);
    if (err == 0) {
        err = measure_cells(self, table, true);
    }
    outer_measures(table, widths);
    node->min_width = node->max_width = vertical_lines(table, 0, table->columns + 1);
    for (uint32_t i = 0; i < table->columns; i++) {
        bool fixed = widths[i].kind == MEASURE_FIXED;
        node->min_width += fixed ? widths[i].value : table->min_widths[i];
        node->max_width += fixed ? widths[i].value : table->max_widths[i];
    }
    return err;
}

static void place_columns(struct table_flow *t, double x, double width)
{
    const struct table *table = t->table;
    struct measure widths[PDF_MAX_COLUMNS];
    double shares[PDF_MAX_COLUMNS];
    outer_measures(table, widths);
    double room = width - vertical_lines(table, 0, table->columns + 1);
    share_widths(widths, table->min_widths, table->max_widths, table->columns, fmax(room, 1),
                 shares);
    for (uint32_t i = 0; i < table->columns; i++) {
        t->edges[i] = x;
        x += vertical_line(table, i)->width + shares[i];
    }
    t->edges[table->columns] = x;
    t->right_edge = x + vertical_line(table, table->columns)->width;
}

/* --- Headers -----------------------------------------------------------------------------------*/

static int keep_header(struct table_flow *t, const struct mark *mark, struct cursor start,
                       struct cursor end)
{
    struct layout *layout = t->layout;
    const struct page *page = &layout->pages[end.page];
    double room = layout_bottom(layout, end.page) - layout_top(layout, end.page);
    uint32_t from = end.page < mark->page_count ? mark->counts[end.page - mark->first_page] : 0;
    t->header_top = start.y;
    t->header_height = end.y - start.y;
    if (t->header_height > 0.9 * room) {
        return document_fail(layout->doc, t->node->place, HUB_ERR_INVALID_INPUT,
                             "the header rows are %.0f points high, and a page has only %.0f here",
                             t->header_height, room);
    }
    t->header_item_count = page->count - from;
    t->header_items = arena_memdup(&layout->doc->arena, page->items + from,
                                   t->header_item_count * sizeof(struct item));
    if (!t->header_items && t->header_item_count > 0) {
        return document_nomem(layout->doc);
    }
    t->header_page = end.page;
    return 0;
}

/* Onto all pages up to this one that lack it. */
static int repeat_header(struct table_flow *t, uint32_t last_page)
{
    struct layout *layout = t->layout;
    for (; t->header_page < last_page; t->header_page++) {
        uint32_t page = t->header_page + 1;
        double top = layout_top(layout, page) - t->header_height;
        for (uint32_t i = 0; i < t->header_item_count; i++) {
            struct item *item = layout_add(layout, page);
            if (!item) {
                return layout->doc->error->err;
            }
            *item = t->header_items[i];
            item->y += top - t->header_top;
        }
    }
    return 0;
}

static int flow_header(struct table_flow *t, struct cursor *cursor)
{
    struct layout *layout = t->layout;
    struct cursor start = *cursor;
    struct mark mark;
    int err = layout_mark(layout, start.page, &mark);
    for (uint32_t row = 0; err == 0 && row < t->table->header_rows; row++) {
        err = flow_row(t, row, cursor);
        if (err == 0) {
            err = paint_row(t, row);
        }
    }
    if (err == 0 && cursor->page != start.page && !layout_at_top(layout, start)) {
        layout_rollback(layout, &mark);
        *cursor = start;
        err = layout_next_page(layout, cursor);
        return err < 0 ? err : flow_header(t, cursor);
    }
    if (err == 0 && cursor->page != start.page) {
        err = document_fail(layout->doc, t->node->place, HUB_ERR_INVALID_INPUT,
                            "the header rows do not fit onto one page");
    }
    return err < 0 ? err : keep_header(t, &mark, start, *cursor);
}

/* --- Rows --------------------------------------------------------------------------------------*/

static int flow_body(struct table_flow *t, uint32_t from, uint32_t to, struct cursor *cursor)
{
    int err = 0;
    for (uint32_t row = from; err == 0 && row < to; row++) {
        err = flow_row(t, row, cursor);
        if (err == 0) {
            err = repeat_header(t, cursor->page);
        }
        if (err == 0) {
            err = paint_row(t, row);
        }
    }
    return err;
}

/* The header and the rows that must not be torn from it. True in *ret_torn: they were, and it would
 * help to begin on the next page. */
static int flow_head(struct table_flow *t, struct cursor *cursor, bool *ret_torn)
{
    struct layout *layout = t->layout;
    const struct table *table = t->table;
    bool at_top = layout_at_top(layout, *cursor);
    int err = table->header_rows > 0 ? flow_header(t, cursor) : 0;
    uint32_t page = cursor->page;
    uint32_t kept = table->header_rows + table->keep_rows;
    kept = kept > table->rows ? table->rows : kept;
    layout->head_room += t->header_height;
    if (err == 0) {
        err = flow_body(t, table->header_rows, kept, cursor);
    }
    layout->head_room -= t->header_height;
    bool torn = err == 0 && kept > table->header_rows &&
                (t->starts[kept - 1].page > page ||
                 (table->keep_rows > 1 && t->ends[kept - 1].page > page));
    *ret_torn = torn && !at_top && table->header_rows > 0;
    return err;
}

static int flow_all(struct table_flow *t, struct cursor *cursor)
{
    struct layout *layout = t->layout;
    const struct table *table = t->table;
    struct cursor start = *cursor;
    struct mark mark;
    bool torn = false;
    int err = layout_mark(layout, start.page, &mark);
    if (err == 0) {
        err = flow_head(t, cursor, &torn);
    }
    if (err == 0 && torn) {
        layout_rollback(layout, &mark);
        *cursor = start;
        t->header_height = 0;
        err = layout_next_page(layout, cursor);
        if (err == 0) {
            err = flow_head(t, cursor, &torn);
        }
    }
    uint32_t next = table->header_rows + table->keep_rows;
    layout->head_room += t->header_height;
    if (err == 0 && next < table->rows) {
        err = flow_body(t, next, table->rows, cursor);
    }
    if (err == 0) {
        cursor->y += horizontal_line(table, table->rows)->width;
        err = paint_last_line(t);
    }
    layout->head_room -= t->header_height;
    return err;
}

int flow_table(struct layout *self, struct node *node, double x, double width,
               struct cursor *cursor)
{
    struct table *table = node->table;
    struct table_flow t = {
        .layout = self, .node = node, .table = table, .header_page = cursor->page};
    int err = node_measure(self, node);
    if (err < 0) {
        return err;
    }
    t.starts = arena_alloc(&self->doc->arena, table->rows * sizeof *t.starts);
    t.ends = arena_alloc(&self->doc->arena, table->rows * sizeof *t.ends);
    if (!t.starts || !t.ends) {
        return document_nomem(self->doc);
    }
    place_columns(&t, x, width);
    self->table_depth++;
    err = flow_all(&t, cursor);
    self->table_depth--;
    return err;
}
