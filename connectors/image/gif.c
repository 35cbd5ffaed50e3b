#include "gif.h"

enum { SCREEN_BYTES = 13, IMAGE_BYTES = 10, CODES = 4096 };
enum { EXTENSION = 0x21, IMAGE = 0x2c, TRAILER = 0x3b, GRAPHIC_CONTROL = 0xf9 };

static size_t colour_table_bytes(uint8_t flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
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

static bool read_image(struct gif_outline *self, const struct source *source, size_t *at,
                       bool transparent)
{
    if (!source_has(source, *at, IMAGE_BYTES))
        return false;
    const uint8_t *data = source->data + *at;
    *at += IMAGE_BYTES + colour_table_bytes(data[9]);
    if (self->frames++ == 0) {
        self->first = (struct gif_frame){
            .left = read_le16(data + 1),
            .top = read_le16(data + 3),
            .width = read_le16(data + 5),
            .height = read_le16(data + 7),
            .data = *at,
            .transparent = transparent,
            .interlaced = data[9] & 0x40,
        };
    }
    *at += 1;
    return skip_sub_blocks(source, at);
}

bool gif_outline_read(struct gif_outline *self, const struct source *source)
{
    *self = (struct gif_outline){0};
    if (!source_has(source, 0, SCREEN_BYTES))
        return false;
    self->width = read_le16(source->data + 6);
    self->height = read_le16(source->data + 8);
    size_t at = SCREEN_BYTES + colour_table_bytes(source->data[10]);
    bool transparent = false;
    while (source_has(source, at, 2)) {
        uint8_t kind = source->data[at];
        if (kind == EXTENSION) {
            if (source->data[at + 1] == GRAPHIC_CONTROL && source_has(source, at, 4))
                transparent = source->data[at + 3] & 1;
            at += 2;
            if (!skip_sub_blocks(source, &at))
                return false;
        } else if (kind == IMAGE) {
            if (!read_image(self, source, &at, transparent))
                return false;
            transparent = false;
        } else {
            break; /* the trailer, or rubbish after the last picture, which viewers ignore */
        }
    }
    return self->frames > 0;
}

/* --- LZW, counting pixels instead of making them
 * -------------------------------------------------*/

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

bool gif_frame_whole(const struct gif_frame *self, const struct source *source)
{
    if (!source_has(source, self->data, 1))
        return false;
    uint32_t start_bits = source->data[self->data];
    if (start_bits < 1 || start_bits > 8)
        return false;
    struct bit_reader reader = {.source = source, .at = self->data + 1};
    const uint32_t clear = 1u << start_bits;
    uint32_t lengths[CODES]; /* of what each code stands for */
    uint32_t next = clear + 2;
    uint32_t width = start_bits + 1;
    uint32_t previous = 0; /* length of the last string; 0 after a clear code */
    uint64_t wanted = (uint64_t)self->width * self->height;
    uint64_t made = 0;
    while (made < wanted) {
        int code = next_code(&reader, width);
        if (code < 0 || (uint32_t)code == clear + 1)
            return false;
        if ((uint32_t)code == clear) {
            next = clear + 2;
            width = start_bits + 1;
            previous = 0;
            continue;
        }
        bool known = (uint32_t)code < clear || (uint32_t)code < next;
        if (!known && (previous == 0 || (uint32_t)code != next || next == CODES))
            return false;
        if (previous != 0 && next < CODES) {
            lengths[next++] = previous + 1;
            if (next == 1u << width && width < 12)
                width++;
        }
        previous = (uint32_t)code < clear ? 1 : lengths[code];
        made += previous;
    }
    return true;
}
