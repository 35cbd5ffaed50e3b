/*
 * parse.h — a complete header block, read by llhttp.
 *
 * The block was scanned before (scan.h); llhttp, a parser that half the web is served by, says what
 * it means. The parser lives for this call only: no connection carries one.
 *
 * This header keeps llhttp's own, whose names clash with enum http_method, out of everybody's way.
 *
 * Thread: [any].
 */
#ifndef HUB_HTTP_PARSE_H
#define HUB_HTTP_PARSE_H

#include "base/error.h"
#include "http/header.h"

#include <stdint.h>

struct parsed_head {
    struct str method;
    struct str target;
    unsigned version_minor; /* of HTTP/1.x */
    unsigned header_count;
    bool has_content_length;
    uint64_t content_length;
    bool is_chunked;
    bool wants_close; /* "Connection: close", or HTTP/1.0 */
};

/* Views in `ret_headers` and `ret_head` lead into `block`. HUB_ERR_BAD_REQUEST, or
 * HUB_ERR_HEADERS_TOO_LARGE for more than `headers_room` fields. */
HUB_MUST_CHECK int parse_head(struct str block, struct http_header *ret_headers,
                              unsigned headers_room, struct parsed_head *ret_head);

#endif
