#include "http/scan.h"
#include "http/chars.h"
#include "http/method.h"

#include <string.h>

void scan_init(struct scan *self)
{
    memset(self, 0, sizeof *self);
}

/* Every rule ends here when it is broken. */
static int refuse(struct scan *self, int err, const char *why)
{
    self->why = why;
    return err;
}

#ifndef HUB_HTTP_LENIENT

/* --- The request line -------------------------------------------------------------------------*/

/* RFC 9112 §2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT, case-sensitive. RFC 9110 §15.6.6: a
 * version that is not served gets 505; that includes the preface of HTTP/2 (RFC 9113 §3.4). */
static int scan_version(struct scan *self, struct str version)
{
    if (version.len != 8 || !str_starts_with(version, STR("HTTP/")) || version.ptr[6] != '.' ||
        !char_is(version.ptr[5], CHAR_DIGIT) || !char_is(version.ptr[7], CHAR_DIGIT)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "the HTTP version is malformed");
    }
    if (version.ptr[5] != '1' || version.ptr[7] > '1') {
        return refuse(self, HUB_ERR_HTTP_VERSION, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    self->is_http_1_0 = version.ptr[7] == '0';
    return 0;
}

/* RFC 3986 §2.1: "%" HEXDIG HEXDIG. */
static bool percents_are_whole(struct str s)
{
    const char *end = s.ptr + s.len;
    const char *at = s.ptr;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        if (end - at < 3 || !char_is(at[1], CHAR_HEX) || !char_is(at[2], CHAR_HEX)) {
            return false;
        }
        at += 3;
    }
    return true;
}

/* RFC 9112 §3.2.1: origin-form = absolute-path [ "?" query ]. The other forms are for proxies
 * (absolute-form, authority-form) or for the whole server (asterisk-form, which hubd has nothing to
 * say about); RFC 9112 §3.2.2 would have the absolute form accepted, but then a request names its
 * host twice, and what reads the other one first disagrees with us. A fragment is never sent
 * (RFC 9110 §7.1), and only ASCII is a URI (RFC 3986 §2). */
static int scan_target(struct scan *self, struct str target)
{
    if (target.len == 0 || target.ptr[0] != '/') {
        return refuse(self, HUB_ERR_BAD_REQUEST, "the request target must begin with '/'");
    }
    struct str query = target;
    struct str path = str_split(&query, '?');
    if (!chars_are(path, CHAR_PATH) || !chars_are(query, CHAR_QUERY)) {
        return refuse(self, HUB_ERR_BAD_REQUEST,
                      "the request target has a character that must be percent-encoded");
    }
    if (!percents_are_whole(target)) {
        return refuse(self, HUB_ERR_BAD_REQUEST,
                      "the request target has a malformed percent-escape");
    }
    return 0;
}

/* RFC 9112 §3: method SP request-target SP HTTP-version, with single spaces; the section allows a
 * server to be lenient about whitespace, this one is not. */
static int scan_request_line(struct scan *self, struct str line)
{
    struct str rest = line;
    struct str method = str_split(&rest, ' ');
    struct str target = str_split(&rest, ' ');
    if (method.len == 0 || !chars_are(method, CHAR_TOKEN)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "the method is not a token");
    }
    int err = scan_version(self, rest);
    if (err < 0) {
        return err;
    }
    /* RFC 9110 §9.1: 501 for a method that is not recognized; CONNECT and TRACE are not. */
    if (!method_lookup(method, &self->method)) {
        return refuse(self, HUB_ERR_NOT_IMPLEMENTED, "the method is not known here");
    }
    return scan_target(self, target);
}

/* --- Fields with rules of their own -----------------------------------------------------------*/

/* RFC 3986 §3.2.2: the inside of "[" IP-literal "]", as far as its alphabet goes. */
static bool is_ip_literal(struct str s)
{
    bool has_colon = false;
    for (size_t i = 0; i < s.len; i++) {
        if (!char_is(s.ptr[i], CHAR_HEX) && s.ptr[i] != ':' && s.ptr[i] != '.') {
            return false;
        }
        has_colon = has_colon || s.ptr[i] == ':';
    }
    return has_colon;
}

/* RFC 9110 §7.2: Host = uri-host [ ":" port ]. An empty host is legal there only for URIs without
 * an authority, which http URIs never are (§4.2.1). */
static bool is_host(struct str value)
{
    struct str port = value;
    struct str host;
    if (value.len > 0 && value.ptr[0] == '[') {
        host = str_split(&port, ']');
        if (port.ptr == NULL || !is_ip_literal(str_slice(host, 1, host.len))) {
            return false;
        }
        if (port.len > 0 && port.ptr[0] != ':') {
            return false;
        }
        port = str_slice(port, 1, port.len);
    } else {
        host = str_split(&port, ':');
        if (host.len == 0 || !chars_are(host, CHAR_HOST) || !percents_are_whole(host)) {
            return false;
        }
    }
    uint64_t number;
    return port.len == 0 || (port.len <= 5 && str_to_u64(port, 65535, &number));
}

/* RFC 9112 §3.2: 400 for more than one Host, or one with an invalid value. */
static int scan_host(struct scan *self, struct str value)
{
    if (scan_has(self, SCAN_HOST)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "Host is given twice");
    }
    if (!is_host(value)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "Host is not a host and port");
    }
    return 0;
}

/* RFC 9112 §6.3 rule 5: an invalid Content-Length is unrecoverable. RFC 9110 §8.6 would allow equal
 * repetitions to be joined; a sender that repeats it is broken or hostile, so it is refused. */
static int scan_content_length(struct scan *self, struct str value)
{
    if (scan_has(self, SCAN_CONTENT_LENGTH)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "Content-Length is given twice");
    }
    if (value.len == 0 || !chars_are(value, CHAR_DIGIT)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "Content-Length is not a number");
    }
    if (value.len > 19 || !str_to_u64(value, INT64_MAX, &self->content_length)) {
        return refuse(self, HUB_ERR_TOO_LARGE, "Content-Length is too large");
    }
    return 0;
}

/* RFC 9112 §6.1: chunked is the only coding that is served, named once; §7: in any case. An
 * unknown coding might be answered 501, but a request whose framing is unclear is just bad. */
static int scan_transfer_encoding(struct scan *self, struct str value)
{
    if (scan_has(self, SCAN_TRANSFER_ENCODING)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "Transfer-Encoding is given twice");
    }
    if (!str_eq_nocase(value, STR("chunked"))) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "the only Transfer-Encoding is chunked");
    }
    return 0;
}

/* RFC 9110 §10.1.1: 417 for an expectation other than 100-continue, which HTTP/1.0 cannot have. */
static int scan_expect(struct scan *self, struct str value)
{
    if (scan_has(self, SCAN_EXPECT) || !str_eq_nocase(value, STR("100-continue"))) {
        return refuse(self, HUB_ERR_EXPECTATION_FAILED, "the only expectation is 100-continue");
    }
    self->expects_continue = !self->is_http_1_0;
    return 0;
}

static const struct field_rule {
    struct str name;
    int (*scan)(struct scan *self, struct str value);
} FIELD_RULES[] = {
    [SCAN_HOST] = {STR_INIT("host"), scan_host},
    [SCAN_CONTENT_LENGTH] = {STR_INIT("content-length"), scan_content_length},
    [SCAN_TRANSFER_ENCODING] = {STR_INIT("transfer-encoding"), scan_transfer_encoding},
    [SCAN_EXPECT] = {STR_INIT("expect"), scan_expect},
};

/* --- Lines ------------------------------------------------------------------------------------*/

/* RFC 9112 §5: field-line = field-name ":" OWS field-value OWS. §5.1: no whitespace before the
 * colon. §5.2: a line that begins with a blank is obs-fold, refused. RFC 9110 §5.5: no CR, LF, NUL
 * or other control byte in a value. */
static int scan_field_line(struct scan *self, struct str line)
{
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
        return refuse(self, HUB_ERR_BAD_REQUEST, "a header line is folded");
    }
    struct str rest = line;
    struct str name = str_split(&rest, ':');
    if (rest.ptr == NULL) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "a header line has no colon");
    }
    if (name.len == 0 || !chars_are(name, CHAR_TOKEN)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "a header name is not a token");
    }
    if (!chars_are(rest, CHAR_FIELD)) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "a header value has a control character");
    }
    for (size_t i = 0; i < sizeof FIELD_RULES / sizeof FIELD_RULES[0]; i++) {
        if (name.len == FIELD_RULES[i].name.len && str_eq_nocase(name, FIELD_RULES[i].name)) {
            int err = FIELD_RULES[i].scan(self, str_trim(rest));
            self->seen |= (uint8_t)(1u << i);
            return err;
        }
    }
    return 0;
}

/* What can be said only when all fields are known. */
static int scan_block_end(struct scan *self)
{
    /* RFC 9112 §3.2: an HTTP/1.1 request without Host is a bad one. */
    if (!scan_has(self, SCAN_HOST) && !self->is_http_1_0) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "Host is missing");
    }
    /* RFC 9112 §6.1: chunked does not exist in HTTP/1.0. */
    if (scan_has(self, SCAN_TRANSFER_ENCODING) && self->is_http_1_0) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
    }
    /* RFC 9112 §6.1: both together are an attempt at smuggling. */
    if (scan_has(self, SCAN_TRANSFER_ENCODING) && scan_has(self, SCAN_CONTENT_LENGTH)) {
        return refuse(self, HUB_ERR_BAD_REQUEST,
                      "Content-Length and Transfer-Encoding exclude each other");
    }
    return 1;
}

/* RFC 9112 §2.2: a server should ignore at least one empty line before the request line. This one
 * ignores exactly one: old clients send CRLF after a POST's body, nobody sends two. */
static int scan_leading_blank_line(struct scan *self)
{
    if (self->blank_line_seen) {
        return refuse(self, HUB_ERR_BAD_REQUEST, "more than one empty line before the request");
    }
    self->blank_line_seen = true;
    return 0;
}

/* One line, up to and without its LF. 1: it was the empty line that ends the block. */
static int scan_line(struct scan *self, struct str line, const struct http_limits *limits)
{
    /* RFC 9112 §2.2: lines end in CRLF; that a recipient MAY accept a lone LF is how two readers
     * come to see different requests. */
    if (line.len == 0 || line.ptr[line.len - 1] != '\r') {
        return refuse(self, HUB_ERR_BAD_REQUEST, "a line ends in LF without CR");
    }
    line.len--;
    if (self->fields_start == 0) {
        return line.len == 0 ? scan_leading_blank_line(self) : scan_request_line(self, line);
    }
    if (line.len == 0) {
        return scan_block_end(self);
    }
    if (++self->field_count > limits->header_count_max) {
        return refuse(self, HUB_ERR_HEADERS_TOO_LARGE, "too many header fields");
    }
    return scan_field_line(self, line);
}

/* An unfinished line is refused as soon as no continuation could make it good: a TLS handshake or
 * lines ended by bare CR would otherwise be waited for until the deadline. */
static int scan_unfinished_line(struct scan *self, struct str bytes)
{
    for (size_t i = self->checked; i < bytes.len; i++) {
        bool may_end_line = bytes.ptr[i] == '\r' && i + 1 == bytes.len;
        if (!char_is(bytes.ptr[i], CHAR_FIELD) && !may_end_line) {
            return refuse(self, HUB_ERR_BAD_REQUEST, "a control character or a CR without LF");
        }
    }
    self->checked = bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\r' ? bytes.len - 1 : bytes.len;
    return 0;
}

#endif /* HUB_HTTP_LENIENT */

/* RFC 9110 §15.5.15 and RFC 6585 §5. `end` is where the bytes that are known to belong to the block
 * end: after the line under the hand, or after all that has come. */
static int scan_sizes(struct scan *self, size_t end, const struct http_limits *limits)
{
    if (self->fields_start == 0 && end - self->line_start > limits->request_line_max + 2) {
        return refuse(self, HUB_ERR_URI_TOO_LONG, "the request line is too long");
    }
    if (self->fields_start != 0 && end - self->fields_start > limits->headers_max) {
        return refuse(self, HUB_ERR_HEADERS_TOO_LARGE, "the header fields are too large");
    }
    return 0;
}

#ifdef HUB_HTTP_LENIENT
static int scan_line(struct scan *self, struct str line, const struct http_limits *limits)
{
    (void)limits;
    bool is_blank = line.len == 0 || (line.len == 1 && line.ptr[0] == '\r');
    self->field_count++;
    return is_blank && self->fields_start != 0 ? 1 : 0;
}

static int scan_unfinished_line(struct scan *self, struct str bytes)
{
    self->checked = bytes.len;
    return 0;
}
#endif

int scan_head(struct scan *self, struct str bytes, const struct http_limits *limits,
              size_t *ret_len)
{
    for (;;) {
        const char *from = bytes.ptr + self->checked;
        const char *lf =
            bytes.len == self->checked ? NULL : memchr(from, '\n', bytes.len - self->checked);
        size_t end = lf == NULL ? bytes.len : (size_t)(lf + 1 - bytes.ptr);
        int err = scan_sizes(self, end, limits);
        if (err < 0) {
            return err;
        }
        if (lf == NULL) {
            return scan_unfinished_line(self, bytes);
        }
        struct str line = {bytes.ptr + self->line_start, end - 1 - self->line_start};
        bool is_blank = line.len == 0 || (line.len == 1 && line.ptr[0] == '\r');
        int got = scan_line(self, line, limits);
        if (got < 0) {
            return got;
        }
        self->line_start = self->checked = end;
        if (got == 1) {
            *ret_len = end;
            return 1;
        }
        if (self->fields_start == 0 && !is_blank) {
            self->fields_start = end;
        }
    }
}
