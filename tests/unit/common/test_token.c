/*
 * Access tokens against a host that is made up: what is asked, who is told, and when it is asked
 * again.
 */
#include "connectors/common/entry.h"
#include "connectors/common/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- The host ----------------------------------------------------------------------------------*/

static struct {
    int64_t now_ms;
    int32_t result; /* of send() */
    unsigned sent, cancelled;
    char authorization[128];
    hub_http_request request; /* the last one; its texts are gone */
} host;

static int64_t now_ms(void)
{
    return host.now_ms;
}

static int32_t send_request(const hub_http_request *request, hub_http_call **ret_call)
{
    struct str last = str_of_hub(request->headers[request->header_count - 1].value);
    if (host.result != HUB_CALL_OK) {
        return host.result;
    }
    host.sent++;
    host.request = *request;
    snprintf(host.authorization, sizeof host.authorization, "%.*s", STR_ARG(last));
    *ret_call = (hub_http_call *)&host;
    return HUB_CALL_OK;
}

static void cancel(hub_http_call *call)
{
    host.cancelled += call != NULL;
}

static void answer(uint32_t error, uint32_t status, const char *body)
{
    const hub_http_response response = {
        .size = sizeof response,
        .error = error,
        .status = status,
        .message = hub_of_c(error == HUB_HTTP_OK ? "" : "The name is unknown."),
        .body = hub_of_c(body),
    };
    host.request.done(host.request.context, &response);
}

/* --- Those who wait ----------------------------------------------------------------------------*/

struct waiter {
    struct list link;
    unsigned told;
    bool failed;
    struct token_failure failure;
    char message[256];
};

static void told(struct list *link, const struct token_failure *failure)
{
    struct waiter *self = CONTAINER_OF(link, struct waiter, link);
    assert_false(list_linked(link));
    self->told++;
    self->failed = failure != NULL;
    if (failure) {
        self->failure = *failure;
        snprintf(self->message, sizeof self->message, "%.*s", STR_ARG(failure->message));
    }
}

static const struct token_rules RULES = {
    .count_max = 2, .value_max = 16, .answer_max = 4096, .timeout_ms = 1000, .ready = told};
static const hub_host HOST = {.size = sizeof(hub_host), .now_ms = now_ms};
static const hub_http_api HTTP = {.send = send_request, .cancel = cancel};

static const struct token_request REQUEST = {.url = STR_INIT("https://t"),
                                             .basic = STR_INIT("id:secret"),
                                             .body = STR_INIT("grant_type=client_credentials")};

static int start(void **state)
{
    static struct tokens tokens;
    memset(&host, 0, sizeof host);
    host.now_ms = 1000;
    tokens_init(&tokens, &RULES, &HOST, &HTTP);
    *state = &tokens;
    return 0;
}

static int stop(void **state)
{
    tokens_release(*state);
    return 0;
}

static struct waiter *wait_for(struct token *token, struct waiter *waiter)
{
    *waiter = (struct waiter){.told = 0};
    list_init(&waiter->link);
    token_wait(token, &waiter->link);
    return waiter;
}

static struct token *fetched(struct tokens *tokens, const char *key, const char *body)
{
    struct token *token = tokens_find(tokens, str_from_c(key));
    assert_int_equal(token_fetch(token, &REQUEST), HUB_CALL_OK);
    answer(HUB_HTTP_OK, 200, body);
    return token;
}

static void assert_value(const struct token *token, const char *expected)
{
    struct str value = token_value(token);
    assert_int_equal(value.len, strlen(expected));
    assert_memory_equal(value.ptr ? value.ptr : "", expected, value.len);
}

/* --- Tests -------------------------------------------------------------------------------------*/

static void test_one_request_for_all(void **state)
{
    struct waiter first, second, gone;
    struct token *token = tokens_find(*state, STR("a"));
    assert_int_equal(token_value(token).len, 0);
    assert_false(token_is_coming(token));
    assert_int_equal(token_fetch(token, &REQUEST), HUB_CALL_OK);
    assert_true(token_is_coming(token));
    wait_for(token, &first);
    wait_for(token, &gone);
    wait_for(token, &second);
    list_remove(&gone.link);
    answer(HUB_HTTP_OK, 200, "{\"access_token\":\"T1\",\"expires_in\":3600}");
    assert_int_equal(host.sent, 1);
    assert_int_equal(first.told, 1);
    assert_int_equal(second.told, 1);
    assert_int_equal(gone.told, 0);
    assert_false(first.failed || second.failed);
    assert_ptr_equal(tokens_find(*state, STR("a")), token);
    assert_value(token, "T1");
    assert_int_equal(token_value(tokens_find(*state, STR("b"))).len, 0);
}

static void test_what_is_asked(void **state)
{
    struct token_request request = REQUEST;
    struct token *token = fetched(*state, "a", "{}");
    assert_string_equal(host.authorization, "Basic aWQ6c2VjcmV0");
    assert_int_equal(host.request.header_count, 3);
    assert_int_equal(host.request.flags, HUB_HTTP_REPLAY | HUB_HTTP_SECURE);
    assert_int_equal(host.request.response_max, 4096);
    assert_int_equal(host.request.timeout_ms, 1000);
    request.basic = (struct str){0};
    request.plain = true;
    assert_int_equal(token_fetch(token, &request), HUB_CALL_OK);
    assert_int_equal(host.request.header_count, 2);
    assert_int_equal(host.request.flags, HUB_HTTP_REPLAY);
    answer(HUB_HTTP_OK, 200, "{}");
}

/* 30 s before its end, or after half of a short life, but not before a second; 300 s of one that
 * does not say. */
static void test_expiry(void **state)
{
    static const struct {
        const char *body;
        int64_t seconds;
    } LIVES[] = {
        {"{\"access_token\":\"T\",\"expires_in\":3600}", 3570},
        {"{\"access_token\":\"T\",\"expires_in\":60}", 30},
        {"{\"access_token\":\"T\",\"expires_in\":10}", 5},
        {"{\"access_token\":\"T\",\"expires_in\":1}", 1},
        {"{\"access_token\":\"T\",\"expires_in\":-5}", 1},
        {"{\"access_token\":\"T\"}", 270},
        {"{\"access_token\":\"T\",\"expires_in\":99999999}", 86370},
    };
    for (size_t i = 0; i < sizeof LIVES / sizeof LIVES[0]; i++) {
        struct token *token = fetched(*state, "a", LIVES[i].body);
        host.now_ms += LIVES[i].seconds * 1000 - 1;
        assert_value(token, "T");
        host.now_ms++;
        assert_value(token, "");
    }
}

static void test_forgotten(void **state)
{
    struct token *token = fetched(*state, "a", "{\"access_token\":\"T1\"}");
    token_forget(token);
    assert_value(token, "");
    fetched(*state, "a", "{\"access_token\":\"T2\"}");
    assert_value(token, "T2");
}

static void test_failures(void **state)
{
    static const struct {
        uint32_t error, status;
        const char *body, *message;
    } CASES[] = {
        {HUB_HTTP_DNS, 0, "", "No token: The name is unknown."},
        {HUB_HTTP_OK, 401, "{\"error\":\"invalid_client\"}",
         "The token endpoint answered with status 401: invalid_client."},
        {HUB_HTTP_OK, 503, "<html>", "The token endpoint answered with status 503."},
        {HUB_HTTP_OK, 200, "{\"access_token\":\"\"}",
         "The token endpoint answered with status 200."},
        {HUB_HTTP_OK, 200, "{\"access_token\":\"longer than it may be\"}",
         "The token endpoint answered with status 200."},
    };
    struct token *token = tokens_find(*state, STR("a"));
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct waiter waiter;
        assert_int_equal(token_fetch(token, &REQUEST), HUB_CALL_OK);
        wait_for(token, &waiter);
        answer(CASES[i].error, CASES[i].status, CASES[i].body);
        assert_int_equal(waiter.told, 1);
        assert_true(waiter.failed);
        assert_int_equal(waiter.failure.error, CASES[i].error);
        assert_int_equal(waiter.failure.status, CASES[i].status);
        assert_string_equal(waiter.message, CASES[i].message);
        assert_value(token, "");
    }
    fetched(*state, "a", "{\"access_token\":\"T\"}"); /* none of it lasts */
    assert_value(token, "T");
}

static void test_not_sent(void **state)
{
    struct token *token = tokens_find(*state, STR("a"));
    host.result = HUB_CALL_AGAIN;
    assert_int_equal(token_fetch(token, &REQUEST), HUB_CALL_AGAIN);
    assert_false(token_is_coming(token));
}

/* The one unused for longest goes, but none that is waited for. */
static void test_room(void **state)
{
    struct tokens *tokens = *state;
    struct waiter waiter;
    struct token *waited = tokens_find(tokens, STR("a"));
    assert_int_equal(token_fetch(waited, &REQUEST), HUB_CALL_OK);
    wait_for(waited, &waiter);
    assert_non_null(tokens_find(tokens, STR("b")));
    assert_non_null(tokens_find(tokens, STR("c")));
    assert_int_equal(tokens->by_key.len, 2);
    assert_null(map_get(&tokens->by_key, STR("b")));
    assert_ptr_equal(map_get(&tokens->by_key, STR("a")), waited);
    assert_int_equal(host.cancelled, 0);
    list_remove(&waiter.link);
}

static void test_end_cancels(void **state)
{
    assert_int_equal(token_fetch(tokens_find(*state, STR("a")), &REQUEST), HUB_CALL_OK);
    tokens_release(*state);
    assert_int_equal(host.cancelled, 1);
    tokens_init(*state, &RULES, &HOST, &HTTP);
}

static void test_key_too_long(void **state)
{
    char key[TOKEN_KEY_MAX + 2];
    memset(key, 'k', sizeof key);
    assert_non_null(tokens_find(*state, str_of(key, TOKEN_KEY_MAX)));
    assert_null(tokens_find(*state, str_of(key, TOKEN_KEY_MAX + 1)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_one_request_for_all),
        TEST(test_what_is_asked),
        TEST(test_expiry),
        TEST(test_forgotten),
        TEST(test_failures),
        TEST(test_not_sent),
        TEST(test_room),
        TEST(test_end_cancels),
        TEST(test_key_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
