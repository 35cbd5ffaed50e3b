/*
 * decode.h — percent-decoding, for paths and queries.
 *
 * Thread: [any].
 */
#ifndef HUB_HTTP_DECODE_H
#define HUB_HTTP_DECODE_H

#include "base/arena.h"
#include "base/error.h"

/* RFC 3986 §2.1, into `arena`; with `plus_is_blank` also as a form does (URL Standard §5.1). The
 * result is UTF-8 without NUL. HUB_ERR_BAD_REQUEST if it is not, or an escape is malformed;
 * HUB_ERR_NOMEM. */
HUB_MUST_CHECK int percent_decode(struct str text, bool plus_is_blank, struct arena *arena,
                                  struct str *ret_text);

#endif
