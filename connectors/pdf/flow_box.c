/*
 * What stands whole on a page: pictures, shapes, codes.
 */
#include "flow_parts.h"

#include <math.h>

/* Where something of this width stands in a column. */
static double aligned(const struct node *node, double x, double room, double width)
{
    switch ((enum align)node->style->alignment) {
    case ALIGN_CENTER:
        return x + (room - width) / 2;
    case ALIGN_RIGHT:
        return x + room - width;
    default:
        return node->style->direction == DIRECTION_RTL ? x + room - width : x;
    }
}

static int add_box(struct layout *self, const struct node *node, enum item_kind kind, double x,
                   double width, double w, double h, struct cursor *cursor, struct item **ret_item)
{
    int err = layout_need(self, node, h, cursor);
    struct item *item = err < 0 ? NULL : layout_add(self, cursor->page);
    if (!item) {
        return self->doc->error->err;
    }
    *item = (struct item){.kind = (uint8_t)kind,
                          .layer = LAYER_CONTENT,
                          .cell_content = item->cell_content,
                          .x = aligned(node, x, width, w),
                          .y = cursor->y,
                          .w = w,
                          .h = h};
    *ret_item = item;
    struct item box = *item;
    if (node->link) {
        struct item *link = layout_add(self, cursor->page);
        if (!link) {
            return self->doc->error->err;
        }
        *link = box;
        link->kind = ITEM_LINK;
        link->layer = LAYER_BORDER;
        link->link = node->link;
        *ret_item = link - 1;
    }
    cursor->y += h;
    return 0;
}

static void image_size(const struct image *image, double width, double *w, double *h)
{
    double ratio = (double)image->picture->height / image->picture->width;
    *w = image->width > 0    ? image->width
         : image->height > 0 ? image->height / ratio
                             : fmin(width, image->picture->width * 0.75);
    *h = image->height > 0 ? image->height : *w * ratio;
    if (image->fit == IMAGE_FIT) {
        *w = fmin(image->width, image->height / ratio);
        *h = *w * ratio;
    }
    if (*w > width && width > 0) {
        *h *= image->fit == IMAGE_COVER ? 1 : width / *w;
        *w = width;
    }
}

int flow_image(struct layout *self, const struct node *node, double x, double width,
               struct cursor *cursor)
{
    double w, h;
    struct item *item = NULL;
    image_size(&node->image, width, &w, &h);
    int err = add_box(self, node, ITEM_IMAGE, x, width, w, h, cursor, &item);
    if (err == 0) {
        item->image = node;
    }
    return err;
}

int flow_canvas(struct layout *self, const struct node *node, double x, double width,
                struct cursor *cursor)
{
    struct item *item = NULL;
    int err = add_box(self, node, ITEM_SHAPE, x, width, node->canvas.width, node->canvas.height,
                      cursor, &item);
    if (err == 0) {
        item->shape.canvas = &node->canvas;
    }
    return err;
}

int flow_code(struct layout *self, struct node *node, double x, double width, struct cursor *cursor)
{
    struct code_node *code = &node->code;
    struct lines label = {0};
    int err = node_measure(self, node);
    double w = node->max_width - node->margin.left - node->margin.right;
    double h = code->linear ? code->height
                            : (code->code.height + (code->quiet ? 2 * code->code.quiet_y : 0)) *
                                  code->module;
    if (err == 0 && code->label) {
        err = paragraph_break(self->doc, code->label, w, &label);
    }
    struct item *item = NULL;
    double guards = code->linear && code->code.rect_count > 0 && code->code.rects[0].guard
                        ? 5 * code->module
                        : 0;
    double text = label.count > 0 ? fmax(guards, 1) + label.height : guards;
    if (err == 0) {
        err = add_box(self, node, ITEM_CODE, x, width, w, h + text, cursor, &item);
    }
    if (err < 0) {
        return err;
    }
    item->code = code;
    double left = item->x, top = item->y + h + fmax(guards, 1);
    for (uint32_t i = 0; err == 0 && i < label.count; i++) {
        err = flow_line(self, &label.items[i], cursor->page, left, top);
        top += label.items[i].ascent + label.items[i].descent;
    }
    return err;
}
