#include "smart.h"

#include <math.h>
#include <stdlib.h>

#include "resample.h"

enum { SIDE = 128, BINS = 64 };

struct map {
    uint32_t width, height;
    float *luma;
    double *sums; /* of scores over all above and to the left: (width + 1) × (height + 1) */
};

/* How near a colour is to those of skin: a direction in RGB, for all but dark pixels. */
static double skin(const uint8_t *pixel)
{
    static const double SKIN[3] = {0.78, 0.57, 0.44}; /* of which most people have more or less */
    double length = sqrt((double)pixel[0] * pixel[0] + (double)pixel[1] * pixel[1] +
                         (double)pixel[2] * pixel[2]);
    if (length < 60)
        return 0;
    double sum = 0;
    for (int c = 0; c < 3; c++) {
        double difference = pixel[c] / length - SKIN[c] / 1.0618;
        sum += difference * difference;
    }
    double likeness = 1 - sqrt(sum) * 4;
    return likeness > 0 ? likeness : 0;
}

static double saturation(const uint8_t *pixel)
{
    int most = pixel[0] > pixel[1] ? pixel[0] : pixel[1];
    int least = pixel[0] < pixel[1] ? pixel[0] : pixel[1];
    most = most > pixel[2] ? most : pixel[2];
    least = least < pixel[2] ? least : pixel[2];
    return most > 40 ? (double)(most - least) / most : 0;
}

static double edge(const struct map *map, uint32_t x, uint32_t y)
{
    uint32_t left = x > 0 ? x - 1 : x, right = x + 1 < map->width ? x + 1 : x;
    uint32_t above = y > 0 ? y - 1 : y, below = y + 1 < map->height ? y + 1 : y;
    const float *luma = map->luma;
    uint32_t w = map->width;
    return fabs(4.0 * luma[y * w + x] - luma[y * w + left] - luma[y * w + right] -
                luma[above * w + x] - luma[below * w + x]) /
           255;
}

static void score(struct map *map, const struct pixmap *small)
{
    size_t stride = map->width + 1;
    for (uint32_t y = 0; y < map->height; y++) {
        double row = 0;
        for (uint32_t x = 0; x < map->width; x++) {
            const uint8_t *pixel = pixmap_at(small, x, y);
            double alpha = small->channels == 4 ? pixel[3] / 255.0 : 1;
            row += alpha * (edge(map, x, y) + 1.2 * skin(pixel) + 0.3 * saturation(pixel));
            map->sums[(y + 1) * stride + x + 1] = map->sums[y * stride + x + 1] + row;
        }
    }
}

static int map_init(struct map *self, const struct pixmap *small, struct fault *fault)
{
    *self = (struct map){.width = small->width, .height = small->height};
    self->luma = malloc(pixmap_count(small) * sizeof(*self->luma));
    self->sums =
        calloc(((size_t)small->width + 1) * ((size_t)small->height + 1), sizeof(*self->sums));
    if (!self->luma || !self->sums)
        return fault_memory(fault);
    for (uint32_t y = 0; y < small->height; y++) {
        for (uint32_t x = 0; x < small->width; x++) {
            const uint8_t *pixel = pixmap_at(small, x, y);
            self->luma[y * small->width + x] =
                0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
        }
    }
    score(self, small);
    return 0;
}

static double attention(const struct map *map, uint32_t left, uint32_t top, uint32_t width,
                        uint32_t height)
{
    size_t stride = map->width + 1;
    const double *upper = map->sums + top * stride + left;
    const double *lower = upper + height * stride;
    return lower[width] - lower[0] - upper[width] + upper[0];
}

static double entropy(const struct map *map, uint32_t left, uint32_t top, uint32_t width,
                      uint32_t height)
{
    uint32_t counts[BINS] = {0};
    for (uint32_t y = top; y < top + height; y++) {
        for (uint32_t x = left; x < left + width; x++)
            counts[(uint32_t)map->luma[y * map->width + x] * BINS / 256]++;
    }
    double sum = 0, total = (double)width * height;
    for (int i = 0; i < BINS; i++) {
        double part = counts[i] / total;
        sum -= part > 0 ? part * log2(part) : 0;
    }
    return sum;
}

/* The best place along both axes; of equals the one nearest to the middle. */
static void search(const struct map *map, enum smart smart, uint32_t width, uint32_t height,
                   uint32_t *ret_left, uint32_t *ret_top)
{
    double best = -1, nearest = 0;
    for (uint32_t top = 0; top + height <= map->height; top++) {
        for (uint32_t left = 0; left + width <= map->width; left++) {
            double value = smart == SMART_ENTROPY ? entropy(map, left, top, width, height)
                                                  : attention(map, left, top, width, height);
            double off = fabs(left + width / 2.0 - map->width / 2.0) +
                         fabs(top + height / 2.0 - map->height / 2.0);
            if (value > best + 1e-9 || (value > best - 1e-9 && off < nearest)) {
                best = value;
                nearest = off;
                *ret_left = left;
                *ret_top = top;
            }
        }
    }
}

static uint32_t part_of(uint32_t part, uint32_t of, uint32_t small)
{
    uint32_t size = (uint32_t)((uint64_t)part * small / of);
    return size > 0 ? size : 1;
}

/* From a place on the map to one on the picture: the ends stay ends. */
static uint32_t back(uint32_t at, uint32_t free_small, uint32_t free_large)
{
    return free_small == 0 ? free_large / 2 : (uint32_t)((uint64_t)at * free_large / free_small);
}

int smart_find(const struct pixmap *pixmap, enum smart smart, uint32_t width, uint32_t height,
               uint32_t *ret_left, uint32_t *ret_top, struct fault *fault)
{
    const struct geometry_request request = {pixmap->width, pixmap->height,    SIDE, SIDE,
                                             FIT_INSIDE,    {0.5, 0.5, false}, true};
    const struct geometry to = geometry_solve(&request);
    struct pixmap small;
    if (resample_pixmap(pixmap, to.window, to.width, to.height, KERNEL_LINEAR, &small, fault) != 0)
        return -1;
    struct map map;
    int result = map_init(&map, &small, fault);
    if (result == 0) {
        uint32_t across = part_of(width, pixmap->width, map.width);
        uint32_t down = part_of(height, pixmap->height, map.height);
        uint32_t left = 0, top = 0;
        search(&map, smart, across, down, &left, &top);
        *ret_left = back(left, map.width - across, pixmap->width - width);
        *ret_top = back(top, map.height - down, pixmap->height - height);
    }
    free(map.luma);
    free(map.sums);
    pixmap_release(&small);
    return result;
}
