/*
 * How wide nodes are, at least and at most; and how columns share what there is.
 */
#include "layout.h"

#include <math.h>

static int measure_paragraph(struct layout *self, struct paragraph *paragraph, struct node *node)
{
    int err = paragraph_prepare(self->doc, paragraph, &self->numbers);
    if (err == 0) {
        /* A hair more, so that rounding can't break what just fits. */
        node->max_width = paragraph->prepared->max_width + 0.02;
        node->min_width = fmin(paragraph->prepared->min_width + 0.02, node->max_width);
    }
    return err;
}

/* Above each other: the widest counts. */
static int measure_stack(struct layout *self, const struct node_list *list, double extra,
                         struct node *node)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct node *child = list->items[i];
        int err = node_measure(self, child);
        if (err < 0) {
            return err;
        }
        if (!child->absolute) {
            node->min_width = fmax(node->min_width, child->min_width + extra);
            node->max_width = fmax(node->max_width, child->max_width + extra);
        }
    }
    return 0;
}

static int measure_columns(struct layout *self, struct node *node)
{
    const struct node_list *list = &node->columns.items;
    double gaps = list->count > 1 ? node->columns.gap * (list->count - 1) : 0;
    node->min_width = node->max_width = gaps;
    for (uint32_t i = 0; i < list->count; i++) {
        struct node *child = list->items[i];
        int err = node_measure(self, child);
        if (err < 0) {
            return err;
        }
        bool fixed = child->width.kind == MEASURE_FIXED;
        node->min_width += fixed ? child->width.value : child->min_width;
        node->max_width += fixed ? child->width.value : child->max_width;
    }
    return 0;
}

static int measure_list(struct layout *self, struct node *node)
{
    struct list *list = &node->list;
    double widest = 0, em = node->style->size;
    for (uint32_t i = 0; i < list->items.count; i++) {
        if (!list->markers[i]) {
            continue;
        }
        int err = node_measure(self, list->markers[i]);
        if (err < 0) {
            return err;
        }
        widest = fmax(widest, list->markers[i]->max_width);
    }
    list->indent = fmax(widest + 0.45 * em, 1.15 * em);
    return measure_stack(self, &list->items, list->indent, node);
}

static void measure_image(struct node *node)
{
    const struct image *image = &node->image;
    double width = image->width;
    if (image->fit == IMAGE_SIZE && width <= 0) {
        double scale = image->height > 0 ? image->height / image->picture->height : 0.75;
        width = image->picture->width * scale;
    }
    node->max_width = width;
    node->min_width = image->width > 0 && image->fit != IMAGE_FIT ? width : fmin(width, 20);
}

static int measure_code(struct layout *self, struct node *node)
{
    const struct code_node *code = &node->code;
    double modules =
        code->code.width + (code->quiet ? code->code.quiet_left + code->code.quiet_right : 0);
    node->min_width = node->max_width = modules * code->module;
    return code->label ? paragraph_prepare(self->doc, code->label, &self->numbers) : 0;
}

static int measure_content(struct layout *self, struct node *node)
{
    switch (node->kind) {
    case NODE_TEXT:
        return measure_paragraph(self, &node->text, node);
    case NODE_STACK:
        return measure_stack(self, &node->stack, 0, node);
    case NODE_COLUMNS:
        return measure_columns(self, node);
    case NODE_LIST:
        return measure_list(self, node);
    case NODE_TABLE:
        return table_measure(self, node);
    case NODE_IMAGE:
        measure_image(node);
        return 0;
    case NODE_CANVAS:
        node->min_width = node->max_width = node->canvas.width;
        return 0;
    case NODE_CODE:
        return measure_code(self, node);
    case NODE_TOC:
        node->min_width = 60;
        node->max_width = PDF_MAX_LENGTH;
        return 0;
    case NODE_TOC_LINE:
        return measure_paragraph(self, &node->toc_line.text, node);
    }
    return 0;
}

int node_measure(struct layout *self, struct node *node)
{
    bool numbers_change = self->doc->has_fields || self->numbers.page > 0;
    if (node->min_width >= 0 && !numbers_change) {
        return 0;
    }
    int err = layout_step(self);
    if (err < 0) {
        return err;
    }
    node->min_width = node->max_width = 0;
    err = measure_content(self, node);
    double margins = node->margin.left + node->margin.right;
    node->min_width = fmax(0, node->min_width + margins);
    node->max_width = fmax(0, node->max_width + margins);
    return err;
}

/* --- Sharing -----------------------------------------------------------------------------------*/

struct sums {
    double taken, auto_least, auto_most, star_least;
    uint32_t stars;
};

static struct sums sum_up(const struct measure *widths, const double *least, const double *most,
                          uint32_t count, double width, double *ret_widths)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < count; i++) {
        switch (widths[i].kind) {
        case MEASURE_FIXED:
            ret_widths[i] = widths[i].value;
            sums.taken += ret_widths[i];
            break;
        case MEASURE_PERCENT:
            ret_widths[i] = width * widths[i].value / 100;
            sums.taken += ret_widths[i];
            break;
        case MEASURE_AUTO:
            sums.auto_least += least[i];
            sums.auto_most += most[i];
            break;
        case MEASURE_STAR:
            sums.star_least += least[i];
            sums.stars++;
        }
    }
    return sums;
}

/* Stars get equal parts, but none less than its content needs, as long as there is enough. */
static void share_stars(const struct measure *widths, const double *least, uint32_t count,
                        double room, uint32_t stars, double *ret_widths)
{
    bool settled[PDF_MAX_COLUMNS] = {false};
    for (bool again = true; again && stars > 0;) {
        again = false;
        for (uint32_t i = 0; i < count; i++) {
            bool open = widths[i].kind == MEASURE_STAR && !settled[i];
            if (open && least[i] > room / stars + 1e-6 && room - least[i] >= 0 && stars > 1) {
                ret_widths[i] = least[i];
                room -= least[i];
                stars--;
                settled[i] = again = true;
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (widths[i].kind == MEASURE_STAR && !settled[i]) {
            ret_widths[i] = fmax(room, 0) / stars;
        }
    }
}

void share_widths(const struct measure *widths, const double *least, const double *most,
                  uint32_t count, double width, double *ret_widths)
{
    struct sums sums = sum_up(widths, least, most, count, width, ret_widths);
    double room = fmax(0, width - sums.taken);
    double for_auto = fmax(room - sums.star_least, fmin(room, sums.auto_least));
    double used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (widths[i].kind != MEASURE_AUTO) {
            continue;
        }
        if (sums.auto_most <= for_auto) {
            ret_widths[i] = most[i];
        } else if (sums.auto_least <= for_auto) {
            double slack = sums.auto_most - sums.auto_least;
            ret_widths[i] = least[i] + (most[i] - least[i]) * (for_auto - sums.auto_least) / slack;
        } else {
            ret_widths[i] = least[i] * for_auto / sums.auto_least;
        }
        used += ret_widths[i];
    }
    share_stars(widths, least, count, room - used, sums.stars, ret_widths);
    /* Fixed columns that are too wide for the page are narrowed: nothing leaves it. */
    double total = 0;
    for (uint32_t i = 0; i < count; i++) {
        total += ret_widths[i];
    }
    for (uint32_t i = 0; total > width + 0.01 && i < count; i++) {
        ret_widths[i] *= width / total;
    }
}
