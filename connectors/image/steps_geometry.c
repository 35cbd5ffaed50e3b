/*
 * Steps that move pixels: cut, resize, turn, mirror, surround.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orient.h"
#include "plan.h"
#include "rotate.h"
#include "smart.h"

int apply_extract(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                  struct fault *fault)
{
    (void)stage;
    uint32_t left = self->extract.left, top = self->extract.top;
    if (left >= pixmap->width || top >= pixmap->height ||
        self->extract.width > pixmap->width - left || self->extract.height > pixmap->height - top)
        return fault_set(fault, FAULT_INVALID,
                         "The extract lies partly outside the picture, which is %u × %u there.",
                         pixmap->width, pixmap->height);
    return pixmap_crop(pixmap, left, top, self->extract.width, self->extract.height, fault);
}

static int resize_window(struct pixmap *pixmap, const struct geometry *to, enum kernel_kind kernel,
                         struct fault *fault)
{
    const struct area *window = &to->window;
    if (window->x == 0 && window->y == 0 && to->width == pixmap->width &&
        to->height == pixmap->height && window->width == pixmap->width)
        return 0;
    struct pixmap resized;
    if (resample_pixmap(pixmap, *window, to->width, to->height, kernel, &resized, fault) != 0)
        return -1;
    pixmap_release(pixmap);
    *pixmap = resized;
    return 0;
}

static int cut_smartly(const struct step *self, struct pixmap *pixmap, struct fault *fault)
{
    uint32_t width = self->resize.width < pixmap->width ? self->resize.width : pixmap->width;
    uint32_t height = self->resize.height < pixmap->height ? self->resize.height : pixmap->height;
    uint32_t left, top;
    if (smart_find(pixmap, self->resize.position.smart, width, height, &left, &top, fault) != 0)
        return -1;
    return pixmap_crop(pixmap, left, top, width, height, fault);
}

int apply_resize(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                 struct fault *fault)
{
    bool smart = self->resize.position.smart != SMART_NONE && self->resize.fit == FIT_COVER &&
                 self->resize.width > 0 && self->resize.height > 0;
    const struct geometry_request request = {
        pixmap->width,
        pixmap->height,
        self->resize.width,
        self->resize.height,
        smart ? FIT_OUTSIDE : (enum fit)self->resize.fit,
        self->resize.position.gravity,
        self->resize.without_enlargement,
    };
    const struct geometry to = geometry_solve(&request);
    if (plan_check_size(to.canvas_width, to.canvas_height, fault) != 0 ||
        plan_check_size(to.width, to.height, fault) != 0 ||
        resize_window(pixmap, &to, (enum kernel_kind)self->resize.kernel, fault) != 0)
        return -1;
    if (smart)
        return cut_smartly(self, pixmap, fault);
    if (to.canvas_width == pixmap->width && to.canvas_height == pixmap->height)
        return 0;
    return pixmap_extend(pixmap, to.canvas_width, to.canvas_height, to.left, to.top,
                         stage->background.colour, fault);
}

int apply_extend(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                 struct fault *fault)
{
    uint64_t width = (uint64_t)pixmap->width + self->extend.left + self->extend.right;
    uint64_t height = (uint64_t)pixmap->height + self->extend.top + self->extend.bottom;
    if (plan_check_size((double)width, (double)height, fault) != 0)
        return -1;
    struct tint background =
        self->extend.background.set ? self->extend.background : stage->background;
    return pixmap_extend(pixmap, (uint32_t)width, (uint32_t)height, self->extend.left,
                         self->extend.top, background.colour, fault);
}

int apply_rotate(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                 struct fault *fault)
{
    (void)stage;
    double turns = round(self->rotate.angle / 90);
    double rest = self->rotate.angle - turns * 90;
    if (orient_apply(orient_from_turns((int)turns), pixmap, fault) != 0)
        return -1;
    if (rest == 0)
        return 0;
    double width, height;
    geometry_turned_size(pixmap->width, pixmap->height, rest, &width, &height);
    if (plan_check_size(width, height, fault) != 0 || rotate_pixmap(pixmap, rest, fault) != 0)
        return -1;
    if (self->rotate.background.set && self->rotate.background.colour.alpha == 255)
        pixmap_flatten(pixmap, self->rotate.background.colour);
    return 0;
}

int apply_flip(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault)
{
    (void)self;
    (void)stage;
    return orient_apply((struct orient){.mirror_y = true}, pixmap, fault);
}

int apply_flop(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault)
{
    (void)self;
    (void)stage;
    return orient_apply((struct orient){.mirror_x = true}, pixmap, fault);
}

/* --- Trim --------------------------------------------------------------------------------------*/

struct trimmer {
    const struct pixmap *pixmap;
    uint8_t background[4];
    int threshold;
};

static bool stands_out(const struct trimmer *self, uint32_t x, uint32_t y)
{
    const uint8_t *pixel = pixmap_at(self->pixmap, x, y);
    uint32_t channels = self->pixmap->channels;
    if (channels == 4 && pixel[3] == 0 && self->background[3] == 0)
        return false;
    for (uint32_t c = 0; c < channels; c++) {
        if (abs(pixel[c] - self->background[c]) > self->threshold)
            return true;
    }
    return false;
}

static bool row_stands_out(const struct trimmer *self, uint32_t y)
{
    for (uint32_t x = 0; x < self->pixmap->width; x++) {
        if (stands_out(self, x, y))
            return true;
    }
    return false;
}

static bool column_stands_out(const struct trimmer *self, uint32_t x, uint32_t top, uint32_t bottom)
{
    for (uint32_t y = top; y <= bottom; y++) {
        if (stands_out(self, x, y))
            return true;
    }
    return false;
}

/* A picture of nothing but background stays as it is. */
int apply_trim(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault)
{
    (void)stage;
    struct trimmer trimmer = {.pixmap = pixmap, .threshold = (int)self->trim.threshold};
    const struct colour colour = self->trim.background.colour;
    const uint8_t said[4] = {colour.red, colour.green, colour.blue, colour.alpha};
    memcpy(trimmer.background, self->trim.background.set ? said : pixmap->data, pixmap->channels);
    uint32_t top = 0, left = 0;
    while (top < pixmap->height && !row_stands_out(&trimmer, top))
        top++;
    if (top == pixmap->height)
        return 0;
    uint32_t bottom = pixmap->height - 1, right = pixmap->width - 1;
    while (!row_stands_out(&trimmer, bottom))
        bottom--;
    while (!column_stands_out(&trimmer, left, top, bottom))
        left++;
    while (!column_stands_out(&trimmer, right, top, bottom))
        right--;
    return pixmap_crop(pixmap, left, top, right - left + 1, bottom - top + 1, fault);
}

/* --- Round corners -----------------------------------------------------------------------------*/

/* How much of the pixel (x, y), counted from the corner's outer point, lies in the quarter disc. */
static double coverage(double radius, uint32_t x, uint32_t y)
{
    double across = radius - x - 0.5, down = radius - y - 0.5;
    if (across <= 0 || down <= 0)
        return 1;
    return fmin(fmax(radius - sqrt(across * across + down * down) + 0.5, 0), 1);
}

int apply_round(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                struct fault *fault)
{
    (void)stage;
    double most = (pixmap->width < pixmap->height ? pixmap->width : pixmap->height) / 2.0;
    double radius = self->round.radius > 0 ? fmin(self->round.radius, most) : most;
    if (pixmap_add_alpha(pixmap, fault) != 0)
        return -1;
    uint32_t size = (uint32_t)ceil(radius);
    for (uint32_t y = 0; y < size; y++) {
        for (uint32_t x = 0; x < size; x++) {
            double part = coverage(radius, x, y);
            uint32_t right = pixmap->width - 1 - x, bottom = pixmap->height - 1 - y;
            const uint32_t corners[4][2] = {{x, y}, {right, y}, {x, bottom}, {right, bottom}};
            /* Where the corners meet in the middle, a pixel must not be taken twice. */
            for (int i = 0; i < 4; i++) {
                if ((i % 2 == 1 && right == x) || (i >= 2 && bottom == y) || part >= 1)
                    continue;
                uint8_t *alpha = pixmap_at(pixmap, corners[i][0], corners[i][1]) + 3;
                *alpha = (uint8_t)(*alpha * part + 0.5);
            }
        }
    }
    return 0;
}
