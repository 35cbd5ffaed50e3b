/*
 * The little of TIFF 6.0 that EXIF and TIFF files need: walking directories of numbers.
 */
#ifndef IMAGE_EXIF_H
#define IMAGE_EXIF_H

#include <stdbool.h>
#include <stdint.h>

#include "codec.h"
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

/* The bytes of an entry of this tag, whatever its type; false if it isn't there. */
bool tiff_block_bytes(const struct tiff_block *self, uint32_t offset, uint32_t tag,
                      struct source *ret_bytes);

/* The text of an ASCII entry, without what is no printable ASCII; false if it isn't there. */
bool tiff_block_text(const struct tiff_block *self, uint32_t offset, uint32_t tag, char *ret_text,
                     size_t size);

/* The quotient of entry `index` of type RATIONAL or SRATIONAL; false if it isn't there. */
bool tiff_block_ratio(const struct tiff_block *self, uint32_t offset, uint32_t tag, uint32_t index,
                      double *ret_value);

/* A copy for a result: without the preview, and upright if the result was made so. */
int exif_keep(const struct blob *exif, bool upright, struct blob *ret_exif, struct fault *fault);

/* A block that tells only who made the picture and whose it is; empty if the original doesn't. */
int exif_copyright(const struct blob *exif, struct blob *ret_exif, struct fault *fault);

/* A block with the notes of a TIFF file: who, what, when, with what. */
int exif_extract(const struct tiff_block *block, struct blob *ret_exif, struct fault *fault);

enum {
    TIFF_DESCRIPTION = 270,
    TIFF_MAKE = 271,
    TIFF_MODEL = 272,
    TIFF_ORIENTATION = 274,
    TIFF_SOFTWARE = 305,
    TIFF_DATE_TIME = 306,
    TIFF_ARTIST = 315,
    TIFF_COPYRIGHT = 33432,
    TIFF_EXIF_DIRECTORY = 34665,
    TIFF_GPS_DIRECTORY = 34853,
};

#endif
