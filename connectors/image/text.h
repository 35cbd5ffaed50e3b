/*
 * Text as a picture, with FreeType: DejaVu Sans, which is built in, or a font that the job brings.
 *
 * Lines end with "\n"; characters run from left to right with the font's kerning. There is no
 * shaping: scripts that need it (Arabic, Devanagari) come out as single letters.
 */
#ifndef IMAGE_TEXT_H
#define IMAGE_TEXT_H

#include "pixmap.h"
#include "source.h"
#include "step.h"

struct text_request {
    const char *text; /* UTF-8 */
    double size;      /* pixels of an em */
    struct colour colour;
    enum align align;
    const struct source *font; /* TrueType or OpenType; NULL: DejaVu Sans */
};

/* Makes an RGBA picture that the text just fits in. FAULT_INVALID if there is nothing to see or the
 * font is none; FAULT_TOO_LARGE. */
int text_draw(const struct text_request *request, struct pixmap *ret_pixmap, struct fault *fault);

#endif
