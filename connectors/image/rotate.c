#include "rotate.h"

#include <math.h>

#include "geometry.h"

/* Adds one neighbour's colour, weighted by its share and its alpha. Outside is nothing. */
static void add_neighbour(const struct pixmap *from, double x, double y, double share, double *sum)
{
    if (x < 0 || y < 0 || x >= from->width || y >= from->height)
        return;
    const uint8_t *pixel = pixmap_row(from, (uint32_t)y) + (size_t)x * 4;
    double weight = share * pixel[3];
    sum[0] += weight * pixel[0];
    sum[1] += weight * pixel[1];
    sum[2] += weight * pixel[2];
    sum[3] += weight;
}

/* The colour at a point, where the pixel (0, 0) has its centre at (0, 0). */
static void sample(const struct pixmap *from, double x, double y, uint8_t *to)
{
    double left = floor(x);
    double top = floor(y);
    double across = x - left;
    double down = y - top;
    double sum[4] = {0};
    add_neighbour(from, left, top, (1 - across) * (1 - down), sum);
    add_neighbour(from, left + 1, top, across * (1 - down), sum);
    add_neighbour(from, left, top + 1, (1 - across) * down, sum);
    add_neighbour(from, left + 1, top + 1, across * down, sum);
    for (int i = 0; i < 3; i++)
        to[i] = sum[3] > 0 ? (uint8_t)(sum[i] / sum[3] + 0.5) : 0;
    to[3] = (uint8_t)(sum[3] + 0.5);
}

int rotate_pixmap(struct pixmap *self, double degrees, struct fault *fault)
{
    double width, height;
    geometry_turned_size(self->width, self->height, degrees, &width, &height);
    struct pixmap turned;
    if (pixmap_add_alpha(self, fault) != 0 ||
        pixmap_init(&turned, (uint32_t)width, (uint32_t)height, 4, fault) != 0)
        return -1;
    double sine = sin(degrees * M_PI / 180);
    double cosine = cos(degrees * M_PI / 180);
    for (uint32_t y = 0; y < turned.height; y++) {
        uint8_t *to = pixmap_row(&turned, y);
        double down = y + 0.5 - height / 2;
        for (uint32_t x = 0; x < turned.width; x++, to += 4) {
            double across = x + 0.5 - width / 2;
            sample(self, across * cosine + down * sine + self->width / 2.0 - 0.5,
                   down * cosine - across * sine + self->height / 2.0 - 0.5, to);
        }
    }
    pixmap_release(self);
    *self = turned;
    return 0;
}
