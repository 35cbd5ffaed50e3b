/*
 * The codec: every frame and record of the tables goes through and comes back, and bytes that are
 * none are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/channel.h"
#include "wire/names.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct ends {
    struct wire_channel hubd;
    struct wire_channel runner;
};

static int setup(void **state)
{
    struct ends *ends = calloc(1, sizeof *ends);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wire_channel_init(&ends->hubd, pair[0], WIRE_END_HUBD, 64u << 20), 0);
    assert_int_equal(wire_channel_init(&ends->runner, pair[1], WIRE_END_RUNNER, 64u << 20), 0);
    *state = ends;
    return 0;
}

static int teardown(void **state)
{
    struct ends *ends = *state;
    wire_channel_release(&ends->hubd);
    wire_channel_release(&ends->runner);
    free(ends);
    return 0;
}

static unsigned open_fds(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* Sends what waits in one end, and receives at the other until a frame is complete. */
static int pump(struct wire_channel *from, struct wire_channel *to, struct wire_frame *ret_frame)
{
    for (;;) {
        int flushed = wire_channel_flush(from);
        int err = wire_channel_next(to, ret_frame);
        if (err != HUB_ERR_AGAIN) {
            return err;
        }
        err = wire_channel_receive(to);
        if (err < 0) {
            return err == HUB_ERR_AGAIN && flushed == HUB_ERR_AGAIN ? HUB_ERR_IO : err;
        }
    }
}

/* --- Round trips, by the tables ----------------------------------------------------------------*/

/* A value for each field that says which one it is, within the field's bounds. */
static char filler[4096];

static uint64_t pick_number(unsigned seed, uint64_t max)
{
    uint64_t value = 0x0102030405060708ull * (seed + 1);
    return max == UINT64_MAX ? value : value % (max + 1);
}

static struct str pick_str(unsigned seed, uint64_t max)
{
    size_t len = seed * 7 + 3;
    return str_of(filler + seed, len < max ? len : (size_t)max);
}

static void same_str(struct str a, struct str b)
{
    assert_int_equal(a.len, b.len);
    assert_true(a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#define PICK_u32(max)         (uint32_t) pick_number(seed++, max)
#define PICK_u64(max)         pick_number(seed++, max)
#define PICK_str(max)         pick_str(seed++, max)
#define PICK(kind, name, max) sent.name = PICK_##kind(max);
#define SAME_u32(a, b)        assert_int_equal(a, b)
#define SAME_u64(a, b)        assert_int_equal(a, b)
#define SAME_str(a, b)        same_str(a, b)
#define SAME(kind, name, max) SAME_##kind(sent.name, got.name);

/* One test per frame: from the end that may send it, with and without its descriptors; refused when
 * any byte is missing or one is added. */
#define X(TYPE, name, number, from, fds_max)                                                       \
    static void round_trip_##name(void **state)                                                    \
    {                                                                                              \
        struct ends *ends = *state;                                                                \
        bool from_runner = wire_type_info(WIRE_##TYPE).from_runner;                                \
        struct wire_channel *here = from_runner ? &ends->runner : &ends->hubd;                     \
        struct wire_channel *there = from_runner ? &ends->hubd : &ends->runner;                    \
        struct wire_##name sent;                                                                   \
        struct wire_##name got;                                                                    \
        struct wire_frame frame;                                                                   \
        unsigned seed = number;                                                                    \
        (void)seed;                                                                                \
        (void)sent;                                                                                \
        (void)got;                                                                                 \
        WIRE_##TYPE##_FIELDS(PICK);                                                                \
        assert_true(wire_##name##_fits(&sent));                                                    \
        assert_int_equal(wire_send_##name(here, 77, &sent, NULL, 0), 0);                           \
        assert_int_equal(pump(here, there, &frame), 0);                                            \
        assert_int_equal(frame.type, WIRE_##TYPE);                                                 \
        assert_int_equal(frame.token, 77);                                                         \
        assert_int_equal(frame.fd_count, 0);                                                       \
        assert_int_equal(wire_decode_##name(frame.body, &got), 0);                                 \
        WIRE_##TYPE##_FIELDS(SAME);                                                                \
        for (size_t len = 0; len < frame.body.len; len++) {                                        \
            char *cut = malloc(len + 1); /* so that a sanitizer sees a read beyond it */           \
            memcpy(cut, frame.body.ptr, len);                                                      \
            assert_int_equal(wire_decode_##name(str_of(cut, len), &got), HUB_ERR_PROTOCOL);        \
            free(cut);                                                                             \
        }                                                                                          \
        char *longer = calloc(1, frame.body.len + 1);                                              \
        memcpy(longer, frame.body.ptr, frame.body.len);                                            \
        assert_int_equal(wire_decode_##name(str_of(longer, frame.body.len + 1), &got),             \
                         HUB_ERR_PROTOCOL);                                                        \
        free(longer);                                                                              \
    }
WIRE_FRAMES(X)
#undef X

#define X(RECORD, name)                                                                            \
    static void round_trip_record_##name(void **state)                                             \
    {                                                                                              \
        struct wire_##name sent;                                                                   \
        struct wire_##name got;                                                                    \
        struct buf records;                                                                        \
        size_t first = 0;                                                                          \
        (void)state;                                                                               \
        buf_init(&records, BUF_NO_LIMIT);                                                          \
        for (unsigned i = 0; i < 5; i++) {                                                         \
            unsigned seed = i;                                                                     \
            WIRE_##RECORD##_FIELDS(PICK);                                                          \
            assert_int_equal(wire_##name##_append(&records, &sent), 0);                            \
            first = i == 0 ? records.len : first;                                                  \
        }                                                                                          \
        struct str rest = buf_view(&records);                                                      \
        for (unsigned i = 0; i < 5; i++) {                                                         \
            unsigned seed = i;                                                                     \
            WIRE_##RECORD##_FIELDS(PICK);                                                          \
            assert_int_equal(wire_##name##_next(&rest, &got), 0);                                  \
            WIRE_##RECORD##_FIELDS(SAME);                                                          \
        }                                                                                          \
        assert_int_equal(wire_##name##_next(&rest, &got), HUB_ERR_NOT_FOUND);                      \
        rest = str_slice(buf_view(&records), 0, first - 1);                                        \
        assert_int_equal(wire_##name##_next(&rest, &got), HUB_ERR_PROTOCOL);                       \
        buf_release(&records);                                                                     \
    }
WIRE_RECORDS(X)
#undef X

static void bounds_are_kept_on_both_sides(void **state)
{
    struct ends *ends = *state;
    struct wire_progress progress = {.permille = 1001};
    struct wire_frame frame;
    assert_int_equal(wire_send_progress(&ends->runner, 1, &progress, NULL, 0), HUB_ERR_LIMIT);
    progress = (struct wire_progress){1, {filler, WIRE_PROGRESS_MAX + 1}};
    assert_int_equal(wire_send_progress(&ends->runner, 1, &progress, NULL, 0), HUB_ERR_LIMIT);
    progress = (struct wire_progress){1000, {filler, WIRE_PROGRESS_MAX}};
    assert_int_equal(wire_send_progress(&ends->runner, 1, &progress, NULL, 0), 0);
    assert_int_equal(pump(&ends->runner, &ends->hubd, &frame), 0);
    char *body = malloc(frame.body.len);
    struct str copy = {body, frame.body.len};
    memcpy(body, frame.body.ptr, frame.body.len);
    assert_int_equal(wire_decode_progress(copy, &progress), 0);
    body[0]++; /* 1001 thousandths */
    assert_int_equal(wire_decode_progress(copy, &progress), HUB_ERR_PROTOCOL);
    body[0]--;
    memset(body + 4, 0xff, 4); /* a text of 4 GiB */
    assert_int_equal(wire_decode_progress(copy, &progress), HUB_ERR_PROTOCOL);
    free(body);
}

static void a_table_fits_in_its_maximum(void **state)
{
    (void)state;
    for (unsigned type = 0; type < WIRE_TYPE_END + 10; type++) {
        struct wire_type_info info = wire_type_info(type);
        assert_true(info.body_max < UINT32_MAX / 2);
        assert_true(info.fds_max <= 253);
    }
}

/* --- The stream --------------------------------------------------------------------------------*/

static void a_frame_may_come_byte_by_byte(void **state)
{
    struct ends *ends = *state;
    struct wire_result result = {
        .outcome = WIRE_FAIL, .json = STR("{}"), .code = STR("code"), .message = STR("message")};
    struct wire_frame frame;
    assert_int_equal(wire_send_result(&ends->runner, 5, &result, NULL, 0), 0);
    assert_int_equal(wire_send_result(&ends->runner, 6, &result, NULL, 0), 0);
    size_t len = wire_channel_queued(&ends->runner);
    for (size_t i = 0; i < len; i++) {
        bool last = i + 1 == len / 2 || i + 1 == len;
        assert_int_equal(wire_channel_next(&ends->hubd, &frame), HUB_ERR_AGAIN);
        assert_int_equal(write(ends->runner.fd, ends->runner.out.ptr + i, 1), 1);
        assert_int_equal(wire_channel_receive(&ends->hubd), 0);
        if (last) {
            assert_int_equal(wire_channel_next(&ends->hubd, &frame), 0);
            assert_int_equal(frame.token, i + 1 == len ? 6 : 5);
            assert_int_equal(wire_decode_result(frame.body, &result), 0);
            same_str(result.message, STR("message"));
        }
    }
}

static void a_split_may_be_anywhere(void **state)
{
    struct ends *ends = *state;
    struct wire_log line = {WIRE_LOG_INFO, STR("twelve bytes")};
    struct wire_frame frame;
    assert_int_equal(wire_send_log(&ends->runner, 9, &line, NULL, 0), 0);
    size_t len = wire_channel_queued(&ends->runner);
    for (size_t cut = 1; cut < len; cut++) {
        assert_int_equal(write(ends->runner.fd, ends->runner.out.ptr, cut), cut);
        assert_int_equal(wire_channel_receive(&ends->hubd), 0);
        assert_int_equal(wire_channel_next(&ends->hubd, &frame), HUB_ERR_AGAIN);
        assert_int_equal(write(ends->runner.fd, ends->runner.out.ptr + cut, len - cut), len - cut);
        assert_int_equal(wire_channel_receive(&ends->hubd), 0);
        assert_int_equal(wire_channel_next(&ends->hubd, &frame), 0);
        assert_int_equal(wire_channel_next(&ends->hubd, &frame), HUB_ERR_AGAIN);
    }
}

static void large_and_small_frames_mix(void **state)
{
    struct ends *ends = *state;
    char *large = malloc(WIRE_INPUT_MAX);
    memset(large, 'x', WIRE_INPUT_MAX);
    for (uint64_t token = 1; token <= 30; token++) {
        struct wire_start start = {.input = {large, token % 3 ? 10 : WIRE_INPUT_MAX - token}};
        assert_int_equal(wire_send_start(&ends->hubd, token, &start, NULL, 0), 0);
    }
    for (uint64_t token = 1; token <= 30; token++) {
        struct wire_frame frame;
        struct wire_start start;
        assert_int_equal(pump(&ends->hubd, &ends->runner, &frame), 0);
        assert_int_equal(frame.token, token);
        assert_int_equal(wire_decode_start(frame.body, &start), 0);
        assert_int_equal(start.input.len, token % 3 ? 10 : WIRE_INPUT_MAX - token);
        assert_memory_equal(start.input.ptr, large, start.input.len);
    }
    assert_int_equal(wire_channel_queued(&ends->hubd), 0);
    free(large);
}

static void what_waits_is_limited(void **state)
{
    struct ends *ends = *state;
    struct wire_log line = {WIRE_LOG_INFO, {filler, 1000}};
    ends->runner.out_max = 10000;
    unsigned sent = 0;
    int err;
    while ((err = wire_send_log(&ends->runner, 0, &line, NULL, 0)) == 0) {
        sent++;
    }
    assert_int_equal(err, HUB_ERR_AGAIN);
    assert_int_equal(sent, 9);
    assert_int_equal(wire_channel_flush(&ends->runner), 0);
    assert_int_equal(wire_send_log(&ends->runner, 0, &line, NULL, 0), 0);
}

static void the_end_comes_after_the_last_frame(void **state)
{
    struct ends *ends = *state;
    struct wire_frame frame;
    assert_int_equal(wire_send_hello(&ends->runner, 0, &(struct wire_hello){1, 2}, NULL, 0), 0);
    assert_int_equal(wire_channel_flush(&ends->runner), 0);
    close(ends->runner.fd);
    ends->runner.fd = -1;
    assert_int_equal(pump(&ends->runner, &ends->hubd, &frame), 0);
    assert_int_equal(pump(&ends->runner, &ends->hubd, &frame), HUB_ERR_CLOSED);
    assert_int_equal(wire_send_cancel(&ends->hubd, 1, &(struct wire_cancel){}, NULL, 0), 0);
    assert_int_equal(wire_channel_flush(&ends->hubd), HUB_ERR_CLOSED);
}

static void flush_wait_waits(void **state)
{
    struct ends *ends = *state;
    char *large = calloc(1, WIRE_DESCRIPTOR_MAX);
    struct wire_ready ready = {{large, WIRE_DESCRIPTOR_MAX}};
    assert_int_equal(wire_send_ready(&ends->runner, 0, &ready, NULL, 0), 0);
    assert_int_equal(wire_channel_flush_wait(&ends->runner, 20), HUB_ERR_AGAIN);
    struct wire_frame frame;
    assert_int_equal(pump(&ends->runner, &ends->hubd, &frame), 0);
    assert_int_equal(wire_channel_flush_wait(&ends->runner, 20), 0);
    free(large);
}

/* --- Descriptors -------------------------------------------------------------------------------*/

static int new_file(char content)
{
    char path[] = "/tmp/hub-wire.XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    assert_int_equal(pwrite(fd, &content, 1, 0), 1);
    return fd;
}

static char content_of(int fd)
{
    char content = 0;
    assert_int_equal(pread(fd, &content, 1, 0), 1);
    return content;
}

static void descriptors_go_with_their_frames(void **state)
{
    struct ends *ends = *state;
    unsigned before = open_fds();
    struct wire_start start = {.input = STR("{}")};
    for (uint64_t token = 0; token < 20; token++) { /* 0, 1 or 2 descriptors each */
        int fds[2];
        start.file_count = (uint32_t)(token % 3);
        for (unsigned i = 0; i < start.file_count; i++) {
            fds[i] = new_file((char)(token * 2 + i));
        }
        assert_int_equal(wire_send_start(&ends->hubd, token, &start, fds, start.file_count), 0);
    }
    for (uint64_t token = 0; token < 20; token++) {
        struct wire_frame frame;
        assert_int_equal(pump(&ends->hubd, &ends->runner, &frame), 0);
        assert_int_equal(frame.token, token);
        assert_int_equal(frame.fd_count, token % 3);
        for (unsigned i = 0; i < frame.fd_count; i++) {
            assert_int_equal(content_of(frame.fds[i]), token * 2 + i);
            assert_int_equal(fcntl(frame.fds[i], F_GETFD), FD_CLOEXEC);
            if (token == 4) { /* taken: it must outlive the frame */
                close(frame.fds[i]);
                frame.fds[i] = -1;
            }
        }
    }
    struct wire_frame frame;
    assert_int_equal(wire_channel_next(&ends->runner, &frame), HUB_ERR_AGAIN);
    assert_int_equal(open_fds(), before); /* sent ones and unclaimed ones are closed */
}

static void unsent_descriptors_are_closed_in_the_end(void **state)
{
    struct ends *ends = *state;
    unsigned before = open_fds();
    int fds[3] = {new_file('a'), new_file('b'), new_file('c')};
    assert_int_equal(wire_send_grant(&ends->hubd, 0, &(struct wire_grant){1}, fds, 3), 0);
    assert_int_equal(wire_channel_flush(&ends->hubd), 0); /* in the socket */
    fds[0] = new_file('d');
    assert_int_equal(wire_send_grant(&ends->hubd, 0, &(struct wire_grant){1}, fds, 1), 0);
    assert_int_equal(wire_channel_receive(&ends->runner), 0); /* received, not taken */
    teardown(state);
    assert_int_equal(open_fds(), before - 2);
    setup(state);
}

static void send_with_fds(int socket, const void *bytes, size_t len, const int *fds, size_t count)
{
    char control[CMSG_SPACE(253 * sizeof(int))] = {0};
    struct iovec iov = {(void *)bytes, len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    assert_int_equal(sendmsg(socket, &message, 0), len);
}

static void hubd_takes_no_descriptors(void **state)
{
    struct ends *ends = *state;
    char bytes[WIRE_HEADER_LEN] = {0};
    unsigned before = open_fds();
    int fd = ends->runner.fd;
    send_with_fds(ends->runner.fd, bytes, sizeof bytes, &fd, 1);
    assert_int_equal(wire_channel_receive(&ends->hubd), HUB_ERR_PROTOCOL);
    assert_int_equal(open_fds(), before);
}

static void too_many_descriptors_are_refused(void **state)
{
    struct ends *ends = *state;
    int fds[253];
    struct wire_frame frame;
    unsigned before = open_fds();
    for (int i = 0; i < 253; i++) {
        fds[i] = ends->hubd.fd;
    }
    int err = 0;
    for (int i = 0; i < 4 && err == 0; i++) { /* each with a byte of a frame that never ends */
        send_with_fds(ends->hubd.fd, "\0", 1, fds, 253);
        err = wire_channel_receive(&ends->runner);
        assert_int_equal(wire_channel_next(&ends->runner, &frame), HUB_ERR_AGAIN);
    }
    assert_int_equal(err, HUB_ERR_PROTOCOL);
    teardown(state);
    assert_int_equal(open_fds(), before - 2);
    setup(state);
}

/* --- Hostile bytes -----------------------------------------------------------------------------*/

static int receive_header(struct ends *ends, struct wire_header header)
{
    char bytes[WIRE_HEADER_LEN];
    struct wire_frame frame;
    wire_header_put(&header, bytes);
    assert_int_equal(write(ends->runner.fd, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(wire_channel_receive(&ends->hubd), 0);
    return wire_channel_next(&ends->hubd, &frame);
}

static void hostile_headers_are_refused_at_once(void **state)
{
    static const struct wire_header HEADERS[] = {
        {0, 0, 0, 0},  /* no such type */
        {0, 15, 0, 0}, /* a gap in the numbers */
        {0, WIRE_TYPE_END, 0, 0},
        {0, 0xffff, 0, 0},
        {0, WIRE_START, 0, 0},           /* only hubd may send it */
        {0xffffffff, WIRE_RESULT, 0, 0}, /* 4 GiB */
        {9, WIRE_HELLO, 0, 0},           /* more than the table allows */
        {8, WIRE_HELLO, 1, 0},           /* descriptors */
        {WIRE_DESCRIPTOR_MAX + 5, WIRE_READY, 0, 0},
        {4, WIRE_NEED, 0xffff, 0},
    };
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++) {
        assert_int_equal(receive_header(*state, HEADERS[i]), HUB_ERR_PROTOCOL);
        teardown(state);
        setup(state);
    }
    assert_int_equal(receive_header(*state, (struct wire_header){8, WIRE_HELLO, 0, 0}),
                     HUB_ERR_AGAIN);
}

static void a_claim_without_descriptors_is_refused(void **state)
{
    struct ends *ends = *state;
    struct wire_header header = {8, WIRE_GRANT, 2, 0};
    char bytes[WIRE_HEADER_LEN + 8] = {0};
    struct wire_frame frame;
    wire_header_put(&header, bytes);
    send_with_fds(ends->hubd.fd, bytes, sizeof bytes, &ends->hubd.fd, 1);
    assert_int_equal(wire_channel_receive(&ends->runner), 0);
    assert_int_equal(wire_channel_next(&ends->runner, &frame), HUB_ERR_PROTOCOL);
}

/* --- Names -------------------------------------------------------------------------------------*/

static void names_are_judged(void **state)
{
    char long_name[256];
    (void)state;
    memset(long_name, 'a', sizeof long_name);
    assert_true(name_is_code(STR("invalid_input2")));
    assert_true(name_is_code(str_of(long_name, 64)));
    assert_false(name_is_code(str_of(long_name, 65)));
    assert_false(name_is_code(STR("")));
    assert_false(name_is_code(STR("Upper")));
    assert_false(name_is_code(STR("a-b")));
    assert_true(name_is_connector(STR("image")));
    assert_false(name_is_connector(STR("1image")));
    assert_true(name_is_file(STR("a b.jpg")));
    assert_true(name_is_file(STR("\xc3\xa9.jpg")));
    assert_true(name_is_file(str_of(long_name, 255)));
    assert_false(name_is_file(str_of(long_name, 256)));
    assert_false(name_is_file(STR("")));
    assert_false(name_is_file(STR(".")));
    assert_false(name_is_file(STR("..")));
    assert_false(name_is_file(STR("a/b")));
    assert_false(name_is_file(STR("a\\b")));
    assert_false(name_is_file(STR("a\nb")));
    assert_false(name_is_file(STR("a\xff")));
    assert_true(name_is_media_type(STR("image/svg+xml")));
    assert_true(name_is_media_type(STR("text/plain; charset=utf-8")));
    assert_false(name_is_media_type(STR("image")));
    assert_false(name_is_media_type(STR("image/")));
    assert_false(name_is_media_type(STR("/png")));
    assert_false(name_is_media_type(STR("a/b/c")));
    assert_false(name_is_media_type(STR("text/html\r\nX: y")));
    assert_true(name_is_text(STR("one\ntwo\tthree"), 20));
    assert_false(name_is_text(STR("one\ntwo\tthree"), 10));
    assert_false(name_is_text(STR("\x1b[31m"), 20));
    assert_false(name_is_text(STR("\xc3"), 20));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    for (size_t i = 0; i < sizeof filler; i++) {
        filler[i] = (char)('!' + i % 90);
    }
    const struct CMUnitTest tests[] = {
#define X(TYPE, name, number, from, fds) TEST(round_trip_##name),
        WIRE_FRAMES(X)
#undef X
#define X(RECORD, name) TEST(round_trip_record_##name),
            WIRE_RECORDS(X)
#undef X
                TEST(bounds_are_kept_on_both_sides),
        TEST(a_table_fits_in_its_maximum),
        TEST(a_frame_may_come_byte_by_byte),
        TEST(a_split_may_be_anywhere),
        TEST(large_and_small_frames_mix),
        TEST(what_waits_is_limited),
        TEST(the_end_comes_after_the_last_frame),
        TEST(flush_wait_waits),
        TEST(descriptors_go_with_their_frames),
        TEST(unsent_descriptors_are_closed_in_the_end),
        TEST(hubd_takes_no_descriptors),
        TEST(too_many_descriptors_are_refused),
        TEST(hostile_headers_are_refused_at_once),
        TEST(a_claim_without_descriptors_is_refused),
        TEST(names_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
