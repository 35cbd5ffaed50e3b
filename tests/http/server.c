/*
 * A small application on core/http, for the tests that speak to it over sockets. It is built twice:
 * as it is, and on the library without the scanner's rules.
 *
 *     http_test_server [--unix PATH] [--files DIR] [--header-ms N] [--idle-ms N] [--write-ms N]
 *                      [--body-grace-ms N] [--body-min-rate N] [--per-address N] [--connections N]
 *                      [--requests N]
 *
 * It prints "ready PORT", drains on SIGTERM, and tells by its exit status whether all memory and
 * all handles were given back.
 */
#include "base/buf.h"
#include "base/list.h"
#include "http/problem.h"
#include "http/route.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct app {
    uv_loop_t loop;
    struct log log;
    struct http_server *server;
    struct http_router *router;
    const char *files;
    uv_signal_t on_term;
    uint64_t handled;
    uint64_t gone;
};

static struct app app;

typedef void handler_fn(struct http_request *req, const struct http_match *match);

/* --- Small answers -----------------------------------------------------------------------------*/

static void respond_text(struct http_request *req, int status, struct str text)
{
    struct http_response response;
    http_response_init(&response, status);
    http_response_header(&response, "Content-Type", STR("text/plain"));
    response.body = text;
    http_respond(req, &response);
}

static uint64_t query_number(struct http_request *req, const char *name, uint64_t otherwise)
{
    struct str text;
    uint64_t number;
    if (http_query_get(req->query, name, &req->arena, &text) == 1 &&
        str_to_u64(text, UINT64_MAX / 2, &number)) {
        return number;
    }
    return otherwise;
}

static void get_hello(struct http_request *req, const struct http_match *match)
{
    (void)match;
    respond_text(req, 200, STR("hello\n"));
}

static void get_thing(struct http_request *req, const struct http_match *match)
{
    respond_text(req, 200, match->params[0]);
}

static void get_status(struct http_request *req, const struct http_match *match)
{
    uint64_t status = 0;
    if (!str_to_u64(match->params[0], 599, &status) || status < 200) {
        http_respond_problem(req, HUB_ERR_BAD_REQUEST, "a status is a number from 200 to 599");
        return;
    }
    respond_text(req, (int)status, STR("text"));
}

/* What the server has understood, so that a test can compare. */
static void get_mirror(struct http_request *req, const struct http_match *match)
{
    (void)match;
    struct buf out;
    buf_init(&out, 64 * 1024);
    buf_append_format(&out, "{\"method\":\"%s\",\"path\":", http_method_name(req->method));
    buf_append_json_string(&out, req->path);
    buf_append_c(&out, ",\"query\":");
    buf_append_json_string(&out, req->query);
    buf_append_format(&out, ",\"keep_alive\":%s,\"unix\":%s,\"uid\":%u,\"address\":\"%s\",",
                      req->keep_alive ? "true" : "false", req->peer.is_unix ? "true" : "false",
                      (unsigned)req->peer.uid, req->peer.address);
    buf_append_c(&out, "\"headers\":[");
    for (unsigned i = 0; i < req->header_count; i++) {
        buf_append_c(&out, i == 0 ? "[" : ",[");
        buf_append_json_string(&out, req->headers[i].name);
        buf_append_char(&out, ',');
        buf_append_json_string(&out, req->headers[i].value);
        buf_append_char(&out, ']');
    }
    buf_append_c(&out, "]}");
    respond_text(req, 200, buf_view(&out));
    buf_release(&out);
}

static long rss_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void get_stats(struct http_request *req, const struct http_match *match)
{
    (void)match;
    const struct http_stats *stats = http_server_stats(app.server);
    char text[1024];
    int len =
        snprintf(text, sizeof text,
                 "{\"open\":%lu,\"accepted\":%lu,\"refused\":%lu,\"requests\":%lu,"
                 "\"malformed\":%lu,\"timed_out\":%lu,\"bytes_in\":%lu,\"bytes_out\":%lu,"
                 "\"handled\":%lu,\"gone\":%lu,\"rss_kib\":%ld}",
                 stats->connections_open, stats->connections_accepted, stats->connections_refused,
                 stats->requests, stats->requests_malformed, stats->requests_timed_out,
                 stats->bytes_in, stats->bytes_out, app.handled, app.gone, rss_kib());
    respond_text(req, 200, str_of(text, (size_t)len));
}

/* --- Bodies ------------------------------------------------------------------------------------*/

static void on_echo(struct http_request *req, struct str body, void *context)
{
    (void)context;
    respond_text(req, 200, body);
}

static void post_echo(struct http_request *req, const struct http_match *match)
{
    (void)match;
    http_read_body(req, 1024 * 1024, on_echo, NULL);
}

/* A body that is taken piece by piece, with a pause after each if asked for. */
struct sink {
    struct http_request *req;
    uv_timer_t timer;
    uint64_t pause_ms;
    uint64_t received;
    bool is_done;
};

static void on_sink_timer(uv_timer_t *timer)
{
    struct sink *sink = CONTAINER_OF(timer, struct sink, timer);
    http_body_resume(sink->req);
}

static void free_sink(uv_handle_t *handle)
{
    free(CONTAINER_OF((uv_timer_t *)handle, struct sink, timer));
}

static void on_sink_chunk(struct http_request *req, struct str chunk, void *context)
{
    struct sink *sink = context;
    sink->received += chunk.len;
    if (sink->pause_ms > 0) {
        http_body_pause(req);
        uv_timer_start(&sink->timer, on_sink_timer, sink->pause_ms, 0);
    }
}

static void on_sink_end(struct http_request *req, int err, void *context)
{
    struct sink *sink = context;
    char text[64];
    int len = snprintf(text, sizeof text, "%lu", sink->received);
    uv_close((uv_handle_t *)&sink->timer, free_sink);
    if (err == HUB_ERR_CLOSED) {
        app.gone++;
    }
    if (err < 0) {
        http_respond_problem(req, err, "the upload failed");
        return;
    }
    respond_text(req, 200, str_of(text, (size_t)len));
}

static void post_discard(struct http_request *req, const struct http_match *match)
{
    (void)match;
    struct sink *sink = calloc(1, sizeof *sink);
    sink->req = req;
    sink->pause_ms = query_number(req, "pause", 0);
    uv_timer_init(&app.loop, &sink->timer);
    http_stream_body(req, query_number(req, "limit", UINT64_MAX / 2), on_sink_chunk, on_sink_end,
                     sink);
}

/* Answers without having looked at the body. */
static void post_early(struct http_request *req, const struct http_match *match)
{
    (void)match;
    respond_text(req, 200, STR("early\n"));
}

/* --- Later -------------------------------------------------------------------------------------*/

struct wait {
    struct http_request *req;
    uv_timer_t timer;
    bool reads_body;
};

static void free_wait(uv_handle_t *handle)
{
    free(CONTAINER_OF((uv_timer_t *)handle, struct wait, timer));
}

static void end_wait(struct wait *wait)
{
    struct http_request *req = wait->req;
    bool reads_body = wait->reads_body;
    uv_close((uv_handle_t *)&wait->timer, free_wait);
    if (reads_body) {
        http_read_body(req, 1024 * 1024, on_echo, NULL);
    } else {
        respond_text(req, 200, STR("later\n"));
    }
}

static void on_wait_timer(uv_timer_t *timer)
{
    end_wait(CONTAINER_OF(timer, struct wait, timer));
}

static void on_wait_gone(struct http_request *req, void *context)
{
    (void)req;
    app.gone++;
    end_wait(context);
}

static struct wait *begin_wait(struct http_request *req, uint64_t ms)
{
    struct wait *wait = calloc(1, sizeof *wait);
    wait->req = req;
    uv_timer_init(&app.loop, &wait->timer);
    uv_timer_start(&wait->timer, on_wait_timer, ms, 0);
    return wait;
}

static void get_delay(struct http_request *req, const struct http_match *match)
{
    (void)match;
    struct wait *wait = begin_wait(req, query_number(req, "ms", 100));
    http_on_gone(req, on_wait_gone, wait);
}

/* Asks for the body only after a while. */
static void post_held(struct http_request *req, const struct http_match *match)
{
    (void)match;
    begin_wait(req, query_number(req, "ms", 50))->reads_body = true;
}

/* --- Streams -----------------------------------------------------------------------------------*/

struct source {
    struct http_request *req;
    uint64_t left;
    struct str piece;
    bool ignores_drain;
    bool is_full; /* on_drain will come */
};

static void free_source(struct source *source)
{
    free((char *)source->piece.ptr);
    free(source);
}

static void pump(struct source *source)
{
    source->is_full = false;
    while (source->left > 0) {
        source->left--;
        size_t waiting = http_stream_write(source->req, source->piece);
        if (waiting > HTTP_STREAM_HIGH && !source->ignores_drain) {
            source->is_full = true;
            return;
        }
        if (http_is_gone(source->req)) {
            return; /* on_gone follows */
        }
    }
    struct http_request *req = source->req;
    free_source(source);
    http_stream_end(req);
}

static void on_source_drain(struct http_request *req, void *context)
{
    (void)req;
    pump(context);
}

static void on_source_gone(struct http_request *req, void *context)
{
    app.gone++;
    free_source(context);
    http_stream_end(req);
}

static void get_stream(struct http_request *req, const struct http_match *match)
{
    (void)match;
    struct source *source = calloc(1, sizeof *source);
    struct http_response response;
    size_t size = query_number(req, "size", 1000);
    char *bytes = malloc(size + 1);
    memset(bytes, 'x', size + 1);
    source->req = req;
    source->left = query_number(req, "pieces", 10);
    source->piece = str_of(bytes, size);
    source->ignores_drain = query_number(req, "rude", 0) != 0;
    http_on_gone(req, on_source_gone, source);
    http_response_init(&response, 200);
    http_stream_begin(req, &response, on_source_drain, source);
    pump(source);
}

/* A file of --files; `from` and `len` as a range would have them. */
static void get_file(struct http_request *req, const struct http_match *match)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%.*s", app.files, STR_ARG(match->params[0]));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0) {
        http_respond_problem(req, HUB_ERR_NOT_FOUND, "no such file");
        return;
    }
    uint64_t from = query_number(req, "from", 0);
    struct http_response response;
    http_response_init(&response, 200);
    http_respond_file(req, &response, fd, from,
                      query_number(req, "len", (uint64_t)info.st_size - from));
}

/* --- The application ---------------------------------------------------------------------------*/

static handler_fn *const HANDLERS[] = {get_hello, get_thing, get_status,   get_mirror,
                                       get_stats, post_echo, post_discard, post_early,
                                       get_delay, post_held, get_stream,   get_file};

static const struct http_route ROUTES[] = {
    {HTTP_GET, "/healthz", &HANDLERS[0]},    {HTTP_GET, "/things/{id}", &HANDLERS[1]},
    {HTTP_GET, "/status/{n}", &HANDLERS[2]}, {HTTP_GET, "/mirror", &HANDLERS[3]},
    {HTTP_GET, "/stats", &HANDLERS[4]},      {HTTP_POST, "/v1/jobs", &HANDLERS[5]},
    {HTTP_POST, "/discard", &HANDLERS[6]},   {HTTP_POST, "/early", &HANDLERS[7]},
    {HTTP_GET, "/delay", &HANDLERS[8]},      {HTTP_POST, "/held", &HANDLERS[9]},
    {HTTP_GET, "/stream", &HANDLERS[10]},    {HTTP_GET, "/files/{name}", &HANDLERS[11]},
};

static void on_request(struct http_request *req, void *context)
{
    (void)context;
    struct http_match match = {0};
    int err = http_router_match(app.router, req, &match);
    app.handled++;
    if (err < 0) {
        struct http_problem problem = {.err = err, .allowed = match.allowed};
        http_respond_problem_full(req, &problem);
        return;
    }
    (*(handler_fn *const *)match.route->user)(req, &match);
}

static void on_drained(void *context)
{
    (void)context;
    http_server_close(app.server, NULL, NULL);
    uv_close((uv_handle_t *)&app.on_term, NULL);
}

static void on_term(uv_signal_t *handle, int number)
{
    (void)number;
    uv_signal_stop(handle);
    http_server_drain(app.server, on_drained, NULL);
}

struct options {
    struct http_limits limits;
    const char *unix_path;
};

static void read_options(int argc, char **argv, struct options *options)
{
    struct http_limits *limits = &options->limits;
    const struct {
        const char *name;
        unsigned *value;
    } numbers[] = {
        {"--header-ms", &limits->header_ms},
        {"--idle-ms", &limits->idle_ms},
        {"--write-ms", &limits->write_ms},
        {"--body-grace-ms", &limits->body_grace_ms},
        {"--body-min-rate", &limits->body_min_rate},
        {"--per-address", &limits->connections_per_address_max},
        {"--connections", &limits->connections_max},
        {"--requests", &limits->requests_per_connection_max},
    };
    for (int i = 1; i + 1 < argc; i += 2) {
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
            if (strcmp(argv[i], numbers[n].name) == 0) {
                *numbers[n].value = (unsigned)strtoul(argv[i + 1], NULL, 10);
            }
        }
        if (strcmp(argv[i], "--unix") == 0) {
            options->unix_path = argv[i + 1];
        } else if (strcmp(argv[i], "--files") == 0) {
            app.files = argv[i + 1];
        }
    }
}

static int start(const struct options *options, struct hub_error *error)
{
    int port = 0;
    int err = http_server_new(&app.loop, &options->limits, &app.log, on_request, NULL, &app.server,
                              error);
    if (err == 0) {
        err = http_server_listen_tcp(app.server, "127.0.0.1", 0, &port, error);
    }
    if (err == 0 && options->unix_path != NULL) {
        err = http_server_listen_unix(app.server, options->unix_path, error);
    }
    if (err == 0) {
        printf("ready %d\n", port);
        fflush(stdout);
    }
    return err;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct hub_error error;
    app.files = ".";
    http_limits_default(&options.limits);
    read_options(argc, argv, &options);
    log_init(&app.log, STDERR_FILENO, LOG_WARN, LOG_KEY_VALUE);
    uv_loop_init(&app.loop);
    uv_signal_init(&app.loop, &app.on_term);
    uv_signal_start(&app.on_term, on_term, SIGTERM);
    if (http_router_new(ROUTES, sizeof ROUTES / sizeof ROUTES[0], &app.router) < 0) {
        return 1;
    }
    if (start(&options, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        return 1;
    }
    uv_run(&app.loop, UV_RUN_DEFAULT);
    http_router_free(app.router);
    return uv_loop_close(&app.loop) == 0 ? 0 : 1;
}
