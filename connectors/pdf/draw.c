/*
 * Pages: colours, lines, areas and pictures; text and shapes are drawn in files of their own.
 */
#include "draw_parts.h"

#include <math.h>
#include <string.h>

/* --- Colours and lines -------------------------------------------------------------------------*/

void put_coordinate(struct pen *pen, double value)
{
    put_number(pen->buf, value, 2);
    buf_append_char(pen->buf, ' ');
}

void put_point(struct pen *pen, double x, double y)
{
    put_coordinate(pen, x);
    put_coordinate(pen, pen->height - y);
}

void put_color(struct pen *pen, uint32_t color, const char *gray, const char *rgb)
{
    unsigned r = color >> 16 & 255, g = color >> 8 & 255, b = color & 255;
    put_number(pen->buf, r / 255.0, 3);
    buf_append_char(pen->buf, ' ');
    if (r == g && g == b) {
        buf_append_c(pen->buf, gray);
        return;
    }
    put_number(pen->buf, g / 255.0, 3);
    buf_append_char(pen->buf, ' ');
    put_number(pen->buf, b / 255.0, 3);
    buf_append_char(pen->buf, ' ');
    buf_append_c(pen->buf, rgb);
}

void set_fill(struct pen *pen, uint32_t color)
{
    if (pen->fill != color) {
        put_color(pen, color, "g ", "rg ");
        pen->fill = color;
    }
}

static void set_stroke(struct pen *pen, uint32_t color)
{
    if (pen->stroke != color) {
        put_color(pen, color, "G ", "RG ");
        pen->stroke = color;
    }
}

static void set_line_width(struct pen *pen, double width)
{
    if (pen->line_width != width) {
        put_coordinate(pen, width);
        buf_append_c(pen->buf, "w ");
        pen->line_width = width;
    }
}

/* --- Areas and lines ---------------------------------------------------------------------------*/

void draw_fill(struct pen *pen, const struct item *item)
{
    set_fill(pen, item->fill);
    put_coordinate(pen, item->x);
    put_coordinate(pen, pen->height - item->y - item->h);
    put_coordinate(pen, item->w);
    put_coordinate(pen, item->h);
    buf_append_c(pen->buf, "re f\n");
}

static void draw_wave(struct pen *pen, const struct item *item)
{
    double amplitude = item->line.width * 1.2, length = item->line.width * 4, x = item->x;
    put_point(pen, x, item->y);
    buf_append_c(pen->buf, "m ");
    for (int up = 1; x < item->x + item->w - 0.01; up = -up) {
        double next = fmin(x + length, item->x + item->w), middle = (x + next) / 2;
        put_point(pen, middle, item->y + up * amplitude);
        put_point(pen, next, item->y);
        buf_append_c(pen->buf, "v ");
        x = next;
    }
    buf_append_c(pen->buf, "S\n");
}

static void put_segment(struct pen *pen, const struct item *item, double off)
{
    bool flat = item->h == 0;
    put_point(pen, item->x + (flat ? 0 : off), item->y + (flat ? off : 0));
    buf_append_c(pen->buf, "m ");
    put_point(pen, item->x + item->w + (flat ? 0 : off), item->y + item->h + (flat ? off : 0));
    buf_append_c(pen->buf, "l S\n");
}

static void draw_line(struct pen *pen, const struct item *item)
{
    double width = item->line.width;
    bool two = item->line.dash == DASH_DOUBLE, dashed = item->line.dash == DASH_DASHED;
    bool dotted = item->line.dash == DASH_DOTTED;
    set_stroke(pen, item->line.color);
    set_line_width(pen, two ? width / 2 : width);
    if (dashed || dotted) {
        buf_append_char(pen->buf, '[');
        put_coordinate(pen, dashed ? 3 * width : 0);
        put_coordinate(pen, dashed ? 2 * width : 2 * width);
        buf_append_c(pen->buf, dotted ? "]0 d 1 J " : "]0 d ");
    }
    if (item->line.dash == DASH_WAVY) {
        draw_wave(pen, item);
    } else if (two) {
        put_segment(pen, item, -width / 2);
        put_segment(pen, item, width / 2);
    } else {
        put_segment(pen, item, 0);
    }
    if (dashed || dotted) {
        buf_append_c(pen->buf, dotted ? "[]0 d 0 J " : "[]0 d ");
    }
}

/* --- Pictures ----------------------------------------------------------------------------------*/

static uint32_t picture_index(const struct ink *ink, const struct picture *picture)
{
    uint32_t i = 0;
    while (i < ink->picture_count && ink->pictures[i].picture != picture) {
        i++;
    }
    return i + 1;
}

static void draw_image(struct pen *pen, const struct item *item)
{
    const struct image *image = &item->image->image;
    double x = item->x, y = pen->height - item->y - item->h, w = item->w, h = item->h;
    buf_append_c(pen->buf, "q ");
    if (image->opacity < 1) {
        buf_append_format(pen->buf, "/G%u gs ", ink_opacity(pen->ink, image->opacity));
    }
    if (image->fit == IMAGE_COVER) {
        put_coordinate(pen, x);
        put_coordinate(pen, y);
        put_coordinate(pen, w);
        put_coordinate(pen, h);
        buf_append_c(pen->buf, "re W n ");
        double scale = fmax(w / image->picture->width, h / image->picture->height);
        double full_w = image->picture->width * scale, full_h = image->picture->height * scale;
        x += (w - full_w) * image->align_x;
        y += (h - full_h) * (1 - image->align_y);
        w = full_w;
        h = full_h;
    }
    double matrix[6];
    picture_place(image->picture, x, y, w, h, matrix);
    for (int i = 0; i < 6; i++) {
        put_coordinate(pen, matrix[i]);
    }
    buf_append_format(pen->buf, "cm /I%u Do Q\n", picture_index(pen->ink, image->picture));
}

/* --- Pages -------------------------------------------------------------------------------------*/

/* Across the middle of the page, as large as fits if no size is given. */
static void draw_watermark(struct pen *pen, const struct watermark *watermark, double width)
{
    const struct prepared *prepared = watermark->text.prepared;
    if (!prepared || prepared->count == 0) {
        return;
    }
    const struct piece *first = &prepared->pieces[0];
    double angle = watermark->angle * M_PI / 180, s = fabs(sin(angle)), c = fabs(cos(angle));
    double diagonal = fmin(c > 0.001 ? width / c : 1e9, s > 0.001 ? pen->height / s : 1e9);
    double size = first->run->style->size;
    double wanted = watermark->size > 0 ? watermark->size
                                        : fmin(0.7 * diagonal * size / prepared->max_width, 180);
    double scale = wanted / size, cap = first->face->metrics.cap_height * size / first->face->upem;
    double x = -prepared->max_width / 2, cosine = cos(angle) * scale, sine = sin(angle) * scale;
    buf_append_format(pen->buf, "q /G%u gs ", ink_opacity(pen->ink, watermark->opacity));
    put_number(pen->buf, cosine, 4);
    buf_append_char(pen->buf, ' ');
    put_number(pen->buf, sine, 4);
    buf_append_char(pen->buf, ' ');
    put_number(pen->buf, -sine, 4);
    buf_append_char(pen->buf, ' ');
    put_number(pen->buf, cosine, 4);
    buf_append_char(pen->buf, ' ');
    put_coordinate(pen, width / 2);
    put_coordinate(pen, pen->height / 2);
    buf_append_c(pen->buf, "cm\n");
    double height = pen->height;
    pen->height = 0;
    pen->fill = COLOR_NONE;
    for (uint32_t i = 0; i < prepared->count; i++) {
        const struct piece *piece = &prepared->pieces[i];
        struct item item = {.x = x, .y = cap / 2, .w = piece->width};
        item.text.piece = piece;
        item.text.spaces = piece->spaces;
        item.text.space = piece->space_width;
        draw_text(pen, &item);
        x += piece->width + piece->spaces * piece->space_width;
    }
    end_text(pen);
    pen->height = height;
    buf_append_c(pen->buf, "Q\n");
}

typedef void draw_fn(struct pen *pen, const struct item *item);

static draw_fn *const DRAW[] = {
    [ITEM_TEXT] = draw_text,   [ITEM_FILL] = draw_fill,    [ITEM_LINE] = draw_line,
    [ITEM_IMAGE] = draw_image, [ITEM_SHAPE] = draw_canvas, [ITEM_CODE] = draw_code,
    [ITEM_LINK] = NULL,
};

void draw_page(struct ink *self, const struct layout *layout, const struct page *page,
               struct buf *buf)
{
    struct pen pen = {.ink = self, .buf = buf, .height = page->setup.height, .line_width = 1};
    for (uint32_t i = 0; i < page->count; i++) {
        const struct item *item = &page->items[i];
        if (!DRAW[item->kind]) {
            continue;
        }
        if (item->kind != ITEM_TEXT) {
            end_text(&pen);
        }
        DRAW[item->kind](&pen, item);
    }
    end_text(&pen);
    draw_watermark(&pen, &layout->doc->watermark, page->setup.width);
}
