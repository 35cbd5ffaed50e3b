#include "runner/http_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX 253

/* --- Addresses ---------------------------------------------------------------------------------*/

struct range {
    unsigned char address[16];
    unsigned prefix;
    const char *kind;
};

/* RFC 6890 and its registry: https://www.iana.org/assignments/iana-ipv4-special-registry */
static const struct range SPECIAL_V4[] = {
    {{0}, 8, "unspecified"},
    {{10}, 8, "private"},
    {{100, 64}, 10, "carrier-grade NAT"},
    {{127}, 8, "loopback"},
    {{169, 254}, 16, "link-local"},
    {{172, 16}, 12, "private"},
    {{192, 0, 0}, 24, "protocol assignment"},
    {{192, 0, 2}, 24, "documentation"},
    {{192, 88, 99}, 24, "6to4 relay"},
    {{192, 168}, 16, "private"},
    {{198, 18}, 15, "benchmarking"},
    {{198, 51, 100}, 24, "documentation"},
    {{203, 0, 113}, 24, "documentation"},
    {{224}, 4, "multicast"},
    {{240}, 4, "reserved"},
};

/* The first that fits says what it is; what fits none is public only within 2000::/3. */
static const struct range SPECIAL_V6[] = {
    {{0}, 128, "unspecified"},
    {{[15] = 1}, 128, "loopback"},
    {{[10] = 0xff, [11] = 0xff}, 96, "IPv4-mapped"},
    {{0}, 96, "IPv4-compatible"},
    {{0x00, 0x64, 0xff, 0x9b}, 96, "NAT64"},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "NAT64"},
    {{0xfc}, 7, "private"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "site-local"},
    {{0xff}, 8, "multicast"},
    {{0x20, 0x01, 0x00, 0x00}, 32, "Teredo"},
    {{0x20, 0x01, 0x00, 0x02}, 48, "benchmarking"},
    {{0x20, 0x01}, 23, "protocol assignment"},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0x20, 0x02}, 16, "6to4"},
    {{0x3f, 0xff}, 20, "documentation"},
};
static const struct range PUBLIC_V6 = {{0x20}, 3, NULL};

static bool in_range(const unsigned char *address, const unsigned char *base, unsigned prefix)
{
    unsigned bytes = prefix / 8;
    unsigned rest = prefix % 8;
    unsigned char mask = (unsigned char)(0xff00 >> rest);
    return memcmp(address, base, bytes) == 0 &&
           (rest == 0 || ((address[bytes] ^ base[bytes]) & mask) == 0);
}

static const char *find_kind(const struct range *ranges, size_t count, const unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (in_range(bytes, ranges[i].address, ranges[i].prefix)) {
            return ranges[i].kind;
        }
    }
    return NULL;
}

/* The bytes of an address in network order, or NULL for another family. */
static const unsigned char *address_bytes(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        return (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)
            ->sin_addr;
    }
    if (address->sa_family == AF_INET6) {
        return ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    }
    return NULL;
}

const char *http_address_special(const struct sockaddr *address)
{
    const unsigned char *bytes = address_bytes(address);
    if (!bytes) {
        return "not an internet address";
    }
    if (address->sa_family == AF_INET) {
        return find_kind(SPECIAL_V4, sizeof SPECIAL_V4 / sizeof SPECIAL_V4[0], bytes);
    }
    const char *kind = find_kind(SPECIAL_V6, sizeof SPECIAL_V6 / sizeof SPECIAL_V6[0], bytes);
    if (!kind && !in_range(bytes, PUBLIC_V6.address, PUBLIC_V6.prefix)) {
        kind = "reserved";
    }
    return kind;
}

/* Dotted decimal, or IPv6 without a zone. */
static int parse_address(struct str text, unsigned char ret_bytes[16])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof copy) {
        return AF_UNSPEC;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memset(ret_bytes, 0, 16);
    return inet_pton(AF_INET, copy, ret_bytes) == 1    ? AF_INET
           : inet_pton(AF_INET6, copy, ret_bytes) == 1 ? AF_INET6
                                                       : AF_UNSPEC;
}

bool http_host_is_address(struct str host, struct sockaddr_storage *ret_address)
{
    unsigned char bytes[16];
    int family = parse_address(host, bytes);
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        memcpy(&((struct sockaddr_in *)ret_address)->sin_addr, bytes, 4);
    } else if (family == AF_INET6) {
        memcpy(&((struct sockaddr_in6 *)ret_address)->sin6_addr, bytes, 16);
    }
    return family != AF_UNSPEC;
}

/* --- Rules -------------------------------------------------------------------------------------*/

void http_rules_init(struct http_rules *self)
{
    *self = (struct http_rules){0};
}

void http_rules_release(struct http_rules *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        free((char *)self->items[i].host.ptr);
    }
    free(self->items);
    http_rules_init(self);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static struct str without_dot(struct str host)
{
    return host.len > 1 && host.ptr[host.len - 1] == '.' ? str_slice(host, 0, host.len - 1) : host;
}

static bool is_name(struct str host)
{
    if (host.len == 0 || host.len > HOST_MAX || host.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        char c = lower(host.ptr[i]);
        bool dots = c == '.' && i + 1 < host.len && host.ptr[i + 1] == '.';
        if (dots || !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                      c == '.')) {
            return false;
        }
    }
    return true;
}

/* ":8080" and ":*" off the end. What has several colons and no bracket is an IPv6 address. */
static bool take_port(struct str *text, unsigned *port)
{
    const char *colon = memrchr(text->ptr, ':', text->len);
    uint64_t number = 0;
    if (!colon || (colon != memchr(text->ptr, ':', text->len) && text->ptr[0] != '[')) {
        return true;
    }
    if (text->ptr[0] == '[' && colon < (const char *)memchr(text->ptr, ']', text->len)) {
        return true;
    }
    struct str digits = str_of(colon + 1, (size_t)(text->ptr + text->len - colon - 1));
    if (!str_eq(digits, STR("*")) && (!str_to_u64(digits, 65535, &number) || number == 0)) {
        return false;
    }
    *port = (unsigned)number;
    text->len = (size_t)(colon - text->ptr);
    return true;
}

/* "10.0.0.0/8", "127.0.0.1", "[::1]". */
static bool parse_network(struct str text, struct http_rule *rule)
{
    struct str prefix = text;
    struct str address = str_split(&prefix, '/');
    uint64_t bits;
    if (address.len > 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']') {
        address = str_slice(address, 1, address.len - 2);
    }
    rule->family = parse_address(address, rule->address);
    bits = rule->family == AF_INET ? 32 : 128;
    if (rule->family == AF_UNSPEC || (prefix.ptr && !str_to_u64(prefix, bits, &bits))) {
        return false;
    }
    rule->prefix = (unsigned)bits;
    return true;
}

static int parse_name(struct str text, struct http_rule *rule)
{
    text = without_dot(text);
    if (str_starts_with(text, STR("*."))) {
        rule->below = true;
        text = str_slice(text, 2, text.len);
    }
    if (!is_name(text)) {
        return HUB_ERR_INVALID_INPUT;
    }
    char *copy = malloc(text.len);
    if (!copy) {
        return HUB_ERR_NOMEM;
    }
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = lower(text.ptr[i]);
    }
    rule->host = str_of(copy, text.len);
    return 0;
}

int http_rules_add(struct http_rules *self, struct str text, unsigned port)
{
    struct http_rule rule = {.port = port};
    if (self->count == HTTP_RULES_MAX) {
        return HUB_ERR_LIMIT;
    }
    bool all = str_eq(text, STR("*"));
    if (text.len == 0 || !take_port(&text, &rule.port)) {
        return HUB_ERR_INVALID_INPUT;
    }
    struct http_rule *larger = realloc(self->items, (self->count + 1) * sizeof *larger);
    if (!larger) {
        return HUB_ERR_NOMEM;
    }
    self->items = larger;
    if (str_eq(text, STR("*"))) {
        rule.any = true;
        rule.port = all ? 0 : rule.port;
    } else if (!parse_network(text, &rule)) {
        int err = parse_name(text, &rule);
        if (err < 0) {
            return err;
        }
    }
    self->items[self->count++] = rule;
    return 0;
}

/* "payments/api.example.com" → "payments"; a network's slash stands behind a dot or a colon. */
static struct str take_connector(struct str *line)
{
    const char *slash = memchr(line->ptr, '/', line->len);
    struct str name = {line->ptr, slash ? (size_t)(slash - line->ptr) : 0};
    if (!slash || memchr(name.ptr, '.', name.len) || memchr(name.ptr, ':', name.len)) {
        return (struct str){0};
    }
    *line = str_slice(*line, name.len + 1, line->len);
    return name;
}

int http_rules_add_lines(struct http_rules *self, struct str lines, unsigned port,
                         struct str connector, struct str *ret_bad)
{
    while (lines.len > 0) {
        struct str line = str_trim(str_split(&lines, '\n'));
        struct str rule = line;
        struct str name = line.len > 0 ? take_connector(&rule) : (struct str){0};
        if (line.len == 0 || (name.ptr && !str_eq(name, connector))) {
            continue;
        }
        int err = http_rules_add(self, rule, port);
        if (err < 0) {
            *ret_bad = line;
            return err;
        }
    }
    return 0;
}

static bool rule_matches_name(const struct http_rule *rule, struct str host)
{
    if (rule->host.len == 0) {
        return false;
    }
    if (!rule->below) {
        return str_eq_nocase(rule->host, host);
    }
    if (host.len < rule->host.len + 2) {
        return false;
    }
    struct str tail = str_slice(host, host.len - rule->host.len, rule->host.len);
    return host.ptr[host.len - rule->host.len - 1] == '.' && str_eq_nocase(rule->host, tail);
}

bool http_rules_match(const struct http_rules *self, struct str host, unsigned port,
                      const struct sockaddr *address)
{
    const unsigned char *bytes = address ? address_bytes(address) : NULL;
    host = without_dot(host);
    for (unsigned i = 0; i < self->count; i++) {
        const struct http_rule *rule = &self->items[i];
        if (port != HTTP_PORT_ANY && rule->port != 0 && rule->port != port) {
            continue;
        }
        if (rule->any || rule_matches_name(rule, host) ||
            (bytes && rule->family == address->sa_family &&
             in_range(bytes, rule->address, rule->prefix))) {
            return true;
        }
    }
    return false;
}

bool http_rules_match_host(const struct http_rules *self, struct str host, unsigned port)
{
    struct sockaddr_storage address;
    bool is_address = http_host_is_address(host, &address);
    return http_rules_match(self, host, port,
                            is_address ? (const struct sockaddr *)&address : NULL);
}
