/*
 * write.h — JSON and forms, member by member, into a buffer.
 *
 *     write_open(&b, NULL, '{');
 *     write_text(&b, "currency", STR("EUR"));      // empty texts are left out
 *     write_number(&b, "value", 1200);
 *     write_close(&b, '}');
 *
 * Commas come by themselves. Failures stick to the buffer, see buf.h. Thread: [any].
 */
#ifndef CONNECTORS_PAYMENTS_WRITE_H
#define CONNECTORS_PAYMENTS_WRITE_H

#include "base/buf.h"
#include "base/json.h"

/* `name` NULL: the value of an array, or the outermost. `bracket`: '{' or '['. */
void write_open(struct buf *buf, const char *name, char bracket);
void write_close(struct buf *buf, char bracket);
void write_text(struct buf *buf, const char *name, struct str value);
/* "currency" in capitals: gateways differ. Anything but three letters is left out. */
void write_currency(struct buf *buf, struct str currency);
void write_number(struct buf *buf, const char *name, int64_t value);
void write_bool(struct buf *buf, const char *name, bool value);
void write_value(struct buf *buf, const char *name, struct json_object *value); /* NULL: left out */

/* name=value of application/x-www-form-urlencoded; empty values are left out. `name` is written as
 * it is: brackets are fine in a form. */
void form_text(struct buf *buf, const char *name, struct str value);
void form_number(struct buf *buf, const char *name, int64_t value);
/* metadata[NAME]=value for each text of `fields`, which may be NULL. */
void form_fields(struct buf *buf, const char *name, struct json_object *fields);

#endif
