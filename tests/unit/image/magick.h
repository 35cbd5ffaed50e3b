/*
 * ImageMagick as an independent opinion: makes test pictures, and says what a file looks like.
 */
#ifndef TESTS_UNIT_IMAGE_MAGICK_H
#define TESTS_UNIT_IMAGE_MAGICK_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data; /* malloc()ed */
    size_t len;
};

/* What `convert ARGUMENTS` (a format as for printf) prints. Ends the process with a message if that
 * is nothing: the tests need the package imagemagick. */
struct bytes magick(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The samples of a file in memory, as RGBA, after `arguments` ("-auto-orient -resize 50%"). */
struct bytes magick_pixels(const void *file, size_t len, const char *arguments);

/* The same after each of many arguments, one raster behind the other: one process for all of them.
 */
struct bytes magick_each(const void *file, size_t len, const char *const *ways, size_t count);

/* A file that ImageMagick was told to write. */
struct bytes magick_file(const char *path);

/* A photograph of 1280 × 800 as a path relative to the working folder, where it is made at the
 * first call: from one of the package mate-backgrounds, or else up. It is uncompressed, because
 * reading it is what most pictures of the tests begin with. */
const char *magick_photograph(void);

/* Peak signal to noise ratio in dB of two rasters of the same length; 99 if they are the same, and
 * 0 if the lengths differ. */
double psnr(struct bytes one, struct bytes other);

#endif
