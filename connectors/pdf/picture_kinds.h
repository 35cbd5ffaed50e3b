/*
 * picture_kinds.h — the readers behind picture.h, one a format, for picture.c alone.
 *
 * Each fills size, color and mask; on failure what it has filled is picture.c's to free.
 */
#ifndef PDF_PICTURE_KINDS_H
#define PDF_PICTURE_KINDS_H

#include "base/buf.h"
#include "picture.h"

int picture_read_jpeg(struct str file, struct picture *picture, struct hub_error *error);
int picture_read_png(struct str file, struct picture *picture, struct hub_error *error);

/* Moves what the buffers hold into the part. */
int picture_part_set(struct picture_part *part, struct buf *entries, struct buf *data,
                     struct hub_error *error);

int picture_check_size(uint32_t width, uint32_t height, struct hub_error *error);

#endif
