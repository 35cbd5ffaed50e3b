/*
 * json.h — strict JSON in, json-c values inside, JSON out.
 *
 * json_read() is RFC 8259 and nothing more: one value, no comments, no trailing commas, no NaN. On
 * top it refuses what makes two parsers disagree: duplicate names in an object (compared after
 * unescaping), invalid UTF-8, lone surrogates, U+0000 in a string, and nesting beyond a depth. A
 * byte order mark is refused. It builds json-c values directly, in one pass; json-c's own
 * tokener, which is lenient, is not used.
 *
 *     struct json_object *value;
 *     struct hub_error err;
 *     if (json_read(body, JSON_DEPTH_MAX, &value, &err) < 0)
 *         // err.detail: "byte 17: duplicate name \"id\""
 *     …
 *     json_object_put(value);
 *
 * Numbers: an integer literal that fits int64 or uint64 is kept exactly; any other number becomes
 * a double that remembers its source text, so writing it gives the same digits. A number whose
 * double is infinite (1e400) is refused. `-0` stays a double. A double's user data in json-c is
 * that source text and nothing else; never set another.
 *
 * Thread: [any]; a value by one thread at a time.
 */
#ifndef HUB_BASE_JSON_H
#define HUB_BASE_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#include <json-c/json.h>

#define JSON_DEPTH_MAX 64

/* Arrays and objects in one text: json-c spends about 0.8 KiB on an empty object, so that "[{},{}…"
 * would otherwise cost 300 times its length. */
#define JSON_CONTAINERS_MAX 65536

/* Parses the whole of `text`. A nesting depth of `depth_max` arrays and objects (at most
 * JSON_DEPTH_MAX, larger values count as that) is allowed, one more is not. On success the caller
 * owns `*ret_value` (NULL stands for JSON null, as everywhere in json-c). HUB_ERR_INVALID_JSON with
 * the byte offset in `error->detail`, HUB_ERR_TOO_LARGE (more than JSON_CONTAINERS_MAX arrays and
 * objects, or 2 GiB), or HUB_ERR_NOMEM. `ret_offset` (may be NULL) gets the offset of the first
 * offending byte on failure. */
HUB_MUST_CHECK int json_read(struct str text, int depth_max, struct json_object **ret_value,
                             size_t *ret_offset, struct hub_error *error);

/* Appends `value` without blanks. A double that json_read() did not make is written with as few
 * digits as give the same double again; one that is not finite becomes null. */
void json_append(struct buf *buf, struct json_object *value);

/* Members of an object with their type checked. A view lives as long as the value. False if
 * `object` is not an object, the member is absent, or it has another type. */
bool json_get_str(struct json_object *object, const char *name, struct str *ret_value);
bool json_get_i64(struct json_object *object, const char *name, int64_t *ret_value);
bool json_get_bool(struct json_object *object, const char *name, bool *ret_value);
bool json_get_object(struct json_object *object, const char *name, struct json_object **ret_value);
bool json_get_array(struct json_object *object, const char *name, struct json_object **ret_value);

/* The text of a string value. */
struct str json_str(struct json_object *string);

/* Appends `token` to a JSON Pointer (RFC 6901): '/' and the escaped token. */
void json_pointer_append(struct buf *pointer, struct str token);
void json_pointer_append_index(struct buf *pointer, size_t index);

/* The value at the JSON Pointer `pointer` below `root`, borrowed (NULL for a JSON null); false if
 * there is none. */
bool json_at(struct json_object *root, struct str pointer, struct json_object **ret_value);

#endif
