/*
 * range.h — Range and conditional requests (RFC 9110 §13 and §14), as far as a server of immutable
 * files needs them.
 *
 * Thread: [any]. Private to core/api.
 */
#ifndef HUB_API_RANGE_H
#define HUB_API_RANGE_H

#include "base/str.h"

enum range_kind {
    RANGE_ALL,  /* no Range, one we need not honour (several ranges, another unit), or malformed */
    RANGE_PART, /* 206 */
    RANGE_UNSATISFIABLE, /* 416 */
};

struct range {
    enum range_kind kind;
    uint64_t offset;
    uint64_t len;
};

/* `header` is Range's value (ptr NULL: none), `size` the file's. */
struct range range_parse(struct str header, uint64_t size);

/* Does If-None-Match's or If-Match's list name this strong tag (with its quotes), or is it "*"?
 * `weak` allows W/ in front (If-None-Match compares weakly, §13.1.2). */
bool etag_list_contains(struct str header, struct str etag, bool weak);

#endif
