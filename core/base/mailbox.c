#include "base/mailbox.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *self, mailbox_wake_fn *wake, void *wake_context)
{
    int event_fd = -1;

    if (!wake) {
        event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (event_fd < 0) {
            return HUB_ERR_IO;
        }
    }
    atomic_init(&self->head, NULL);
    self->wake = wake;
    self->wake_context = wake_context;
    self->event_fd = event_fd;
    return 0;
}

void mailbox_release(struct mailbox *self)
{
    if (self->event_fd >= 0) {
        close(self->event_fd);
        self->event_fd = -1;
    }
}

static void ring(struct mailbox *self)
{
    if (self->wake) {
        self->wake(self->wake_context);
        return;
    }
    /* A full counter (EAGAIN) would mean that the bell already rings. */
    eventfd_write(self->event_fd, 1);
}

void mailbox_push(struct mailbox *self, struct mail *mail)
{
    struct mail *head = atomic_load_explicit(&self->head, memory_order_relaxed);

    do {
        mail->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&self->head, &head, mail, memory_order_release,
                                                    memory_order_relaxed));
    /* From here on `mail` belongs to the receiver. Every change from empty to not empty rings
     * once, so a receiver that slept on an empty box cannot miss it. */
    if (!head) {
        ring(self);
    }
}

struct mail *mailbox_take(struct mailbox *self)
{
    struct mail *newest = atomic_exchange_explicit(&self->head, NULL, memory_order_acquire);
    struct mail *oldest = NULL;

    while (newest) {
        struct mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool mailbox_empty(const struct mailbox *self)
{
    return !atomic_load_explicit(&self->head, memory_order_acquire);
}

/* Sleeps until the bell rings, a signal comes or the time is over; takes the ring away. */
static void listen_for(struct mailbox *self, int timeout_ms)
{
    struct pollfd bell = {.fd = self->event_fd, .events = POLLIN};
    eventfd_t rings;

    if (poll(&bell, 1, timeout_ms) > 0) {
        eventfd_read(self->event_fd, &rings);
    }
}

void mailbox_wait(struct mailbox *self)
{
    mailbox_wait_for(self, -1);
}

void mailbox_wait_for(struct mailbox *self, int timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;

    while (mailbox_empty(self)) {
        int64_t left = deadline - clock_mono_ms();
        if (left <= 0 && timeout_ms >= 0) {
            return;
        }
        listen_for(self, timeout_ms < 0 ? -1 : (int)left);
    }
}
