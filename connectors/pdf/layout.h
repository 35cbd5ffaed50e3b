/*
 * layout.h — a document set on pages: where each piece of text, line and area stands.
 *
 *     struct layout layout;
 *     layout_init(&layout, &doc);
 *     layout_run(&layout);                 // 0, or doc.error says why not
 *     layout.pages[i].items …              // in the order of drawing
 *     layout_release(&layout);             // the document's memory stays
 *
 * Knows nothing of PDF: coordinates are points from the top left corner of a page. If page numbers
 * stand in the text, or a table of contents, all is set again until they no longer change.
 *
 * Owner: the caller; items live in the document's arena. Thread: [any], one at a time.
 */
#ifndef PDF_LAYOUT_H
#define PDF_LAYOUT_H

#include "paragraph.h"

enum item_kind {
    ITEM_TEXT,
    ITEM_FILL, /* an area */
    ITEM_LINE, /* from (x, y) to (x + w, y + h) */
    ITEM_IMAGE,
    ITEM_SHAPE,
    ITEM_CODE,
    ITEM_LINK, /* an area */
};

/* What is drawn later lies above. */
enum item_layer {
    LAYER_BACKGROUND = 0,
    LAYER_FILL = 1000, /* plus the depth of the table */
    LAYER_CONTENT = 2000,
    LAYER_BORDER = 3000,
};

struct item {
    double x, y, w, h; /* the box; what is drawn lies within, but for the tails of letters */
    uint16_t layer;
    uint8_t kind;
    bool cell_content; /* within a cell of a table */
    union {
        struct {
            const struct piece *piece;
            double baseline; /* below y */
            double space;    /* of each of `spaces`, which follow */
            uint32_t spaces;
        } text;
        uint32_t fill;
        struct line_style line;
        const struct node *image; /* w, h: of the whole picture; clipped to the node's if cover */
        struct {
            const struct canvas *canvas;
        } shape;
        const struct code_node *code;
        const struct link *link;
    };
};

struct page {
    struct page_setup setup;
    struct item *items;
    uint32_t count, cap;
};

/* A place that can be jumped to. */
struct anchor {
    const struct node *node;
    uint32_t page; /* index */
    double y;
};

struct layout {
    struct document *doc;
    struct page *pages; /* malloc'ed, items too */
    uint32_t page_count, page_cap;
    struct anchor *anchors; /* malloc'ed; in the order of the text */
    uint32_t anchor_count, anchor_cap;
    struct numbers numbers;
    uint32_t item_count;
    uint32_t steps; /* of the flow: now and then it is asked whether anybody still waits */

    /* State of the flow. */
    double head_room, foot_room; /* what repeated headers and paddings take of each page */
    unsigned table_depth;
    unsigned trial_depth; /* over 0: only to see how much fits */
    bool has_baseline;    /* the first line since this was cleared */
    uint32_t baseline_page;
    double baseline_y;
};

void layout_init(struct layout *self, struct document *doc);
void layout_release(struct layout *self);
HUB_MUST_CHECK int layout_run(struct layout *self);

/* --- Between the files of the layout -----------------------------------------------------------*/

/* Where the next thing goes. */
struct cursor {
    uint32_t page; /* index */
    double y;
};

static inline bool cursor_before(struct cursor a, struct cursor b)
{
    return a.page < b.page || (a.page == b.page && a.y < b.y);
}

/* How far the layout had come, to go back to. */
struct mark {
    uint32_t page_count, anchor_count, item_count, first_page;
    uint32_t *counts; /* items of the pages from first_page on */
};

double layout_top(const struct layout *self, uint32_t page);
double layout_bottom(const struct layout *self, uint32_t page);
bool layout_at_top(const struct layout *self, struct cursor cursor);

/* A new item on a page, zeroed; NULL after a failure. */
struct item *layout_add(struct layout *self, uint32_t page);

/* Called at each step of what may take long: HUB_ERR_CANCELLED once nobody waits for the job. */
HUB_MUST_CHECK int layout_step(struct layout *self);

/* To the top of the next page, which is made if need be. */
HUB_MUST_CHECK int layout_next_page(struct layout *self, struct cursor *cursor);

/* Pages whose width is automatic become as wide as the node that begins them. */
HUB_MUST_CHECK int layout_setup(struct layout *self, struct node *node, struct page_setup *setup);

/* Makes sure that `height` fits below the cursor, if need be on the next page.
 * HUB_ERR_INVALID_INPUT if it fits on none. */
HUB_MUST_CHECK int layout_need(struct layout *self, const struct node *node, double height,
                               struct cursor *cursor);

HUB_MUST_CHECK int layout_mark(struct layout *self, uint32_t page, struct mark *ret_mark);
void layout_rollback(struct layout *self, const struct mark *mark);

/* Moves all items that were added since `mark`. */
void layout_shift(struct layout *self, const struct mark *mark, double dx, double dy);

/* flow.c: sets a node with its margins into a column, and moves the cursor behind it. */
HUB_MUST_CHECK int flow_node(struct layout *self, struct node *node, double x, double width,
                             struct cursor *cursor);
HUB_MUST_CHECK int flow_nodes(struct layout *self, const struct node_list *list, double x,
                              double width, struct cursor *cursor);
HUB_MUST_CHECK int flow_paragraph(struct layout *self, const struct node *node,
                                  struct paragraph *paragraph, double x, double width,
                                  struct cursor *cursor);

/* measure.c: least and greatest useful width of a node, margins included. */
HUB_MUST_CHECK int node_measure(struct layout *self, struct node *node);

/* Shares `width` out among columns: fixed ones first, then what “auto” needs, the rest to stars. */
void share_widths(const struct measure *widths, const double *least, const double *most,
                  uint32_t count, double width, double *ret_widths);

/* table.c */
HUB_MUST_CHECK int table_measure(struct layout *self, struct node *node);
HUB_MUST_CHECK int flow_table(struct layout *self, struct node *node, double x, double width,
                              struct cursor *cursor);

/* furniture.c: headers, footers and backgrounds of all pages. */
HUB_MUST_CHECK int layout_furniture(struct layout *self);

#endif
