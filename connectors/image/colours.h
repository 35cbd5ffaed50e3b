/*
 * From the colours that a file's ICC profile describes to sRGB, with Little CMS.
 *
 * Pictures of light (RGB, grey) are converted when they are small already. Pictures of ink (CMYK)
 * can't be made small before, so their decoder converts each row, with colours_row(), or without a
 * profile in the way that Adobe's viewers do.
 */
#ifndef IMAGE_COLOURS_H
#define IMAGE_COLOURS_H

#include "codec.h"

struct colours;

/* Reads the file's profile. *ret_self is NULL if there is none, if it is sRGB, or if it does not
 * fit the picture: a bad profile is passed over, as viewers do. */
int colours_new(struct colours **ret_self, const struct codec *codec, const struct source *source,
                const struct image_header *header, struct fault *fault);
void colours_free(struct colours *self);

/* Converts a raster of a picture of light; 8 or 16 bits. NULL and profiles of ink change nothing.
 */
void colours_apply(const struct colours *self, struct pixmap *pixmap);

/* The name that a profile gives itself, as ASCII; false if it has none. */
bool colours_name(const struct blob *icc, char *ret_name, size_t size);

/* A conversion from the inks of a CMYK profile, four bytes a pixel, to RGB; NULL if the profile is
 * no such one. `inverted`: 0 is all of the ink, as Adobe's JPEGs have it. */
struct ink;
struct ink *ink_new(const struct blob *icc, bool inverted);
void ink_row(const struct ink *self, const uint8_t *from, uint8_t *to, uint32_t width);
void ink_free(struct ink *self);

#endif
