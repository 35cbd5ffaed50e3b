/*
 * What a caller asks for: the JSON input of image.transform as structs.
 *
 * The host has checked the input against transform.schema.json; what is read here is only what a
 * schema can't say. Members outside `outputs` are the defaults of every output.
 */
#ifndef IMAGE_OPTIONS_H
#define IMAGE_OPTIONS_H

#include <hub/connector.h>
#include <json-c/json.h>

#include "codec.h"
#include "geometry.h"
#include "limits.h"

struct output_options {
    uint32_t width, height; /* 0: not said */
    enum fit fit;
    struct gravity gravity;
    bool without_enlargement;
    bool has_crop;
    struct {
        uint32_t left, top, width, height;
    } crop;
    double rotate; /* degrees clockwise */
    bool flip;     /* top and bottom */
    bool flop;     /* left and right */
    bool auto_orient;
    const struct codec *format; /* NULL: the input's */
    int quality;                /* 0: the format's default */
    bool progressive;
    bool has_background;
    struct colour background;
    char name[IMAGE_MAX_NAME_BYTES + 1]; /* "": made up */
};

struct transform_options {
    struct output_options outputs[IMAGE_MAX_OUTPUTS];
    uint32_t count;
    bool listed; /* were they given as outputs[]? */
};

/* Reads the input. */
int transform_options_read(struct transform_options *self, hub_str input, struct fault *fault);

#endif
