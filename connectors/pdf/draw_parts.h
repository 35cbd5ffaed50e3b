/*
 * draw_parts.h — the pen, and what the files that draw share; for draw*.c and ink.c alone.
 *
 * Everything is appended to the pen's buffer, which remembers a failure. Coordinates are those of
 * the layout: points from the top left corner.
 */
#ifndef PDF_DRAW_PARTS_H
#define PDF_DRAW_PARTS_H

#include "draw.h"

/* The pen: what the content stream has set, so that it is not set again. */
struct pen {
    struct ink *ink;
    struct buf *buf;
    double height; /* of the page: y goes up in PDF */
    uint32_t fill, stroke;
    double line_width;
    uint8_t dash;
    /* Text */
    bool in_text, in_array, in_string;
    struct font *font;
    double size, spacing;
    double start_x, start_y; /* of the line of text, as the last Td has it */
    double x;                /* where the next glyph would stand */
};

/* ink.c: the number of an opacity's graphics state. */
uint32_t ink_opacity(struct ink *self, double opacity);

/* --- draw.c ------------------------------------------------------------------------------------*/

void put_coordinate(struct pen *pen, double value);
void put_point(struct pen *pen, double x, double y);
/* With the operators for grey and for RGB. */
void put_color(struct pen *pen, uint32_t color, const char *gray, const char *rgb);
void set_fill(struct pen *pen, uint32_t color);
void draw_fill(struct pen *pen, const struct item *item);

/* --- draw_text.c -------------------------------------------------------------------------------*/

/* Leaves a text object open, for more text to come. */
void draw_text(struct pen *pen, const struct item *item);
/* Before anything else is drawn. */
void end_text(struct pen *pen);

/* --- draw_shape.c ------------------------------------------------------------------------------*/

void draw_canvas(struct pen *pen, const struct item *item);
void draw_code(struct pen *pen, const struct item *item);

#endif
