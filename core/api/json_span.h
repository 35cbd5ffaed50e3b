/*
 * json_span.h — the bytes of a member, as they came in.
 *
 * A job's input is stored as the client wrote it. json-c does not say where in the text a value
 * stands, so the top level of the text, which json_read() has accepted, is scanned once more.
 *
 * Thread: [any].
 */
#ifndef HUB_API_JSON_SPAN_H
#define HUB_API_JSON_SPAN_H

#include "base/str.h"

/* The value of the member `name` of the object that `text` is, without blanks around it; ptr NULL
 * if it is not there, or if a name at the top level is written with escapes. `text` must be valid.
 */
struct str json_member_span(struct str text, struct str name);

#endif
