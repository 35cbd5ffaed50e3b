/*
 * scratch.h — files without a name, opened and closed in libuv's pool of threads.
 *
 * Opening and closing touch the disk (the last close of a large unnamed file frees all its blocks),
 * so the loop does neither.
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_SCRATCH_H
#define HUB_SUPERVISOR_SCRATCH_H

#include "base/error.h"

#include <uv.h>

#define SCRATCH_MAX 64 /* files in one order */

/* What was ordered: `count` descriptors at `fds`, the receiver's, or none and an errno. */
typedef void scratch_done_fn(void *context, const int *fds, unsigned count, int errnum);

struct scratch_order; /* an order under way */

/* Orders `count` files, open for reading and writing. NULL if out of memory. `done` is called once,
 * unless the order is dropped. */
struct scratch_order *scratch_order(uv_loop_t *loop, const char *dir, unsigned count,
                                    scratch_done_fn *done, void *context);
/* Nobody waits for it any more; what comes is closed. NULL does nothing. */
void scratch_order_drop(struct scratch_order *order);

/* Closes descriptors that may be the last of a large file. */
void scratch_close(uv_loop_t *loop, const int *fds, unsigned count);

#endif
