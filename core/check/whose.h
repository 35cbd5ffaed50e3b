/*
 * whose.h — which file a piece of code belongs to. Thread: [any].
 */
#ifndef HUB_CHECK_WHOSE_H
#define HUB_CHECK_WHOSE_H

#define WHOSE_CONNECTOR "the connector"

/* WHOSE_CONNECTOR, the file name of a library, or "?". */
const char *whose_code(const void *address);

/* The file that the present call comes from, leaving out the C library and hub-check: for a signal
 * handler, once whose_prepare() was called. "?" if it cannot be known. */
const char *whose_call(void);
void whose_prepare(void);

#endif
