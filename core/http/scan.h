/*
 * scan.h — the strict reader of a header block, before any parser sees it.
 *
 * A connection collects the bytes of a request and shows them to scan_head() each time that more
 * have come; every line is checked once, when it is complete, so that a malformed request is
 * refused at its first bad line and not at its end.
 *
 *     struct scan scan;
 *     scan_init(&scan);
 *     int got = scan_head(&scan, everything_so_far, &limits, &head_len);
 *     // 1: the first head_len bytes are a well-formed header block
 *     // 0: more bytes are needed
 *     // <0: refuse with this error, for the reason in scan.why
 *
 * The scanner refuses; it does not interpret. What it learns on the way (framing, Expect) is kept
 * so that the parser's reading can be compared with it: a request that the two read differently is
 * refused as well.
 *
 * With HUB_HTTP_LENIENT defined the rules are off and only the end of the block is looked for. That
 * build exists to show that the tests' vectors bite; nothing else uses it.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_HTTP_SCAN_H
#define HUB_HTTP_SCAN_H

#include "http/server.h"

/* Fields about which the scanner has a rule of its own. */
enum scan_field { SCAN_HOST, SCAN_CONTENT_LENGTH, SCAN_TRANSFER_ENCODING, SCAN_EXPECT };

struct scan {
    size_t line_start;   /* offset of the line that is being collected */
    size_t checked;      /* offset of the first byte not looked at */
    size_t fields_start; /* offset of the first field line; 0: no request line yet */
    unsigned field_count;
    uint8_t seen;         /* bits (1 << enum scan_field) */
    bool blank_line_seen; /* before the request line */
    bool is_http_1_0;
    bool expects_continue;
    enum http_method method;
    uint64_t content_length;
    const char *why; /* after a refusal: a static sentence */
};

void scan_init(struct scan *self);

/* `bytes` begins where the request begins and must be a continuation of what was shown before. */
HUB_MUST_CHECK int scan_head(struct scan *self, struct str bytes, const struct http_limits *limits,
                             size_t *ret_len);

static inline bool scan_has(const struct scan *self, enum scan_field field)
{
    return (self->seen & (1u << field)) != 0;
}

#endif
