/*
 * sign.h — signatures over a request: AWS Signature Version 4, and HMAC as configured.
 *
 * Pure functions: what is signed and when is given, the header's value comes back. After
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html, "Create a signed request".
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_HTTP_SIGN_H
#define CONNECTORS_HTTP_SIGN_H

#include "base/buf.h"
#include "base/error.h"

#include <hub/connector.h>

#define SIGN_MAC_MAX 64
#define AWS_TIME_LEN 16 /* "20150830T123600Z" */

/* A URL in parts, as views. Only for signing: where a request goes is the host's to decide, which
 * reads the URL by itself. */
struct url_parts {
    struct str scheme;
    struct str authority; /* host, and the port if there is one */
    struct str path;      /* "/" if there is none */
    struct str query;     /* without '?' */
};
bool url_split(struct str url, struct url_parts *ret_parts);

/* Appends `text` percent-encoded: all but unreserved characters (RFC 3986 §2.3). */
void percent_append(struct buf *buf, struct str text);

/* "sha1", "sha256", "sha512". The MAC's length; 0: no such algorithm, or out of memory. */
size_t sign_mac(struct str algorithm, struct str key, struct str data,
                unsigned char ret_mac[SIGN_MAC_MAX]);

struct aws_request {
    struct str access_key_id;
    struct str secret_access_key;
    struct str region;
    struct str service;
    struct str method;
    struct str path;                /* as it is sent */
    struct str query;               /* the same */
    struct str payload_hash;        /* hex, or UNSIGNED-PAYLOAD */
    const hub_http_header *headers; /* to be signed, host among them; in any order */
    unsigned header_count;          /* at most 128 */
    char time[AWS_TIME_LEN + 1];
};

void aws_time(int64_t wall_ms, char ret_time[AWS_TIME_LEN + 1]);

/* Appends the value of Authorization. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int aws_sign(const struct aws_request *request, struct buf *ret_value);

#endif
