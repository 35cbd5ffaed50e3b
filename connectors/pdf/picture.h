/*
 * picture.h — JPEG and PNG files as what a PDF takes, made once and kept between documents.
 *
 *     pictures_get(cache, fd, key, &picture, &err);     // key: names the file's content
 *     picture->width … ; the writer takes entries and data as they are
 *
 * A JPEG goes in as it is, once it is known to be whole from marker to marker; how it must be
 * turned is kept beside it. A PNG without transparency and interlacing does too: its rows are
 * filtered and deflated exactly as PDF wants them (ISO 32000-1 §7.4.4.4). Other PNGs are decoded,
 * split into colour and mask, and both are compressed.
 *
 * Owner: the cache owns pictures; one lives at least until pictures_trim(). Thread: [any], one at a
 * time.
 */
#ifndef PDF_PICTURE_H
#define PDF_PICTURE_H

#include "base/error.h"
#include "base/str.h"

/* An image XObject: its dictionary's entries, filter included, and its data. */
struct picture_part {
    char *entries;
    char *data;
    size_t len;
};

struct picture {
    char *key;
    uint32_t width, height; /* in pixels, as it is shown */
    int orientation;        /* how it must be turned for that: as EXIF says, 1 to 8; 0 as 1 */
    struct picture_part color;
    struct picture_part mask; /* entries NULL: none */
    size_t bytes;
    uint64_t last_use;
};

struct pictures;

HUB_MUST_CHECK int pictures_new(struct pictures **ret_pictures);
void pictures_free(struct pictures *self);

/* HUB_ERR_UNSUPPORTED_FORMAT (no JPEG or PNG, or a damaged one), HUB_ERR_TOO_LARGE, HUB_ERR_IO,
 * HUB_ERR_NOMEM. */
HUB_MUST_CHECK int pictures_get(struct pictures *self, int fd, struct str key,
                                const struct picture **ret_picture, struct hub_error *error);

/* The matrix [a b c d e f] that shows the picture upright in a box, the lower left corner of which
 * is (x, y), in coordinates that go up. */
void picture_place(const struct picture *self, double x, double y, double w, double h,
                   double ret_matrix[6]);

/* Between documents: lets the least recently used go, down to PDF_PICTURE_CACHE bytes. */
void pictures_trim(struct pictures *self);

#endif
