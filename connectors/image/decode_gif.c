/*
 * GIF: frames laid on the screen one after the other, as the file says.
 */
#include <stdlib.h>

#include "codec.h"
#include "gif.h"
#include "limits.h"

static int damaged(struct fault *fault)
{
    return fault_set(fault, FAULT_INVALID, "The GIF can't be decoded: its data is damaged.");
}

int gif_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    struct gif_reader reader;
    struct gif_frame frame, first = {0};
    uint32_t frames = 0;
    if (gif_reader_init(&reader, source)) {
        while (gif_reader_next(&reader, &frame)) {
            if (frames++ == 0)
                first = frame;
        }
    }
    if (frames == 0 || reader.cut)
        return fault_set(fault, FAULT_INVALID, "The GIF is cut short.");
    bool covers = first.left == 0 && first.top == 0 && first.width >= reader.width &&
                  first.height >= reader.height;
    ret_header->width = reader.width;
    ret_header->height = reader.height;
    ret_header->frames = frames;
    ret_header->loop = reader.loop;
    ret_header->has_alpha = first.transparent >= 0 || !covers;
    ret_header->channels = ret_header->has_alpha ? 4 : 3;
    ret_header->progressive = first.interlaced;
    return 0;
}

/* --- The screen --------------------------------------------------------------------------------*/

struct screen {
    struct pixmap canvas; /* RGBA */
    struct pixmap before; /* for frames that are taken off again */
    uint8_t *indices;
    size_t room;
};

static int screen_init(struct screen *self, const struct image_header *header, struct fault *fault)
{
    *self = (struct screen){0};
    if (pixmap_init(&self->canvas, header->width, header->height, 4, fault) != 0)
        return -1;
    pixmap_fill(&self->canvas, (struct colour){0, 0, 0, 0});
    return 0;
}

static void screen_release(struct screen *self)
{
    pixmap_release(&self->canvas);
    pixmap_release(&self->before);
    free(self->indices);
}

/* The part of a frame that lies on the screen. */
static uint32_t visible(uint32_t at, uint32_t size, uint32_t whole)
{
    return at >= whole ? 0 : size < whole - at ? size : whole - at;
}

static void draw(const struct screen *self, const struct gif_frame *frame)
{
    uint32_t width = visible(frame->left, frame->width, self->canvas.width);
    uint32_t height = visible(frame->top, frame->height, self->canvas.height);
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *from = self->indices + (size_t)y * frame->width;
        uint8_t *to = pixmap_at(&self->canvas, frame->left, frame->top + y);
        for (uint32_t x = 0; x < width; x++, to += 4) {
            if (from[x] == frame->transparent)
                continue;
            bool known = from[x] < frame->colour_count;
            const uint8_t *colour = frame->colours + (size_t)(known ? from[x] : 0) * 3;
            memcpy(to, known ? colour : (const uint8_t *)"\0\0\0", 3);
            to[3] = 255;
        }
    }
}

static void clear(const struct screen *self, const struct gif_frame *frame)
{
    uint32_t width = visible(frame->left, frame->width, self->canvas.width);
    uint32_t height = visible(frame->top, frame->height, self->canvas.height);
    for (uint32_t y = 0; y < height; y++)
        memset(pixmap_at(&self->canvas, frame->left, frame->top + y), 0, (size_t)width * 4);
}

static int show(struct screen *self, const struct gif_frame *frame, const struct source *source,
                struct fault *fault)
{
    size_t size = (size_t)frame->width * frame->height;
    if (size > IMAGE_MAX_PIXELS)
        return fault_set(fault, FAULT_TOO_LARGE, "A frame of the GIF has %u × %u pixels.",
                         frame->width, frame->height);
    if (size > self->room) {
        free(self->indices);
        self->room = size;
        self->indices = malloc(size);
        if (!self->indices) {
            self->room = 0;
            return fault_memory(fault);
        }
    }
    if (size > 0 && !gif_frame_read(frame, source, self->indices))
        return damaged(fault);
    if (frame->disposal == GIF_RESTORE) {
        pixmap_release(&self->before);
        if (pixmap_copy(&self->before, &self->canvas, fault) != 0)
            return -1;
    }
    draw(self, frame);
    return 0;
}

static void dispose(struct screen *self, const struct gif_frame *frame)
{
    if (frame->disposal == GIF_CLEAR)
        clear(self, frame);
    if (frame->disposal != GIF_RESTORE)
        return;
    pixmap_release(&self->canvas);
    self->canvas = self->before;
    self->before = (struct pixmap){0};
}

int gif_frames(const struct source *source, const struct image_header *header,
               const struct frame_range *range, struct frame_sink *sink, struct fault *fault)
{
    struct gif_reader reader;
    struct gif_frame frame;
    struct screen screen;
    if (!gif_reader_init(&reader, source) || screen_init(&screen, header, fault) != 0)
        return damaged(fault);
    int result = 0;
    for (uint32_t i = 0; i < range->first + range->pages && result == 0; i++) {
        result = gif_reader_next(&reader, &frame) ? show(&screen, &frame, source, fault)
                                                  : damaged(fault);
        if (result == 0 && i >= range->first)
            result = sink->frame(sink, &screen.canvas, frame.delay_ms, fault);
        if (result == 0)
            dispose(&screen, &frame);
    }
    screen_release(&screen);
    return result;
}

/* --- The first frame ---------------------------------------------------------------------------*/

struct first_frame {
    struct frame_sink sink; /* first */
    struct row_sink *rows;
    bool alpha;
};

static int on_first(struct frame_sink *sink, const struct pixmap *canvas, uint32_t delay_ms,
                    struct fault *fault)
{
    (void)delay_ms;
    struct first_frame *self = (struct first_frame *)sink;
    if (self->alpha)
        return sink_pixmap(self->rows, canvas, 1, 1, fault);
    struct pixmap opaque;
    if (pixmap_copy(&opaque, canvas, fault) != 0)
        return -1;
    pixmap_flatten(&opaque, (struct colour){0, 0, 0, 255});
    int result = sink_pixmap(self->rows, &opaque, 1, 1, fault);
    pixmap_release(&opaque);
    return result;
}

int gif_decode(const struct source *source, const struct image_header *header,
               const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    (void)request;
    struct first_frame first = {{on_first}, sink, header->has_alpha};
    const struct frame_range range = {0, 1};
    return gif_frames(source, header, &range, &first.sink, fault);
}
