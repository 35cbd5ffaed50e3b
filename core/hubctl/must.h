/*
 * must.h — out of memory ends a command line.
 *
 *     char *copy = must(strdup(text));
 *
 * hubd survives a failed allocation; a program that runs for seconds and holds nothing of its own
 * need not. The sentence and the exit code are the same everywhere. Thread: [any].
 */
#ifndef HUB_HUBCTL_MUST_H
#define HUB_HUBCTL_MUST_H

#include "base/buf.h"

void *must(void *memory);             /* `memory`, if it is not NULL */
void must_buf(const struct buf *buf); /* that it has not failed */
void must_ok(int err);                /* that an allocation's error is 0 */

#endif
