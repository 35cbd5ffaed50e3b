#include "runner/http_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define RESOLVING_MAX 64    /* threads that resolve, at once */
#define FRESH_MS      50000 /* libcurl keeps an answer for 60 s */
#define NAMES_MAX     4096  /* that one pool remembers */

struct http_name {
    struct http_pool *pool;
    struct http_call *leader; /* NULL: nobody is at it */
    int64_t fresh_until_ms;
    struct list waiting; /* calls */
    struct list queued;  /* in client.queued */
    size_t len;
    char text[];
};

static bool is_unused(const struct http_name *self)
{
    return !self->leader && list_empty(&self->waiting) && !list_linked(&self->queued);
}

static void name_free(struct http_name *self)
{
    (void)map_remove(&self->pool->names, str_of(self->text, self->len));
    free(self);
}

/* Makes room by forgetting names that nobody is at, whichever comes first. */
static void forget_one(struct http_pool *pool)
{
    MAP_FOR_EACH(entry, &pool->names) {
        struct http_name *name = entry->value;
        if (is_unused(name)) {
            name_free(name);
            return;
        }
    }
}

static struct http_name *name_get(struct http_pool *pool, struct str host)
{
    struct http_name *self = map_get(&pool->names, host);
    if (self) {
        return self;
    }
    if (pool->names.len >= NAMES_MAX) {
        forget_one(pool);
    }
    self = malloc(sizeof *self + host.len);
    if (!self) {
        return NULL;
    }
    *self = (struct http_name){.pool = pool, .len = host.len};
    memcpy(self->text, host.ptr, host.len);
    list_init(&self->waiting);
    list_init(&self->queued);
    if (map_put(&pool->names, str_of(self->text, self->len), self) < 0) {
        free(self);
        return NULL;
    }
    return self;
}

static void lead(struct http_name *self, struct http_call *call)
{
    self->leader = call;
    call->leads = self;
    call->resolved = false;
    self->pool->client->resolving++;
}

bool http_name_enter(struct http_call *call)
{
    struct sockaddr_storage address;
    struct http_client *client = call->client;
    if (http_host_is_address(buf_view(&call->host), &address)) {
        return true;
    }
    struct http_name *self = name_get(call->pool, buf_view(&call->host));
    if (!self) {
        http_call_fail(call, HUB_HTTP_NO_RESOURCES, "out of memory");
        return false;
    }
    if (self->fresh_until_ms > clock_mono_ms()) {
        return true;
    }
    if (!self->leader && list_empty(&self->waiting) && client->resolving < RESOLVING_MAX) {
        lead(self, call);
        return true;
    }
    call->state = HTTP_NAMING;
    list_append(&self->waiting, &call->link);
    if (!self->leader && !list_linked(&self->queued)) {
        list_append(&client->queued, &self->queued);
    }
    return false;
}

/* The first of those that wait leads. */
static void promote(struct http_name *self)
{
    struct list *link = list_first(&self->waiting);
    if (link) {
        struct http_call *call = CONTAINER_OF(link, struct http_call, link);
        list_remove(link);
        lead(self, call);
        http_client_due(call);
    }
}

/* While there are free slots and names that want one. */
static void promote_queued(struct http_client *client)
{
    struct list *link;
    while (client->resolving < RESOLVING_MAX && (link = list_first(&client->queued)) != NULL) {
        list_remove(link);
        promote(CONTAINER_OF(link, struct http_name, queued));
    }
}

void http_name_leave(struct http_call *call)
{
    struct http_name *self = call->leads;
    if (!self) {
        return;
    }
    bool unknown = call->state == HTTP_ENDED && call->error == HUB_HTTP_DNS;
    self->leader = NULL;
    call->leads = NULL;
    call->client->resolving--;
    if (call->resolved) {
        self->fresh_until_ms = clock_mono_ms() + FRESH_MS;
    } else if (!unknown) { /* it has given up: another one tries */
        if (!list_empty(&self->waiting) && !list_linked(&self->queued)) {
            list_append(&call->client->queued, &self->queued);
        }
        promote_queued(call->client);
        return;
    }
    LIST_FOR_EACH(link, &self->waiting) {
        struct http_call *waiting = CONTAINER_OF(link, struct http_call, link);
        list_remove(link);
        if (unknown) {
            http_call_fail(waiting, HUB_HTTP_DNS, call->why);
        } else {
            http_client_due(waiting);
        }
    }
    promote_queued(call->client);
}

void http_name_forget_all(struct http_pool *pool)
{
    MAP_FOR_EACH(entry, &pool->names) {
        struct http_name *name = entry->value;
        list_remove(&name->queued);
        free(name);
    }
    map_release(&pool->names);
}
