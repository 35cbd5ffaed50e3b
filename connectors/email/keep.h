/*
 * keep.h — hub.keep/1 from a thread that may wait: each call returns when it is done.
 *
 * Thread: [lane], or any other that is not [main].
 */
#ifndef CONNECTORS_EMAIL_KEEP_H
#define CONNECTORS_EMAIL_KEEP_H

#include "email.h"

/* A HUB_CALL_… value; HUB_CALL_CLOSED too if this host keeps nothing. */
int32_t keep_put(const struct email *email, hub_job *job, uint32_t scope, struct str key,
                 struct str value);
/* Appends the value to `ret`, or nothing if there is none. */
int32_t keep_get(const struct email *email, hub_job *job, uint32_t scope, struct str key,
                 struct buf *ret);

typedef void keep_visit(void *context, const hub_kept *kept);
/* Up to `limit` values whose key begins with `prefix`, behind `after`. `ret_count`: how many. */
int32_t keep_list(const struct email *email, hub_job *job, uint32_t scope, struct str prefix,
                  struct str after, uint32_t limit, keep_visit *visit, void *context,
                  uint32_t *ret_count);

#endif
