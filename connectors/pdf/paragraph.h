/*
 * paragraph.h — text set in lines.
 *
 *     paragraph_prepare(doc, paragraph, &numbers);      // characters, directions, glyphs
 *     paragraph->prepared->min_width, ->max_width
 *     paragraph_break(doc, paragraph, width, &lines);   // for as many widths as one likes
 *
 * The text is split into pieces: what has one font, style and direction and holds no opportunity
 * to break, and the spaces after it. Opportunities follow UAX #14 (libunibreak), directions UAX #9
 * (FriBidi). Lines are filled greedily.
 *
 * Owner: the document's arena. Thread: [any], one at a time.
 */
#ifndef PDF_PARAGRAPH_H
#define PDF_PARAGRAPH_H

#include "document.h"

struct piece {
    const uint32_t *text; /* its characters, without the spaces after it */
    uint32_t len;
    uint32_t spaces; /* after it */
    const struct inline_run *run;
    struct face *face;
    struct run glyphs;
    double size;         /* of the font */
    double width;        /* of the glyphs */
    double space_width;  /* of one space */
    uint8_t level;       /* odd: right to left */
    uint8_t space_level; /* of the spaces */
    bool break_after;    /* the line may end here */
    bool must_break;     /* it must */
    bool soft_hyphen;    /* and if it does, with a hyphen */
};

/* A piece and its place in a line. */
struct slot {
    const struct piece *piece;
    double x; /* of the glyphs, from the left edge of the paragraph's box */
    uint32_t spaces;
    double space; /* width of each, stretched as it may be */
};

struct line {
    const struct slot *slots; /* from left to right */
    uint32_t count;
    double x, width; /* of what is visible */
    double ascent, descent;
};

struct lines {
    const struct line *items;
    uint32_t count;
    double height;
};

struct prepared {
    struct piece *pieces;
    uint32_t count;
    bool rtl;
    double min_width, max_width;
    double ascent, descent; /* of a line without text */
    double lines_width;     /* what `lines` were made for; negative: nothing yet */
    struct lines lines;
};

/* What the fields of a paragraph stand for. */
struct numbers {
    uint32_t page, pages;
};

/* Does nothing if it has been done and there are no fields. */
HUB_MUST_CHECK int paragraph_prepare(struct document *doc, struct paragraph *paragraph,
                                     const struct numbers *numbers);

HUB_MUST_CHECK int paragraph_break(struct document *doc, struct paragraph *paragraph, double width,
                                   struct lines *ret_lines);

/* The face of a style; found when first needed. */
HUB_MUST_CHECK int style_face(struct document *doc, const struct text_style *style,
                              struct face **ret_face);

/* Ascent and descent (positive) of a line of this style, leading included. */
HUB_MUST_CHECK int style_extent(struct document *doc, const struct text_style *style,
                                double *ret_ascent, double *ret_descent);

#endif
