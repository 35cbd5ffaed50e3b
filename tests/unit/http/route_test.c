#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char LIST[] = "list", NEW[] = "new", ONE[] = "one", MINE[] = "mine", PAUSE[] = "pause",
                  ROOT[] = "root", DEEP[] = "deep";

static const struct http_route ROUTES[] = {
    {HTTP_GET, "/v1/jobs/{id}", ONE},
    {HTTP_POST, "/v1/jobs", NEW},
    {HTTP_GET, "/v1/jobs", LIST},
    {HTTP_GET, "/v1/jobs/mine", MINE},
    {HTTP_POST, "/v1/schedules/{name}/pause", PAUSE},
    {HTTP_GET, "/", ROOT},
    {HTTP_GET, "/{a}/x/{b}/y/{c}/{d}", DEEP},
};

static struct http_router *router;

static int setup(void **state)
{
    (void)state;
    return http_router_new(ROUTES, sizeof ROUTES / sizeof ROUTES[0], &router);
}

static int teardown(void **state)
{
    (void)state;
    http_router_free(router);
    http_router_free(NULL);
    return 0;
}

struct question {
    enum http_method method;
    const char *path;
    int err;
    const char *user;
    const char *params[HTTP_PARAMS_MAX];
    uint32_t allowed;
};

#define BIT(method) (1u << (method))

static const struct question QUESTIONS[] = {
    {HTTP_GET, "/v1/jobs", 0, LIST, {0}, 0},
    {HTTP_HEAD, "/v1/jobs", 0, LIST, {0}, 0},
    {HTTP_POST, "/v1/jobs", 0, NEW, {0}, 0},
    {HTTP_GET, "/v1/jobs/17", 0, ONE, {"17"}, 0},
    {HTTP_GET, "/v1/jobs/mine", 0, MINE, {0}, 0},
    {HTTP_GET, "/v1/jobs/min", 0, ONE, {"min"}, 0},
    {HTTP_GET, "/v1/jobs/a%20%C3%A9+b", 0, ONE, {"a \xc3\xa9+b"}, 0},
    {HTTP_POST, "/v1/schedules/nightly/pause", 0, PAUSE, {"nightly"}, 0},
    {HTTP_GET, "/", 0, ROOT, {0}, 0},
    {HTTP_GET, "/1/x/2/y/3/4", 0, DEEP, {"1", "2", "3", "4"}, 0},
    {HTTP_GET, "/v1", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "//v1/jobs", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "/v1//jobs", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "/V1/jobs", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "/v1/%6aobs", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/1/2", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", HUB_ERR_NOT_FOUND, NULL, {0}, 0},
    {HTTP_DELETE,
     "/v1/jobs",
     HUB_ERR_METHOD_NOT_ALLOWED,
     NULL,
     {0},
     BIT(HTTP_GET) | BIT(HTTP_POST)},
    {HTTP_HEAD, "/v1/schedules/a/pause", HUB_ERR_METHOD_NOT_ALLOWED, NULL, {0}, BIT(HTTP_POST)},
    {HTTP_GET, "/v1/jobs/a%2fb", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/a%00b", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/a%0ab", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/%7f", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/%ff", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/%4", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/..", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/%2e%2E", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
    {HTTP_GET, "/v1/jobs/.", HUB_ERR_BAD_REQUEST, NULL, {0}, 0},
};

static void test_questions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof QUESTIONS / sizeof QUESTIONS[0]; i++) {
        const struct question *question = &QUESTIONS[i];
        struct http_request req = {.method = question->method, .path = str_from_c(question->path)};
        struct http_match match = {0};
        arena_init(&req.arena, 4096);
        int err = http_router_match(router, &req, &match);
        if (err != question->err) {
            print_error("%s %s\n", http_method_name(question->method), question->path);
        }
        assert_int_equal(err, question->err);
        if (err == 0) {
            assert_ptr_equal(match.route->user, question->user);
            for (unsigned p = 0; p < HTTP_PARAMS_MAX; p++) {
                assert_int_equal(p < match.param_count, question->params[p] != NULL);
                assert_true(str_eq(match.params[p], str_from_c(question->params[p])));
            }
        } else if (err == HUB_ERR_METHOD_NOT_ALLOWED) {
            assert_int_equal(match.allowed, question->allowed);
        }
        arena_release(&req.arena);
    }
}

static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct http_route TWICE[] = {{HTTP_GET, "/a/{b}", NULL},
                                              {HTTP_GET, "/a/{c}", NULL}};
    static const struct http_route NO_SLASH[] = {{HTTP_GET, "a", NULL}};
    static const struct http_route MANY[] = {{HTTP_GET, "/{a}/{b}/{c}/{d}/{e}", NULL}};
    struct http_router *none = NULL;
    assert_int_equal(http_router_new(TWICE, 2, &none), HUB_ERR_CONFLICT);
    assert_int_equal(http_router_new(NO_SLASH, 1, &none), HUB_ERR_INVALID_INPUT);
    assert_int_equal(http_router_new(MANY, 1, &none), HUB_ERR_INVALID_INPUT);
    assert_null(none);
}

/* --- Queries -----------------------------------------------------------------------------------*/

static void check_query(const char *query, const char *name, int got, const char *value)
{
    struct arena arena;
    struct str found = STR("untouched");
    arena_init(&arena, 4096);
    assert_int_equal(http_query_get(str_from_c(query), name, &arena, &found), got);
    assert_true(str_eq(found, got == 1 ? str_from_c(value) : STR("untouched")));
    arena_release(&arena);
}

static void test_query_get(void **state)
{
    (void)state;
    check_query("", "a", 0, NULL);
    check_query("a=1&b=2", "b", 1, "2");
    check_query("a=1&b=2", "c", 0, NULL);
    check_query("a", "a", 1, "");
    check_query("a=", "a", 1, "");
    check_query("&&a=1&", "a", 1, "1");
    check_query("a=b=c", "a", 1, "b=c");
    check_query("a=x+y%2B%20z", "a", 1, "x y+ z");
    check_query("%61%5Bb%5d=1", "a[b]", 1, "1");
    check_query("a+b=1", "a b", 1, "1");
    check_query("A=1", "a", 0, NULL);
    check_query("a=1&a=1", "a", HUB_ERR_BAD_REQUEST, NULL);
    check_query("a=1&%61=2", "a", HUB_ERR_BAD_REQUEST, NULL);
    check_query("a=%", "a", HUB_ERR_BAD_REQUEST, NULL);
    check_query("a=%zz", "a", HUB_ERR_BAD_REQUEST, NULL);
    check_query("a=%00", "a", HUB_ERR_BAD_REQUEST, NULL);
    check_query("a=%c3", "a", HUB_ERR_BAD_REQUEST, NULL);
    check_query("a=%ed%a0%80", "a", HUB_ERR_BAD_REQUEST, NULL);
}

static void test_query_next(void **state)
{
    (void)state;
    struct str rest = STR("&a=1&&b&c=%20&=d");
    struct str name;
    struct str value;
    const char *const pairs[][2] = {{"a", "1"}, {"b", ""}, {"c", "%20"}, {"", "d"}};
    for (size_t i = 0; i < 4; i++) {
        assert_true(http_query_next(&rest, &name, &value));
        assert_true(str_eq(name, str_from_c(pairs[i][0])));
        assert_true(str_eq(value, str_from_c(pairs[i][1])));
    }
    assert_false(http_query_next(&rest, &name, &value));
}

static void test_query_without_memory(void **state)
{
    (void)state;
    struct arena arena;
    struct str value;
    arena_init(&arena, 0);
    assert_int_equal(http_query_get(STR("a=1"), "a", &arena, &value), HUB_ERR_NOMEM);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_bad_tables_are_refused),
        cmocka_unit_test(test_query_get),
        cmocka_unit_test(test_query_next),
        cmocka_unit_test(test_query_without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
