/*
 * The little of TIFF 6.0 that EXIF and TIFF files need: walking directories of numbers.
 */
#ifndef IMAGE_EXIF_H
#define IMAGE_EXIF_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

/* A block in TIFF format: what follows "Exif\0\0", or a whole TIFF file. */
struct tiff_block {
    struct source bytes;
    bool big_endian;
    uint32_t first; /* offset of the first directory */
};

/* False if this is no TIFF block. */
bool tiff_block_init(struct tiff_block *self, const uint8_t *data, size_t len);

/* The first value of `tag` in the directory at `offset`; `otherwise` if it isn't there or is no
 * SHORT or LONG. */
uint32_t tiff_block_number(const struct tiff_block *self, uint32_t offset, uint32_t tag,
                           uint32_t otherwise);

/* Does the directory have the tag? */
bool tiff_block_has(const struct tiff_block *self, uint32_t offset, uint32_t tag);

/* Offset of the next directory, or 0. */
uint32_t tiff_block_next(const struct tiff_block *self, uint32_t offset);

/* The orientation (1 to 8) that an EXIF block tells; 1 if it tells none. A leading "Exif\0\0" is
 * skipped. */
int exif_orientation(const uint8_t *data, size_t len);

enum { TIFF_ORIENTATION = 274 };

#endif
