#include "hubctl/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

void interrupt_hold(struct interrupt *self)
{
    sigset_t set;

    if (self->fd >= 0) {
        return;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    self->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->fd >= 0) {
        sigprocmask(SIG_BLOCK, &set, &self->before);
    }
}

void interrupt_release(struct interrupt *self)
{
    if (self->fd >= 0) {
        interrupt_came(self); /* what came and was told must not come again */
        close(self->fd);
        self->fd = -1;
        sigprocmask(SIG_SETMASK, &self->before, NULL);
    }
}

bool interrupt_came(struct interrupt *self)
{
    struct signalfd_siginfo info;

    while (self->fd >= 0 && read(self->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        self->came = true;
    }
    return self->came;
}

bool interrupt_wait_readable(struct interrupt *self, int fd, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = self->fd, .events = POLLIN}};

    if (!interrupt_came(self)) {
        poll(fds, 2, timeout_ms); /* a negative descriptor is ignored by poll(2) */
    }
    return !interrupt_came(self);
}
