/*
 * limits.h — what one document may be. Everything that a definition can make grow ends here.
 */
#ifndef PDF_LIMITS_H
#define PDF_LIMITS_H

enum {
    PDF_MAX_PAGES = 5000,
    PDF_MAX_NODES = 200000,
    PDF_MAX_CELLS = 500000,  /* of all tables together */
    PDF_MAX_COLUMNS = 64,    /* of one table, or of columns */
    PDF_MAX_DEPTH = 48,      /* nodes within nodes */
    PDF_MAX_FONTS = 64,      /* faces in one document, fallbacks included */
    PDF_MAX_WARNINGS = 50,   /* told; the others are dropped */
    PDF_MAX_ITEMS = 4000000, /* pieces of text, lines and areas on all pages */
    PDF_MAX_PASSES = 5       /* over a document whose page numbers move text */
};

#define PDF_MAX_MEMORY     ((size_t)768 << 20) /* a document's arena */
#define PDF_MAX_OUTPUT     ((size_t)256 << 20) /* the file */
#define PDF_MAX_INPUT_FILE ((size_t)64 << 20)  /* a picture, font or attachment */
#define PDF_MAX_PIXELS     ((uint64_t)64 << 20)
#define PDF_MAX_LENGTH     14400.0 /* points: what PDF allows a page (ISO 32000-1 annex C.2) */
#define PDF_FACE_CACHE     ((size_t)48 << 20) /* bytes kept between documents: fonts */
#define PDF_PICTURE_CACHE  ((size_t)32 << 20) /* pictures */
#define PDF_SUBSET_CACHE   ((size_t)8 << 20)  /* parts of fonts, ready to be embedded */
#define PDF_WORD_CACHE     ((size_t)4 << 20)  /* shaped words of one face */

#endif
