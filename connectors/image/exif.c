#include "exif.h"

enum { ENTRY_BYTES = 12, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t number16(const struct tiff_block *self, size_t at)
{
    const uint8_t *bytes = self->bytes.data + at;
    return self->big_endian ? read_be16(bytes) : read_le16(bytes);
}

static uint32_t number32(const struct tiff_block *self, size_t at)
{
    const uint8_t *bytes = self->bytes.data + at;
    return self->big_endian ? read_be32(bytes) : read_le32(bytes);
}

bool tiff_block_init(struct tiff_block *self, const uint8_t *data, size_t len)
{
    *self = (struct tiff_block){.bytes = {data, len}};
    if (len < 8)
        return false;
    self->big_endian = data[0] == 'M';
    if (data[0] != data[1] || (data[0] != 'M' && data[0] != 'I') || number16(self, 2) != 42)
        return false;
    self->first = number32(self, 4);
    return true;
}

/* Number of entries of a directory that lies wholly within the block; 0 if it does not. */
static uint32_t entries(const struct tiff_block *self, uint32_t offset)
{
    if (offset == 0 || !source_has(&self->bytes, offset, 2))
        return 0;
    uint32_t count = number16(self, offset);
    return source_has(&self->bytes, (size_t)offset + 2, (size_t)count * ENTRY_BYTES) ? count : 0;
}

/* Where the entry of this tag is, or 0. */
static size_t find(const struct tiff_block *self, uint32_t offset, uint32_t tag)
{
    uint32_t count = entries(self, offset);
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)offset + 2 + (size_t)i * ENTRY_BYTES;
        if (number16(self, at) == tag)
            return at;
    }
    return 0;
}

bool tiff_block_has(const struct tiff_block *self, uint32_t offset, uint32_t tag)
{
    return find(self, offset, tag) != 0;
}

uint32_t tiff_block_number(const struct tiff_block *self, uint32_t offset, uint32_t tag,
                           uint32_t otherwise)
{
    size_t at = find(self, offset, tag);
    if (at == 0)
        return otherwise;
    uint32_t type = number16(self, at + 2);
    uint32_t count = number32(self, at + 4);
    if (count == 0 || (type != TYPE_SHORT && type != TYPE_LONG))
        return otherwise;
    /* Values that do not fit four bytes are elsewhere. */
    size_t value = at + 8;
    size_t bytes = (size_t)count * (type == TYPE_SHORT ? 2 : 4);
    if (bytes > 4)
        value = number32(self, at + 8);
    if (!source_has(&self->bytes, value, 4))
        return otherwise;
    return type == TYPE_SHORT ? number16(self, value) : number32(self, value);
}

uint32_t tiff_block_next(const struct tiff_block *self, uint32_t offset)
{
    uint32_t count = entries(self, offset);
    size_t at = (size_t)offset + 2 + (size_t)count * ENTRY_BYTES;
    return count > 0 && source_has(&self->bytes, at, 4) ? number32(self, at) : 0;
}

int exif_orientation(const uint8_t *data, size_t len)
{
    if (len >= 6 && memcmp(data, "Exif\0\0", 6) == 0) {
        data += 6;
        len -= 6;
    }
    struct tiff_block block;
    if (!tiff_block_init(&block, data, len))
        return 1;
    uint32_t orientation = tiff_block_number(&block, block.first, TIFF_ORIENTATION, 1);
    return orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
}
