/*
 * secret.h — memory for what must not be left lying around.
 *
 *     struct secret secret;
 *     secret_init(&secret, 64 * 1024);
 *     buf_append_str(&secret.text, …);      // a buffer that never leaves these pages
 *     …
 *     secret_clear(&secret);                // zeroed, to be used again
 *     secret_release(&secret);              // zeroed and gone
 *
 * The pages are locked in memory as far as RLIMIT_MEMLOCK lets us (`locked` tells), are left out of
 * core dumps, and are zero in a forked child.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_ACCOUNTS_SECRET_H
#define HUB_ACCOUNTS_SECRET_H

#include "base/buf.h"
#include "base/error.h"

#include <json-c/json.h>

struct secret {
    struct buf text; /* over the pages: never released or stolen from */
    size_t size;
    bool locked;
};

/* 0 or HUB_ERR_NOMEM. `size` is rounded up to whole pages. */
HUB_MUST_CHECK int secret_init(struct secret *self, size_t size);
void secret_clear(struct secret *self);
void secret_release(struct secret *self); /* all-zero is fine too */

/* Zeroes all text of a JSON value that belongs to the caller alone, and gives it back. */
void secret_put_json(struct json_object *value);

#endif
