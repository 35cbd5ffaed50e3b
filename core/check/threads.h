/*
 * threads.h — how many threads the connector has started: pthread_create(), counted.
 *
 * Thread: [any].
 */
#ifndef HUB_CHECK_THREADS_H
#define HUB_CHECK_THREADS_H

unsigned threads_started(void); /* since the process began, by anybody */

#endif
