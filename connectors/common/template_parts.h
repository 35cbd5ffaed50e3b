/*
 * template_parts.h — what a compiled template is made of, for template_*.c alone.
 *
 * template_parse.c turns text into parts; template_value.c finds values and template_filter.c
 * changes them; template_text.c runs parts, template_json.c runs definitions on top of that.
 */
#ifndef COMMON_TEMPLATE_PARTS_H
#define COMMON_TEMPLATE_PARTS_H

#include "template.h"

#include "base/arena.h"

enum { FILTER_ARGS_MAX = 2, PATH_KEYS_MAX = 32 };

/* What a path begins with. */
enum path_from { PATH_NAME, PATH_SELF, PATH_INDEX, PATH_NUMBER, PATH_FIRST, PATH_LAST, PATH_ROOT };

/* As a key: the element of the list at the index of the present turn. No name begins with @. */
#define PATH_AT_INDEX "@index"

struct path {
    enum path_from from;
    size_t count;
    const char **keys; /* NUL-terminated, in the arena */
};

struct argument {
    struct json_object *constant; /* or, if NULL, */
    struct path path;
};

struct run;

/* Changes `value` (not NULL unless the filter takes null) into a new reference in `*ret_value`. An
 * argument that is missing or null is NULL. */
typedef int filter_fn(struct run *run, struct json_object *value, struct json_object *const *args,
                      struct json_object **ret_value);

struct filter {
    struct str name;
    filter_fn *apply;
    size_t args_max;
    bool takes_null;
};

const struct filter *filter_find(struct str name); /* or NULL */
struct str filter_nearest(struct str name);        /* a name that is similar; may be empty */

struct filter_call {
    const struct filter *filter;
    struct argument args[FILTER_ARGS_MAX];
    struct filter_call *next;
};

struct expression {
    struct path path;
    struct filter_call *filters;
    size_t offset; /* of its tag in the source */
};

enum part_kind { PART_LITERAL, PART_VALUE, PART_RAW, PART_SECTION, PART_INVERTED };

struct part {
    enum part_kind kind;
    struct str literal;
    struct expression expression;
    struct part *children;
    struct part *next;
};

/* A text as parts, in the arena. `constants` is an array that keeps the arguments alive. */
struct parts {
    struct str source; /* a copy, for the places of errors */
    struct part *first;
};

HUB_MUST_CHECK int parts_parse(struct str source, struct arena *arena,
                               struct json_object *constants, struct parts *ret_parts,
                               struct template_error *error);

/* A path alone, as in "$for". */
HUB_MUST_CHECK int parts_parse_path(struct str source, struct arena *arena, struct path *ret_path,
                                    struct template_error *error);

/* --- Running -----------------------------------------------------------------------------------*/

/* One value on the stack of contexts. */
struct scope {
    const struct scope *outer;
    struct json_object *value;
    bool is_turn; /* of a loop: index and count hold */
    size_t index, count;
};

struct run {
    const struct template_options *options;
    const struct locale *locale;
    struct json_object *root;
    struct buf *out;
    size_t turns_left;
    size_t filtered_left;
    struct template_error *error;
};

void run_init(struct run *self, struct json_object *data, const struct template_options *options,
              struct buf *out, struct template_error *error);

/* Notes an error without a place and returns `err`. */
int run_fail(struct run *self, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One more turn of a loop: 0 or HUB_ERR_LIMIT. */
HUB_MUST_CHECK int run_turn(struct run *self);

/* The value at a path, a new reference; false if it is missing. */
HUB_MUST_CHECK bool path_find(const struct path *path, const struct run *run,
                              const struct scope *scope, struct json_object **ret_value);

/* The value with its filters applied, a new reference. */
HUB_MUST_CHECK int expression_value(const struct expression *expression, struct run *run,
                                    const struct scope *scope, bool *ret_found,
                                    struct json_object **ret_value);

bool value_is_true(struct json_object *value);

/* Appends a scalar as text; false for lists and objects. */
HUB_MUST_CHECK bool value_append(struct json_object *value, struct buf *buf);

HUB_MUST_CHECK int parts_run(const struct parts *parts, struct run *run, const struct scope *scope);

/* Puts the place in front of the detail of an error that has none yet. */
void template_error_place(struct template_error *error, struct str source, size_t offset);
void template_error_pointer(struct template_error *error, const char *pointer);

/* Texts in capitals, or not: Latin, Greek, Cyrillic and Armenian; "i" as the locale has it. */
void text_case_append(struct str text, bool upper, bool turkic, struct buf *buf);

#endif
