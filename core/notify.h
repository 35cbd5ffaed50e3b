/*
 * notify.h — tells the service manager how we are: sd_notify(3)'s protocol, datagrams to the socket
 * that NOTIFY_SOCKET names. Without a service manager all of it does nothing.
 *
 *     notify_watch(&timer, loop);    // WATCHDOG=1 while the loop turns, if WATCHDOG_USEC asks for
 * it notify_ready();                // when serving notify_reloading();            // then again
 * notify_ready() notify_stopping();
 *
 * Best effort: the service manager's own time-outs are the check. Thread: [loop].
 */
#ifndef HUB_NOTIFY_H
#define HUB_NOTIFY_H

#include <uv.h>

/* Initialises `timer` on `loop`; the caller closes it. */
void notify_watch(uv_timer_t *timer, uv_loop_t *loop);
void notify_ready(void);
/* With the time that tells this reload from an earlier one. */
void notify_reloading(void);
void notify_stopping(void);

#endif
