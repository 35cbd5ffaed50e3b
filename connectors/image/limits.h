/*
 * What the image connector accepts. Checked against the header, before a pixel is decoded.
 */
#ifndef IMAGE_LIMITS_H
#define IMAGE_LIMITS_H

enum {
    IMAGE_MAX_INPUT_BYTES = 128 * 1024 * 1024,
    IMAGE_MAX_PIXELS = 50 * 1000 * 1000, /* of an input, its frames summed, and of an output */
    IMAGE_MAX_INPUT_SIDE = 65535,
    IMAGE_MAX_OUTPUT_SIDE = 16383, /* the most that WebP can store */
    IMAGE_MAX_FRAMES = 1000,       /* of an animation that are decoded */
    IMAGE_MAX_DECODE_MS = 20000,   /* of processor time, all frames of one input together */
    IMAGE_MAX_OUTPUTS = 16,
    IMAGE_MAX_STEPS = 32, /* of one output */
    IMAGE_MAX_CELLS = 64, /* pictures of a montage */
    IMAGE_MAX_TEXT = 500, /* bytes of a watermark's text */
    IMAGE_MAX_POINTER = 96,
    IMAGE_MAX_METADATA_BYTES = 4 * 1024 * 1024, /* a colour profile, or EXIF */
    IMAGE_MAX_JPEG_SCANS = 200, /* real encoders stay below 20; each scan walks the whole picture */
    IMAGE_MAX_NAME_BYTES = 200,
};

#endif
