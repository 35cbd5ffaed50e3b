/*
 * ext_http.c — HUB_EXT_HTTP: the HTTP client, made at its first use.
 */
#include "base/file.h"
#include "runner/http_client.h"
#include "runner/runner.h"

#define AUTHORITIES_MAX (4u << 20)

static const char *const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

static struct runner *the_runner; /* the ABI's functions carry no context */

/* Without them there is no TLS, which requests will say; so a failure is no reason to end. */
static void read_bundle(struct runner *runner, const char *path)
{
    struct hub_error error;
    if (file_read(path, &runner->authorities, &error) < 0) {
        runner_log(runner, WIRE_LOG_WARN, error.detail);
    }
    buf_append_char(&runner->authorities, '\n');
}

void ext_http_prepare(struct runner *runner, const struct wire_config *config)
{
    char path[4097];
    buf_init(&runner->authorities, AUTHORITIES_MAX);
    if (config->confinement != WIRE_CLASS_NETWORK || config->mode != WIRE_SERVE) {
        return;
    }
    read_bundle(runner, BUNDLE);
    if (config->http_authorities.len > 0) {
        snprintf(path, sizeof path, "%.*s", STR_ARG(config->http_authorities));
        read_bundle(runner, path);
    }
    buf_init(&runner->http_rules, BUF_NO_LIMIT);
    buf_append_str(&runner->http_rules, config->http_allow);
    runner->http_allow_len = runner->http_rules.len;
    buf_append_str(&runner->http_rules, config->http_allow_private);
}

/* The code of the connector that takes the answer runs on behalf of the attempt that asked. */
static void deliver(uint64_t tag, void (*done)(void *context, const hub_http_response *response),
                    void *context, const hub_http_response *response)
{
    uint64_t before = runner_enter(the_runner, tag);
    done(context, response);
    runner_leave(the_runner, before);
}

static int32_t http_send(const hub_http_request *request, hub_http_call **ret_call)
{
    struct http_call *call = NULL;
    if (atomic_load(&the_runner->closing)) {
        return HUB_CALL_CLOSED;
    }
    int32_t result = http_client_send(the_runner->http, request, runner_attempt(the_runner), &call);
    if (result == HUB_CALL_OK && ret_call) {
        *ret_call = (hub_http_call *)call;
    }
    return result;
}

static void http_cancel(hub_http_call *call)
{
    http_client_cancel((struct http_call *)call);
}

static int make_client(struct runner *runner)
{
    const hub_connector *descriptor = runner->connector.descriptor;
    struct str rules = buf_view(&runner->http_rules);
    struct hub_error error;
    struct http_client_config config = {
        .loop = &runner->loop,
        .connector = str_of_hub(descriptor->name),
        .hosts = descriptor->hosts,
        .host_count = descriptor->host_count,
        .grants = str_slice(rules, 0, runner->http_allow_len),
        .private_hosts = str_slice(rules, runner->http_allow_len, rules.len),
        .authorities = buf_view(&runner->authorities),
        .deliver = deliver,
    };
    int err = http_client_new(&config, &runner->http, &error);
    if (err < 0) {
        runner_log(runner, WIRE_LOG_ERROR, error.detail);
    }
    return err;
}

const void *ext_http_init(struct runner *runner)
{
    static const hub_http_api API = {
        .size = sizeof(hub_http_api),
        .in_flight_max = HTTP_IN_FLIGHT_MAX,
        .send = http_send,
        .cancel = http_cancel,
    };
    the_runner = runner;
    if (!runner_on_main(runner) || runner->connector.descriptor->host_count == 0 ||
        (!runner->http && make_client(runner) < 0)) {
        return NULL;
    }
    return &API;
}

void ext_http_release(struct runner *runner)
{
    http_client_close(runner->http);
    runner->http = NULL;
    buf_release(&runner->http_rules);
    buf_release(&runner->authorities);
}
