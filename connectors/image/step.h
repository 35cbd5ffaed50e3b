/*
 * One operation on a picture, with its values: an element of an output's pipeline.
 *
 * OPERATIONS in step.c has a row for each operation: its name, the values that it takes, and the
 * function that does it. Nothing else knows the list. In JSON an operation is a member of an
 * object, flat ("blur": 2 beside "width") or in `steps[]`; in both places it may be `true`, its
 * first value alone, or an object of its values, and for operations that can happen more than once
 * an array of them. Members of one object happen in the order of the table, whatever their order
 * in the text.
 *
 * The schema has checked types and ranges, except where a function here says so.
 */
#ifndef IMAGE_STEP_H
#define IMAGE_STEP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "geometry.h"
#include "kernel.h"
#include "limits.h"
#include "pixmap.h"

struct input_file;
struct operation;

/* A colour that may not have been said. */
struct tint {
    bool set;
    struct colour colour;
};

/* What stays of a picture that is cut to a box, when the picture itself shall tell. */
enum smart { SMART_NONE, SMART_ATTENTION, SMART_ENTROPY };

struct position {
    bool set;
    struct gravity gravity;
    enum smart smart;
};

enum align { ALIGN_LEFT, ALIGN_CENTRE, ALIGN_RIGHT };

struct step {
    const struct operation *operation;
    char pointer[IMAGE_MAX_POINTER]; /* where it stands in the input */
    union {
        struct {
            uint32_t left, top, width, height;
        } extract;
        struct {
            uint32_t width, height; /* 0: not said; already times dpr */
            int fit;                /* enum fit */
            struct position position;
            bool without_enlargement;
            int kernel; /* enum kernel_kind */
            double dpr;
        } resize;
        struct {
            double threshold;
            struct tint background;
        } trim;
        struct {
            uint32_t top, right, bottom, left;
            struct tint background;
        } extend;
        struct {
            double angle; /* degrees clockwise */
            struct tint background;
        } rotate;
        struct {
            double sigma;
        } blur;
        struct {
            double sigma, amount, flat;
        } sharpen;
        struct {
            uint32_t size;
        } median;
        struct {
            double brightness, saturation, hue, lightness;
        } modulate;
        struct {
            double exponent;
        } gamma;
        struct {
            struct tint colour;
        } tint;
        struct {
            bool alpha;
        } negate;
        struct {
            double lower, upper; /* per cent of the pixels that may be cut off */
        } normalise;
        struct {
            double slope, offset;
        } linear;
        struct {
            uint32_t level;
            bool greyscale;
        } threshold;
        struct {
            struct tint background;
        } flatten;
        struct {
            double radius; /* pixels; 0: as large as it can be, which makes a disc of a square */
        } round;
        struct {
            const char *text; /* NULL: an image at POINTER/image */
            double size;      /* of the text, in pixels a line */
            struct tint colour;
            int align; /* enum align */
            double angle;
            uint32_t width, height; /* of the image, at most; 0: its own */
            double scale;           /* … or this part of the picture's width; 0: not said */
            double opacity;
            struct position position;
            int32_t left, top; /* moves it; with a gravity at the right or bottom, inwards */
            bool tile;
            uint32_t spacing; /* pixels between tiles */
            int blend;        /* row of the blend modes in blend.c */
        } composite;
    };
};

/* Where steps take place. */
struct stage {
    struct tint background; /* of the output: around and behind */
    const struct input_file *input;
};

typedef int step_apply_fn(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
                          struct fault *fault);

struct operation {
    const char *name;
    const char *alias; /* or NULL */
    const struct step_value *values;
    bool flat; /* its values may stand in the object itself */
    step_apply_fn *apply;
};

/* Appends the operations of one object to `steps`, which has room for IMAGE_MAX_STEPS. `pointer` is
 * where the object stands in the input. The steps borrow text from it. */
int steps_read(struct step *steps, uint32_t *count, json_object *from, const char *pointer,
               struct fault *fault);

/* Does one step, in place. */
int step_apply(const struct step *self, struct pixmap *pixmap, const struct stage *stage,
               struct fault *fault);

/* #rrggbb, #rrggbbaa, #rgb, or a name of the CSS ones that people use. FAULT_INVALID. */
int colour_read(struct tint *ret_tint, const char *text, struct fault *fault);

step_apply_fn apply_extract, apply_resize, apply_trim, apply_extend, apply_rotate, apply_flip,
    apply_flop, apply_blur, apply_sharpen, apply_median, apply_modulate, apply_gamma,
    apply_greyscale, apply_tint, apply_negate, apply_normalise, apply_linear, apply_threshold,
    apply_flatten, apply_round, apply_composite;

#endif
