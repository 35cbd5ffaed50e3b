/*
 * code_kinds.h — the encoders behind code.h, one function a kind, for code.c alone.
 *
 * Each fills `ret_code`'s size, quiet zone, rectangles and label; errors are code_make()'s.
 */
#ifndef PDF_CODE_KINDS_H
#define PDF_CODE_KINDS_H

#include "code.h"

typedef int code_encode_fn(struct str text, const struct code_options *options, struct arena *arena,
                           struct code *ret_code, struct hub_error *error);

code_encode_fn code_encode_qr, code_encode_128, code_encode_ean_13;

/* Bars and spaces in turn, beginning with a bar, as widths of 1 to 4 modules. */
struct code_bars {
    uint16_t width;
    size_t rect_count;
    struct code_rect *rects; /* with room for all bars */
};

/* Appends `count` widths; they begin with a bar if `dark`. */
void code_bars_add(struct code_bars *self, const uint8_t *widths, size_t count, bool dark,
                   bool guard);

#endif
