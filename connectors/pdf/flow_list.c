/*
 * Lists: items below each other, each with its marker.
 */
#include "flow_parts.h"

#include <math.h>

static const double MARKER_GAP = 0.45; /* of the size, between a marker and its item */

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
    return flow_line(self, line, self->baseline_page, at - line->x,
                     self->baseline_y - line->ascent);
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

int flow_list(struct layout *self, struct node *node, double x, double width, struct cursor *cursor)
{
    int err = node_measure(self, node);
    for (uint32_t i = 0; err == 0 && i < node->list.items.count; i++) {
        err = flow_item(self, node, i, x, width, cursor);
    }
    return err;
}
