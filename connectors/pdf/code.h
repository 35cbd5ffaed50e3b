/*
 * code.h — QR codes and bar codes as rectangles, for whoever draws.
 *
 *     struct code code;
 *     if (code_make(CODE_QR, STR("https://example.com"), &(struct code_options){0}, &arena, &code,
 *                   &error) < 0) …
 *     for (size_t i = 0; i < code.rect_count; i++)
 *         fill(x + code.rects[i].x * module, …);
 *
 * Everything is counted in modules, the width of the narrowest bar; x goes right, y down, from the
 * top left corner of the symbol without its quiet zone. What is not covered is light. Fill all
 * rectangles as one path: filled one by one, neighbours show a hairline between them.
 *
 * A linear code (CODE_128, CODE_EAN_13) is one module high and may be stretched to any height.
 *
 * Owner: rectangles and label live in the arena. Thread: [any].
 */
#ifndef PDF_CODE_H
#define PDF_CODE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum code_kind {
    CODE_QR,    /* QR Code model 2 (ISO/IEC 18004): up to 2,953 bytes of UTF-8 */
    CODE_128,   /* Code 128 (ISO/IEC 15417): up to 80 characters of ASCII, GS1-128 too */
    CODE_EAN_13 /* EAN-13 (ISO/IEC 15420): 12 digits, or 13 of which the last is the check digit */
};

/* How much of a QR code may be dirty or missing: 7, 15, 25 or 30 %. */
enum code_correction { CODE_CORRECT_L, CODE_CORRECT_M, CODE_CORRECT_Q, CODE_CORRECT_H };

/* All zero is a good choice but for QR's correction, of which M is the common one. */
struct code_options {
    enum code_correction correction; /* QR */
    bool gs1; /* Code 128: FNC1 comes first, and each GS (0x1D) in the text is one too (GS1-128) */
};

struct code_rect {
    uint16_t x, y, width, height;
    bool guard; /* EAN-13: by custom this bar reaches 5 modules further down than the others */
};

struct code {
    uint16_t width, height;
    uint16_t quiet_left, quiet_right; /* light modules that must stay free beside the symbol */
    uint16_t quiet_y;                 /* and above and below it: 0 for linear codes */
    struct code_rect *rects;          /* dark, disjoint, in reading order */
    size_t rect_count;
    struct str label; /* what people read below it: the text, EAN-13 with its check digit, without
                       * control characters; empty for QR */
};

/* The kind by its name in JSON: "qr", "code128", "ean13". */
HUB_MUST_CHECK bool code_kind_parse(struct str name, enum code_kind *ret_kind);

/* 0; HUB_ERR_INVALID_INPUT (the text has characters that this kind can't hold, is empty, or its
 * check digit is wrong), HUB_ERR_TOO_LARGE (does not fit into the largest symbol), HUB_ERR_NOMEM.
 */
HUB_MUST_CHECK int code_make(enum code_kind kind, struct str text,
                             const struct code_options *options, struct arena *arena,
                             struct code *ret_code, struct hub_error *error);

#endif
