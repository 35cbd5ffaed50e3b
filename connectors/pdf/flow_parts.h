/*
 * flow_parts.h — how the files of the flow call each other; for flow*.c alone.
 *
 * Each flow_*() sets a node, without its margins, from `cursor` on into the column that begins at
 * `x` and is `width` points wide, and moves the cursor behind it. 0, or what document_fail() gave.
 */
#ifndef PDF_FLOW_PARTS_H
#define PDF_FLOW_PARTS_H

#include "layout.h"

/* flow_text.c: a line with its top left corner at (x, y). The first one since `has_baseline` was
 * cleared leaves its baseline in `self`. */
HUB_MUST_CHECK int flow_line(struct layout *self, const struct line *line, uint32_t page, double x,
                             double y);

HUB_MUST_CHECK int flow_list(struct layout *self, struct node *node, double x, double width,
                             struct cursor *cursor);

/* flow_box.c */
HUB_MUST_CHECK int flow_image(struct layout *self, const struct node *node, double x, double width,
                              struct cursor *cursor);
HUB_MUST_CHECK int flow_canvas(struct layout *self, const struct node *node, double x, double width,
                               struct cursor *cursor);
HUB_MUST_CHECK int flow_code(struct layout *self, struct node *node, double x, double width,
                             struct cursor *cursor);

/* flow_toc.c */
HUB_MUST_CHECK int flow_toc(struct layout *self, struct node *node, double x, double width,
                            struct cursor *cursor);
HUB_MUST_CHECK int flow_toc_line(struct layout *self, struct node *node, double x, double width,
                                 struct cursor *cursor);

#endif
