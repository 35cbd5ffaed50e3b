#include "pixmap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 * 1024 * 1024 };

void *samples_alloc(size_t size)
{
    if (size < 2 * LARGE_PAGE)
        return malloc(size);
    void *memory = aligned_alloc(LARGE_PAGE, (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
    if (memory)
        madvise(memory, size, MADV_HUGEPAGE); /* a hint; all is well without it */
    return memory;
}

int pixmap_init(struct pixmap *self, uint32_t width, uint32_t height, uint32_t channels,
                struct fault *fault)
{
    return pixmap_init_depth(self, width, height, channels, 8, fault);
}

int pixmap_init_depth(struct pixmap *self, uint32_t width, uint32_t height, uint32_t channels,
                      uint32_t depth, struct fault *fault)
{
    *self = (struct pixmap){
        .width = width, .height = height, .channels = channels, .depth = depth == 16 ? 16 : 8};
    self->data = samples_alloc(pixmap_stride(self) * height);
    if (self->data)
        return 0;
    *self = (struct pixmap){0};
    return fault_memory(fault);
}

int pixmap_copy(struct pixmap *self, const struct pixmap *from, struct fault *fault)
{
    if (pixmap_init_depth(self, from->width, from->height, from->channels, from->depth, fault) != 0)
        return -1;
    memcpy(self->data, from->data, pixmap_stride(from) * from->height);
    return 0;
}

void pixmap_release(struct pixmap *self)
{
    free(self->data);
    *self = (struct pixmap){0};
}

void pixmap_shallow(struct pixmap *self)
{
    if (self->depth != 16)
        return;
    size_t count = pixmap_count(self) * self->channels;
    for (size_t i = 0; i < count; i++) {
        uint16_t wide;
        memcpy(&wide, self->data + i * 2, sizeof(wide));
        self->data[i] = (uint8_t)((wide * 255u + 32767) / 65535);
    }
    self->depth = 8;
}

/* `over` where alpha is all, `under` where it is 0, rounded to nearest. */
static uint32_t blend(uint32_t over, uint32_t under, uint32_t alpha, uint32_t all)
{
    return (uint32_t)(((uint64_t)over * alpha + (uint64_t)under * (all - alpha) + all / 2) / all);
}

static void flatten_deep(struct pixmap *self, const uint8_t *background)
{
    size_t count = pixmap_count(self);
    uint16_t *to = (uint16_t *)(void *)self->data;
    const uint16_t *from = to;
    for (size_t i = 0; i < count; i++, from += 4, to += 3) {
        uint32_t alpha = from[3];
        for (int c = 0; c < 3; c++)
            to[c] = (uint16_t)blend(from[c], background[c] * 257u, alpha, 65535);
    }
}

static void flatten(struct pixmap *self, const uint8_t *background)
{
    size_t count = pixmap_count(self);
    const uint8_t *from = self->data;
    uint8_t *to = self->data;
    for (size_t i = 0; i < count; i++, from += 4, to += 3) {
        uint32_t alpha = from[3];
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)((from[c] * alpha + background[c] * (255 - alpha) + 127) / 255);
    }
}

void pixmap_flatten(struct pixmap *self, struct colour background)
{
    if (self->channels != 4)
        return;
    const uint8_t samples[3] = {background.red, background.green, background.blue};
    if (self->depth == 16)
        flatten_deep(self, samples);
    else
        flatten(self, samples);
    self->channels = 3;
}

void pixmap_fill(struct pixmap *self, struct colour colour)
{
    const uint8_t samples[4] = {colour.red, colour.green, colour.blue, colour.alpha};
    size_t each = self->depth == 16 ? 2 : 1; /* 0xab becomes 0xabab */
    uint8_t *at = self->data;
    for (uint32_t x = 0; x < self->width; x++) {
        for (uint32_t c = 0; c < self->channels; c++, at += each)
            memset(at, samples[c], each);
    }
    for (uint32_t y = 1; y < self->height; y++)
        memcpy(pixmap_row(self, y), self->data, pixmap_stride(self));
}

void pixmap_put(struct pixmap *self, const struct pixmap *from, uint32_t left, uint32_t top)
{
    for (uint32_t y = 0; y < from->height; y++)
        memcpy(pixmap_at(self, left, top + y), pixmap_row(from, y), pixmap_stride(from));
}

int pixmap_extend(struct pixmap *self, uint32_t width, uint32_t height, uint32_t left, uint32_t top,
                  struct colour background, struct fault *fault)
{
    if (background.alpha < 255 && pixmap_add_alpha(self, fault) != 0)
        return -1;
    struct pixmap canvas;
    if (pixmap_init_depth(&canvas, width, height, self->channels, self->depth, fault) != 0)
        return -1;
    pixmap_fill(&canvas, background);
    pixmap_put(&canvas, self, left, top);
    pixmap_release(self);
    *self = canvas;
    return 0;
}

int pixmap_crop(struct pixmap *self, uint32_t left, uint32_t top, uint32_t width, uint32_t height,
                struct fault *fault)
{
    if (left == 0 && top == 0 && width == self->width && height == self->height)
        return 0;
    struct pixmap part;
    if (pixmap_init_depth(&part, width, height, self->channels, self->depth, fault) != 0)
        return -1;
    for (uint32_t y = 0; y < height; y++)
        memcpy(pixmap_row(&part, y), pixmap_at(self, left, top + y), pixmap_stride(&part));
    pixmap_release(self);
    *self = part;
    return 0;
}

int pixmap_add_alpha(struct pixmap *self, struct fault *fault)
{
    if (self->channels == 4)
        return 0;
    struct pixmap with;
    if (pixmap_init_depth(&with, self->width, self->height, 4, self->depth, fault) != 0)
        return -1;
    size_t count = pixmap_count(self);
    size_t from = pixmap_pixel(self), to = pixmap_pixel(&with);
    memset(with.data, 255, count * to);
    for (size_t i = 0; i < count; i++)
        memcpy(with.data + i * to, self->data + i * from, from);
    pixmap_release(self);
    *self = with;
    return 0;
}

bool pixmap_transparent(const struct pixmap *self)
{
    size_t count = self->channels == 4 ? pixmap_count(self) : 0;
    size_t each = pixmap_pixel(self);
    const uint8_t *at = self->data + each - (self->depth == 16 ? 2 : 1);
    for (size_t i = 0; i < count; i++, at += each) {
        if (*at != 255)
            return true;
    }
    return false;
}
