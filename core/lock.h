/*
 * lock.h — one hubd a state directory.
 *
 * The lock is a flock(2) on STATE_DIR/hubd.pid, which also holds the owner's pid: it ends with the
 * process, however that ends. Thread: before the loop runs.
 */
#ifndef HUB_LOCK_H
#define HUB_LOCK_H

#include "base/error.h"

/* Takes the lock; the descriptor is the caller's and is never closed. HUB_ERR_CONFLICT with the
 * owner's pid in the detail. */
HUB_MUST_CHECK int lock_state_dir(const char *state_dir, int *ret_fd, struct hub_error *error);

#endif
