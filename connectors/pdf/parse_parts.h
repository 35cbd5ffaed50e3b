/*
 * parse_parts.h — how the files of the parser call each other; for parse_*.c alone.
 *
 * Every function returns 0 or what document_fail() gave.
 */
#ifndef PDF_PARSE_PARTS_H
#define PDF_PARSE_PARTS_H

#include "parse.h"

enum { RECENT_STYLES = 32 };

struct parser {
    struct document *doc;
    const struct sources *sources;
    struct json_object *input;
    struct json_object *styles; /* may be NULL */
    const struct place *styles_place;
    const struct text_style *recent[RECENT_STYLES]; /* to share equal ones */
    unsigned recent_at;
    int depth;
    bool in_furniture; /* {page} and {pages} are numbers there */
};

/* What the members of an object are applied to. */
struct target {
    struct text_style *style;
    struct node *node; /* NULL: a stretch of text */
    struct cell *cell; /* NULL: not in a table */
    const struct link *link;
};

/* Who may have a member. */
enum member_scope {
    IN_TEXT = 1 << NODE_TEXT,
    IN_STACK = 1 << NODE_STACK,
    IN_COLUMNS = 1 << NODE_COLUMNS,
    IN_LIST = 1 << NODE_LIST,
    IN_TABLE = 1 << NODE_TABLE,
    IN_IMAGE = 1 << NODE_IMAGE,
    IN_CANVAS = 1 << NODE_CANVAS,
    IN_CODE = 1 << NODE_CODE,
    IN_TOC = 1 << NODE_TOC,
    IN_ANY = (1 << NODE_TOC_LINE) - 1,
    IN_INLINE = 1 << 16,
    IN_STYLE = 1 << 17,
    IN_CELL = 1 << 18, /* besides: only where there is a cell */
};

/* --- parse_read.c: values ----------------------------------------------------------------------*/

const struct place *place_name(struct parser *p, const struct place *up, const char *name);
const struct place *place_key(struct parser *p, const struct place *up, struct str name);
const struct place *place_index(struct parser *p, const struct place *up, size_t index);

struct json_object *member(struct json_object *object, const char *name); /* NULL: none */

int wrong(struct parser *p, const struct place *at, const char *what); /* "… is expected" */
int read_number(struct parser *p, struct json_object *value, const struct place *at, double least,
                double most, double *ret_number);
int read_u32(struct parser *p, struct json_object *value, const struct place *at, uint32_t least,
             uint32_t most, uint32_t *ret_number);
int read_bool(struct parser *p, struct json_object *value, const struct place *at, bool *ret_bool);
int read_text(struct parser *p, struct json_object *value, const struct place *at,
              struct str *ret_text);
int read_color(struct parser *p, struct json_object *value, const struct place *at,
               uint32_t *ret_color);
/* One of `names`, NULL-terminated; its index. */
int read_choice(struct parser *p, struct json_object *value, const struct place *at,
                const char *const *names, uint8_t *ret_index);
/* [left, top, right, bottom], [horizontal, vertical] or one number. */
int read_sides(struct parser *p, struct json_object *value, const struct place *at,
               struct sides *ret_sides);
/* "auto", "*", "25%" or a number. */
int read_measure(struct parser *p, struct json_object *value, const struct place *at,
                 struct measure *ret_measure);
int read_pair(struct parser *p, struct json_object *value, const struct place *at,
              double *ret_first, double *ret_second);
int read_page_size(struct parser *p, struct json_object *value, const struct place *at,
                   struct page_setup *page);

/* --- parse_members.c: styles, and what any node may have ---------------------------------------*/

/* Applies `style` and all other members of `object` that are not its kind's own; refuses those that
 * `scope` does not have. */
int apply_members(struct parser *p, struct json_object *object, const struct place *at,
                  unsigned scope, struct target *target);
int apply_named_style(struct parser *p, struct json_object *value, const struct place *at,
                      unsigned scope, struct target *target);
/* The style as one that is shared and lasts; NULL if there is no memory. */
const struct text_style *keep_style(struct parser *p, const struct text_style *style);

/* --- parse_node.c, parse_text.c, parse_list.c, parse_table.c, parse_shape.c: nodes -------------*/

int parse_node(struct parser *p, struct json_object *value, const struct place *at,
               const struct text_style *inherited, struct cell *cell, struct node **ret_node);
int parse_paragraph(struct parser *p, struct json_object *value, const struct place *at,
                    const struct text_style *style, struct paragraph *paragraph);
int parse_text(struct parser *p, struct json_object *object, const struct place *at,
               struct node *node);
int parse_list(struct parser *p, struct json_object *object, const struct place *at,
               struct node *node);
int parse_nodes(struct parser *p, struct json_object *array, const struct place *at,
                const struct text_style *inherited, struct node_list *ret_list);
int parse_table(struct parser *p, struct json_object *object, const struct place *at,
                struct node *node);
int parse_canvas(struct parser *p, struct json_object *object, const struct place *at,
                 struct node *node);
int parse_code(struct parser *p, struct json_object *object, const struct place *at,
               struct node *node);
int parse_path(struct parser *p, struct str d, const struct place *at, struct shape *shape);

#endif
