/*
 * Behind and around the cells of a table.
 */
#include "table.h"

#include <math.h>

/* The part of some rows that lies on one page. */
struct part {
    uint32_t page;
    double top, bottom;
};

const struct line_style *line_above(const struct table_flow *t, uint32_t row, bool at_top)
{
    const struct table *table = t->table;
    bool below_header = at_top && table->header_rows > 0 && row >= table->header_rows;
    return below_header ? &table->layout.h_header
           : at_top     ? &table->layout.h_outer
                        : horizontal_line(table, row);
}

/* Where the rows [first, last] lie on a page between their start and their end. */
static struct part part_on(const struct table_flow *t, uint32_t first, uint32_t last, uint32_t page)
{
    struct cursor start = t->starts[first], end = t->ends[last];
    return (struct part){
        .page = page,
        .top = page == start.page ? start.y : layout_top(t->layout, page),
        .bottom = page == end.page ? end.y : layout_bottom(t->layout, page),
    };
}

static uint32_t fill_of(const struct table *table, const struct cell *cell, uint32_t row)
{
    const struct table_layout *layout = &table->layout;
    if (cell->fill != COLOR_NONE) {
        return cell->fill;
    }
    if (row < table->header_rows) {
        return layout->header_fill != COLOR_NONE ? layout->header_fill : layout->fill;
    }
    uint32_t zebra = layout->zebra[(row - table->header_rows) % 2];
    return zebra != COLOR_NONE ? zebra : layout->fill;
}

static int add_fill(struct table_flow *t, const struct cell *cell, uint32_t row, uint32_t column,
                    struct part part)
{
    uint32_t color = fill_of(t->table, cell, row);
    if (color == COLOR_NONE || part.bottom <= part.top) {
        return 0;
    }
    struct item *item = layout_add(t->layout, part.page);
    if (!item) {
        return t->layout->doc->error->err;
    }
    item->kind = ITEM_FILL;
    item->layer = (uint16_t)(LAYER_FILL + t->layout->table_depth);
    bool is_last = column + cell->col_span == t->table->columns;
    double end = is_last ? t->right_edge : t->edges[column + cell->col_span];
    struct extent extent = table_extent(t, t->edges[column], end);
    item->x = extent.left;
    item->w = extent.right - extent.left;
    item->y = part.top;
    item->h = part.bottom - part.top;
    item->fill = color;
    return 0;
}

static int add_stroke(struct table_flow *t, uint32_t page, struct line_style line, double x,
                      double y, double w, double h)
{
    struct item *item = line.width > 0 ? layout_add(t->layout, page) : NULL;
    if (!item) {
        return line.width > 0 ? t->layout->doc->error->err : 0;
    }
    item->kind = ITEM_LINE;
    item->layer = LAYER_BORDER;
    item->x = x;
    item->y = y;
    item->w = w;
    item->h = h;
    item->line = line;
    return 0;
}

/* --- Vertical lines ----------------------------------------------------------------------------*/

/* The cell that covers a field, and where it begins. */
static const struct cell *owner(const struct table *table, uint32_t row, uint32_t column,
                                uint32_t *ret_row, uint32_t *ret_column)
{
    const struct cell *cell = table_cell(table, row, column);
    if (cell->content) {
        *ret_row = row;
        *ret_column = column;
        return cell;
    }
    for (uint32_t r = row + 1; r-- > 0;) {
        for (uint32_t c = column + 1; c-- > 0;) {
            cell = table_cell(table, r, c);
            if (cell->content && r + cell->row_span > row && c + cell->col_span > column) {
                *ret_row = r;
                *ret_column = c;
                return cell;
            }
        }
        if (table_cell(table, r, column)->content) {
            break;
        }
    }
    *ret_row = row;
    *ret_column = column;
    return table_cell(table, row, column);
}

static int paint_vertical(struct table_flow *t, uint32_t row, struct part part)
{
    const struct table *table = t->table;
    for (uint32_t c = 0; c <= table->columns; c++) {
        struct line_style line = *vertical_line(table, c);
        if (line.width <= 0) {
            continue;
        }
        uint32_t left_row = row, left_column = 0, right_row = row, right_column = table->columns;
        const struct cell *left = c > 0 ? owner(table, row, c - 1, &left_row, &left_column) : NULL;
        const struct cell *right =
            c < table->columns ? owner(table, row, c, &right_row, &right_column) : NULL;
        if ((left && left == right) || (left && !left->border[2]) || (right && !right->border[0])) {
            continue;
        }
        if (right && right->border_color != COLOR_NONE) {
            line.color = right->border_color;
        } else if (left && left->border_color != COLOR_NONE) {
            line.color = left->border_color;
        }
        double x = t->edges[c] + line.width / 2;
        int err = add_stroke(t, part.page, line, table_extent(t, x, x).left, part.top, 0,
                             part.bottom - part.top);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* --- Horizontal lines --------------------------------------------------------------------------*/

/* Is there a line between row - 1 and row in this column, and of which colour? */
static bool has_line(const struct table *table, uint32_t row, uint32_t column, uint32_t *color)
{
    uint32_t r, c;
    const struct cell *above = row > 0 ? owner(table, row - 1, column, &r, &c) : NULL;
    const struct cell *below = row < table->rows ? owner(table, row, column, &r, &c) : NULL;
    if ((above && above == below) || (above && !above->border[3]) || (below && !below->border[1])) {
        return false;
    }
    if (below && below->border_color != COLOR_NONE) {
        *color = below->border_color;
    } else if (above && above->border_color != COLOR_NONE) {
        *color = above->border_color;
    }
    return true;
}

/* The line between row - 1 and row at a height; neighbouring columns as one stroke. */
static int paint_horizontal(struct table_flow *t, uint32_t row, const struct line_style *style,
                            uint32_t page, double y)
{
    const struct table *table = t->table;
    for (uint32_t from = 0; style->width > 0 && from < table->columns;) {
        struct line_style line = *style;
        if (!has_line(table, row, from, &line.color)) {
            from++;
            continue;
        }
        uint32_t to = from + 1;
        for (; to < table->columns; to++) {
            uint32_t color = style->color;
            if (!has_line(table, row, to, &color) || color != line.color) {
                break;
            }
        }
        double left = t->edges[from];
        double right = t->edges[to] + vertical_line(table, to)->width;
        struct extent extent = table_extent(t, left, right);
        int err = add_stroke(t, page, line, extent.left, y + line.width / 2,
                             extent.right - extent.left, 0);
        if (err < 0) {
            return err;
        }
        from = to;
    }
    return 0;
}

/* Where a row goes over a page's end, the table looks closed there and open again below. */
static int paint_tears(struct table_flow *t, uint32_t row)
{
    const struct line_style *closing = &t->table->layout.h_outer;
    int err = 0;
    bool moved = row > t->table->header_rows && t->starts[row].page > t->ends[row - 1].page;
    if (moved) {
        struct cursor end = t->ends[row - 1];
        err = paint_horizontal(t, t->table->rows, closing, end.page, end.y);
    }
    for (uint32_t page = t->starts[row].page; err == 0 && page < t->ends[row].page; page++) {
        double bottom = layout_bottom(t->layout, page) - closing->width;
        err = paint_horizontal(t, t->table->rows, closing, page, bottom);
        if (err == 0) {
            err = paint_horizontal(t, 0, line_above(t, row, true), page + 1,
                                   layout_top(t->layout, page + 1));
        }
    }
    return err;
}

/* --- Rows --------------------------------------------------------------------------------------*/

static int paint_cell(struct table_flow *t, uint32_t first, uint32_t last, uint32_t column)
{
    const struct cell *cell = table_cell(t->table, first, column);
    for (uint32_t page = t->starts[first].page; page <= t->ends[last].page; page++) {
        int err = add_fill(t, cell, first, column, part_on(t, first, last, page));
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int paint_row(struct table_flow *t, uint32_t row)
{
    const struct table *table = t->table;
    int err = 0;
    for (uint32_t column = 0; err == 0 && column < table->columns; column++) {
        uint32_t first = t->runs[column].row;
        const struct cell *cell = table_cell(table, first, column);
        if (cell->content && first + cell->row_span - 1 == row) {
            err = paint_cell(t, first, row, column);
        }
    }
    struct cursor start = t->starts[row];
    double top = layout_top(t->layout, start.page);
    if (err == 0) {
        err = paint_horizontal(t, row, line_above(t, row, start.y <= top + 0.01), start.page,
                               start.y);
    }
    for (uint32_t page = start.page; err == 0 && page <= t->ends[row].page; page++) {
        err = paint_vertical(t, row, part_on(t, row, row, page));
    }
    return err < 0 ? err : paint_tears(t, row);
}

int paint_last_line(struct table_flow *t)
{
    struct cursor end = t->ends[t->table->rows - 1];
    return paint_horizontal(t, t->table->rows, horizontal_line(t->table, t->table->rows), end.page,
                            end.y);
}
