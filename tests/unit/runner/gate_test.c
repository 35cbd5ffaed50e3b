/*
 * The gate: whom a connector may speak to, by what it asks for, what is granted, and what names
 * were resolved to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runner/gate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define NOW        1000000
#define REMEMBERED GATE_REMEMBERED_MS

static struct sockaddr_storage address_of(const char *text, unsigned port)
{
    struct sockaddr_storage address;
    assert_true(http_host_is_address(str_from_c(text), &address));
    if (address.ss_family == AF_INET) {
        ((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
    } else {
        ((struct sockaddr_in6 *)&address)->sin6_port = htons((uint16_t)port);
    }
    return address;
}

static const char *refuses_at(struct gate *gate, const char *text, unsigned port, int64_t now)
{
    struct sockaddr_storage address = address_of(text, port);
    return gate_refuses(gate, (const struct sockaddr *)&address, now);
}

static void remember(struct gate *gate, const char *name, const char *text, int64_t now)
{
    struct sockaddr_storage address = address_of(text, 0);
    assert_int_equal(gate_remember(gate, str_from_c(name), (const struct sockaddr *)&address, now),
                     0);
}

static void make(struct gate *gate, const char *hosts, const char *allow, const char *private)
{
    struct wire_config config = {.hosts = str_from_c(hosts),
                                 .http_allow = str_from_c(allow),
                                 .http_allow_private = str_from_c(private),
                                 .connector = STR("shop")};
    assert_int_equal(gate_init(gate, &config), 0);
}

#define ALLOWED(gate, text, port)      assert_null(refuses_at(gate, text, port, NOW))
#define REFUSED(gate, text, port, why) assert_string_equal(refuses_at(gate, text, port, NOW), why)

static void test_any_host(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "*\n", "", "");
    ALLOWED(&gate, "93.184.215.14", 80);
    ALLOWED(&gate, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", 1);
    REFUSED(&gate, "127.0.0.1", 80, "loopback");
    REFUSED(&gate, "169.254.169.254", 80, "link-local");
    REFUSED(&gate, "::ffff:127.0.0.1", 80, "IPv4-mapped");
    REFUSED(&gate, "::1", 80, "loopback");
    REFUSED(&gate, "93.184.215.14", 0, "not an internet address");
    assert_true(gate_may_resolve(&gate, STR("whatever.example")));
    gate_release(&gate);
}

static void test_a_name_has_its_addresses(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "api.example.com\n*.pay.example:8443\n", "", "");
    REFUSED(&gate, "93.184.215.14", 443, "not granted");
    remember(&gate, "API.example.com", "93.184.215.14", NOW);
    ALLOWED(&gate, "93.184.215.14", 443);
    REFUSED(&gate, "93.184.215.14", 80, "not granted");
    REFUSED(&gate, "93.184.215.15", 443, "not granted");
    remember(&gate, "eu.pay.example", "93.184.215.15", NOW);
    ALLOWED(&gate, "93.184.215.15", 8443);
    REFUSED(&gate, "93.184.215.15", 443, "not granted");
    assert_true(gate_may_resolve(&gate, STR("us.pay.example")));
    assert_false(gate_may_resolve(&gate, STR("pay.example")));
    assert_false(gate_may_resolve(&gate, STR("example.com")));
    gate_release(&gate);
}

static void test_rebinding(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "api.example.com\n", "", "");
    remember(&gate, "api.example.com", "93.184.215.14", NOW);
    remember(&gate, "api.example.com", "127.0.0.1", NOW);
    ALLOWED(&gate, "93.184.215.14", 443);
    REFUSED(&gate, "127.0.0.1", 443, "loopback");
    gate_release(&gate);
}

static void test_addresses_are_forgotten(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "api.example.com\n", "", "");
    remember(&gate, "api.example.com", "93.184.215.14", NOW);
    assert_null(refuses_at(&gate, "93.184.215.14", 443, NOW + REMEMBERED - 1));
    assert_non_null(refuses_at(&gate, "93.184.215.14", 443, NOW + REMEMBERED));
    remember(&gate, "api.example.com", "93.184.215.14", NOW + 5);
    assert_null(refuses_at(&gate, "93.184.215.14", 443, NOW + REMEMBERED));
    gate_release(&gate);
}

static void test_the_oldest_makes_room(void **state)
{
    struct gate gate;
    char text[32];
    (void)state;
    make(&gate, "*.example.com\n", "", "");
    for (unsigned i = 0; i <= GATE_REMEMBERED_MAX; i++) {
        snprintf(text, sizeof text, "93.184.%u.%u", i >> 8, i & 255);
        remember(&gate, "a.example.com", text, NOW + i);
    }
    assert_int_equal(gate.count, GATE_REMEMBERED_MAX);
    REFUSED(&gate, "93.184.0.0", 443, "not granted");
    ALLOWED(&gate, "93.184.0.1", 443);
    ALLOWED(&gate, text, 443);
    gate_release(&gate);
}

static void test_what_the_operator_says(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "*\n", "api.example.com:443\n10.1.0.0/16\nother/free.example\n",
         "10.1.0.0/16:8080\ndb.internal:*\n");
    REFUSED(&gate, "93.184.215.14", 443, "not granted");
    remember(&gate, "api.example.com", "93.184.215.14", NOW);
    ALLOWED(&gate, "93.184.215.14", 443);
    REFUSED(&gate, "93.184.215.14", 80, "not granted");
    ALLOWED(&gate, "10.1.2.3", 8080);
    REFUSED(&gate, "10.1.2.3", 80, "private");
    REFUSED(&gate, "10.2.0.1", 8080, "not granted");
    assert_false(gate_may_resolve(&gate, STR("free.example"))); /* another connector's */
    gate_release(&gate);
}

static void test_private_by_name(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "*\n", "", "db.internal:5000\nlocalhost\n");
    REFUSED(&gate, "10.0.0.7", 5000, "private");
    remember(&gate, "db.internal", "10.0.0.7", NOW);
    ALLOWED(&gate, "10.0.0.7", 5000);
    REFUSED(&gate, "10.0.0.7", 5001, "private");
    ALLOWED(&gate, "127.0.0.1", 1); /* localhost is known without a resolver */
    ALLOWED(&gate, "::1", 1);
    gate_release(&gate);
}

static void test_what_cannot_be_read_forbids_all(void **state)
{
    struct gate gate;
    (void)state;
    make(&gate, "*\n!\n", "", "");
    REFUSED(&gate, "93.184.215.14", 443, "not granted");
    gate_release(&gate);
    make(&gate, "*\n", "!\n", "");
    REFUSED(&gate, "93.184.215.14", 443, "not granted");
    gate_release(&gate);
    make(&gate, "", "", "");
    REFUSED(&gate, "93.184.215.14", 443, "not granted");
    gate_release(&gate);
}

static void test_other_families(void **state)
{
    struct gate gate;
    struct sockaddr unix_address = {.sa_family = AF_UNIX};
    (void)state;
    make(&gate, "*\n", "", "0.0.0.0/0\n");
    assert_non_null(gate_refuses(&gate, &unix_address, NOW));
    assert_int_equal(gate_remember(&gate, STR("a.example"), &unix_address, NOW),
                     HUB_ERR_INVALID_INPUT);
    gate_release(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_host),
        cmocka_unit_test(test_a_name_has_its_addresses),
        cmocka_unit_test(test_rebinding),
        cmocka_unit_test(test_addresses_are_forgotten),
        cmocka_unit_test(test_the_oldest_makes_room),
        cmocka_unit_test(test_what_the_operator_says),
        cmocka_unit_test(test_private_by_name),
        cmocka_unit_test(test_what_cannot_be_read_forbids_all),
        cmocka_unit_test(test_other_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
