/* Problems and other answers, as they leave a server: one end of a socket pair is served. */
#include "base/json.h"
#include "http/internal.h"
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static uv_loop_t loop;
static struct log quiet;
static struct http_server *server;
static const struct http_problem *problem;
static char answer[8192];

static void on_request(struct http_request *req, void *app)
{
    (void)app;
    http_respond_problem_full(req, problem);
}

static int setup(void **state)
{
    (void)state;
    struct http_limits limits;
    http_limits_default(&limits);
    log_init(&quiet, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    uv_loop_init(&loop);
    return http_server_new(&loop, &limits, &quiet, on_request, NULL, &server, NULL);
}

static int teardown(void **state)
{
    (void)state;
    http_server_close(server, NULL, NULL);
    http_server_close(NULL, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* The bytes with which the server answers `request`. */
static struct str ask(const char *request)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(http_server_adopt(server, ends[0]), 0);
    assert_int_equal(write(ends[1], request, strlen(request)), strlen(request));
    ssize_t len = -1;
    for (int i = 0; i < 100 && len < 0; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        len = read(ends[1], answer, sizeof answer - 1);
    }
    assert_true(len > 0);
    answer[len] = '\0';
    close(ends[1]);
    while (http_server_stats(server)->connections_open > 0) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return str_of(answer, (size_t)len);
}

static const char GET[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static struct str body_of(struct str text)
{
    const char *end = strstr(text.ptr, "\r\n\r\n");
    assert_non_null(end);
    return str_from_c(end + 4);
}

static void test_every_error_is_a_valid_document(void **state)
{
    (void)state;
    for (int err = -1; err > -HUB_ERR_ORDINAL_END; err--) {
        struct http_problem plain = {.err = err, .detail = STR_INIT("a \"detail\"")};
        problem = &plain;
        struct str text = ask(GET);
        struct json_object *document;
        struct str code;
        struct str type;
        int64_t status;
        assert_int_equal(json_read(body_of(text), JSON_DEPTH_MAX, &document, NULL, NULL), 0);
        assert_true(json_get_str(document, "code", &code));
        assert_true(json_get_str(document, "type", &type));
        assert_true(json_get_i64(document, "status", &status));
        assert_true(str_eq(code, str_from_c(hub_err_code(err))));
        assert_true(str_starts_with(type, STR("https://hubd.dev/problems/")));
        assert_true(str_ends_with(type, code));
        int expected = hub_err_http_status(err);
        assert_int_equal(status, expected == 0 ? 500 : expected);
        char line[32];
        snprintf(line, sizeof line, "HTTP/1.1 %d ", (int)status);
        assert_true(str_starts_with(text, str_from_c(line)));
        assert_non_null(strstr(text.ptr, "\r\nContent-Type: application/problem+json\r\n"));
        assert_int_equal(strstr(text.ptr, "\r\nRetry-After: 1\r\n") != NULL,
                         status == 429 || status == 503 || status == 507);
        assert_int_equal(strstr(text.ptr, "\r\nWWW-Authenticate: Bearer\r\n") != NULL,
                         status == 401);
        json_object_put(document);
    }
}

static void test_items_and_hints(void **state)
{
    (void)state;
    static const struct http_problem_item ITEMS[] = {
        {STR_INIT("/to"), STR_INIT("required"), STR_INIT("is missing")},
        {STR_INIT(""), STR_INIT("type"), STR_INIT("not an object")},
    };
    const struct http_problem invalid = {
        .err = HUB_ERR_INVALID_INPUT, .items = ITEMS, .item_count = 2};
    problem = &invalid;
    assert_non_null(strstr(ask(GET).ptr,
                           "\"errors\":[{\"pointer\":\"/to\",\"keyword\":\"required\","
                           "\"detail\":\"is missing\"},{\"pointer\":\"\",\"keyword\":\"type\","
                           "\"detail\":\"not an object\"}]}"));

    const struct http_problem busy = {.err = HUB_ERR_UNAVAILABLE, .retry_after_s = 17};
    problem = &busy;
    assert_non_null(strstr(ask(GET).ptr, "\r\nRetry-After: 17\r\n"));

    const struct http_problem method = {.err = HUB_ERR_METHOD_NOT_ALLOWED,
                                        .allowed = 1u << HTTP_GET | 1u << HTTP_DELETE};
    problem = &method;
    assert_non_null(strstr(ask(GET).ptr, "\r\nAllow: GET, HEAD, DELETE\r\n"));
}

static void test_a_refusal_by_the_server_is_a_problem_too(void **state)
{
    (void)state;
    struct str text = ask("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
    assert_true(str_starts_with(text, STR("HTTP/1.1 400 Bad Request\r\n")));
    assert_non_null(strstr(text.ptr, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text.ptr, "\"detail\":\"a header name is not a token\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_is_a_valid_document),
        cmocka_unit_test(test_items_and_hints),
        cmocka_unit_test(test_a_refusal_by_the_server_is_a_problem_too),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
