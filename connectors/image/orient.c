#include "orient.h"

#include <string.h>

enum { TILE = 32 }; /* columns and rows that transpose together, to stay within the cache */

struct orient orient_from_exif(int orientation)
{
    static const struct orient WAYS[9] = {
        [2] = {.mirror_x = true},
        [3] = {.mirror_x = true, .mirror_y = true},
        [4] = {.mirror_y = true},
        [5] = {.swap = true},
        [6] = {.swap = true, .mirror_x = true},
        [7] = {.swap = true, .mirror_x = true, .mirror_y = true},
        [8] = {.swap = true, .mirror_y = true},
    };
    return orientation >= 1 && orientation <= 8 ? WAYS[orientation] : WAYS[1];
}

struct orient orient_from_turns(int turns)
{
    static const int EXIF[4] = {1, 6, 3, 8};
    return orient_from_exif(EXIF[(turns % 4 + 4) % 4]);
}

struct orient orient_then(struct orient one, struct orient other)
{
    /* A transposition carries the mirrors that came before it to the other axis. */
    bool mirror_x = other.swap ? one.mirror_y : one.mirror_x;
    bool mirror_y = other.swap ? one.mirror_x : one.mirror_y;
    return (struct orient){
        .swap = one.swap != other.swap,
        .mirror_x = mirror_x != other.mirror_x,
        .mirror_y = mirror_y != other.mirror_y,
    };
}

bool orient_is_mirror(struct orient self)
{
    return (self.swap + self.mirror_x + self.mirror_y) % 2 == 1;
}

struct area orient_undo_area(struct orient self, double width, double height, struct area area)
{
    double oriented_width = self.swap ? height : width;
    double oriented_height = self.swap ? width : height;
    if (self.mirror_x)
        area.x = oriented_width - area.x - area.width;
    if (self.mirror_y)
        area.y = oriented_height - area.y - area.height;
    if (self.swap)
        area = (struct area){area.y, area.x, area.height, area.width};
    return area;
}

static void mirror_row(uint8_t *to, const uint8_t *from, uint32_t width, size_t pixel)
{
    from += (width - 1) * pixel;
    for (uint32_t x = 0; x < width; x++, to += pixel, from -= pixel)
        memcpy(to, from, pixel);
}

/* One tile of the oriented raster, whose rows are the columns of the original. */
static void transpose_tile(struct orient self, const struct pixmap *to, const struct pixmap *from,
                           uint32_t left, uint32_t top)
{
    size_t pixel = pixmap_pixel(from);
    size_t stride = pixmap_stride(from);
    uint32_t right = left + TILE < to->width ? left + TILE : to->width;
    uint32_t bottom = top + TILE < to->height ? top + TILE : to->height;
    for (uint32_t y = top; y < bottom; y++) {
        uint32_t column = self.mirror_y ? to->height - 1 - y : y;
        uint8_t *put = pixmap_row(to, y) + (size_t)left * pixel;
        for (uint32_t x = left; x < right; x++, put += pixel) {
            uint32_t row = self.mirror_x ? to->width - 1 - x : x;
            memcpy(put, from->data + row * stride + (size_t)column * pixel, pixel);
        }
    }
}

static void copy_rows(struct orient self, const struct pixmap *to, const struct pixmap *from)
{
    for (uint32_t y = 0; y < to->height; y++) {
        const uint8_t *row = pixmap_row(from, self.mirror_y ? to->height - 1 - y : y);
        if (self.mirror_x)
            mirror_row(pixmap_row(to, y), row, to->width, pixmap_pixel(to));
        else
            memcpy(pixmap_row(to, y), row, pixmap_stride(to));
    }
}

int orient_apply(struct orient self, struct pixmap *pixmap, struct fault *fault)
{
    if (!self.swap && !self.mirror_x && !self.mirror_y)
        return 0;
    struct pixmap turned;
    if (pixmap_init_depth(&turned, self.swap ? pixmap->height : pixmap->width,
                          self.swap ? pixmap->width : pixmap->height, pixmap->channels,
                          pixmap->depth, fault) != 0)
        return -1;
    if (self.swap) {
        for (uint32_t top = 0; top < turned.height; top += TILE) {
            for (uint32_t left = 0; left < turned.width; left += TILE)
                transpose_tile(self, &turned, pixmap, left, top);
        }
    } else {
        copy_rows(self, &turned, pixmap);
    }
    pixmap_release(pixmap);
    *pixmap = turned;
    return 0;
}
