/*
 * url.h — request targets, built safely.
 *
 *     url_append_segment(&path, job_id);                 // after "/v1/jobs/": percent-encoded
 *     url_append_query(&path, "label", STR("team:a b")); // "?label=team%3Aa%20b", then "&…"
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_URL_H
#define HUB_HUBCTL_URL_H

#include "base/buf.h"

/* Everything but RFC 3986 §2.3's unreserved characters is percent-encoded. The segments "." and
 * ".." are encoded too, since they would name another resource. */
void url_append_segment(struct buf *url, struct str text);

/* The first parameter begins with '?', as the buffer tells; `value` with a NULL pointer: nothing.
 */
void url_append_query(struct buf *url, const char *name, struct str value);

#endif
