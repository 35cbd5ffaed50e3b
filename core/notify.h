/*
 * notify.h — tells the service manager how we are (sd_notify(3)'s protocol: a datagram to the
 * socket that NOTIFY_SOCKET names). Without a service manager it does nothing. Thread: [any].
 */
#ifndef HUB_NOTIFY_H
#define HUB_NOTIFY_H

/* "READY=1", "STOPPING=1", "RELOADING=1" … */
void notify_service_manager(const char *state);

#endif
