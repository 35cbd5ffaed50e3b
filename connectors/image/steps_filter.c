/*
 * Steps in which a pixel's neighbours have a say: blur, sharpen, median.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resample.h"
#include "step.h"

/* A wide blur can't be told from one of a smaller picture that is made large again. */
enum { SIGMA_AT_ONCE = 8 };

static uint32_t divided(uint32_t size, double by)
{
    return (uint32_t)fmax(ceil(size / by), 1);
}

static int blur_widely(const struct pixmap *from, double sigma, struct pixmap *ret_pixmap,
                       struct fault *fault)
{
    double by = sigma / (SIGMA_AT_ONCE / 2.0);
    uint32_t width = divided(from->width, by), height = divided(from->height, by);
    struct pixmap small, blurred;
    const struct area all = {0, 0, from->width, from->height};
    if (resample_pixmap(from, all, width, height, KERNEL_LINEAR, &small, fault) != 0)
        return -1;
    int result = resample_blur(&small, SIGMA_AT_ONCE / 2.0, &blurred, fault);
    pixmap_release(&small);
    if (result != 0)
        return -1;
    const struct area all_small = {0, 0, width, height};
    result = resample_pixmap(&blurred, all_small, from->width, from->height, KERNEL_MITCHELL,
                             ret_pixmap, fault);
    pixmap_release(&blurred);
    return result;
}

static int blur(const struct pixmap *from, double sigma, struct pixmap *ret_pixmap,
                struct fault *fault)
{
    return sigma > SIGMA_AT_ONCE ? blur_widely(from, sigma, ret_pixmap, fault)
                                 : resample_blur(from, sigma, ret_pixmap, fault);
}

int apply_blur(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault)
{
    (void)stage;
    struct pixmap blurred;
    if (blur(pixmap, self->blur.sigma, &blurred, fault) != 0)
        return -1;
    pixmap_release(pixmap);
    *pixmap = blurred;
    return 0;
}

/* --- Sharpen -----------------------------------------------------------------------------------*/

static int luma_of(const uint8_t *pixel)
{
    return (54 * pixel[0] + 183 * pixel[1] + 19 * pixel[2]) >> 8;
}

/* Unsharp masking of the lightness alone: colours get no fringes. Differences up to `flat` levels,
 * which are noise, are not raised as much. */
int apply_sharpen(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                  struct fault *fault)
{
    (void)stage;
    struct pixmap blurred;
    if (blur(pixmap, self->sharpen.sigma, &blurred, fault) != 0)
        return -1;
    int raise[511];
    for (int difference = -255; difference <= 255; difference++) {
        double size = abs(difference);
        double gain = self->sharpen.amount;
        gain *= size < self->sharpen.flat ? size / self->sharpen.flat : 1;
        raise[difference + 255] = (int)lround(difference * gain);
    }
    size_t count = pixmap_count(pixmap);
    uint8_t *at = pixmap->data;
    const uint8_t *soft = blurred.data;
    for (size_t i = 0; i < count; i++, at += pixmap->channels, soft += pixmap->channels) {
        int by = raise[luma_of(at) - luma_of(soft) + 255];
        for (int c = 0; c < 3; c++) {
            int value = at[c] + by;
            at[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
    pixmap_release(&blurred);
    return 0;
}

/* --- Median ------------------------------------------------------------------------------------*/

static uint32_t clamp(int64_t at, uint32_t size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : (uint32_t)at;
}

/* A window that moves along a row, as counts of levels of one channel. What lies outside is as the
 * border. */
struct window {
    const struct pixmap *from;
    uint32_t channel, size;
    uint32_t counts[256];
};

static void move_column(struct window *self, int64_t x, int64_t middle, int by)
{
    const struct pixmap *from = self->from;
    int64_t reach = self->size / 2;
    uint32_t column = clamp(x, from->width);
    for (int64_t y = middle - reach; y < middle - reach + self->size; y++)
        self->counts[pixmap_at(from, column, clamp(y, from->height))[self->channel]] +=
            (uint32_t)by;
}

static uint8_t middle_of(const struct window *self)
{
    uint32_t wanted = self->size * self->size / 2 + 1, sum = 0;
    int level = 0;
    while ((sum += self->counts[level]) < wanted)
        level++;
    return (uint8_t)level;
}

static void median_row(struct window *self, const struct pixmap *to, uint32_t y)
{
    int64_t reach = self->size / 2;
    memset(self->counts, 0, sizeof(self->counts));
    for (int64_t x = -reach; x < (int64_t)self->size - reach; x++)
        move_column(self, x, y, 1);
    for (uint32_t x = 0; x < to->width; x++) {
        pixmap_at(to, x, y)[self->channel] = middle_of(self);
        move_column(self, (int64_t)x - reach, y, -1);
        move_column(self, (int64_t)x - reach + self->size, y, 1);
    }
}

int apply_median(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                 struct fault *fault)
{
    (void)stage;
    struct pixmap to;
    if (pixmap_init(&to, pixmap->width, pixmap->height, pixmap->channels, fault) != 0)
        return -1;
    for (uint32_t channel = 0; channel < pixmap->channels; channel++) {
        struct window window = {pixmap, channel, self->median.size, {0}};
        for (uint32_t y = 0; y < to.height; y++)
            median_row(&window, &to, y);
    }
    pixmap_release(pixmap);
    *pixmap = to;
    return 0;
}
