/*
 * From "how large is it, how large shall it be" to "which part of the picture becomes how many
 * pixels, and where do they go". Pure arithmetic.
 */
#ifndef IMAGE_GEOMETRY_H
#define IMAGE_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

/* A part of a picture in pixels, not necessarily whole ones. */
struct area {
    double x, y, width, height;
};

enum fit {
    FIT_COVER,   /* fills the box, cuts what stands out */
    FIT_CONTAIN, /* all of it in the box, the rest is background */
    FIT_FILL,    /* stretched to the box */
    FIT_INSIDE,  /* as large as possible within the box */
    FIT_OUTSIDE, /* as small as possible around the box */
};

/* Where to cut or to put: 0 is left or top, 0.5 the middle, 1 right or bottom. With `focal` the
 * point of the picture that shall be as near to the middle of what is seen as the borders allow. */
struct gravity {
    double x, y;
    bool focal;
};

struct geometry_request {
    double width, height;           /* the picture's */
    uint32_t box_width, box_height; /* what is wanted; 0: follows from the other */
    enum fit fit;
    struct gravity gravity;
    bool without_enlargement;
};

struct geometry {
    struct area window;     /* the part of the picture that is seen */
    uint32_t width, height; /* pixels that the window becomes, at least 1 × 1 */
    uint32_t canvas_width, canvas_height;
    uint32_t left, top; /* where on the canvas they go */
};

/* Solves the request. The sizes asked for are honoured to the pixel; sizes that follow from the
 * aspect ratio are rounded to nearest, and are UINT32_MAX if they fit no 32 bits. */
struct geometry geometry_solve(const struct geometry_request *request);

/* The box around a picture turned by `degrees`, in whole pixels. */
void geometry_turned_size(double width, double height, double degrees, double *ret_width,
                          double *ret_height);

#endif
