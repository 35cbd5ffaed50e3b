/*
 * interrupt.h — Ctrl-C as a descriptor.
 *
 * A command that has something to say or to tidy up when it is interrupted holds SIGINT and SIGTERM
 * back and watches a descriptor instead. Commands that do not are simply ended by the signal.
 *
 *     interrupt_hold(&i);
 *     poll(… i.fd …);  if (interrupt_came(&i)) …
 *     interrupt_release(&i);
 *
 * Signals belong to the process: one holder at a time. Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_INTERRUPT_H
#define HUB_HUBCTL_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

struct interrupt {
    int fd; /* -1: signals are not held back */
    bool came;
    sigset_t before;
};

#define INTERRUPT_INIT                                                                             \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

void interrupt_hold(struct interrupt *self); /* a second call does nothing */
void interrupt_release(struct interrupt *self);

/* Whether a signal has come since interrupt_hold(). */
bool interrupt_came(struct interrupt *self);

/* Waits until `fd` can be read, or `timeout_ms` has passed (-1: no limit). False if a signal came
 * first. */
bool interrupt_wait_readable(struct interrupt *self, int fd, int timeout_ms);

#endif
