/*
 * ext_net.c — HUB_EXT_NET: the rules about hosts and addresses, for connections that are not the
 * HTTP client's. They are the broker's to enforce (gate.h); here they are told, in words.
 */
#include "runner/connect.h"
#include "runner/http_guard.h"
#include "runner/runner.h"

#include <netinet/in.h>

/* The ABI's functions carry no context; constant once the connector has them. */
static struct {
    struct http_rules asked;   /* by the descriptor */
    struct http_rules granted; /* by the operator; none: what is asked for */
    struct http_rules private; /* that need not be public */
    bool ready;
} rules;

static int add_asked(const hub_connector *descriptor)
{
    int err = 0;
    for (uint32_t i = 0; i < descriptor->host_count && err == 0; i++) {
        err = http_rules_add(&rules.asked, str_of_hub(descriptor->hosts[i]), 443);
    }
    return err;
}

/* The operator's rules are without a port for any: a port of 443 is meant for HTTP. */
static int make_rules(struct runner *runner, struct str *ret_bad)
{
    struct str lines = buf_view(&runner->http_rules);
    struct str name = str_of_hub(runner->connector.descriptor->name);
    struct str granted = str_slice(lines, 0, runner->http_allow_len);
    struct str private = str_slice(lines, runner->http_allow_len, lines.len);
    int err = add_asked(runner->connector.descriptor);
    if (err == 0) {
        err = http_rules_add_lines(&rules.granted, granted, 0, name, ret_bad);
    }
    return err < 0 ? err : http_rules_add_lines(&rules.private, private, 0, name, ret_bad);
}

static int32_t refuse(hub_str *why, const char *word)
{
    if (why) {
        struct str text = str_from_c(word);
        *why = (hub_str){text.ptr, text.len};
    }
    return HUB_CALL_INVALID;
}

static int32_t net_may_connect(hub_str host, uint32_t port, const void *address,
                               uint32_t address_size, hub_str *why)
{
    const struct sockaddr *to = address;
    struct str name = str_of_hub(host);
    bool whole =
        address && ((address_size >= sizeof(struct sockaddr_in) && to->sa_family == AF_INET) ||
                    (address_size >= sizeof(struct sockaddr_in6) && to->sa_family == AF_INET6));
    if (!whole || name.len == 0 || port == 0 || port > 65535) {
        return refuse(why, "invalid");
    }
    if (!http_rules_match_host(&rules.asked, name, port) ||
        (rules.granted.count > 0 && !http_rules_match_host(&rules.granted, name, port))) {
        return refuse(why, "host");
    }
    const char *special = http_address_special(to);
    if (special && !http_rules_match(&rules.private, name, port, to)) {
        return refuse(why, special);
    }
    return HUB_CALL_OK;
}

static void net_on_connect(int (*instead)(void *context, int fd, const void *address,
                                          uint32_t address_size),
                           void *context)
{
    connect_set_stand_in(instead, context);
}

const void *ext_net_init(struct runner *runner)
{
    static const hub_net_api API = {
        .size = sizeof(hub_net_api),
        .may_connect = net_may_connect,
        .on_connect = net_on_connect,
    };
    struct str bad = {0};
    if (!runner_on_main(runner) || runner->connector.descriptor->host_count == 0) {
        return NULL;
    }
    if (!rules.ready && make_rules(runner, &bad) < 0) {
        runner_log(runner, WIRE_LOG_ERROR, "a rule about hosts is none, or memory is out");
        return NULL;
    }
    rules.ready = true;
    return &API;
}
