#include "notify.h"

#include "base/clock.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') { /* an abstract name */
        address.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
    close(fd);
}

static uint64_t number_in(const char *variable)
{
    const char *text = getenv(variable);
    uint64_t number = 0;

    return text != NULL && str_to_u64(str_from_c(text), INT64_MAX, &number) ? number : 0;
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    tell("WATCHDOG=1");
}

void notify_watch(uv_timer_t *timer, uv_loop_t *loop)
{
    uint64_t pid = number_in("WATCHDOG_PID"); /* 0: meant for whoever reads it */
    uint64_t half_ms = number_in("WATCHDOG_USEC") / 2000;

    uv_timer_init(loop, timer);
    if (half_ms > 0 && (pid == 0 || pid == (uint64_t)getpid())) {
        uv_timer_start(timer, on_watchdog, half_ms, half_ms);
    }
}

void notify_ready(void)
{
    tell("READY=1");
}

void notify_reloading(void)
{
    char state[64];

    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(clock_mono_ns() / 1000));
    tell(state);
}

void notify_stopping(void)
{
    tell("STOPPING=1");
}
