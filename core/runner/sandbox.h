/*
 * sandbox.h — the runner confines itself, before it loads anything.
 *
 * A table of steps, each of which takes something away for good. A step that fails ends the runner:
 * half a sandbox is none.
 *
 * Thread: [main], while it is the only one.
 */
#ifndef HUB_RUNNER_SANDBOX_H
#define HUB_RUNNER_SANDBOX_H

#include "base/error.h"
#include "wire/wire.h"

/* At the very start: dies with the thread that started it, drops the environment, and closes every
 * descriptor but 0, 1, 2 and the channel. */
HUB_MUST_CHECK int sandbox_begin(int channel_fd, struct hub_error *error);

/* What this attempt's class may do is all that is left afterwards. */
HUB_MUST_CHECK int sandbox_enter(const struct wire_config *config, struct hub_error *error);

/* Is this program built with a sanitizer, which needs address space and /proc for itself? */
bool sandbox_is_sanitized(void);

#endif
