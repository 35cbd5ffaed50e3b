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

/* The parameter `cursor`: `*ret_place` stays as it is when there is none. False: the call has been
 * answered. */
bool cursor_read(struct api_call *call, struct id *ret_place);

/* Ends a list whose items stand in `body`, after `{"items":[…`: closes it with `next_cursor`, and
 * answers the call with it and, unless `next` is NULL (no more), with the Link to the next page
 * (RFC 8288): the same request with another cursor. `body` stays the caller's. */
void cursor_reply(struct api_call *call, struct buf *body, const struct id *next);

#endif
