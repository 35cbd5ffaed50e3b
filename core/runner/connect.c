#include "runner/connect.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of this thread, and nobody else's. */
static _Thread_local struct {
    connect_stand_in *instead;
    void *context;
} stand_in;

void connect_set_stand_in(connect_stand_in *instead, void *context)
{
    stand_in.instead = instead;
    stand_in.context = context;
}

/* Found before the C library's, because the program comes first in every library's scope. */
__attribute__((visibility("default"))) int connect(int fd, __CONST_SOCKADDR_ARG address,
                                                   socklen_t address_size)
{
    connect_stand_in *instead = stand_in.instead;
    const struct sockaddr *to = address.__sockaddr__;
    if (!instead) {
        return (int)syscall(SYS_connect, fd, to, address_size);
    }
    stand_in.instead = NULL; /* what it does itself is as ever */
    int result = instead(stand_in.context, fd, to, address_size);
    stand_in.instead = instead;
    return result;
}
