/*
 * fuzz_wire — bytes from a hostile end, in pieces of any size, through the channel and all
 * decoders.
 *
 * The first byte chooses the end that receives and how the rest is cut. What is decoded is encoded
 * again and must give the same bytes: one frame has one form.
 */
#include "wire/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wire_channel echo; /* writes into memory only */

static void same_again(const struct wire_frame *frame)
{
    struct str written = str_slice(buf_view(&echo.out), WIRE_HEADER_LEN, SIZE_MAX);
    if (!str_eq(written, frame->body)) {
        abort();
    }
    buf_clear(&echo.out);
}

static void take_records(struct str files, struct str artifacts)
{
    struct wire_file file;
    struct wire_artifact artifact;
    while (wire_file_next(&files, &file) == 0) {
    }
    while (wire_artifact_next(&artifacts, &artifact) == 0) {
    }
}

static void take_frame(struct wire_frame *frame)
{
    switch (frame->type) {
#define X(TYPE, name, number, from, fds)                                                           \
    case WIRE_##TYPE: {                                                                            \
        struct wire_##name body;                                                                   \
        if (wire_decode_##name(frame->body, &body) == 0) {                                         \
            if (wire_send_##name(&echo, frame->token, &body, NULL, 0) < 0) {                       \
                abort();                                                                           \
            }                                                                                      \
            same_again(frame);                                                                     \
        }                                                                                          \
        break;                                                                                     \
    }
        WIRE_FRAMES(X)
#undef X
    case WIRE_TYPE_END:
        abort();
    }
    take_records(frame->body, frame->body);
}

static bool take_all(struct wire_channel *channel)
{
    struct wire_frame frame;
    int err;
    while ((err = wire_channel_next(channel, &frame)) == 0) {
        take_frame(&frame);
    }
    return err == HUB_ERR_AGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_channel channel;
    int pair[2];
    if (size < 1 || size > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
        return 0;
    }
    enum wire_end end = data[0] & 1 ? WIRE_END_RUNNER : WIRE_END_HUBD;
    size_t piece = data[0] >> 1 ? data[0] >> 1 : size;
    buf_init(&echo.out, BUF_NO_LIMIT);
    echo.out_max = 64u << 20;
    if (wire_channel_init(&channel, pair[0], end, 1u << 20) < 0) {
        abort();
    }
    bool fine = true;
    for (size_t at = 1; at < size && fine; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        if (write(pair[1], data + at, len) != (ssize_t)len) {
            abort();
        }
        while (fine) {
            int err = wire_channel_receive(&channel);
            if (err == HUB_ERR_AGAIN) {
                break;
            }
            fine = err == 0 && take_all(&channel);
        }
    }
    wire_channel_release(&channel);
    buf_release(&echo.out);
    close(pair[1]);
    return 0;
}
