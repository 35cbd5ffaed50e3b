/*
 * The guard: addresses in every range and notation, and rules in every form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runner/http_guard.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address;
    if (!http_host_is_address(str_from_c(text), &address)) {
        fail_msg("%s is no address", text);
    }
    return address;
}

/* The first and the last address of each range, and their public neighbours. */
static const struct {
    const char *address;
    const char *kind; /* NULL: public */
} ADDRESSES[] = {
    {"0.0.0.0", "unspecified"},
    {"0.255.255.255", "unspecified"},
    {"1.0.0.0", NULL},
    {"9.255.255.255", NULL},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"11.0.0.0", NULL},
    {"100.63.255.255", NULL},
    {"100.64.0.0", "carrier-grade NAT"},
    {"100.127.255.255", "carrier-grade NAT"},
    {"100.128.0.0", NULL},
    {"126.255.255.255", NULL},
    {"127.0.0.0", "loopback"},
    {"127.0.0.1", "loopback"},
    {"127.255.255.255", "loopback"},
    {"128.0.0.0", NULL},
    {"169.253.255.255", NULL},
    {"169.254.0.0", "link-local"},
    {"169.254.169.254", "link-local"},
    {"169.254.255.255", "link-local"},
    {"169.255.0.0", NULL},
    {"172.15.255.255", NULL},
    {"172.16.0.0", "private"},
    {"172.31.255.255", "private"},
    {"172.32.0.0", NULL},
    {"192.0.0.0", "protocol assignment"},
    {"192.0.0.255", "protocol assignment"},
    {"192.0.1.0", NULL},
    {"192.0.2.0", "documentation"},
    {"192.0.2.255", "documentation"},
    {"192.0.3.0", NULL},
    {"192.88.98.255", NULL},
    {"192.88.99.0", "6to4 relay"},
    {"192.88.100.0", NULL},
    {"192.167.255.255", NULL},
    {"192.168.0.0", "private"},
    {"192.168.255.255", "private"},
    {"192.169.0.0", NULL},
    {"198.17.255.255", NULL},
    {"198.18.0.0", "benchmarking"},
    {"198.19.255.255", "benchmarking"},
    {"198.20.0.0", NULL},
    {"198.51.99.255", NULL},
    {"198.51.100.0", "documentation"},
    {"198.51.101.0", NULL},
    {"203.0.112.255", NULL},
    {"203.0.113.255", "documentation"},
    {"203.0.114.0", NULL},
    {"223.255.255.255", NULL},
    {"224.0.0.0", "multicast"},
    {"239.255.255.255", "multicast"},
    {"240.0.0.0", "reserved"},
    {"255.255.255.255", "reserved"},
    {"8.8.8.8", NULL},
    {"::", "unspecified"},
    {"::1", "loopback"},
    {"::2", "IPv4-compatible"},
    {"::127.0.0.1", "IPv4-compatible"},
    {"::ffff:127.0.0.1", "IPv4-mapped"},
    {"::ffff:8.8.8.8", "IPv4-mapped"},
    {"::ffff:0:8.8.8.8", "reserved"}, /* RFC 2765's IPv4-translated */
    {"64:ff9b::7f00:1", "NAT64"},
    {"64:ff9b::808:808", "NAT64"},
    {"64:ff9b:1::a00:1", "NAT64"},
    {"100::1", "reserved"}, /* discard-only */
    {"1fff:ffff::1", "reserved"},
    {"2000::1", NULL},
    {"2001::1", "Teredo"},
    {"2001:0:ffff::1", "Teredo"},
    {"2001:2::1", "benchmarking"},
    {"2001:10::1", "protocol assignment"},
    {"2001:20::1", "protocol assignment"},
    {"2001:1ff:ffff::1", "protocol assignment"},
    {"2001:200::1", NULL},
    {"2001:db7::1", NULL},
    {"2001:db8::1", "documentation"},
    {"2001:db9::1", NULL},
    {"2002:7f00:1::", "6to4"},
    {"2002:808:808::1", "6to4"},
    {"2003::1", NULL},
    {"2606:4700:4700::1111", NULL},
    {"2a00:1450::1", NULL},
    {"3fff::1", "documentation"},
    {"3fff:fff:ffff::1", "documentation"},
    {"3fff:1000::1", NULL},
    {"4000::1", "reserved"},
    {"5f00::1", "reserved"},
    {"fbff::1", "reserved"},
    {"fc00::1", "private"},
    {"fd12:3456::1", "private"},
    {"fe80::1", "link-local"},
    {"febf::1", "link-local"},
    {"fec0::1", "site-local"},
    {"ff02::1", "multicast"},
};

static void kinds_of_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ADDRESSES); i++) {
        struct sockaddr_storage address = address_of(ADDRESSES[i].address);
        const char *kind = http_address_special((struct sockaddr *)&address);
        if ((kind == NULL) != (ADDRESSES[i].kind == NULL) ||
            (kind && strcmp(kind, ADDRESSES[i].kind) != 0)) {
            fail_msg("%s is %s, not %s", ADDRESSES[i].address, kind ? kind : "public",
                     ADDRESSES[i].kind ? ADDRESSES[i].kind : "public");
        }
    }
    struct sockaddr unix_address = {.sa_family = AF_UNIX};
    assert_non_null(http_address_special(&unix_address));
}

/* What a resolver makes of other notations is what the guard is shown. */
static void other_notations(void **state)
{
    static const char *const NOTATIONS[] = {
        "2130706433", "0x7f000001", "017700000001", "0x7f.1",      "127.1",
        "127.0.1",    "0",          "0177.0.0.1",   "0x7f.0.0.01", "localhost",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(NOTATIONS); i++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found;
        assert_int_equal(getaddrinfo(NOTATIONS[i], "80", &hints, &found), 0);
        for (struct addrinfo *at = found; at; at = at->ai_next) {
            if (!http_address_special(at->ai_addr)) {
                fail_msg("%s is taken for public", NOTATIONS[i]);
            }
        }
        freeaddrinfo(found);
    }
}

static const struct {
    const char *rule;
    unsigned port; /* of a rule without one */
    const char *host;
    unsigned host_port;
    const char *address; /* NULL: none, the host alone */
    bool matches;
} MATCHES[] = {
    {"*", 443, "anything.example", 8080, NULL, true},
    {"*:443", 0, "anything.example", 8080, NULL, false},
    {"*:443", 0, "anything.example", 443, NULL, true},
    {"api.example.com", 443, "api.example.com", 443, NULL, true},
    {"api.example.com", 443, "API.Example.COM.", 443, NULL, true},
    {"api.example.com", 443, "api.example.com", 80, NULL, false},
    {"api.example.com:80", 443, "api.example.com", 80, NULL, true},
    {"api.example.com:*", 443, "api.example.com", 8443, NULL, true},
    {"api.example.com", 443, "xapi.example.com", 443, NULL, false},
    {"api.example.com", 443, "api.example.com.evil.example", 443, NULL, false},
    {"*.example.com", 443, "a.example.com", 443, NULL, true},
    {"*.example.com", 443, "a.b.EXAMPLE.com", 443, NULL, true},
    {"*.example.com", 443, "example.com", 443, NULL, false},
    {"*.example.com", 443, ".example.com", 443, NULL, false},
    {"*.example.com", 443, "badexample.com", 443, NULL, false},
    {"*.example.com", 443, "a.example.com.evil.example", 443, NULL, false},
    {"10.0.0.0/8", 0, "x.example", 80, "10.255.0.1", true},
    {"10.0.0.0/8", 0, "x.example", 80, "11.0.0.1", false},
    {"10.0.0.0/8", 0, "10.1.2.3", 80, NULL, true},
    {"127.0.0.1", 0, "localhost", 80, "127.0.0.1", true},
    {"127.0.0.1", 0, "localhost", 80, "127.0.0.2", false},
    {"127.0.0.1", 0, "localhost", 80, "::ffff:127.0.0.1", false},
    {"127.0.0.1:8080", 0, "localhost", 8080, "127.0.0.1", true},
    {"127.0.0.1:8080", 0, "localhost", 8081, "127.0.0.1", false},
    {"127.0.0.0/9", 0, "x", 1, "127.127.255.255", true},
    {"127.0.0.0/9", 0, "x", 1, "127.128.0.0", false},
    {"0.0.0.0/0", 0, "x", 1, "10.0.0.1", true},
    {"0.0.0.0/0", 0, "x", 1, "::1", false},
    {"::1", 0, "x", 1, "::1", true},
    {"[::1]:8080", 0, "x", 8080, "::1", true},
    {"[::1]:8080", 0, "x", 8081, "::1", false},
    {"fd00::/8", 0, "x", 1, "fd12::1", true},
    {"fd00::/8", 0, "x", 1, "fc12::1", false},
    {"intranet.example", 0, "intranet.example", 8080, "10.1.1.1", true},
    {"intranet.example:80", 0, "intranet.example", 8080, "10.1.1.1", false},
};

static void rules_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(MATCHES); i++) {
        struct http_rules rules;
        struct sockaddr_storage address;
        struct str host = str_from_c(MATCHES[i].host);
        bool matches;
        http_rules_init(&rules);
        assert_int_equal(http_rules_add(&rules, str_from_c(MATCHES[i].rule), MATCHES[i].port), 0);
        if (MATCHES[i].address) {
            address = address_of(MATCHES[i].address);
            matches =
                http_rules_match(&rules, host, MATCHES[i].host_port, (struct sockaddr *)&address);
        } else {
            matches = http_rules_match_host(&rules, host, MATCHES[i].host_port);
        }
        if (matches != MATCHES[i].matches) {
            fail_msg("%s and %s:%u", MATCHES[i].rule, MATCHES[i].host, MATCHES[i].host_port);
        }
        http_rules_release(&rules);
    }
}

static void bad_rules(void **state)
{
    static const char *const BAD[] = {
        "",
        ":80",
        "a..b",
        ".example.com",
        "*.",
        "*.*.example.com",
        "a*.example",
        "a b",
        "http://a",
        "a:0",
        "a:65536",
        "a:x",
        "10.0.0.0/33",
        "10.0.0/8",
        "fd00::/129",
        "[::1",
        "[::1]x",
        "a/b/c",
        "user@host",
        "ex\xc3\xa4mple.com",
        "10.0.0.0/-1",
        "[]:80",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct http_rules rules;
        http_rules_init(&rules);
        int err = http_rules_add(&rules, str_from_c(BAD[i]), 0);
        if (err != HUB_ERR_INVALID_INPUT) {
            fail_msg("\"%s\" is taken for a rule", BAD[i]);
        }
        http_rules_release(&rules);
    }
}

static void lines_for_one_connector(void **state)
{
    struct http_rules rules;
    struct str bad;
    (void)state;
    http_rules_init(&rules);
    assert_int_equal(http_rules_add_lines(&rules,
                                          STR("a.example\n\nhttp/b.example\npayments/c.example\n"
                                              "10.0.0.0/8\nfd00::/8\nhttp/192.168.0.0/16\n"),
                                          0, STR("http"), &bad),
                     0);
    assert_int_equal(rules.count, 5);
    assert_true(http_rules_match_host(&rules, STR("b.example"), 443));
    assert_false(http_rules_match_host(&rules, STR("c.example"), 443));
    assert_true(http_rules_match_host(&rules, STR("192.168.7.7"), 443));
    http_rules_release(&rules);
    assert_int_equal(http_rules_add_lines(&rules, STR("fine\nnot fine\n"), 0, STR("http"), &bad),
                     HUB_ERR_INVALID_INPUT);
    assert_true(str_eq(bad, STR("not fine")));
    http_rules_release(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(other_notations),
        cmocka_unit_test(rules_match),
        cmocka_unit_test(bad_rules),
        cmocka_unit_test(lines_for_one_connector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
