/*
 * mailbox.h — messages from any thread to one thread, without a lock.
 *
 * A message embeds a `struct mail`; pushing it hands its ownership to the receiver. The receiver
 * takes all that has come, oldest first, in one step.
 *
 *     // sender [any]
 *     mailbox_push(&store->inbox, &op->mail);
 *     // receiver
 *     mailbox_wait(&store->inbox);                            // a thread that may block
 *     for (struct mail *m = mailbox_take(&store->inbox), *next; m; m = next) {
 *         next = m->next;
 *         struct store_op *op = CONTAINER_OF(m, struct store_op, mail);
 *
 * The push that finds the box empty calls the wake function given to mailbox_init(): uv_async_send
 * for a loop, or the box's own eventfd for a thread that blocks. A Treiber stack that the receiver
 * empties with one exchange and reverses; so there is no ABA problem.
 */
#ifndef HUB_BASE_MAILBOX_H
#define HUB_BASE_MAILBOX_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

struct mail {
    struct mail *next;
};

typedef void mailbox_wake_fn(void *context);

struct mailbox {
    _Atomic(struct mail *) head;
    mailbox_wake_fn *wake;
    void *wake_context;
    int event_fd; /* -1 when a wake function was given */
};

/* With `wake` NULL the box makes an eventfd for mailbox_wait(). 0 or HUB_ERR_IO. */
HUB_MUST_CHECK int mailbox_init(struct mailbox *self, mailbox_wake_fn *wake, void *wake_context);
/* The box must be empty and every mailbox_push() must have returned: a push may still ring after
 * the receiver has its message, so join the senders first. */
void mailbox_release(struct mailbox *self);

void mailbox_push(struct mailbox *self, struct mail *mail); /* [any] */
struct mail *mailbox_take(struct mailbox *self);            /* [receiver], oldest first */
bool mailbox_empty(const struct mailbox *self);             /* [any], a hint */
void mailbox_wait(struct mailbox *self);                    /* [receiver], until not empty */
/* As mailbox_wait() but returns after `timeout_ms` at the latest (-1: no limit). */
void mailbox_wait_for(struct mailbox *self, int timeout_ms);

#endif
