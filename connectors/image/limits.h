/*
 * What the image connector accepts. Checked against the header, before a pixel is decoded.
 */
#ifndef IMAGE_LIMITS_H
#define IMAGE_LIMITS_H

enum {
    IMAGE_MAX_INPUT_BYTES = 128 * 1024 * 1024,
    IMAGE_MAX_PIXELS = 50 * 1000 * 1000, /* of an input's frame, and of an output */
    IMAGE_MAX_INPUT_SIDE = 65535,
    IMAGE_MAX_OUTPUT_SIDE = 16383, /* the most that WebP can store */
    IMAGE_MAX_OUTPUTS = 16,
    IMAGE_MAX_JPEG_SCANS = 200, /* real encoders stay below 20; each scan walks the whole picture */
    IMAGE_MAX_NAME_BYTES = 200,
};

#endif
