#include "wire/channel.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_CAP                                                                                     \
    (64u << 10) /* a steady stream fits; a larger frame gets a larger buffer for a while */
#define OUT_KEEP   (1u << 20) /* an empty buffer larger than this is given back */
#define SCM_FDS    253u       /* the kernel's SCM_MAX_FD */
#define IN_FDS_MAX 512u       /* descriptors that may wait for their frames */

/* Descriptors that leave with byte `at` of the stream. */
struct wire_batch {
    uint64_t at;
    unsigned count;
};

static void close_all(struct str fds)
{
    for (size_t i = 0; i < fds.len; i += sizeof(int)) {
        int fd;
        memcpy(&fd, fds.ptr + i, sizeof fd);
        if (fd >= 0) {
            close(fd);
        }
    }
}

static void wipe(char *bytes, size_t len)
{
    if (len > 0) {
        explicit_bzero(bytes, len);
    }
}

/* As realloc(3), but leaves nothing of the first `used` bytes at their old place. */
static char *move_to(char *bytes, size_t used, size_t cap)
{
    char *moved = malloc(cap);

    if (moved && used > 0) {
        memcpy(moved, bytes, used);
        wipe(bytes, used);
    }
    if (moved) {
        free(bytes);
    }
    return moved;
}

int wire_channel_init(struct wire_channel *self, int fd, enum wire_end end, size_t out_max)
{
    int flags = fcntl(fd, F_GETFL);
    *self = (struct wire_channel){.fd = fd, .end = end, .out_max = out_max, .in_cap = IN_CAP};
    self->in = malloc(IN_CAP);
    buf_init(&self->in_fds, BUF_NO_LIMIT);
    buf_init(&self->out, BUF_NO_LIMIT);
    buf_init(&self->out_fds, BUF_NO_LIMIT);
    buf_init(&self->out_batches, BUF_NO_LIMIT);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return HUB_ERR_IO;
    }
    return self->in ? 0 : HUB_ERR_NOMEM;
}

void wire_channel_release(struct wire_channel *self)
{
    if (self->fd >= 0) {
        close(self->fd);
    }
    close_all(buf_view(&self->in_fds));
    close_all(buf_view(&self->out_fds));
    if (self->end == WIRE_END_RUNNER) {
        wipe(self->in, self->in_len);
    }
    if (self->guarded) {
        wipe(self->out.ptr, self->out.len);
    }
    free(self->in);
    buf_release(&self->in_fds);
    buf_release(&self->out);
    buf_release(&self->out_fds);
    buf_release(&self->out_batches);
    *self = (struct wire_channel){.fd = -1};
}

/* --- Receiving ---------------------------------------------------------------------------------*/

/* Is this a frame that the other end may send? */
static bool header_acceptable(const struct wire_channel *self, const struct wire_header *header)
{
    struct wire_type_info info = wire_type_info(header->type);
    return info.name && info.from_runner == (self->end == WIRE_END_HUBD) &&
           header->body_len <= info.body_max && header->fd_count <= info.fds_max;
}

/* The header at in_pos. HUB_ERR_AGAIN if it is not complete. */
static int peek_header(const struct wire_channel *self, struct wire_header *ret_header)
{
    if (self->in_len - self->in_pos < WIRE_HEADER_LEN) {
        return HUB_ERR_AGAIN;
    }
    wire_header_take(self->in + self->in_pos, ret_header);
    return header_acceptable(self, ret_header) ? 0 : HUB_ERR_PROTOCOL;
}

/* Moves what is left to the front and makes room for the frame that has begun. */
static int make_room(struct wire_channel *self)
{
    size_t left = self->in_len - self->in_pos;
    struct wire_header header;
    int err = peek_header(self, &header);
    if (err == HUB_ERR_PROTOCOL) {
        return err;
    }
    bool guarded = self->end == WIRE_END_RUNNER;
    if (left > 0 && self->in_pos > 0) {
        memmove(self->in, self->in + self->in_pos, left);
        if (guarded) { /* of where it was: what it does not lie over now */
            wipe(self->in + left, self->in_len - left);
        }
    }
    self->in_pos = 0;
    self->in_len = left;
    size_t want = err == 0 ? WIRE_HEADER_LEN + header.body_len : IN_CAP;
    if (want < IN_CAP) {
        want = IN_CAP;
    }
    if (want == self->in_cap || (want < self->in_cap && left > want)) {
        return 0;
    }
    char *larger = guarded ? move_to(self->in, left, want) : realloc(self->in, want);
    if (!larger) {
        return HUB_ERR_NOMEM;
    }
    self->in = larger;
    self->in_cap = want;
    return 0;
}

static void drop_frame_fds(struct wire_channel *self)
{
    size_t bytes = self->frame_fds * sizeof(int);
    if (bytes > 0) {
        close_all(str_slice(buf_view(&self->in_fds), 0, bytes));
        buf_consume(&self->in_fds, bytes);
        self->frame_fds = 0;
    }
}

/* Keeps the descriptors that came with a message. */
static int collect_fds(struct wire_channel *self, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        struct str fds = {(const char *)CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0)};
        if (self->in_fds.len + fds.len <= IN_FDS_MAX * sizeof(int)) {
            buf_append_str(&self->in_fds, fds);
            if (!buf_failed(&self->in_fds)) {
                continue;
            }
        }
        close_all(fds);
        return HUB_ERR_PROTOCOL;
    }
    /* Cut off: descriptors where none may come. The kernel has dropped them. */
    return message->msg_flags & MSG_CTRUNC ? HUB_ERR_PROTOCOL : 0;
}

int wire_channel_receive(struct wire_channel *self)
{
    union {
        char bytes[CMSG_SPACE(SCM_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    drop_frame_fds(self);
    int err = make_room(self);
    if (err < 0) {
        return err;
    }
    struct iovec iov = {self->in + self->in_len, self->in_cap - self->in_len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (self->end == WIRE_END_RUNNER) { /* only hubd sends descriptors */
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    ssize_t got;
    do {
        got = recvmsg(self->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? HUB_ERR_AGAIN : errno == ECONNRESET ? HUB_ERR_CLOSED : HUB_ERR_IO;
    }
    err = collect_fds(self, &message);
    if (err < 0) {
        return err;
    }
    self->in_len += (size_t)got;
    return got > 0 ? 0 : HUB_ERR_CLOSED;
}

int wire_channel_next(struct wire_channel *self, struct wire_frame *ret_frame)
{
    struct wire_header header;
    drop_frame_fds(self);
    int err = peek_header(self, &header);
    if (err < 0) {
        return err;
    }
    if (self->in_len - self->in_pos < WIRE_HEADER_LEN + header.body_len) {
        return HUB_ERR_AGAIN;
    }
    if (header.fd_count > self->in_fds.len / sizeof(int)) {
        return HUB_ERR_PROTOCOL;
    }
    *ret_frame = (struct wire_frame){
        .type = header.type,
        .token = header.token,
        .body = {self->in + self->in_pos + WIRE_HEADER_LEN, header.body_len},
        .fds = header.fd_count > 0 ? (int *)(void *)self->in_fds.ptr : NULL,
        .fd_count = header.fd_count,
    };
    self->frame_fds = header.fd_count;
    self->in_pos += WIRE_HEADER_LEN + header.body_len;
    return 0;
}

/* --- Sending -----------------------------------------------------------------------------------*/

/* Remembers that `fds` go with the next byte that is put. */
static int put_fds(struct wire_channel *self, const int *fds, unsigned count)
{
    struct wire_batch batch = {self->out_at + wire_channel_queued(self), count};
    size_t fds_len = self->out_fds.len;
    size_t batches_len = self->out_batches.len;
    buf_append(&self->out_fds, fds, count * sizeof *fds);
    buf_append(&self->out_batches, &batch, sizeof batch);
    if (buf_failed(&self->out_fds) || buf_failed(&self->out_batches)) {
        buf_truncate(&self->out_fds, fds_len);
        buf_truncate(&self->out_batches, batches_len);
        self->out_fds.failed = self->out_batches.failed = false;
        return HUB_ERR_NOMEM;
    }
    return 0;
}

/* Growing would leave a copy behind: moves what is there to larger memory first. */
static int make_guarded_room(struct wire_channel *self, size_t len)
{
    size_t need = self->out.len + len + 1;
    if (self->out.cap >= need) {
        return 0;
    }
    size_t cap = need * 2;
    char *moved = move_to(self->out.ptr, self->out.len, cap);
    if (!moved) {
        return HUB_ERR_NOMEM;
    }
    self->out.ptr = moved;
    self->out.cap = cap;
    return 0;
}

int wire_channel_put(struct wire_channel *self, const struct wire_header *header, const int *fds,
                     char **ret_body)
{
    size_t len = WIRE_HEADER_LEN + header->body_len;
    assert(header->fd_count <= wire_type_info(header->type).fds_max);
    if (wire_channel_queued(self) + len > self->out_max) {
        return HUB_ERR_AGAIN;
    }
    if (self->guarded && make_guarded_room(self, len) < 0) {
        return HUB_ERR_NOMEM;
    }
    char *at = buf_reserve(&self->out, len);
    if (!at) {
        self->out.failed = false; /* this frame did not fit in memory, a smaller one may */
        return HUB_ERR_NOMEM;
    }
    if (header->fd_count > 0 && put_fds(self, fds, header->fd_count) < 0) {
        return HUB_ERR_NOMEM;
    }
    buf_commit(&self->out, len);
    wire_header_put(header, at);
    *ret_body = at + WIRE_HEADER_LEN;
    return 0;
}

/* The next stretch to be sent in one message, and the descriptors that go with its first byte. */
static size_t next_stretch(const struct wire_channel *self, unsigned *ret_fd_count)
{
    const struct wire_batch *batch = (const void *)self->out_batches.ptr;
    const struct wire_batch *end = batch + self->out_batches.len / sizeof *batch;
    size_t len = wire_channel_queued(self);
    *ret_fd_count = 0;
    if (batch < end && batch->at == self->out_at) {
        *ret_fd_count = batch->count;
        batch++;
    }
    return batch < end ? (size_t)(batch->at - self->out_at) : len;
}

/* What was sent is forgotten: our copies of the descriptors are closed. */
static void sent(struct wire_channel *self, size_t len, unsigned fd_count)
{
    if (fd_count > 0) {
        size_t bytes = fd_count * sizeof(int);
        close_all(str_slice(buf_view(&self->out_fds), 0, bytes));
        buf_consume(&self->out_fds, bytes);
        buf_consume(&self->out_batches, sizeof(struct wire_batch));
    }
    if (self->guarded) {
        wipe(self->out.ptr + self->out_pos, len);
    }
    self->out_pos += len;
    self->out_at += len;
    if (self->out_pos == self->out.len) {
        self->out_pos = 0;
        self->guarded = false;
        if (self->out.cap > OUT_KEEP) {
            buf_release(&self->out);
            buf_init(&self->out, BUF_NO_LIMIT);
        }
        buf_clear(&self->out);
    } else if (self->out_pos > self->out.len / 2) {
        size_t before = self->out.len;
        buf_consume(&self->out, self->out_pos);
        self->out_pos = 0;
        if (self->guarded) {
            wipe(self->out.ptr + self->out.len, before - self->out.len);
        }
    }
}

static int send_stretch(struct wire_channel *self)
{
    union {
        char bytes[CMSG_SPACE(SCM_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    unsigned fd_count;
    size_t len = next_stretch(self, &fd_count);
    struct iovec iov = {self->out.ptr + self->out_pos, len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), self->out_fds.ptr, fd_count * sizeof(int));
    }
    ssize_t n;
    do {
        n = sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN                         ? HUB_ERR_AGAIN
               : errno == EPIPE || errno == ECONNRESET ? HUB_ERR_CLOSED
                                                       : HUB_ERR_IO;
    }
    sent(self, (size_t)n, fd_count);
    return 0;
}

int wire_channel_flush(struct wire_channel *self)
{
    int err = 0;
    while (err == 0 && wire_channel_queued(self) > 0) {
        err = send_stretch(self);
    }
    return err;
}

int wire_channel_flush_wait(struct wire_channel *self, int timeout_ms)
{
    int64_t until = clock_mono_ms() + timeout_ms;
    for (;;) {
        int err = wire_channel_flush(self);
        int64_t left = until - clock_mono_ms();
        if (err != HUB_ERR_AGAIN || left <= 0) {
            return err;
        }
        struct pollfd writable = {.fd = self->fd, .events = POLLOUT};
        if (poll(&writable, 1, (int)left) < 0 && errno != EINTR) {
            return HUB_ERR_IO;
        }
    }
}
