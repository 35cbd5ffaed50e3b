#include "exif.h"

#include <stdlib.h>

enum { ENTRY_BYTES = 12, HEADER_BYTES = 8 };
enum { TYPE_ASCII = 2, TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_RATIONAL = 5, TYPE_SRATIONAL = 10 };

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

static size_t type_bytes(uint32_t type)
{
    static const uint8_t BYTES[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    return type < sizeof(BYTES) ? BYTES[type] : 0;
}

bool tiff_block_bytes(const struct tiff_block *self, uint32_t offset, uint32_t tag,
                      struct source *ret_bytes)
{
    size_t at = find(self, offset, tag);
    if (at == 0)
        return false;
    size_t bytes = type_bytes(number16(self, at + 2)) * number32(self, at + 4);
    size_t value = bytes > 4 ? number32(self, at + 8) : at + 8;
    if (bytes == 0 || !source_has(&self->bytes, value, bytes))
        return false;
    *ret_bytes = (struct source){.data = self->bytes.data + value, .len = bytes};
    return true;
}

bool tiff_block_text(const struct tiff_block *self, uint32_t offset, uint32_t tag, char *ret_text,
                     size_t size)
{
    struct source bytes;
    size_t at = find(self, offset, tag);
    if (at == 0 || number16(self, at + 2) != TYPE_ASCII ||
        !tiff_block_bytes(self, offset, tag, &bytes))
        return false;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len && bytes.data[i] != '\0' && len + 1 < size; i++) {
        if (bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f)
            ret_text[len++] = (char)bytes.data[i];
    }
    while (len > 0 && ret_text[len - 1] == ' ')
        len--;
    ret_text[len] = '\0';
    return len > 0;
}

bool tiff_block_ratio(const struct tiff_block *self, uint32_t offset, uint32_t tag, uint32_t index,
                      double *ret_value)
{
    struct source bytes;
    size_t at = find(self, offset, tag);
    uint32_t type = at ? number16(self, at + 2) : 0;
    if ((type != TYPE_RATIONAL && type != TYPE_SRATIONAL) ||
        !tiff_block_bytes(self, offset, tag, &bytes) || !source_has(&bytes, index * 8u, 8))
        return false;
    size_t value = (size_t)(bytes.data - self->bytes.data) + index * 8u;
    uint32_t over = number32(self, value), under = number32(self, value + 4);
    if (under == 0)
        return false;
    *ret_value =
        type == TYPE_RATIONAL ? (double)over / under : (double)(int32_t)over / (int32_t)under;
    return true;
}

/* --- Blocks for results ------------------------------------------------------------------------*/

int exif_keep(const struct blob *exif, bool upright, struct blob *ret_exif, struct fault *fault)
{
    struct tiff_block block;
    if (!tiff_block_init(&block, exif->data, exif->len))
        return 0;
    if (blob_copy(ret_exif, exif->data, exif->len, fault) != 0)
        return -1;
    uint32_t count = ret_exif->len > 0 ? entries(&block, block.first) : 0;
    size_t at = (size_t)block.first + 2 + (size_t)count * ENTRY_BYTES;
    if (count > 0 && source_has(&block.bytes, at, 4))
        memset(ret_exif->data + at, 0, 4); /* the directory of the preview */
    size_t orientation = find(&block, block.first, TIFF_ORIENTATION);
    if (upright && count > 0 && orientation > 0) {
        memset(ret_exif->data + orientation + 8, 0, 4);
        ret_exif->data[orientation + 8 + (block.big_endian ? 1 : 0)] = 1;
    }
    return 0;
}

static void put16(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)number;
    to[1] = (uint8_t)(number >> 8);
}

static void put32(uint8_t *to, uint32_t number)
{
    put16(to, number);
    put16(to + 2, number >> 16);
}

/* A block of one directory with the ASCII entries of these tags, which rise. */
static int build(const struct tiff_block *from, const uint32_t *tags, size_t count,
                 struct blob *ret_exif, struct fault *fault)
{
    enum { MOST = 8, TEXT = 1000 };
    char texts[MOST][TEXT];
    uint32_t found[MOST];
    uint32_t entry_count = 0;
    size_t text_bytes = 0;
    for (size_t i = 0; i < count && entry_count < MOST; i++) {
        if (!tiff_block_text(from, from->first, tags[i], texts[entry_count], TEXT))
            continue;
        text_bytes += strlen(texts[entry_count]) + 1;
        found[entry_count++] = tags[i];
    }
    if (entry_count == 0)
        return 0;
    size_t where = HEADER_BYTES + 2 + (size_t)entry_count * ENTRY_BYTES + 4;
    uint8_t *data = calloc(1, where + text_bytes + 4);
    if (!data)
        return fault_memory(fault);
    memcpy(data, "II*\0\x08\0\0\0", HEADER_BYTES);
    put16(data + HEADER_BYTES, entry_count);
    for (uint32_t i = 0; i < entry_count; i++) {
        uint8_t *entry = data + HEADER_BYTES + 2 + (size_t)i * ENTRY_BYTES;
        size_t len = strlen(texts[i]) + 1;
        put16(entry, found[i]);
        put16(entry + 2, TYPE_ASCII);
        put32(entry + 4, (uint32_t)len);
        if (len > 4)
            put32(entry + 8, (uint32_t)where);
        memcpy(len > 4 ? data + where : entry + 8, texts[i], len);
        where += len > 4 ? len : 0;
    }
    *ret_exif = (struct blob){data, where};
    return 0;
}

int exif_copyright(const struct blob *exif, struct blob *ret_exif, struct fault *fault)
{
    static const uint32_t TAGS[] = {TIFF_ARTIST, TIFF_COPYRIGHT};
    struct tiff_block block;
    if (!tiff_block_init(&block, exif->data, exif->len))
        return 0;
    return build(&block, TAGS, 2, ret_exif, fault);
}

int exif_extract(const struct tiff_block *block, struct blob *ret_exif, struct fault *fault)
{
    static const uint32_t TAGS[] = {TIFF_DESCRIPTION, TIFF_MAKE,   TIFF_MODEL,    TIFF_SOFTWARE,
                                    TIFF_DATE_TIME,   TIFF_ARTIST, TIFF_COPYRIGHT};
    return build(block, TAGS, sizeof(TAGS) / sizeof(TAGS[0]), ret_exif, fault);
}
