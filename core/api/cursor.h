/*
 * cursor.h — the opaque cursor of a keyset-paged list, and the link to the next page.
 *
 * A cursor is 16 bytes that only the list itself understands (an id, or what it packs into one), as
 * base64url.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_CURSOR_H
#define HUB_API_CURSOR_H

#include "api/call.h"

void cursor_append(struct buf *out, const struct id *place);

/* The parameter `cursor`: `*ret_place` stays as it is when there is none. False: the call has been
 * answered. */
bool cursor_read(struct api_call *call, struct id *ret_place);

/* A Link header's value (RFC 8288): the same request with another cursor. */
void cursor_append_link(struct buf *link, const struct http_request *req, const struct id *place);

#endif
