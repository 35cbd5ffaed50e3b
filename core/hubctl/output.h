/*
 * output.h — where the answers go, and in what dress.
 *
 * Answers go to stdout, everything else (progress, warnings, errors) to stderr. People get tables
 * and colours, programs (--json) get one JSON value a line. Colours are used on a terminal only,
 * never with NO_COLOR in the environment (https://no-color.org) or TERM=dumb, unless --color says
 * otherwise.
 *
 * Text is composed in a `struct buf` and written by one of the functions here; what a server has
 * written goes into it through style_append() or text.h, never as it is.
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_OUTPUT_H
#define HUB_HUBCTL_OUTPUT_H

#include "base/buf.h"

#include <json-c/json.h>
#include <stdio.h>

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE,
    STYLE_MAGENTA,
    STYLE_CYAN,
};

struct output {
    bool json;
    bool quiet;
    bool out_colour;
    bool err_colour;
    bool err_terminal; /* progress may be drawn */
    size_t out_width;  /* columns; OUTPUT_UNLIMITED when not on a terminal */
    size_t err_width;
};

#define OUTPUT_UNLIMITED  ((size_t)10000)
#define OUTPUT_TEXT_WIDTH ((size_t)100) /* what running text is broken at, at most */

enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* Looks at the terminals and the environment (COLUMNS, NO_COLOR, TERM). */
void output_init(struct output *self, enum colour colour, bool json, bool quiet);

/* Width for running text: never wider than OUTPUT_TEXT_WIDTH. */
size_t output_text_width(const struct output *self);

/* Appends `text`, made safe, in a style, if `colour`. */
void style_append(struct buf *buf, bool colour, enum style style, struct str text);

/* Appends `value` indented by two blanks a level, harmless, member names dim. `indent` is the
 * number of blanks in front of every line but the first. No newline at the end. */
void output_append_json(struct buf *buf, bool colour, struct json_object *value, size_t indent);

/* One JSON value and a newline to stdout, at once, so that a reader at a pipe sees it now. */
void output_json(struct json_object *value);

/* Writes and empties `buf`. */
void output_write(struct buf *buf);
void output_write_error(struct buf *buf); /* to stderr */

/* One line to stderr: "hubctl: …". Not with --quiet. The format's strings must be safe. */
void output_note(const struct output *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Flushes stdout; false if something could not be written since the start. */
bool output_finish(void);

#endif
