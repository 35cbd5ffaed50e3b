/*
 * Shapes and codes: in their own coordinates, y down.
 */
#include "draw_parts.h"

#include <math.h>

/* How a circle's quarter is drawn with a Bézier curve. */
static const double KAPPA = 0.5522847498;

static void put_numbers(struct pen *pen, const double *numbers, size_t count, const char *op)
{
    for (size_t i = 0; i < count; i++) {
        put_coordinate(pen, numbers[i]);
    }
    buf_append_c(pen->buf, op);
}

static void put_curve(struct pen *pen, double x1, double y1, double x2, double y2, double x,
                      double y)
{
    const double numbers[6] = {x1, y1, x2, y2, x, y};
    put_numbers(pen, numbers, 6, "c ");
}

/* A box whose corners are quarters of an ellipse; an ellipse if they take all of it. */
static void put_round_box(struct pen *pen, double x, double y, double w, double h, double rx,
                          double ry)
{
    double kx = rx * (1 - KAPPA), ky = ry * (1 - KAPPA), r = x + w, b = y + h;
    put_numbers(pen, (const double[]){x + rx, y}, 2, "m ");
    put_numbers(pen, (const double[]){r - rx, y}, 2, "l ");
    put_curve(pen, r - kx, y, r, y + ky, r, y + ry);
    put_numbers(pen, (const double[]){r, b - ry}, 2, "l ");
    put_curve(pen, r, b - ky, r - kx, b, r - rx, b);
    put_numbers(pen, (const double[]){x + rx, b}, 2, "l ");
    put_curve(pen, x + kx, b, x, b - ky, x, b - ry);
    put_numbers(pen, (const double[]){x, y + ry}, 2, "l ");
    put_curve(pen, x, y + ky, x + kx, y, x + rx, y);
    buf_append_c(pen->buf, "h ");
}

static void put_shape_path(struct pen *pen, const struct shape *shape)
{
    if (shape->kind == SHAPE_ELLIPSE) {
        put_round_box(pen, shape->x - shape->w, shape->y - shape->h, 2 * shape->w, 2 * shape->h,
                      shape->w, shape->h);
    } else if (shape->kind == SHAPE_RECT && shape->r > 0) {
        double r = fmin(shape->r, fmin(fabs(shape->w), fabs(shape->h)) / 2);
        put_round_box(pen, shape->x, shape->y, shape->w, shape->h, r, r);
    } else if (shape->kind == SHAPE_RECT) {
        put_numbers(pen, (const double[]){shape->x, shape->y, shape->w, shape->h}, 4, "re ");
    }
    for (uint32_t i = 0; i < shape->step_count; i++) {
        const struct path_step *step = &shape->steps[i];
        const char op[3] = {step->op, ' ', '\0'};
        put_numbers(pen, step->x, step->op == 'c' ? 6 : step->op == 'h' ? 0 : 2, op);
    }
    if (shape->closed) {
        buf_append_c(pen->buf, "h ");
    }
}

static void draw_shape(struct pen *pen, const struct shape *shape)
{
    bool fill = shape->fill != COLOR_NONE, line = shape->line != COLOR_NONE;
    buf_append_c(pen->buf, "q ");
    if (shape->x != 0 || shape->y != 0) {
        if (shape->kind == SHAPE_PATH || shape->kind == SHAPE_LINES) {
            buf_append_c(pen->buf, "1 0 0 1 ");
            put_numbers(pen, (const double[]){shape->x, shape->y}, 2, "cm ");
        }
    }
    double opacity = fill ? shape->fill_opacity : shape->line_opacity;
    if (opacity < 1) {
        buf_append_format(pen->buf, "/G%u gs ", ink_opacity(pen->ink, opacity));
    }
    if (fill) {
        put_color(pen, shape->fill, "g ", "rg ");
    }
    if (line) {
        put_color(pen, shape->line, "G ", "RG ");
        put_coordinate(pen, shape->line_width);
        buf_append_format(pen->buf, "w %d J %d j ", shape->cap, shape->join);
        if (shape->dash[0] > 0) {
            buf_append_char(pen->buf, '[');
            put_numbers(pen, shape->dash, shape->dash[1] > 0 ? 2 : 1, "]0 d ");
        }
    }
    put_shape_path(pen, shape);
    buf_append_c(pen->buf, fill && line ? "B Q\n" : fill ? "f Q\n" : "S Q\n");
}

void draw_canvas(struct pen *pen, const struct item *item)
{
    buf_append_c(pen->buf, "q 1 0 0 -1 ");
    put_point(pen, item->x, item->y);
    buf_append_c(pen->buf, "cm\n");
    for (uint32_t i = 0; i < item->shape.canvas->count; i++) {
        draw_shape(pen, &item->shape.canvas->shapes[i]);
    }
    buf_append_c(pen->buf, "Q\n");
}

void draw_code(struct pen *pen, const struct item *item)
{
    const struct code_node *node = item->code;
    const struct code *code = &node->code;
    double m = node->module;
    double left = item->x + (node->quiet ? code->quiet_left * m : 0);
    double top = item->y + (node->quiet && !node->linear ? code->quiet_y * m : 0);
    double bar = node->linear ? node->height : m;
    if (node->background != COLOR_NONE) {
        struct item back = *item;
        back.fill = node->background;
        draw_fill(pen, &back);
    }
    buf_append_c(pen->buf, "q ");
    put_color(pen, node->color, "g ", "rg ");
    for (size_t i = 0; i < code->rect_count; i++) {
        const struct code_rect *rect = &code->rects[i];
        double h = rect->height * bar + (rect->guard ? 5 * m : 0);
        put_number(pen->buf, left + rect->x * m, 3);
        buf_append_char(pen->buf, ' ');
        put_number(pen->buf, pen->height - top - rect->y * bar - h, 3);
        buf_append_char(pen->buf, ' ');
        put_number(pen->buf, rect->width * m, 3);
        buf_append_char(pen->buf, ' ');
        put_number(pen->buf, h, 3);
        buf_append_c(pen->buf, " re\n");
    }
    buf_append_c(pen->buf, "f Q\n");
}
