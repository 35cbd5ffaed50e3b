/*
 * One row of a table: its cells side by side, each of which may go on on the next page.
 */
#include "table.h"

#include <math.h>

/* A row that is no higher than this part of a page is not broken, if nothing else was asked for:
 * white space at the foot of a page hurts less than torn lines. */
static const double KEEP_PART = 0.25;

enum { CAREFUL_DEPTH = 4 /* in deeper tables rows are set once only: the cost would multiply */ };

static int flow_cell(struct table_flow *t, uint32_t row, uint32_t column, struct cursor start)
{
    struct layout *layout = t->layout;
    const struct table *table = t->table;
    struct cell *cell = table_cell(table, row, column);
    struct sides padding = cell_padding(table, cell, column);
    struct cell_run *run = &t->runs[column];
    double left = t->edges[column] + vertical_line(table, column)->width;
    double right = t->edges[column + cell->col_span];
    double width = fmax(1, right - left - padding.left - padding.right);
    double x = table_extent(t, left + padding.left, left + padding.left + width).left;
    double below = padding.bottom + horizontal_line(table, row + 1)->width;
    struct cursor cursor = {start.page, start.y + padding.top};
    layout->head_room += padding.top;
    layout->foot_room += below;
    *run =
        (struct cell_run){.row = row, .page = start.page, .from = layout->pages[start.page].count};
    int err = flow_node(layout, cell->content, x, width, &cursor);
    layout->head_room -= padding.top;
    layout->foot_room -= below;
    run->to = layout->pages[start.page].count;
    run->end = (struct cursor){cursor.page, cursor.y + padding.bottom};
    return err;
}

/* Cells that end with this row: those that it begins, and those that it is the last row of. */
static bool ends_here(const struct table_flow *t, uint32_t row, uint32_t column)
{
    uint32_t first = t->runs[column].row;
    const struct cell *cell = table_cell(t->table, first, column);
    return cell->content && first + cell->row_span - 1 == row;
}

/* Moves the content of cells down that stand in the middle or at the bottom. */
static void align_cells(struct table_flow *t, uint32_t row)
{
    for (uint32_t column = 0; column < t->table->columns; column++) {
        const struct cell_run *run = &t->runs[column];
        if (!ends_here(t, row, column)) {
            continue;
        }
        const struct cell *cell = table_cell(t->table, run->row, column);
        struct cursor end = t->ends[row];
        bool whole = run->end.page == run->page && end.page == run->page;
        double room = whole ? (end.y - run->end.y) * cell->vertical_align / 2 : 0;
        struct item *items = t->layout->pages[run->page].items;
        for (uint32_t i = run->from; room > 0 && i < run->to; i++) {
            items[i].y += room;
        }
    }
}

/* Sets the row at the cursor, wherever that leads. */
static int place_row(struct table_flow *t, uint32_t row, struct cursor *cursor)
{
    struct layout *layout = t->layout;
    const struct table *table = t->table;
    bool at_top = layout_at_top(layout, *cursor);
    double line = line_above(t, row, at_top)->width;
    struct cursor start = {cursor->page, cursor->y + line}, end = start;
    int err = 0;
    end.y += table->heights[row];
    for (uint32_t column = 0; err == 0 && column < table->columns; column++) {
        if (table_cell(table, row, column)->content) {
            err = flow_cell(t, row, column, start);
        }
        if (err == 0 && ends_here(t, row, column) && cursor_before(end, t->runs[column].end)) {
            end = t->runs[column].end;
        }
    }
    t->starts[row] = *cursor;
    t->ends[row] = end;
    *cursor = end;
    return err;
}

/* Was the start of the row on this page for nothing? */
static bool is_empty_here(const struct layout *layout, const struct mark *mark)
{
    return layout->pages[mark->first_page].count == mark->counts[0];
}

/* The row has not fitted. On the next page it may fit as a whole; if that is not worth it, it is
 * set again where it was. */
static int try_next_page(struct table_flow *t, uint32_t row, const struct mark *mark, bool empty,
                         struct cursor start, struct cursor *cursor)
{
    struct layout *layout = t->layout;
    layout_rollback(layout, mark);
    *cursor = start;
    int err = layout_next_page(layout, cursor);
    struct cursor top = *cursor;
    if (err == 0) {
        err = place_row(t, row, cursor);
    }
    if (err < 0) {
        return err;
    }
    bool whole = cursor->page == top.page;
    double page = layout_bottom(layout, top.page) - layout_top(layout, top.page);
    int breaks = row < t->table->header_rows ? 0 : t->table->break_rows;
    bool small = breaks < 0 && cursor->y - top.y <= KEEP_PART * page;
    if (breaks == 0 && !whole) {
        document_warn(layout->doc, t->node->place, "row_too_high",
                      "row %u is higher than a page and had to be broken", row);
    }
    if (empty || breaks == 0 || (whole && small)) {
        return 0;
    }
    layout_rollback(layout, mark);
    *cursor = start;
    return place_row(t, row, cursor);
}

int flow_row(struct table_flow *t, uint32_t row, struct cursor *cursor)
{
    struct layout *layout = t->layout;
    struct cursor start = *cursor;
    struct mark mark;
    bool careful = !layout_at_top(layout, start) && layout->table_depth <= CAREFUL_DEPTH;
    int err = layout_mark(layout, start.page, &mark);
    if (err == 0) {
        err = place_row(t, row, cursor);
    }
    if (err == 0 && cursor->page != start.page && careful) {
        err = try_next_page(t, row, &mark, is_empty_here(layout, &mark), start, cursor);
    }
    /* A least height, or a line, may reach over the end of the page. */
    if (err == 0 && cursor->page == start.page && careful &&
        cursor->y > layout_bottom(layout, cursor->page) + 0.01) {
        err = try_next_page(t, row, &mark, true, start, cursor);
    }
    if (err == 0) {
        align_cells(t, row);
    }
    return err;
}
