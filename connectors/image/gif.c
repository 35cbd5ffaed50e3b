#include "gif.h"

#include <stdlib.h>

enum { SCREEN_BYTES = 13, IMAGE_BYTES = 10, CODES = 4096 };
enum { EXTENSION = 0x21, IMAGE = 0x2c, GRAPHIC_CONTROL = 0xf9, APPLICATION = 0xff };

static uint32_t colour_count(uint8_t flags)
{
    return flags & 0x80 ? 2u << (flags & 7) : 0;
}

/* Steps over sub-blocks. False if the file ends before they do. */
static bool skip_sub_blocks(const struct source *source, size_t *at)
{
    while (source_has(source, *at, 1)) {
        uint8_t len = source->data[(*at)++];
        if (len == 0)
            return true;
        *at += len;
    }
    return false;
}

bool gif_reader_init(struct gif_reader *self, const struct source *source)
{
    *self = (struct gif_reader){.source = source, .loop = 1};
    if (!source_has(source, 0, SCREEN_BYTES))
        return false;
    self->width = read_le16(source->data + 6);
    self->height = read_le16(source->data + 8);
    self->colour_count = colour_count(source->data[10]);
    self->colours = source->data + SCREEN_BYTES;
    self->at = SCREEN_BYTES + (size_t)self->colour_count * 3;
    return true;
}

/* What an extension says about the picture that follows, or about all of them. */
static bool read_extension(struct gif_reader *self, struct gif_frame *frame)
{
    const struct source *source = self->source;
    uint8_t label = source->data[self->at + 1];
    self->at += 2;
    const uint8_t *data = source->data + self->at;
    if (label == GRAPHIC_CONTROL && source_has(source, self->at, 6)) {
        frame->disposal = data[1] >> 2 & 7;
        frame->delay_ms = read_le16(data + 2) * 10;
        frame->transparent = data[1] & 1 ? data[4] : -1;
    } else if (label == APPLICATION &&
               source_reads(source, self->at, "\x0bNETSCAPE2.0\x03\x01", 14) &&
               source_has(source, self->at, 16)) {
        uint32_t repeats = read_le16(data + 14);
        self->loop = repeats ? repeats + 1 : 0;
    }
    return skip_sub_blocks(source, &self->at);
}

static bool read_image(struct gif_reader *self, struct gif_frame *frame)
{
    const struct source *source = self->source;
    if (!source_has(source, self->at, IMAGE_BYTES))
        return false;
    const uint8_t *data = source->data + self->at;
    uint32_t own = colour_count(data[9]);
    self->at += IMAGE_BYTES;
    frame->left = read_le16(data + 1);
    frame->top = read_le16(data + 3);
    frame->width = read_le16(data + 5);
    frame->height = read_le16(data + 7);
    frame->interlaced = data[9] & 0x40;
    frame->colours = own ? source->data + self->at : self->colours;
    frame->colour_count = own ? own : self->colour_count;
    self->at += (size_t)own * 3;
    frame->data = self->at;
    self->at += 1;
    return skip_sub_blocks(source, &self->at);
}

bool gif_reader_next(struct gif_reader *self, struct gif_frame *ret_frame)
{
    struct gif_frame frame = {.transparent = -1};
    while (source_has(self->source, self->at, 2)) {
        uint8_t kind = self->source->data[self->at];
        bool whole = true;
        if (kind == EXTENSION)
            whole = read_extension(self, &frame);
        else if (kind == IMAGE)
            whole = read_image(self, &frame);
        else
            return false; /* the trailer, or rubbish after the last picture, as viewers have it */
        if (!whole) {
            self->cut = true;
            return false;
        }
        if (kind == IMAGE) {
            *ret_frame = frame;
            return true;
        }
    }
    return false;
}

/* --- LZW ---------------------------------------------------------------------------------------*/

struct bit_reader {
    const struct source *source;
    size_t at;
    uint32_t left; /* bytes left in the sub-block */
    uint32_t bits, count;
};

/* The next code of `width` bits, or -1 at the end of the data. */
static int next_code(struct bit_reader *self, uint32_t width)
{
    while (self->count < width) {
        if (self->left == 0) {
            if (!source_has(self->source, self->at, 1))
                return -1;
            self->left = self->source->data[self->at++];
        }
        if (self->left == 0 || !source_has(self->source, self->at, 1))
            return -1;
        self->bits |= (uint32_t)self->source->data[self->at++] << self->count;
        self->count += 8;
        self->left--;
    }
    int code = (int)(self->bits & ((1u << width) - 1));
    self->bits >>= width;
    self->count -= width;
    return code;
}

/* Codes stand for strings: what came before, and one index more. */
struct lzw {
    struct bit_reader reader;
    uint32_t clear, next, width, start_bits;
    int previous; /* code, or -1 after a clear code */
    uint16_t prefix[CODES], length[CODES];
    uint8_t last[CODES], first[CODES];
};

static void lzw_clear(struct lzw *self)
{
    self->next = self->clear + 2;
    self->width = self->start_bits + 1;
    self->previous = -1;
}

static void lzw_init(struct lzw *self, const struct source *source, size_t at)
{
    self->reader = (struct bit_reader){.source = source, .at = at + 1};
    self->start_bits = source->data[at];
    self->clear = 1u << self->start_bits;
    lzw_clear(self);
    for (uint32_t i = 0; i < self->clear; i++) {
        self->length[i] = 1;
        self->first[i] = self->last[i] = (uint8_t)i;
    }
}

static void lzw_learn(struct lzw *self, uint8_t index)
{
    if (self->previous < 0 || self->next == CODES)
        return;
    uint32_t entry = self->next++;
    self->prefix[entry] = (uint16_t)self->previous;
    self->length[entry] = (uint16_t)(self->length[self->previous] + 1);
    self->first[entry] = self->first[self->previous];
    self->last[entry] = index;
    if (self->next == 1u << self->width && self->width < 12)
        self->width++;
}

/* Writes the next string, at most `room` of it. Returns its whole length; 0 if there is none. */
static size_t lzw_read(struct lzw *self, uint8_t *to, size_t room)
{
    int code = next_code(&self->reader, self->width);
    while (code == (int)self->clear) {
        lzw_clear(self);
        code = next_code(&self->reader, self->width);
    }
    bool unknown = code >= (int)self->next;
    if (code < 0 || code == (int)self->clear + 1 ||
        (unknown && (code != (int)self->next || self->previous < 0 || self->next == CODES)))
        return 0;
    lzw_learn(self, self->first[unknown ? self->previous : code]);
    size_t length = self->length[code];
    uint32_t at = (uint32_t)code;
    for (size_t i = length; i > 0; i--) {
        if (i <= room)
            to[i - 1] = self->last[at];
        at = self->prefix[at];
    }
    self->previous = code;
    return length;
}

/* --- Rows --------------------------------------------------------------------------------------*/

/* Interlaced rows come in four passes (appendix E); the order in which they do. */
static void straighten(const struct gif_frame *self, uint8_t *indices, const uint8_t *stored)
{
    static const uint32_t FIRST[4] = {0, 4, 2, 1}, STEP[4] = {8, 8, 4, 2};
    for (int pass = 0; pass < 4; pass++) {
        for (uint32_t y = FIRST[pass]; y < self->height; y += STEP[pass], stored += self->width)
            memcpy(indices + (size_t)y * self->width, stored, self->width);
    }
}

static bool read_stored(const struct gif_frame *self, const struct source *source, uint8_t *to)
{
    if (!source_has(source, self->data, 1) || source->data[self->data] < 1 ||
        source->data[self->data] > 8)
        return false;
    struct lzw lzw;
    lzw_init(&lzw, source, self->data);
    size_t wanted = (size_t)self->width * self->height;
    for (size_t made = 0; made < wanted;) {
        size_t length = lzw_read(&lzw, to + made, wanted - made);
        if (length == 0)
            return false;
        made += length;
    }
    return true;
}

bool gif_frame_read(const struct gif_frame *self, const struct source *source, uint8_t *indices)
{
    if (!self->interlaced)
        return read_stored(self, source, indices);
    uint8_t *stored = malloc((size_t)self->width * self->height + 1);
    bool read = stored && read_stored(self, source, stored);
    if (read)
        straighten(self, indices, stored);
    free(stored);
    return read;
}
