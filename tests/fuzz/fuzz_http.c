/*
 * Fuzzes a connection: the input is what a client sends, cut into pieces, over a socket pair.
 *
 *     byte 0    length of the pieces (0: all at once)
 *     byte 1    bit 0: the client shuts its side at the end; bit 1: it never reads
 *     the rest  the bytes
 *
 * The first letter of a path chooses what the handler does. Checked besides what the sanitizers
 * see: all that comes back begins like an HTTP/1.1 response, no handler is called for more requests
 * than are answered, and nothing is left over when the client has gone.
 */
#include "http/internal.h"
#include "http/problem.h"
#include "http/route.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MAX 8

struct fuzz {
    uv_loop_t loop;
    struct log log;
    struct http_server *server;
    unsigned asked;    /* requests that handlers got */
    unsigned answered; /* and answered */
    struct http_request *waiting[WAITING_MAX];
    struct http_request *paused;
    struct http_request *stream;
    struct http_request *failed; /* its body did; answered later */
};

static struct fuzz fuzz;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* --- The application ---------------------------------------------------------------------------*/

static void answer(struct http_request *req, struct str body)
{
    struct http_response response;
    http_response_init(&response, 200);
    http_response_header(&response, "X-Path", str_slice(req->path, 0, 100));
    response.body = body;
    fuzz.answered++;
    http_respond(req, &response);
}

static void on_body(struct http_request *req, struct str body, void *context)
{
    (void)context;
    answer(req, body);
}

static void on_chunk(struct http_request *req, struct str chunk, void *context)
{
    (void)context;
    if (chunk.len % 3 == 0 && fuzz.paused == NULL) {
        http_body_pause(req);
        fuzz.paused = req;
    } else if (chunk.len % 7 == 0) {
        answer(req, STR("enough"));
    }
}

static void on_end(struct http_request *req, int err, void *context)
{
    (void)context;
    if (fuzz.paused == req) {
        fuzz.paused = NULL;
    }
    if (err < 0 && fuzz.failed == NULL) {
        fuzz.failed = req;
    } else if (err < 0) {
        fuzz.answered++;
        http_respond_problem(req, err, NULL);
    } else {
        answer(req, STR("all"));
    }
}

static void forget(struct http_request *req)
{
    for (unsigned i = 0; i < WAITING_MAX; i++) {
        if (fuzz.waiting[i] == req) {
            fuzz.waiting[i] = NULL;
        }
    }
}

static void on_gone(struct http_request *req, void *context)
{
    (void)context;
    forget(req);
    answer(req, STR("gone"));
}

static void wait(struct http_request *req)
{
    for (unsigned i = 0; i < WAITING_MAX; i++) {
        if (fuzz.waiting[i] == NULL) {
            fuzz.waiting[i] = req;
            http_on_gone(req, on_gone, NULL);
            return;
        }
    }
    answer(req, STR("busy"));
}

static void end_stream(struct http_request *req, void *context)
{
    (void)context;
    fuzz.stream = NULL;
    fuzz.answered++;
    http_stream_end(req);
}

static void begin_stream(struct http_request *req)
{
    struct http_response response;
    if (fuzz.stream != NULL) {
        answer(req, STR("busy"));
        return;
    }
    http_response_init(&response, 200);
    fuzz.stream = req;
    http_on_gone(req, end_stream, NULL);
    http_stream_begin(req, &response, NULL, NULL);
    http_stream_write(req, req->target);
}

static void on_request(struct http_request *req, void *app)
{
    (void)app;
    struct str value;
    fuzz.asked++;
    if (http_query_get(req->query, "a", &req->arena, &value) < 0) {
        fuzz.answered++;
        http_respond_problem(req, HUB_ERR_BAD_REQUEST, "query");
        return;
    }
    switch (req->path.len > 1 ? req->path.ptr[1] : '/') {
    case 'b':
        http_read_body(req, 1000, on_body, NULL);
        return;
    case 's':
        http_stream_body(req, 5000, on_chunk, on_end, NULL);
        return;
    case 'w':
        wait(req);
        return;
    case 'o':
        begin_stream(req);
        return;
    default:
        answer(req, http_header(req, "x"));
    }
}

/* What handlers do between two events. */
static void later(unsigned turn)
{
    if (fuzz.paused != NULL) {
        struct http_request *req = fuzz.paused;
        fuzz.paused = NULL;
        http_body_resume(req);
    }
    if (fuzz.stream != NULL && turn % 3 == 2) {
        end_stream(fuzz.stream, NULL);
    } else if (fuzz.stream != NULL) {
        http_stream_write(fuzz.stream, STR("more"));
    }
    if (fuzz.failed != NULL && turn % 4 == 3) {
        struct http_request *failed = fuzz.failed;
        fuzz.failed = NULL;
        answer(failed, STR("failed"));
    }
    struct http_request *req = fuzz.waiting[turn % WAITING_MAX];
    if (req != NULL) {
        forget(req);
        if (turn % 2 == 0) {
            answer(req, STR("later"));
        } else {
            http_read_body(req, 1000, on_body, NULL);
        }
    }
}

/* --- The client --------------------------------------------------------------------------------*/

static void turn(int fd, bool reads, unsigned number)
{
    static bool is_first;
    char text[65536];
    if (number == 0) {
        is_first = true;
    }
    uv_run(&fuzz.loop, UV_RUN_NOWAIT);
    ssize_t got = reads ? read(fd, text, sizeof text) : -1;
    if (got > 0 && is_first) {
        is_first = false;
        size_t len = got < 9 ? (size_t)got : 9;
        if (memcmp(text, "HTTP/1.1 ", len) != 0) {
            abort();
        }
    }
    later(number);
}

static void speak(int fd, const uint8_t *data, size_t len)
{
    size_t piece = data[0] == 0 ? len : data[0];
    bool reads = (data[1] & 2) == 0;
    unsigned number = 0;
    turn(fd, reads, number);
    for (size_t at = 2; at < len; at += piece) {
        size_t left = len - at;
        if (write(fd, data + at, left < piece ? left : piece) < 0) {
            break;
        }
        turn(fd, reads, ++number);
    }
    if ((data[1] & 1) != 0) {
        shutdown(fd, SHUT_WR);
    }
    for (unsigned i = 0; i < 2 * WAITING_MAX; i++) {
        turn(fd, reads, ++number);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    struct http_limits limits;
    http_limits_default(&limits);
    limits.request_line_max = 200;
    limits.headers_max = 600;
    limits.header_count_max = 8;
    log_init(&fuzz.log, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    uv_loop_init(&fuzz.loop);
    return http_server_new(&fuzz.loop, &limits, &fuzz.log, on_request, NULL, &fuzz.server, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int ends[2];
    if (len < 3 || len > 8192 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        return 0;
    }
    if (http_server_adopt(fuzz.server, ends[0]) < 0) {
        abort();
    }
    speak(ends[1], data, len);
    close(ends[1]);
    for (unsigned i = 0; fuzz.server->stats.connections_open > 0 || fuzz.server->exchanges > 0;
         i++) {
        uv_run(&fuzz.loop, UV_RUN_NOWAIT);
        later(i);
        if (i > 10000) {
            abort(); /* something is left over */
        }
    }
    /* A body that never comes ends its request without an answer. */
    if (fuzz.answered > fuzz.asked || fuzz.stream != NULL || fuzz.paused != NULL) {
        abort();
    }
    return 0;
}
