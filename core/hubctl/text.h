/*
 * text.h — text for a terminal: harmless, measured, cut to a width.
 *
 * Whatever a server sends may hold escape sequences that recolour, retitle or reprogram a terminal,
 * or characters that turn the direction of writing. Every such string goes through
 * text_append_safe() (or text_append_json()) before it is shown; the other functions take text that
 * is safe already.
 *
 * Widths are columns as libc's wcwidth() knows them: the program must have set LC_CTYPE to a UTF-8
 * locale, otherwise every character beyond ASCII counts as one column.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_TEXT_H
#define HUB_HUBCTL_TEXT_H

#include "base/buf.h"

#include <json-c/json.h>

/* Appends `text` with every control character (C0, DEL, C1), every direction mark, line and
 * paragraph separator and every byte that is not UTF-8 written as an escape (\n, \t, \x1b, \u202e).
 * The result is one line. */
void text_append_safe(struct buf *buf, struct str text);

/* Appends `value` as JSON on one line, with the same characters escaped the JSON way: the same
 * value for a program, harmless for a terminal. */
void text_append_json(struct buf *buf, struct json_object *value);

/* The string `name` of an object, as it is; empty if it is absent or no string. */
struct str text_member(struct json_object *object, const char *name);

/* Columns of safe text. */
size_t text_width(struct str text);

/* The longest prefix of at most `columns` columns. */
struct str text_prefix(struct str text, size_t columns);

/* Appends `text` in at most `columns` columns; what is longer loses its end and gets a "…". */
void text_append_cut(struct buf *buf, struct str text, size_t columns);

/* Takes a line of at most `columns` (at least 1) off the front of `*rest`: broken at the last blank
 * that fits, which is dropped, or inside a word that is longer. `*rest` is {NULL, 0} after the last
 * line. */
struct str text_take_line(struct str *rest, size_t columns);

/* Appends `text` broken at blanks into lines of at most `width` columns. Lines after the first
 * begin with `indent` blanks; the first one is taken to start at column `indent`. A newline in the
 * text stays one; a line that begins with a blank is kept as it is (an example, a list). No newline
 * at the end. */
void text_append_wrapped(struct buf *buf, struct str text, size_t indent, size_t width);

void text_append_blanks(struct buf *buf, size_t count);

#endif
