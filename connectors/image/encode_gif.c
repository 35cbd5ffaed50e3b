/*
 * GIF (GIF89a specification), stills and animations: a palette for each frame, and of each frame
 * only the part that differs from the one before. Pixels less than half opaque are transparent.
 */
#include <stddef.h>
#include <stdlib.h>

#include "codec.h"
#include "quantise.h"

enum { CODES = 4096, HASH = 8192, BLOCK = 255, MOST_DELAY = 65535 };

/* --- LZW ---------------------------------------------------------------------------------------*/

/* Codes are found by what they add to which string: an open hash of (prefix, index). */
struct lzw {
    struct byte_sink *sink;
    struct fault *fault;
    uint8_t block[BLOCK + 1]; /* its length, then its bytes */
    uint32_t bits, count;
    uint32_t clear, next, width;
    uint32_t keys[HASH]; /* prefix << 8 | index, plus one; 0: free */
    uint16_t codes[HASH];
    int result;
};

static void put_byte(struct lzw *self, uint8_t byte)
{
    self->block[++self->block[0]] = byte;
    if (self->block[0] < BLOCK)
        return;
    if (self->result == 0)
        self->result = self->sink->write(self->sink, self->block, BLOCK + 1, self->fault);
    self->block[0] = 0;
}

static void put_code(struct lzw *self, uint32_t code)
{
    self->bits |= code << self->count;
    self->count += self->width;
    for (; self->count >= 8; self->count -= 8, self->bits >>= 8)
        put_byte(self, (uint8_t)self->bits);
}

static void start_over(struct lzw *self, uint32_t start_bits)
{
    put_code(self, self->clear);
    memset(self->keys, 0, sizeof(self->keys));
    self->next = self->clear + 2;
    self->width = start_bits + 1;
}

static uint32_t find_slot(const struct lzw *self, uint32_t key)
{
    uint32_t slot = (key * 2654435761u) >> 19;
    while (self->keys[slot] != 0 && self->keys[slot] != key)
        slot = (slot + 1) % HASH;
    return slot;
}

static void put_indices(struct lzw *self, const uint8_t *indices, size_t count, uint32_t start_bits)
{
    uint32_t prefix = indices[0];
    for (size_t i = 1; i < count; i++) {
        uint32_t key = (prefix << 8 | indices[i]) + 1;
        uint32_t slot = find_slot(self, key);
        if (self->keys[slot] != 0) {
            prefix = self->codes[slot];
            continue;
        }
        put_code(self, prefix);
        if (self->next == CODES) {
            start_over(self, start_bits);
        } else {
            self->keys[slot] = key;
            self->codes[slot] = (uint16_t)self->next;
            /* The reader learns each code one step later. */
            if (self->next++ == 1u << self->width)
                self->width++;
        }
        prefix = indices[i];
    }
    put_code(self, prefix);
}

static int write_lzw(const uint8_t *indices, size_t count, uint32_t start_bits,
                     struct byte_sink *sink, struct fault *fault)
{
    struct lzw *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->sink = sink;
    self->fault = fault;
    self->clear = 1u << start_bits;
    self->width = start_bits + 1;
    uint8_t size = (uint8_t)start_bits;
    self->result = sink->write(sink, &size, 1, fault);
    start_over(self, start_bits);
    put_indices(self, indices, count, start_bits);
    put_code(self, self->clear + 1);
    if (self->count > 0)
        put_byte(self, (uint8_t)self->bits);
    if (self->result == 0 && self->block[0] > 0)
        self->result = sink->write(sink, self->block, self->block[0] + 1u, fault);
    if (self->result == 0)
        self->result = sink->write(sink, "", 1, fault);
    int result = self->result;
    free(self);
    return result;
}

/* --- Blocks ------------------------------------------------------------------------------------*/

static void put16(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)number;
    to[1] = (uint8_t)(number >> 8);
}

static int write_head(uint32_t width, uint32_t height, struct byte_sink *sink, struct fault *fault)
{
    uint8_t head[13] = "GIF89a";
    put16(head + 6, width);
    put16(head + 8, height);
    head[10] = 0x70; /* no colours of its own, 8 bits a colour */
    return sink->write(sink, head, sizeof(head), fault);
}

/* Netscape's extension, which all readers know: how often it is repeated after the first time. */
static int write_loop(int loop, struct byte_sink *sink, struct fault *fault)
{
    if (loop == 1)
        return 0;
    uint8_t block[19] = "\x21\xff\x0bNETSCAPE2.0\x03\x01";
    put16(block + 16, loop > 1 ? (uint32_t)loop - 1 : 0);
    return sink->write(sink, block, sizeof(block), fault);
}

static uint32_t bits_for(uint32_t colours)
{
    uint32_t bits = 1;
    while (1u << bits < colours)
        bits++;
    return bits;
}

/* Where a frame goes, and what becomes of it when the next one comes. */
struct part {
    uint32_t left, top, width, height;
    bool clear;
};

/* The control block, the image's head and its colours. */
static int write_frame_head(const struct palette *palette, const struct part *part,
                            uint32_t delay_ms, struct byte_sink *sink, struct fault *fault)
{
    bool hole = palette->colours[0].alpha == 0;
    uint32_t bits = bits_for(palette->count);
    uint32_t delay = (delay_ms + 5) / 10;
    uint8_t head[18 + 256 * 3] = {0x21, 0xf9, 4};
    head[3] = (uint8_t)((part->clear ? 2 : 1) << 2 | hole);
    put16(head + 4, delay < MOST_DELAY ? delay : MOST_DELAY);
    head[8] = 0x2c;
    put16(head + 9, part->left);
    put16(head + 11, part->top);
    put16(head + 13, part->width);
    put16(head + 15, part->height);
    head[17] = (uint8_t)(0x80 | (bits - 1));
    for (uint32_t i = 0; i < palette->count; i++) {
        head[18 + i * 3] = palette->colours[i].red;
        head[19 + i * 3] = palette->colours[i].green;
        head[20 + i * 3] = palette->colours[i].blue;
    }
    return sink->write(sink, head, 18 + ((size_t)3 << bits), fault);
}

static int write_frame(const struct pixmap *frame, const struct part *part,
                       const struct encode_options *options, uint32_t delay_ms,
                       struct byte_sink *sink, struct fault *fault)
{
    const struct quantise_options how = {(uint32_t)options->colours, options->dither, true};
    struct palette palette;
    uint8_t *indices;
    if (quantise(frame, &how, &palette, &indices, fault) != 0)
        return -1;
    uint32_t bits = bits_for(palette.count);
    int result = write_frame_head(&palette, part, delay_ms, sink, fault);
    if (result == 0)
        result = write_lzw(indices, pixmap_count(frame), bits < 2 ? 2 : bits, sink, fault);
    free(indices);
    return result;
}

int gif_encode(const struct pixmap *pixmap, const struct encode_options *options,
               struct byte_sink *sink, struct fault *fault)
{
    const struct part all = {0, 0, pixmap->width, pixmap->height, false};
    if (write_head(pixmap->width, pixmap->height, sink, fault) != 0 ||
        write_frame(pixmap, &all, options, 0, sink, fault) != 0)
        return -1;
    return sink->write(sink, ";", 1, fault);
}

/* --- Animations --------------------------------------------------------------------------------*/

struct gif_animator {
    struct animator animator; /* first */
    const struct encode_options *options;
    struct byte_sink memory; /* frames gather here */
    uint8_t *data;
    size_t len, room;
    struct pixmap shown;   /* RGBA; empty: nothing */
    struct pixmap waiting; /* RGBA; until it is known whether it must be cleared for the next */
    uint32_t delay_ms;     /* of the waiting one */
    uint32_t width, height;
};

static int on_memory(struct byte_sink *sink, const void *bytes, size_t len, struct fault *fault)
{
    struct gif_animator *self =
        (struct gif_animator *)(void *)((char *)sink - offsetof(struct gif_animator, memory));
    if (len > self->room - self->len) {
        size_t room = (self->len + len) * 2;
        uint8_t *data = realloc(self->data, room);
        if (!data)
            return fault_memory(fault);
        self->data = data;
        self->room = room;
    }
    memcpy(self->data + self->len, bytes, len);
    self->len += len;
    return 0;
}

/* Opaque or not there: what GIF can say. */
static int take(struct pixmap *self, const struct pixmap *frame, struct fault *fault)
{
    if (pixmap_copy(self, frame, fault) != 0 || pixmap_add_alpha(self, fault) != 0)
        return -1;
    size_t count = pixmap_count(self);
    for (size_t i = 0; i < count; i++) {
        uint8_t *pixel = self->data + i * 4;
        if (pixel[3] < 128)
            memset(pixel, 0, 4);
        else
            pixel[3] = 255;
    }
    return 0;
}

/* Does something vanish? */
static bool must_clear(const struct pixmap *before, const struct pixmap *after)
{
    size_t count = pixmap_count(before);
    for (size_t i = 0; i < count; i++) {
        if (before->data[i * 4 + 3] && !after->data[i * 4 + 3])
            return true;
    }
    return false;
}

/* The rectangle of what differs; at least one pixel. */
static struct part find_changes(const struct pixmap *before, const struct pixmap *after)
{
    uint32_t left = after->width, right = 0, top = after->height, bottom = 0;
    for (uint32_t y = 0; y < after->height; y++) {
        if (memcmp(pixmap_row(before, y), pixmap_row(after, y), pixmap_stride(after)) == 0)
            continue;
        top = y < top ? y : top;
        bottom = y;
        uint32_t first = 0, last = after->width - 1;
        while (memcmp(pixmap_at(before, first, y), pixmap_at(after, first, y), 4) == 0)
            first++;
        while (memcmp(pixmap_at(before, last, y), pixmap_at(after, last, y), 4) == 0)
            last--;
        left = first < left ? first : left;
        right = last > right ? last : right;
    }
    if (top == after->height)
        return (struct part){0, 0, 1, 1, false};
    return (struct part){left, top, right - left + 1, bottom - top + 1, false};
}

/* What is there already need not be drawn again. */
static void punch_out(struct pixmap *cut, const struct pixmap *shown, const struct part *part)
{
    for (uint32_t y = 0; y < part->height; y++) {
        for (uint32_t x = 0; x < part->width; x++) {
            uint8_t *pixel = pixmap_at(cut, x, y);
            if (memcmp(pixel, pixmap_at(shown, part->left + x, part->top + y), 4) == 0)
                memset(pixel, 0, 4);
        }
    }
}

static int flush(struct gif_animator *self, bool clear, struct fault *fault)
{
    struct part part = {0, 0, self->width, self->height, clear};
    if (self->shown.data && !clear)
        part = find_changes(&self->shown, &self->waiting);
    struct pixmap cut;
    if (pixmap_copy(&cut, &self->waiting, fault) != 0)
        return -1;
    int result = pixmap_crop(&cut, part.left, part.top, part.width, part.height, fault);
    if (result == 0) {
        if (self->shown.data)
            punch_out(&cut, &self->shown, &part);
        result = write_frame(&cut, &part, self->options, self->delay_ms, &self->memory, fault);
    }
    pixmap_release(&cut);
    pixmap_release(&self->shown);
    if (clear)
        pixmap_release(&self->waiting);
    self->shown = self->waiting;
    self->waiting = (struct pixmap){0};
    return result;
}

static int add(struct animator *animator, const struct pixmap *frame, uint32_t delay_ms,
               struct fault *fault)
{
    struct gif_animator *self = (struct gif_animator *)animator;
    struct pixmap taken = {0};
    int result = take(&taken, frame, fault);
    if (result == 0 && self->waiting.data)
        result = flush(self, must_clear(&self->waiting, &taken), fault);
    if (result != 0) {
        pixmap_release(&taken);
        return -1;
    }
    self->waiting = taken;
    self->delay_ms = delay_ms;
    return 0;
}

static int finish(struct animator *animator, struct byte_sink *sink, struct fault *fault)
{
    struct gif_animator *self = (struct gif_animator *)animator;
    if (flush(self, false, fault) != 0 || write_head(self->width, self->height, sink, fault) != 0 ||
        write_loop(self->options->loop, sink, fault) != 0 ||
        sink->write(sink, self->data, self->len, fault) != 0)
        return -1;
    return sink->write(sink, ";", 1, fault);
}

static void release(struct animator *animator)
{
    struct gif_animator *self = (struct gif_animator *)animator;
    pixmap_release(&self->shown);
    pixmap_release(&self->waiting);
    free(self->data);
    free(self);
}

int gif_animate(uint32_t width, uint32_t height, const struct encode_options *options,
                struct animator **ret_animator, struct fault *fault)
{
    struct gif_animator *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->animator = (struct animator){add, finish, release};
    self->memory = (struct byte_sink){on_memory};
    self->options = options;
    self->width = width;
    self->height = height;
    *ret_animator = &self->animator;
    return 0;
}
