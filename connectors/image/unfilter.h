/*
 * PNG of the usual kind (8 bits, RGB or RGBA, not interlaced, no colour made transparent) in one
 * go: libdeflate inflates two to three times as fast as zlib, but wants all of the data at once.
 */
#ifndef IMAGE_UNFILTER_H
#define IMAGE_UNFILTER_H

#include "codec.h"

/* Is it of that kind, and does it unpack to no more than UNFILTER_MAX_BYTES? */
enum { UNFILTER_MAX_BYTES = 96 * 1024 * 1024 };
bool unfilter_can(const struct source *source, const struct image_header *header);

/* Decodes it. All checksums of the picture are checked, and that the file goes on to its end. */
int unfilter_decode(const struct source *source, const struct image_header *header,
                    struct row_sink *sink, struct fault *fault);

#endif
