#include "runner/broker_message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int broker_ask(int channel, const struct broker_question *question, int fd)
{
    union control control = {0};
    struct iovec bytes = {(void *)question, sizeof *question};
    struct msghdr message = {
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof fd),
        .cmsg_level = SOL_SOCKET,
        .cmsg_type = SCM_RIGHTS,
    };
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ssize_t sent;
    do {
        sent = sendmsg(channel, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* There is room for one descriptor: of more the kernel closes the rest. */
static int take_fd(struct msghdr *message)
{
    int fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd)) {
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    }
    return fd;
}

int broker_hear(int channel, struct broker_question *ret_question, int *ret_fd)
{
    union control control;
    struct iovec bytes = {ret_question, sizeof *ret_question};
    struct msghdr message = {
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t got;
    do {
        got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (got == 0 && message.msg_controllen == 0)) {
        return got < 0 ? -errno : -EPIPE;
    }
    *ret_fd = take_fd(&message);
    return (size_t)got == sizeof *ret_question && !(message.msg_flags & MSG_TRUNC) ? 0 : -EBADMSG;
}
