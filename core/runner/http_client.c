#include "runner/http_client.h"

#include "base/clock.h"
#include "runner/http_internal.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MS   15000
#define SPARE_MAX  1024 /* calls that are kept for the next ones */
#define TIMEOUT_MS 60000
#define KNOWN_FLAGS                                                                                \
    (HUB_HTTP_DECODE | HUB_HTTP_REPLAY | HUB_HTTP_PUBLIC | HUB_HTTP_TO_FILE | HUB_HTTP_SECURE)

/* --- Calls -------------------------------------------------------------------------------------*/

static void call_free(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    buf_release(&call->host);
    buf_release(&call->head);
    buf_release(&call->fields);
    buf_release(&call->body_in);
    free(call);
}

static struct http_call *call_take(struct http_client *self)
{
    struct list *link = list_first(&self->spare);
    struct http_call *call;
    if (link) {
        call = CONTAINER_OF(link, struct http_call, all);
        list_remove(link);
        self->spare_count--;
        return call;
    }
    call = calloc(1, sizeof *call);
    if (!call) {
        return NULL;
    }
    call->client = self;
    call->state = HTTP_DUE;
    list_init(&call->link);
    list_init(&call->all);
    heap_node_init(&call->by_deadline);
    buf_init(&call->host, 1024);
    buf_init(&call->head, HTTP_HEADER_BYTES_MAX);
    buf_init(&call->fields, BUF_NO_LIMIT);
    buf_init(&call->body_in, BUF_NO_LIMIT); /* http_hop.c counts */
    if (http_hop_init(call) < 0) {
        free(call);
        return NULL;
    }
    return call;
}

static void call_give_back(struct http_call *call)
{
    struct http_client *self = call->client;
    http_call_clear(call);
    if (self->spare_count >= SPARE_MAX || self->closing) {
        call_free(call);
        return;
    }
    list_prepend(&self->spare, &call->all);
    self->spare_count++;
}

void http_call_release(struct http_call *call)
{
    struct http_client *self = call->client;
    struct http_pool *pool = call->pool;
    list_remove(&call->link);
    list_remove(&call->all);
    heap_remove(&self->by_deadline, &call->by_deadline);
    self->call_count--;
    if (--pool->calls == 0) {
        pool->idle_since_ms = clock_mono_ms();
    }
    call_give_back(call);
}

/* --- The loop's turns --------------------------------------------------------------------------*/

static void see_to_due(uv_idle_t *idle)
{
    struct http_client *self = idle->data;
    struct list due;
    struct list *link;
    list_init(&due); /* what becomes due meanwhile has its turn in the next one */
    list_splice(&due, &self->due);
    while ((link = list_first(&due)) != NULL) {
        struct http_call *call = CONTAINER_OF(link, struct http_call, link);
        list_remove(link);
        if (call->state == HTTP_ENDED) {
            if (call->in_multi) {
                http_call_detach(call);
            }
            http_call_deliver(call);
        } else {
            http_call_send(call);
        }
    }
    if (list_empty(&self->due)) {
        uv_idle_stop(idle);
    }
}

void http_client_due(struct http_call *call)
{
    struct http_client *self = call->client;
    if (call->state != HTTP_ENDED) {
        call->state = HTTP_DUE;
    }
    if (!list_linked(&call->link)) {
        list_append(&self->due, &call->link);
    }
    (void)uv_idle_start(&self->idle, see_to_due);
}

/* --- Deadlines ---------------------------------------------------------------------------------*/

static bool is_sooner(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct http_call, by_deadline)->deadline_ms <
           CONTAINER_OF(b, struct http_call, by_deadline)->deadline_ms;
}

static void arm_deadline(struct http_client *self);

static void deadline_passed(uv_timer_t *timer)
{
    struct http_client *self = timer->data;
    int64_t now_ms = clock_mono_ms();
    struct heap_node *node;
    self->deadline_at = INT64_MAX;
    while ((node = heap_first(&self->by_deadline)) != NULL) {
        struct http_call *call = CONTAINER_OF(node, struct http_call, by_deadline);
        if (call->deadline_ms > now_ms) {
            break;
        }
        (void)heap_pop(&self->by_deadline);
        if (call->state != HTTP_ENDED) {
            http_call_detach(call);
            http_call_fail(call, HUB_HTTP_TIMEOUT, "it took too long");
        }
    }
    arm_deadline(self);
}

static void arm_deadline(struct http_client *self)
{
    struct heap_node *node = heap_first(&self->by_deadline);
    if (!node) {
        return; /* if it is armed, it fires in vain, once */
    }
    int64_t at = CONTAINER_OF(node, struct http_call, by_deadline)->deadline_ms;
    if (at < self->deadline_at) {
        int64_t now_ms = clock_mono_ms();
        self->deadline_at = at;
        uv_update_time(self->loop);
        uv_timer_start(&self->deadline, deadline_passed, at > now_ms ? (uint64_t)(at - now_ms) : 0,
                       0);
    }
}

static void sweep(uv_timer_t *timer)
{
    http_pool_sweep(timer->data, clock_mono_ms());
}

/* --- Send and cancel ---------------------------------------------------------------------------*/

static bool is_request(const hub_http_request *request)
{
    return request && HUB_HAS(request, hub_http_request, context) && request->done &&
           (request->flags & ~(unsigned)KNOWN_FLAGS) == 0 &&
           request->partition.len <= HTTP_PARTITION_MAX &&
           (request->headers || request->header_count == 0) &&
           !(request->body.ptr && request->body_file);
}

static int32_t enter(struct http_client *self, struct http_call *call,
                     const hub_http_request *request, uint32_t timeout_ms)
{
    struct str partition = {request->partition.ptr, request->partition.len};
    int32_t result = http_pool_get(self, request->flags, partition, &call->pool);
    if (result != HUB_CALL_OK) {
        return result;
    }
    call->deadline_ms = clock_mono_ms() + timeout_ms;
    if (heap_push(&self->by_deadline, &call->by_deadline) < 0) {
        return HUB_CALL_NOMEM;
    }
    call->pool->calls++;
    list_append(&self->calls, &call->all);
    self->call_count++;
    return HUB_CALL_OK;
}

int32_t http_client_send(struct http_client *self, const hub_http_request *request, uint64_t tag,
                         struct http_call **ret_call)
{
    if (!is_request(request)) {
        return HUB_CALL_INVALID;
    }
    if (self->closing) {
        return HUB_CALL_CLOSED;
    }
    struct http_call *call = self->call_count < HTTP_IN_FLIGHT_MAX ? call_take(self) : NULL;
    if (!call) {
        return self->call_count < HTTP_IN_FLIGHT_MAX ? HUB_CALL_NOMEM : HUB_CALL_AGAIN;
    }
    call->tag = tag;
    uint32_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS;
    int32_t result = http_call_fill(call, request, timeout_ms);
    if (result == HUB_CALL_OK) {
        result = enter(self, call, request, timeout_ms);
    }
    if (result != HUB_CALL_OK) {
        list_remove(&call->link);
        call_give_back(call);
        return result;
    }
    if (ret_call) {
        *ret_call = call;
    }
    if (call->state != HTTP_ENDED) {
        http_call_begin(call);
    }
    arm_deadline(self);
    return HUB_CALL_OK;
}

void http_client_cancel(struct http_call *call)
{
    if (call) {
        http_call_detach(call);
        http_call_release(call);
    }
}

unsigned http_client_in_flight(const struct http_client *self)
{
    return self->call_count;
}

/* --- Beginning and end -------------------------------------------------------------------------*/

static int add_rules(struct http_rules *rules, struct str lines, unsigned port,
                     struct str connector, const char *what, struct hub_error *error)
{
    struct str bad = {0};
    int err = http_rules_add_lines(rules, lines, port, connector, &bad);
    if (err < 0) {
        (void)hub_fail(error, err, "%s: %.*s is no host and no network", what, STR_ARG(bad));
    }
    return err;
}

static int copy_config(struct http_client *self, struct hub_error *error)
{
    const struct http_client_config *config = &self->config;
    int err = 0;
    for (unsigned i = 0; i < config->host_count && err == 0; i++) {
        struct str host = {config->hosts[i].ptr, config->hosts[i].len};
        err =
            add_rules(&self->asked, host, 443, config->connector, "the descriptor's hosts", error);
    }
    if (err == 0) {
        err = add_rules(&self->granted, config->grants, 0, config->connector, "http_allow", error);
    }
    if (err == 0) {
        err = add_rules(&self->private_hosts, config->private_hosts, 0, config->connector,
                        "http_allow_private", error);
    }
    if (err == 0) {
        self->authorities_len = config->authorities.len;
        self->authorities = malloc(config->authorities.len + 1);
        if (!self->authorities) {
            return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        }
        memcpy(self->authorities, config->authorities.ptr ? config->authorities.ptr : "",
               config->authorities.len);
    }
    return err;
}

/* What is not a handle of the loop. */
static void client_free(struct http_client *self)
{
    LIST_FOR_EACH(link, &self->spare) {
        call_free(CONTAINER_OF(link, struct http_call, all));
    }
    http_rules_release(&self->asked);
    http_rules_release(&self->granted);
    http_rules_release(&self->private_hosts);
    http_trust_release(self);
    heap_release(&self->by_deadline);
    map_release(&self->pools);
    free(self->watches);
    free(self->authorities);
    free(self);
}

static void handle_closed(uv_handle_t *handle)
{
    http_client_handle_closed(handle->data);
}

void http_client_handle_closed(struct http_client *self)
{
    if (--self->handles == 0 && self->closing) {
        client_free(self);
    }
}

static void start_handles(struct http_client *self)
{
    (void)uv_idle_init(self->loop, &self->idle);
    (void)uv_timer_init(self->loop, &self->deadline);
    (void)uv_timer_init(self->loop, &self->sweep);
    self->idle.data = self->deadline.data = self->sweep.data = self;
    self->handles = 3;
    uv_timer_start(&self->sweep, sweep, SWEEP_MS, SWEEP_MS);
    uv_unref((uv_handle_t *)&self->sweep);
}

int http_client_new(const struct http_client_config *config, struct http_client **ret_self,
                    struct hub_error *error)
{
    struct http_client *self = calloc(1, sizeof *self);
    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->config = *config;
    self->loop = config->loop;
    self->deadline_at = INT64_MAX;
    list_init(&self->calls);
    list_init(&self->spare);
    list_init(&self->due);
    list_init(&self->queued);
    heap_init(&self->by_deadline, is_sooner);
    map_init(&self->pools);
    int err = copy_config(self, error);
    if (err == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err = hub_fail(error, HUB_ERR_NOMEM, "libcurl could not be set up");
    }
    if (err < 0) {
        client_free(self);
        return err;
    }
    self->config.connector = self->config.grants = self->config.private_hosts =
        self->config.authorities = (struct str){0};
    self->config.hosts = NULL;
    start_handles(self);
    *ret_self = self;
    return 0;
}

void http_client_close(struct http_client *self)
{
    if (!self) {
        return;
    }
    struct map_entry *entry;
    self->closing = true;
    LIST_FOR_EACH(link, &self->calls) {
        http_client_cancel(CONTAINER_OF(link, struct http_call, all));
    }
    while ((entry = map_next(&self->pools, NULL)) != NULL) {
        http_pool_close(entry->value);
    }
    uv_close((uv_handle_t *)&self->idle, handle_closed);
    uv_close((uv_handle_t *)&self->deadline, handle_closed);
    uv_close((uv_handle_t *)&self->sweep, handle_closed);
}
