/*
 * http_guard.h — where the HTTP client may go.
 *
 * Two questions, each with its own list of rules:
 *   - May this connector speak to this host? (what it asks for, and what the operator grants)
 *   - May a connection be made to this address, which is not a public one? (what the operator
 * allows)
 *
 *     struct http_rules rules;
 *     http_rules_init(&rules);
 *     http_rules_add(&rules, STR("*.example.com"), 443);
 *     if (!http_rules_match_host(&rules, host, port)) …
 *
 * A rule is one of
 *     *                          every host, every port
 *     api.example.com            this host; *.example.com: every one below it, at any depth
 *     10.0.0.0/8, fd00::/8       every address in it; without a prefix length, just this one
 * the first two with :PORT, or :* for any; [fd00::1]:8080 for an IPv6 address with a port. Names
 * are compared without case and without a dot at the end.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_RUNNER_HTTP_GUARD_H
#define HUB_RUNNER_HTTP_GUARD_H

#include "base/error.h"
#include "base/str.h"

#include <sys/socket.h>

struct http_rule {
    struct str host; /* lower case, in the rules' own memory; empty: a network */
    bool below;      /* host is what stands behind "*." */
    bool any;        /* every host */
    unsigned port;   /* 0: any */
    int family;      /* of a network: AF_INET, AF_INET6 */
    unsigned char address[16];
    unsigned prefix; /* bits */
};

struct http_rules {
    struct http_rule *items;
    unsigned count;
};

#define HTTP_RULES_MAX 1024
#define HTTP_PORT_ANY  0 /* when matched: is there a port for which … ? */

void http_rules_init(struct http_rules *self);
void http_rules_release(struct http_rules *self);

/* Adds a rule; one without a port gets `port` (0: any). HUB_ERR_INVALID_INPUT if it is none,
 * HUB_ERR_LIMIT, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int http_rules_add(struct http_rules *self, struct str text, unsigned port);

/* Adds each line of `lines`; empty ones are nothing. Those with a slash behind a plain name
 * ("payments/api.example.com") are for that connector alone, and skipped unless it is `connector`.
 * On failure `ret_bad` is the line that is wrong. */
HUB_MUST_CHECK int http_rules_add_lines(struct http_rules *self, struct str lines, unsigned port,
                                        struct str connector, struct str *ret_bad);

/* A host as it stands in a URL: a name, or an address (IPv6 without brackets). */
bool http_rules_match_host(const struct http_rules *self, struct str host, unsigned port);

/* A host and an address that its name has been resolved to. */
bool http_rules_match(const struct http_rules *self, struct str host, unsigned port,
                      const struct sockaddr *address);

/* What kind of address this is if it is not a public unicast one ("loopback", "private", …), else
 * NULL. Everything that IANA's special-purpose registries (RFC 6890) do not call globally reachable
 * is special, and so is everything that carries an IPv4 address inside an IPv6 one. */
const char *http_address_special(const struct sockaddr *address);

/* Is this host an address, and not a name? Then the address is in `ret_address`. */
bool http_host_is_address(struct str host, struct sockaddr_storage *ret_address);

#endif
