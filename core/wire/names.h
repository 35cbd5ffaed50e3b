/*
 * names.h — what names must look like that cross the line between a connector and hubd.
 *
 * The runner checks them to tell the connector's author, hubd checks them because it trusts no
 * runner. Both with these.
 *
 * Thread: [any].
 */
#ifndef HUB_WIRE_NAMES_H
#define HUB_WIRE_NAMES_H

#include "base/str.h"

/* a–z, 0–9, _; 1 to 64 characters: an operation, an error code. */
bool name_is_code(struct str name);

/* The same, and starts with a letter: a connector. */
bool name_is_connector(struct str name);

/* A plain file name: 1 to 255 bytes of UTF-8 without '/', '\\' or control characters, not "." or
 * "..". */
bool name_is_file(struct str name);

/* TYPE "/" SUBTYPE and perhaps parameters, in printable ASCII, at most 255 (RFC 9110 §8.3.1; the
 * parameters are not looked at). */
bool name_is_media_type(struct str name);

/* A key of hub.keep/1: 1 to 256 bytes of UTF-8. */
bool name_is_key(struct str name);

/* The body of an entry of hub.ledger/1: a JSON object of at most 16 KiB. */
bool name_is_entry(struct str body);

/* Well-formed UTF-8 without control characters but tab and newline, at most `max` bytes. */
bool name_is_text(struct str text, size_t max);

#endif
