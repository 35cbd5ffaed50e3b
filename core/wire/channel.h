/*
 * channel.h — one end of the socket between hubd and a runner.
 *
 * Receiving takes many frames per recvmsg(2) and copies none of them; sending collects frames and
 * writes them with one sendmsg(2) when told to, once per turn of the loop.
 *
 *     wire_channel_init(&channel, fd, WIRE_END_HUBD, OUT_MAX);
 *
 *     // when readable
 *     err = wire_channel_receive(&channel);                 // 0, AGAIN, CLOSED, PROTOCOL, …
 *     struct wire_frame frame;
 *     while ((err = wire_channel_next(&channel, &frame)) == 0) { … }     // AGAIN: no more
 *
 *     // before the loop sleeps
 *     wire_send_start(&channel, token, &start, fds, fd_count);           // any number
 *     err = wire_channel_flush(&channel);                   // AGAIN: call again when writable
 *
 * The other end is not trusted. A frame of an unknown type, of a type that only this end may send,
 * with a body or descriptors beyond what the tables allow, or that claims descriptors which did not
 * come, is HUB_ERR_PROTOCOL; after that the channel must be released. Descriptors that the user of
 * a frame does not take are closed.
 *
 * Descriptors go with the first byte of their frame (SCM_RIGHTS over AF_UNIX, SOCK_STREAM), so a
 * frame with descriptors begins a sendmsg of its own.
 *
 * SECRETS. A frame that holds an account's settings is announced with wire_channel_guard(): from
 * then on what has been sent is zeroed, and nothing that is moved leaves a copy behind, until the
 * channel is empty. A runner's end does so with all that it receives.
 *
 * Owner: the caller; the socket is the channel's. Thread: [any], one at a time.
 */
#ifndef HUB_WIRE_CHANNEL_H
#define HUB_WIRE_CHANNEL_H

#include "wire/wire.h"

enum wire_end { WIRE_END_HUBD, WIRE_END_RUNNER };

struct wire_header {
    size_t body_len;
    unsigned type;
    unsigned fd_count;
    uint64_t token;
};

struct wire_channel {
    int fd;
    enum wire_end end; /* which one this is */
    /* Received: bytes in_pos … in_len of `in` are not yet taken. */
    char *in;
    size_t in_cap;
    size_t in_pos;
    size_t in_len;
    struct buf in_fds;  /* ints, first those of the frame that was taken last */
    unsigned frame_fds; /* how many of them are that frame's */
    /* To be sent: bytes from out_pos on. */
    struct buf out;
    bool guarded; /* there is a secret in it */
    size_t out_pos;
    size_t out_max;
    uint64_t out_at;        /* bytes ever sent: the place of out_pos in the stream */
    struct buf out_fds;     /* ints */
    struct buf out_batches; /* struct wire_batch: where in the stream they belong */
};

/* A frame that has come. Body and descriptors are the channel's until the next
 * wire_channel_next() or wire_channel_receive(). */
struct wire_frame {
    enum wire_type type;
    uint64_t token;
    struct str body;
    int *fds; /* what the caller takes it replaces by -1; the rest is closed */
    unsigned fd_count;
};

/* Takes over `fd`, a connected stream socket, and makes it non-blocking. Unsent bytes are limited
 * to `out_max`. HUB_ERR_NOMEM, HUB_ERR_IO: then too it must be released. */
HUB_MUST_CHECK int wire_channel_init(struct wire_channel *self, int fd, enum wire_end end,
                                     size_t out_max);
void wire_channel_release(struct wire_channel *self); /* closes everything; all-zero is not fine */

/* One recvmsg; call it when wire_channel_next() has said AGAIN. 0: something came. HUB_ERR_AGAIN:
 * nothing there. HUB_ERR_CLOSED: the other end is gone, and all that it sent has been received.
 * HUB_ERR_PROTOCOL, HUB_ERR_NOMEM, HUB_ERR_IO. */
HUB_MUST_CHECK int wire_channel_receive(struct wire_channel *self);

/* The next frame that is complete. HUB_ERR_AGAIN: none; HUB_ERR_PROTOCOL: the bytes are no frame.
 */
HUB_MUST_CHECK int wire_channel_next(struct wire_channel *self, struct wire_frame *ret_frame);

/* Writes what can be written without waiting. HUB_ERR_AGAIN: some is left. HUB_ERR_CLOSED,
 * HUB_ERR_IO. */
HUB_MUST_CHECK int wire_channel_flush(struct wire_channel *self);

/* As wire_channel_flush(), but waits up to `timeout_ms` for all of it to go. */
HUB_MUST_CHECK int wire_channel_flush_wait(struct wire_channel *self, int timeout_ms);

/* The next frame that is put holds a secret. */
static inline void wire_channel_guard(struct wire_channel *self)
{
    self->guarded = true;
}

/* Bytes that wait to be sent. */
static inline size_t wire_channel_queued(const struct wire_channel *self)
{
    return self->out.len - self->out_pos;
}

/* Room for a frame: writes the header and gives the place of the body, which the caller fills at
 * once. For the senders made in codec.c, whose contract it shares. */
HUB_MUST_CHECK int wire_channel_put(struct wire_channel *self, const struct wire_header *header,
                                    const int *fds, char **ret_body);

void wire_header_put(const struct wire_header *self, char ret_bytes[WIRE_HEADER_LEN]);
void wire_header_take(const char bytes[WIRE_HEADER_LEN], struct wire_header *ret_header);

#endif
