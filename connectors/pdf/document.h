/*
 * document.h — a definition as structs: what parse.h makes of the JSON, and layout.h sets.
 *
 * Everything lives in the document's arena. Lengths are points (1/72 inch), y goes down. Views of
 * text point into the JSON, which lives longer. Each node knows its place in the input, for errors
 * and warnings.
 *
 * Thread: [any], one at a time.
 */
#ifndef PDF_DOCUMENT_H
#define PDF_DOCUMENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/map.h"
#include "code.h"
#include "fontbook.h"
#include "limits.h"
#include "picture.h"

/* A step of a JSON Pointer; the root has no step above it and is empty. */
struct place {
    const struct place *up;
    struct str name; /* ptr NULL: an index */
    uint32_t index;
};

/* --- Text --------------------------------------------------------------------------------------*/

enum align { ALIGN_START, ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT, ALIGN_JUSTIFY };
enum direction { DIRECTION_AUTO, DIRECTION_LTR, DIRECTION_RTL };
enum decoration { DECORATION_UNDERLINE = 1, DECORATION_STRIKE = 2, DECORATION_OVERLINE = 4 };
enum dash { DASH_SOLID, DASH_DOUBLE, DASH_DASHED, DASH_DOTTED, DASH_WAVY };

#define COLOR_NONE UINT32_MAX /* else 0xRRGGBB */

/* How text looks; inherited from node to node. */
struct text_style {
    struct str font; /* family */
    double size;
    double line_height; /* times the font's own */
    double character_spacing;
    double leading_indent; /* of a paragraph's first line */
    double rise;           /* of sub- and superscript, in sizes */
    double scale;          /* of the size, for the same */
    struct str language;
    uint32_t color, background, decoration_color;
    uint8_t decoration; /* set of enum decoration */
    uint8_t decoration_style;
    uint8_t alignment;
    uint8_t direction;
    bool bold, italics;
    bool hyphenate, no_wrap, keep_spaces;
    struct face *face;         /* of font, bold and italics; found when first needed */
    const struct place *place; /* what set it last */
};

/* Where a click leads; one of these. */
struct link {
    struct str uri;
    struct str anchor;       /* id of a node */
    const struct node *node; /* a node itself, as in a table of contents */
    uint32_t page;           /* 1 for the first; 0: none */
};

enum field { FIELD_NONE, FIELD_PAGE, FIELD_PAGES, FIELD_PAGE_OF };

/* A stretch of a paragraph with one style. */
struct inline_run {
    struct str text;
    const struct text_style *style;
    const struct link *link; /* or NULL */
    const struct place *place;
    enum field field;  /* then the number stands in for `text` */
    struct str target; /* of FIELD_PAGE_OF: the id of a node */
};

struct prepared; /* paragraph.h */

struct paragraph {
    struct inline_run *runs;
    uint32_t count;
    bool has_fields;
    const struct text_style *style; /* of the paragraph: alignment, indent, direction */
    struct prepared *prepared;      /* NULL: not yet */
};

/* --- Nodes -------------------------------------------------------------------------------------*/

enum node_kind {
    NODE_TEXT,
    NODE_STACK,
    NODE_COLUMNS,
    NODE_LIST,
    NODE_TABLE,
    NODE_IMAGE,
    NODE_CANVAS,
    NODE_CODE,
    NODE_TOC,
    NODE_TOC_LINE,
};

struct sides {
    double left, top, right, bottom;
};

enum measure_kind { MEASURE_AUTO, MEASURE_STAR, MEASURE_FIXED, MEASURE_PERCENT };

struct measure {
    enum measure_kind kind;
    double value;
};

struct page_setup {
    double width, height;
    struct sides margins;
    bool auto_width;  /* as wide as the content wants to be; `width` is the most */
    bool auto_height; /* as high as what is on it; `height` is the most until that is known */
};

struct node_list {
    struct node **items;
    uint32_t count;
};

struct list {
    bool ordered;
    bool reversed;
    int32_t start;
    struct str type;      /* "disc", "decimal", "lower_alpha", … */
    struct str separator; /* after a number */
    uint32_t marker_color;
    struct node_list items;
    struct node **markers; /* one an item; NULL: none */
    double indent;         /* of the items, once measured */
};

/* What a row, column or cell of a table looks like; from `layout`. */
struct line_style {
    double width;
    uint32_t color;
    uint8_t dash;
};

struct table_layout {
    /* Lines by position: around the table, below its header, between rows or columns. */
    struct line_style h_outer, h_header, h_inner, v_outer, v_inner;
    struct sides padding;
    bool flush; /* no padding at the table's left and right edge */
    uint32_t fill, header_fill;
    uint32_t zebra[2]; /* of odd and even body rows */
};

struct cell {
    struct node *content; /* NULL: covered by another cell's span */
    uint32_t col_span, row_span;
    uint32_t fill;
    uint8_t vertical_align; /* 0 top, 1 middle, 2 bottom */
    bool border[4];         /* left, top, right, bottom: drawn? */
    uint32_t border_color;  /* COLOR_NONE: the layout's */
    bool has_padding;
    struct sides padding;
};

struct table {
    uint32_t rows, columns, header_rows, keep_rows;
    struct measure *widths;
    double *heights;    /* least height of each row */
    struct cell *cells; /* rows × columns */
    struct table_layout layout;
    int8_t break_rows; /* 1: rows may break, 0: may not, -1: those of some height may */
    double *min_widths, *max_widths; /* of the columns, once measured, with padding */
};

enum image_fit { IMAGE_SIZE, IMAGE_FIT, IMAGE_COVER };

struct image {
    const struct picture *picture;
    enum image_fit fit;
    double width, height;    /* IMAGE_SIZE: 0 follows from the other */
    double align_x, align_y; /* of IMAGE_COVER: 0 … 1 */
    double opacity;
};

enum shape_kind { SHAPE_RECT, SHAPE_ELLIPSE, SHAPE_LINES, SHAPE_PATH };

struct shape {
    enum shape_kind kind;
    double x, y, w, h, r;    /* ELLIPSE: centre and radii */
    struct path_step *steps; /* LINES, PATH */
    uint32_t step_count;
    bool closed;
    uint32_t fill, line;
    double line_width, fill_opacity, line_opacity;
    double dash[2]; /* on, off; 0: solid */
    uint8_t cap, join;
};

struct path_step {
    char op; /* 'm', 'l', 'c', 'h' as in PDF */
    double x[6];
};

struct canvas {
    struct shape *shapes;
    uint32_t count;
    double width, height;
};

struct code_node {
    struct code code;
    bool linear;
    double module; /* width of one */
    double height; /* of the bars */
    uint32_t color, background;
    bool quiet;              /* with its quiet zone */
    struct paragraph *label; /* or NULL */
};

struct toc {
    struct str id;
    const struct text_style *style;
    struct node *title;     /* or NULL */
    struct node_list lines; /* NODE_TOC_LINE, made when all headings are known */
    double indent;          /* for each level */
    struct sides line_margin;
    bool dots;
};

struct toc_line {
    struct node *heading;
    struct paragraph text, number;
    bool dots;
};

struct node {
    enum node_kind kind;
    const struct place *place;
    const struct text_style *style;
    struct sides margin;
    struct measure width; /* as one of columns */
    struct str id;
    const struct link *link; /* of pictures and shapes */
    double x, y;
    bool absolute, relative;
    bool break_before, break_after;
    bool unbreakable, keep_with_next;
    bool outline;
    struct str outline_text;
    uint8_t outline_level; /* 1 … 6 */
    uint8_t toc_level;     /* 0: not listed */
    struct str toc_id;
    const struct page_setup *section; /* of the pages from here on, or NULL */
    double min_width, max_width;      /* with margins; negative: not measured yet */
    uint32_t anchor_page;             /* from the pass before; 0: not known */
    union {
        struct paragraph text;
        struct node_list stack;
        struct {
            struct node_list items;
            double gap;
        } columns;
        struct list list;
        struct table *table;
        struct image image;
        struct canvas canvas;
        struct code_node code;
        struct toc toc;
        struct toc_line toc_line;
    };
};

/* --- The document ------------------------------------------------------------------------------*/

/* Headers, footers and backgrounds, by page. NULL: none. */
struct furniture {
    struct node *first, *odd, *even, *last;
};

struct watermark {
    struct paragraph text; /* count 0: none */
    double opacity, angle; /* degrees, anticlockwise */
    double size;           /* 0: as large as fits */
};

struct attachment {
    struct str name, description, media_type, relationship;
    struct str data;
};

struct warning {
    const struct place *place;
    const char *code;
    char detail[200];
};

struct doc_info {
    struct str title, author, subject, keywords, creator;
    int64_t created_at;
};

struct document {
    struct arena arena;
    struct hub_error *error; /* where failures are told */
    const struct place *fault_place;
    struct fontbook *fonts;
    struct hyphens *hyphens;
    const void *cancel_context;
    bool (*cancelled)(const void *context);

    struct page_setup page;
    struct node *content;
    struct furniture header, footer, background;
    struct watermark watermark;
    struct doc_info info;
    struct str language;
    bool fail_on_missing;
    struct node **headings; /* nodes with outline or toc_level, in order */
    uint32_t heading_count, heading_cap;
    struct map anchors; /* id → struct node */
    bool has_fields;    /* body text that depends on page numbers */
    struct attachment *attachments;
    uint32_t attachment_count;

    uint32_t node_count, cell_count;
    struct warning warnings[PDF_MAX_WARNINGS];
    uint32_t warning_count;
};

/* Notes what is wrong where; returns `err`. */
int document_fail(struct document *self, const struct place *place, int err, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
int document_nomem(struct document *self);

/* The same warning for the same place is told once. */
void document_warn(struct document *self, const struct place *place, const char *code,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Zeroed memory of the document; NULL after document_nomem(). */
void *document_alloc(struct document *self, size_t size);

/* Appends the JSON Pointer of a place. */
void place_append(struct buf *pointer, const struct place *place);

#endif
