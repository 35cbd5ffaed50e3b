/*
 * table.h — a table on its way onto pages; for table.c, rows.c and borders.c.
 *
 * table.c finds widths and goes from row to row; rows.c sets one row; borders.c paints what lies
 * behind and around cells when it is known how high they are.
 */
#ifndef PDF_TABLE_H
#define PDF_TABLE_H

#include "layout.h"

/* A cell that was set: what of the page is its content, and where it ended. */
struct cell_run {
    uint32_t row, page, from, to; /* items of the page */
    struct cursor end;            /* padding included */
};

struct table_flow {
    struct layout *layout;
    struct node *node;
    struct table *table;
    double edges[PDF_MAX_COLUMNS + 1]; /* left side of each vertical line */
    double right_edge;                 /* right side of the last one */
    struct cursor *starts, *ends;      /* of rows; starts at the line above */
    struct cell_run runs[PDF_MAX_COLUMNS];
    uint32_t header_page; /* the last page that has the header */
    double header_top, header_height;
    struct item *header_items;
    uint32_t header_item_count;
};

/* Where what reaches from a to b stands: mirrored if the table runs from right to left. Everything
 * is reckoned from left to right, from `edges`, and goes through here before it is placed. */
struct extent {
    double left, right;
};

static inline struct extent table_extent(const struct table_flow *t, double a, double b)
{
    double sum = t->edges[0] + t->right_edge;
    return t->node->style->direction == DIRECTION_RTL ? (struct extent){sum - b, sum - a}
                                                      : (struct extent){a, b};
}

static inline struct cell *table_cell(const struct table *table, uint32_t row, uint32_t column)
{
    return &table->cells[(size_t)row * table->columns + column];
}

static inline const struct line_style *vertical_line(const struct table *table, uint32_t column)
{
    bool outer = column == 0 || column == table->columns;
    return outer ? &table->layout.v_outer : &table->layout.v_inner;
}

/* The line above a row, which may be the last one's line below. */
static inline const struct line_style *horizontal_line(const struct table *table, uint32_t row)
{
    return row == 0 || row == table->rows ? &table->layout.h_outer
           : row == table->header_rows    ? &table->layout.h_header
                                          : &table->layout.h_inner;
}

struct sides cell_padding(const struct table *table, const struct cell *cell, uint32_t column);

/* rows.c: sets one row; starts[row] and ends[row] are known then. Moves the cursor behind it. */
HUB_MUST_CHECK int flow_row(struct table_flow *t, uint32_t row, struct cursor *cursor);

/* borders.c: what is behind and around the cells that end with this row. */
HUB_MUST_CHECK int paint_row(struct table_flow *t, uint32_t row);
HUB_MUST_CHECK int paint_last_line(struct table_flow *t);
/* The line above the row: another one at the top of a page. */
const struct line_style *line_above(const struct table_flow *t, uint32_t row, bool at_top);

#endif
