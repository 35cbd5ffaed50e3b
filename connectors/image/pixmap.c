#include "pixmap.h"

#include <stdlib.h>
#include <string.h>

int pixmap_init(struct pixmap *self, uint32_t width, uint32_t height, uint32_t channels,
                struct fault *fault)
{
    *self = (struct pixmap){.width = width, .height = height, .channels = channels};
    self->data = malloc((size_t)width * height * channels);
    if (self->data)
        return 0;
    *self = (struct pixmap){0};
    return fault_memory(fault);
}

void pixmap_release(struct pixmap *self)
{
    free(self->data);
    *self = (struct pixmap){0};
}

/* `over` where alpha is 255, `under` where it is 0, rounded to nearest. */
static uint8_t blend(uint32_t over, uint32_t under, uint32_t alpha)
{
    return (uint8_t)((over * alpha + under * (255 - alpha) + 127) / 255);
}

void pixmap_flatten(struct pixmap *self, struct colour background)
{
    if (self->channels != 4)
        return;
    size_t count = (size_t)self->width * self->height;
    const uint8_t *from = self->data;
    uint8_t *to = self->data;
    for (size_t i = 0; i < count; i++, from += 4, to += 3) {
        uint32_t alpha = from[3];
        to[0] = blend(from[0], background.red, alpha);
        to[1] = blend(from[1], background.green, alpha);
        to[2] = blend(from[2], background.blue, alpha);
    }
    self->channels = 3;
}

static void fill(struct pixmap *self, struct colour colour)
{
    const uint8_t sample[4] = {colour.red, colour.green, colour.blue, colour.alpha};
    uint8_t *first = self->data;
    for (uint32_t x = 0; x < self->width; x++)
        memcpy(first + (size_t)x * self->channels, sample, self->channels);
    for (uint32_t y = 1; y < self->height; y++)
        memcpy(pixmap_row(self, y), first, pixmap_stride(self));
}

int pixmap_extend(struct pixmap *self, uint32_t width, uint32_t height, uint32_t left, uint32_t top,
                  struct colour background, struct fault *fault)
{
    if (background.alpha < 255 && pixmap_add_alpha(self, fault) != 0)
        return -1;
    struct pixmap canvas;
    if (pixmap_init(&canvas, width, height, self->channels, fault) != 0)
        return -1;
    fill(&canvas, background);
    for (uint32_t y = 0; y < self->height; y++)
        memcpy(pixmap_row(&canvas, top + y) + (size_t)left * self->channels, pixmap_row(self, y),
               pixmap_stride(self));
    pixmap_release(self);
    *self = canvas;
    return 0;
}

int pixmap_add_alpha(struct pixmap *self, struct fault *fault)
{
    if (self->channels == 4)
        return 0;
    struct pixmap with;
    if (pixmap_init(&with, self->width, self->height, 4, fault) != 0)
        return -1;
    size_t count = (size_t)self->width * self->height;
    for (size_t i = 0; i < count; i++) {
        memcpy(with.data + i * 4, self->data + i * 3, 3);
        with.data[i * 4 + 3] = 255;
    }
    pixmap_release(self);
    *self = with;
    return 0;
}
