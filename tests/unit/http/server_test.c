/*
 * The ends of a server: requests that wait, stream, read or send while it is closed under them, and
 * answers larger than the socket takes. One end of a socket pair is served.
 */
#include "http/internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG ((size_t)8 * 1024 * 1024)

static uv_loop_t loop;
static struct log quiet;
static struct http_server *server;
static int client;
static struct http_request *seen; /* the last request */
static unsigned requests, gone, bodies, ends, drained;
static int end_err;
static char *big;

static void on_request(struct http_request *req, void *app)
{
    (void)app;
    requests++;
    seen = req;
}

static void on_gone(struct http_request *req, void *context)
{
    (void)req;
    (void)context;
    gone++;
}

static void on_body(struct http_request *req, struct str body, void *context)
{
    (void)req;
    (void)body;
    (void)context;
    bodies++;
}

static void on_chunk(struct http_request *req, struct str chunk, void *context)
{
    (void)req;
    (void)chunk;
    (void)context;
}

static void on_end(struct http_request *req, int err, void *context)
{
    (void)req;
    (void)context;
    ends++;
    end_err = err;
}

static void on_drained(void *context)
{
    (void)context;
    drained++;
}

static int setup(void **state)
{
    (void)state;
    struct http_limits limits;
    int ends_of_pair[2];
    requests = gone = bodies = ends = drained = 0;
    seen = NULL;
    big = malloc(BIG);
    memset(big, 'b', BIG);
    http_limits_default(&limits);
    log_init(&quiet, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    uv_loop_init(&loop);
    if (http_server_new(&loop, &limits, &quiet, on_request, NULL, &server, NULL) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_of_pair) < 0) {
        return -1;
    }
    client = ends_of_pair[1];
    return http_server_adopt(server, ends_of_pair[0]);
}

/* Everything must have been given back. */
static int teardown(void **state)
{
    (void)state;
    if (client >= 0) {
        close(client);
    }
    http_server_close(server, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    free(big);
    return uv_loop_close(&loop);
}

static void turn(void)
{
    for (int i = 0; i < 5; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

/* Sends a request and lets the server see it. */
static struct http_request *ask(const char *text)
{
    assert_int_equal(write(client, text, strlen(text)), strlen(text));
    turn();
    assert_non_null(seen);
    return seen;
}

static void hang_up(void)
{
    close(client);
    client = -1;
    turn();
}

static void close_server(void)
{
    http_server_close(server, NULL, NULL);
    server = NULL;
    turn();
}

static void answer(struct http_request *req, struct str body)
{
    struct http_response response;
    http_response_init(&response, 200);
    response.body = body;
    http_respond(req, &response);
}

/* Reads until `wanted` bytes have come or nothing more does. */
static size_t receive(size_t wanted)
{
    static char room[65536];
    size_t all = 0;
    for (unsigned idle = 0; all < wanted && idle < 1000;) {
        ssize_t got = read(client, room, sizeof room);
        idle = got > 0 ? 0 : idle + 1;
        all += got > 0 ? (size_t)got : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return all;
}

static const char GET[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char PART[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";

static void test_answered_after_the_client_went(void **state)
{
    (void)state;
    struct http_request *req = ask(GET);
    http_on_gone(req, on_gone, NULL);
    assert_false(http_is_gone(req));
    hang_up();
    assert_int_equal(gone, 1);
    assert_true(http_is_gone(req));
    assert_true(str_eq(req->path, STR("/a")));
    answer(req, STR("late"));
    turn();
    assert_int_equal(http_server_stats(server)->connections_open, 0);
}

static void test_answered_after_the_server_closed(void **state)
{
    (void)state;
    struct http_request *req = ask(GET);
    http_on_gone(req, on_gone, NULL);
    close_server();
    assert_int_equal(gone, 1);
    assert_true(str_eq(http_header(req, "host"), STR("a")));
    answer(req, STR("late"));
}

static void test_nobody_to_tell(void **state)
{
    (void)state;
    struct http_request *req = ask(GET);
    close_server();
    assert_int_equal(gone, 0);
    answer(req, STR("late"));
}

static void test_stream_cut_off(void **state)
{
    (void)state;
    struct http_response response;
    struct http_request *req = ask(GET);
    http_response_init(&response, 200);
    http_on_gone(req, on_gone, NULL);
    http_stream_begin(req, &response, NULL, NULL);
    assert_int_equal(http_stream_write(req, STR("abc")), 0);
    close_server();
    assert_int_equal(gone, 1);
    assert_int_equal(http_stream_write(req, STR("abc")), 0);
    http_stream_end(req);
}

static void test_stream_begun_for_nobody(void **state)
{
    (void)state;
    struct http_response response;
    struct http_request *req = ask(GET);
    close_server();
    http_response_init(&response, 200);
    http_stream_begin(req, &response, NULL, NULL);
    http_stream_write(req, STR("abc"));
    http_stream_end(req);
}

/* While a body is being collected the request is the server's: it ends without a word. */
static void test_collected_body_cut_off(void **state)
{
    (void)state;
    struct http_request *req = ask(PART);
    http_read_body(req, 100, on_body, NULL);
    hang_up();
    assert_int_equal(bodies, 0);
    assert_int_equal(server->exchanges, 0);
}

static void test_collected_body_asked_for_too_late(void **state)
{
    (void)state;
    struct http_request *req = ask(PART);
    close_server();
    http_read_body(req, 100, on_body, NULL);
    assert_int_equal(bodies, 0);
}

static void test_streamed_body_cut_off(void **state)
{
    (void)state;
    struct http_request *req = ask(PART);
    http_stream_body(req, 100, on_chunk, on_end, NULL);
    hang_up();
    assert_int_equal(ends, 1);
    assert_int_equal(end_err, HUB_ERR_CLOSED);
    answer(req, STR("late"));
    assert_int_equal(server->exchanges, 0);
}

/* A malformed body whose handler takes its time: nothing spins, and nothing more is read. */
static void test_failed_body_answered_later(void **state)
{
    (void)state;
    struct http_request *req =
        ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5;x\r\nhello\r\n");
    http_stream_body(req, 100, on_chunk, on_end, NULL);
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(end_err, HUB_ERR_BAD_REQUEST);
    assert_int_equal(write(client, "5\r\n", 3), 3);
    turn();
    answer(req, STR("sorry"));
    assert_true(receive(SIZE_MAX) > 0);
    assert_int_equal(ends, 1);
    assert_int_equal(requests, 1);
}

static void test_empty_bodies_come_at_once(void **state)
{
    (void)state;
    struct http_request *req = ask(GET);
    http_read_body(req, 0, on_body, NULL);
    assert_int_equal(bodies, 1);
    answer(req, STR(""));
    turn();
    req = ask(GET);
    http_stream_body(req, 0, on_chunk, on_end, NULL);
    assert_int_equal(ends, 1);
    assert_int_equal(end_err, 0);
    answer(req, STR(""));
}

static void test_a_big_answer_to_a_slow_client(void **state)
{
    (void)state;
    struct http_request *req = ask(GET);
    answer(req, str_of(big, BIG));
    memset(big, 'x', BIG); /* the server has its own copy of what it could not send */
    turn();
    assert_true(receive(BIG) >= BIG);
    seen = NULL;
    req = ask(GET);
    answer(req, STR("next"));
    assert_true(receive(SIZE_MAX) > 0);
    assert_int_equal(requests, 2);
}

static void test_a_big_answer_cut_off(void **state)
{
    (void)state;
    answer(ask(GET), str_of(big, BIG));
    close_server();
}

static void test_a_file_cut_off(void **state)
{
    (void)state;
    struct http_response response;
    struct http_request *req = ask(GET);
    char path[] = "/tmp/hubd-http-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, big, BIG), BIG);
    http_response_init(&response, 200);
    http_respond_file(req, &response, fd, 0, BIG);
    close_server();
}

static void test_a_file_for_nobody_is_closed(void **state)
{
    (void)state;
    struct http_response response;
    struct http_request *req = ask(GET);
    close_server();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    http_response_init(&response, 200);
    http_respond_file(req, &response, fd, 0, 100);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_drain_waits_for_what_runs(void **state)
{
    (void)state;
    struct http_request *req = ask(GET);
    http_server_drain(server, on_drained, NULL);
    turn();
    assert_int_equal(drained, 0);
    answer(req, STR("done"));
    assert_true(receive(SIZE_MAX) > 0);
    hang_up();
    assert_int_equal(drained, 1);
}

static void test_drain_without_anybody(void **state)
{
    (void)state;
    hang_up();
    http_server_drain(server, on_drained, NULL);
    assert_int_equal(drained, 1);
}

static void test_header_lookup(void **state)
{
    (void)state;
    struct http_request *req =
        ask("GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nTWO: 2\r\ntwo: 3\r\nEmpty:\r\n\r\n");
    assert_true(str_eq(http_header(req, "x-one"), STR("1")));
    assert_true(str_eq(http_header(req, "Two"), STR("2")));
    assert_true(http_header_repeated(req, "two"));
    assert_false(http_header_repeated(req, "x-one"));
    assert_false(http_header_repeated(req, "none"));
    assert_null(http_header(req, "none").ptr);
    assert_non_null(http_header(req, "empty").ptr);
    assert_int_equal(http_header(req, "empty").len, 0);
    answer(req, STR(""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answered_after_the_client_went),
        TEST(test_answered_after_the_server_closed),
        TEST(test_nobody_to_tell),
        TEST(test_stream_cut_off),
        TEST(test_stream_begun_for_nobody),
        TEST(test_collected_body_cut_off),
        TEST(test_collected_body_asked_for_too_late),
        TEST(test_streamed_body_cut_off),
        TEST(test_failed_body_answered_later),
        TEST(test_empty_bodies_come_at_once),
        TEST(test_a_big_answer_to_a_slow_client),
        TEST(test_a_big_answer_cut_off),
        TEST(test_a_file_cut_off),
        TEST(test_a_file_for_nobody_is_closed),
        TEST(test_drain_waits_for_what_runs),
        TEST(test_drain_without_anybody),
        TEST(test_header_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
