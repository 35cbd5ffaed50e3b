/*
 * table.h — aligned columns for people.
 *
 *     static const struct column columns[] = {
 *         {"ID", .keep = true}, {"STATE", .keep = true}, {"SIZE", .align = ALIGN_RIGHT, .rank = 2},
 *         {"NOTE", .shrink = true, .rank = 1}};
 *     struct table t;
 *     table_init(&t, columns, 4);
 *     table_cell(&t, STYLE_PLAIN, id);         // row by row, left to right
 *     struct buf *b = table_cell_begin(&t, STYLE_DIM);
 *     human_append_size(b, size);              // a cell composed in place
 *     table_append(&t, &text, width, colour);
 *     table_release(&t);
 *
 * What does not fit in the width: first the columns with `shrink` or `wrap` get narrower
 * (down to their `min`), then columns without `keep` are left out, the highest rank first, then the
 * lines are simply long. A column whose cells are all empty is not shown unless it has `keep`.
 * Cells hold safe text (see text.h) on one line; table_cell() makes it safe by itself.
 *
 * Owner: the caller; the columns must live as long. Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_TABLE_H
#define HUB_HUBCTL_TABLE_H

#include "hubctl/output.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_SHRUNK_MIN  10

enum align { ALIGN_LEFT, ALIGN_RIGHT };

struct column {
    const char *title;
    enum align align;
    bool keep;   /* never left out */
    bool shrink; /* may be cut with a "…" … */
    bool wrap;   /* may be broken into several lines instead */
    size_t min;  /* … down to this width; 0: TABLE_SHRUNK_MIN */
    int rank;    /* among the columns without `keep`: higher goes first */
};

struct table_cell {
    size_t from; /* in `text` */
    size_t len;
    enum style style;
};

struct table {
    const struct column *columns;
    size_t columns_len;
    struct buf text; /* of all cells, one after the other */
    struct table_cell *cells;
    size_t cells_len;
    size_t cells_cap;
};

void table_init(struct table *self, const struct column *columns, size_t columns_len);
void table_release(struct table *self);

void table_cell(struct table *self, enum style style, struct str text);
/* The returned buffer is good until the next call; only append to it. */
struct buf *table_cell_begin(struct table *self, enum style style);

size_t table_rows(const struct table *self); /* complete ones */

/* The titles and the rows; nothing at all without rows. `indent` blanks stand before each line. */
void table_append(const struct table *self, struct buf *buf, size_t indent, size_t width,
                  bool colour);

/* The same to stdout, as wide and as colourful as the output is. */
void table_print(const struct table *self, const struct output *output);

#endif
