/*
 * What a caller asks for: the JSON input of image.transform as structs.
 *
 * The host has checked the input against transform.schema.json; what is read here is only what a
 * schema can't say. Members outside `outputs` are the defaults of every output.
 *
 * The operations of an output become a list of steps. As many of the first ones as one pass over
 * the rows can do (extract, rotate, flip, flop, resize, in this order) are its `head`.
 */
#ifndef IMAGE_OPTIONS_H
#define IMAGE_OPTIONS_H

#include <hub/connector.h>
#include <json-c/json.h>

#include "codec.h"
#include "geometry.h"
#include "limits.h"
#include "step.h"

/* What is done while the rows come in. */
struct head {
    bool has_extract;
    struct {
        uint32_t left, top, width, height;
    } extract;
    double rotate;          /* degrees clockwise */
    bool flip;              /* top and bottom */
    bool flop;              /* left and right */
    uint32_t width, height; /* 0: not said */
    enum fit fit;
    struct gravity gravity;
    bool without_enlargement;
    enum kernel_kind kernel;
};

enum metadata { METADATA_STRIP, METADATA_COPYRIGHT, METADATA_KEEP };

struct output_options {
    struct head head;
    struct step steps[IMAGE_MAX_STEPS]; /* the others */
    uint32_t step_count;
    bool auto_orient;
    const struct codec *format; /* NULL: the input's, or `accept` decides */
    bool negotiate;             /* format: "auto" */
    uint32_t accept;            /* bits: 1 << row of the codec's table */
    struct encode_options encode;
    uint64_t max_bytes; /* 0: any */
    enum metadata metadata;
    struct tint background;
    char name[IMAGE_MAX_NAME_BYTES + 1]; /* "": made up */
};

struct transform_options {
    struct output_options outputs[IMAGE_MAX_OUTPUTS];
    uint32_t count;
    bool listed; /* were they given as outputs[]? */
    struct frame_range frames;
    json_object *kept[IMAGE_MAX_OUTPUTS + 1]; /* what the steps borrow text from */
};

/* Reads the input. Release it whether that succeeded or not. */
int transform_options_read(struct transform_options *self, hub_str input, struct fault *fault);
void transform_options_release(struct transform_options *self);

/* A lone picture's options, all defaults. */
void output_options_init(struct output_options *self);

/* The input of an operation as JSON; the caller owns it. */
int options_parse(hub_str input, json_object **ret_root, struct fault *fault);

/* Reads what an output can say, from `from`, which stands at `pointer`. */
int output_options_read(struct output_options *self, json_object *from, const char *pointer,
                        struct fault *fault);

#endif
