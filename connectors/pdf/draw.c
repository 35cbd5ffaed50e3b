#include "draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a circle's quarter is drawn with a Bézier curve. */
static const double KAPPA = 0.5522847498;

/* The pen: what the content stream has set, so that it is not set again. */
struct pen {
    struct ink *ink;
    struct buf *buf;
    double height; /* of the page: y goes up in PDF */
    uint32_t fill, stroke;
    double line_width;
    uint8_t dash;
    /* Text */
    bool in_text, in_array, in_string;
    struct font *font;
    double size, spacing;
    double start_x, start_y; /* of the line of text, as the last Td has it */
    double x;                /* where the next glyph would stand */
};

void ink_init(struct ink *self, struct embed *embed)
{
    *self = (struct ink){.embed = embed};
}

void ink_release(struct ink *self)
{
    free(self->pictures);
    *self = (struct ink){0};
}

/* --- What is used ------------------------------------------------------------------------------*/

static int collect_picture(struct ink *self, const struct picture *picture, struct hub_error *error)
{
    for (uint32_t i = 0; i < self->picture_count; i++) {
        if (self->pictures[i].picture == picture) {
            return 0;
        }
    }
    if (self->picture_count == self->picture_cap) {
        uint32_t cap = self->picture_cap ? self->picture_cap * 2 : 8;
        struct ink_picture *pictures = realloc(self->pictures, cap * sizeof *pictures);
        if (!pictures) {
            return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        }
        self->pictures = pictures;
        self->picture_cap = cap;
    }
    self->pictures[self->picture_count++] = (struct ink_picture){.picture = picture};
    return 0;
}

/* Opacities in hundredths: there are few of them. */
static uint32_t opacity_index(struct ink *self, double opacity)
{
    opacity = round(opacity * 100) / 100;
    for (uint32_t i = 0; i < self->opacity_count; i++) {
        if (self->opacities[i] == opacity) {
            return i + 1;
        }
    }
    if (self->opacity_count == INK_MAX_OPACITIES) {
        return INK_MAX_OPACITIES;
    }
    self->opacities[self->opacity_count++] = opacity;
    return self->opacity_count;
}

static int collect_piece(struct ink *self, const struct piece *piece, bool spaces,
                         struct hub_error *error)
{
    static const uint32_t SPACE = ' ';
    struct font *font;
    int err = embed_use(self->embed, piece->face, &font, error);
    if (err == 0) {
        err = embed_mark(self->embed, font, &piece->glyphs, piece->text, piece->len, error);
    }
    if (err == 0 && spaces) {
        struct arena scratch;
        struct run run;
        arena_init(&scratch, 4096);
        err = face_shape(piece->face, &SPACE, 1, &(struct shape_options){0}, &scratch, &run);
        if (err == 0) {
            err = embed_mark(self->embed, font, &run, &SPACE, 1, error);
        }
        arena_release(&scratch);
    }
    return err;
}

static int collect_item(struct ink *self, const struct item *item, struct hub_error *error)
{
    if (item->kind == ITEM_TEXT) {
        return collect_piece(self, item->text.piece, item->text.spaces > 0, error);
    }
    if (item->kind == ITEM_IMAGE) {
        if (item->image->image.opacity < 1) {
            (void)opacity_index(self, item->image->image.opacity);
        }
        return collect_picture(self, item->image->image.picture, error);
    }
    return 0;
}

static int collect_watermark(struct ink *self, const struct layout *layout, struct hub_error *error)
{
    const struct prepared *prepared = layout->doc->watermark.text.prepared;
    for (uint32_t i = 0; prepared && i < prepared->count; i++) {
        int err = collect_piece(self, &prepared->pieces[i], true, error);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int ink_collect(struct ink *self, const struct layout *layout, struct hub_error *error)
{
    for (uint32_t i = 0; i < layout->page_count; i++) {
        const struct page *page = &layout->pages[i];
        for (uint32_t k = 0; k < page->count; k++) {
            int err = collect_item(self, &page->items[k], error);
            if (err < 0) {
                return err;
            }
        }
    }
    return collect_watermark(self, layout, error);
}

/* --- Colours and lines -------------------------------------------------------------------------*/

static void put_coordinate(struct pen *pen, double value)
{
    put_number(pen->buf, value, 2);
    buf_append_char(pen->buf, ' ');
}

static void put_point(struct pen *pen, double x, double y)
{
    put_coordinate(pen, x);
    put_coordinate(pen, pen->height - y);
}

static void put_color(struct pen *pen, uint32_t color, const char *gray, const char *rgb)
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

static void set_fill(struct pen *pen, uint32_t color)
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

/* --- Text --------------------------------------------------------------------------------------*/

static void end_string(struct pen *pen)
{
    if (pen->in_string) {
        buf_append_char(pen->buf, pen->font->face->standard ? ')' : '>');
        pen->in_string = false;
    }
}

static void end_array(struct pen *pen)
{
    end_string(pen);
    if (pen->in_array) {
        buf_append_c(pen->buf, "]TJ\n");
        pen->in_array = false;
    }
}

static void end_text(struct pen *pen)
{
    end_array(pen);
    if (pen->in_text) {
        buf_append_c(pen->buf, "ET\n");
        pen->in_text = false;
    }
}

static void put_code(struct pen *pen, uint32_t glyph)
{
    bool standard = pen->font->face->standard;
    if (!pen->in_string) {
        buf_append_char(pen->buf, standard ? '(' : '<');
        pen->in_string = true;
    }
    if (!standard) {
        put_hex16(pen->buf, pen->font->codes[glyph]);
        return;
    }
    if (glyph == '(' || glyph == ')' || glyph == '\\') {
        buf_append_char(pen->buf, '\\');
    }
    buf_append_char(pen->buf, (char)glyph);
}

/* Moves to x within the line: in thousandths of the size, less than one is not worth it. */
static void move_to(struct pen *pen, double x)
{
    double off = (pen->x - x) * 1000 / pen->size;
    if (fabs(off) < 1) {
        return;
    }
    end_string(pen);
    put_number(pen->buf, off, off > 50 || off < -50 ? 0 : 1);
    pen->x = x;
}

static void begin_line(struct pen *pen, double x, double y)
{
    end_array(pen);
    if (!pen->in_text) {
        buf_append_c(pen->buf, "BT ");
        pen->in_text = true;
        pen->start_x = pen->start_y = 0;
        pen->font = NULL;
    }
    put_coordinate(pen, x - pen->start_x);
    put_coordinate(pen, y - pen->start_y);
    buf_append_c(pen->buf, "Td ");
    /* What a reader adds up is what was written, not what was meant. */
    pen->start_x += round((x - pen->start_x) * 100) / 100;
    pen->start_y += round((y - pen->start_y) * 100) / 100;
    pen->x = pen->start_x;
}

static void set_font(struct pen *pen, struct font *font, double size, double spacing)
{
    if (pen->font != font || pen->size != size) {
        end_array(pen);
        buf_append_format(pen->buf, "/F%u ", font->index);
        put_coordinate(pen, size);
        buf_append_c(pen->buf, "Tf ");
        pen->font = font;
        pen->size = size;
    }
    if (pen->spacing != spacing) {
        end_array(pen);
        put_coordinate(pen, spacing);
        buf_append_c(pen->buf, "Tc ");
        pen->spacing = spacing;
    }
}

static void put_glyph(struct pen *pen, uint32_t glyph, double x)
{
    move_to(pen, x);
    put_code(pen, glyph);
    pen->x += font_advance(pen->font, glyph) * pen->size / pen->font->face->upem + pen->spacing;
}

/* Marks stand above or below the line: a rise of their own. */
static void put_raised(struct pen *pen, uint32_t glyph, double x, double rise)
{
    end_array(pen);
    put_coordinate(pen, rise);
    buf_append_c(pen->buf, "Ts[");
    pen->in_array = true;
    put_glyph(pen, glyph, x);
    end_array(pen);
    buf_append_c(pen->buf, "0 Ts ");
}

static void put_glyphs(struct pen *pen, const struct piece *piece, double x)
{
    double scale = piece->size / piece->face->upem;
    for (uint32_t i = 0; i < piece->glyphs.count; i++) {
        const struct glyph *glyph = &piece->glyphs.glyphs[i];
        if (glyph->dy != 0) {
            put_raised(pen, glyph->id, x + glyph->dx * scale, glyph->dy * scale);
        } else {
            if (!pen->in_array) {
                buf_append_char(pen->buf, '[');
                pen->in_array = true;
            }
            put_glyph(pen, glyph->id, x + glyph->dx * scale);
        }
        x += glyph->advance * scale + pen->spacing;
    }
}

static void put_spaces(struct pen *pen, const struct item *item, double x)
{
    uint32_t glyph = ' ';
    const struct face *face = item->text.piece->face;
    if (!face->standard && !hb_font_get_nominal_glyph(face->hb_font, ' ', &glyph)) {
        return;
    }
    for (uint32_t i = 0; i < item->text.spaces; i++) {
        if (!pen->in_array) {
            buf_append_char(pen->buf, '[');
            pen->in_array = true;
        }
        put_glyph(pen, glyph, x);
        x += item->text.space;
    }
}

static void draw_text(struct pen *pen, const struct item *item)
{
    const struct piece *piece = item->text.piece;
    const struct text_style *style = piece->run->style;
    struct font *font;
    if (embed_use(pen->ink->embed, piece->face, &font, NULL) < 0) {
        return;
    }
    double y = pen->height - item->y - item->text.baseline;
    if (pen->fill != style->color) {
        end_array(pen);
        set_fill(pen, style->color);
    }
    bool same_line = pen->in_text && fabs(pen->start_y - y) < 0.005 &&
                     fabs(pen->x - item->x) < 4 * piece->size && pen->font == font &&
                     pen->size == piece->size && pen->spacing == style->character_spacing;
    if (!same_line) {
        begin_line(pen, item->x, y);
        set_font(pen, font, piece->size, style->character_spacing);
    }
    put_glyphs(pen, piece, item->x);
    put_spaces(pen, item, item->x + piece->width);
}

/* --- Areas and lines ---------------------------------------------------------------------------*/

static void draw_fill(struct pen *pen, const struct item *item)
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
        buf_append_format(pen->buf, "/G%u gs ", opacity_index(pen->ink, image->opacity));
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

/* --- Shapes: in their own coordinates, y down --------------------------------------------------*/

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
        buf_append_format(pen->buf, "/G%u gs ", opacity_index(pen->ink, opacity));
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

static void draw_canvas(struct pen *pen, const struct item *item)
{
    buf_append_c(pen->buf, "q 1 0 0 -1 ");
    put_point(pen, item->x, item->y);
    buf_append_c(pen->buf, "cm\n");
    for (uint32_t i = 0; i < item->shape.canvas->count; i++) {
        draw_shape(pen, &item->shape.canvas->shapes[i]);
    }
    buf_append_c(pen->buf, "Q\n");
}

static void draw_code(struct pen *pen, const struct item *item)
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
    buf_append_format(pen->buf, "q /G%u gs ", opacity_index(pen->ink, watermark->opacity));
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
