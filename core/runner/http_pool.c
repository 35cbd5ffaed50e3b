/*
 * http_pool.c — a set of connections: libcurl's multi-socket interface on libuv's loop.
 *
 * The watch of a connection lives as long as its socket, and keeps waiting for what it waited for
 * last: a kept connection is mostly asked for the same again, and so costs no system call. What it
 * is told too much it ignores once, and then stops waiting for.
 *
 * libcurl 7.88 closes a socket whose connection was never made by itself:
 * CURLOPT_CLOSESOCKETFUNCTION is not asked, and CURL_POLL_REMOVE comes late, or not at all if the
 * next address gets a socket of the same number. So a watch is kept over CURL_POLL_REMOVE only once
 * libcurl has wanted to read from the socket, which it does not before there is a connection; and a
 * number that the kernel gives out anew means that its watch is stale.
 */
#include "runner/http_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOLS_MAX    1024
#define IDLE_MS      60000 /* without requests, before connections are closed */
#define CONNECTS_MAX 16000 /* kept open, in one pool */

/* Somebody who is told when a descriptor is ready. */
struct http_watch {
    uv_poll_t poll;
    struct http_client *client;
    struct http_pool *pool;
    curl_socket_t fd;
    int wanted; /* UV_READABLE | UV_WRITABLE, by libcurl */
    int polled; /* the same, by libuv */
    bool ours;  /* opened by http_pool_open_socket(); else a part of libcurl's resolver */
    bool connected;
};

/* --- Watches -----------------------------------------------------------------------------------*/

static void check_ended(struct http_pool *self);
static void ready(uv_poll_t *handle, int status, int events);

static void watch_closed(uv_handle_t *handle)
{
    struct http_watch *self = handle->data;
    struct http_client *client = self->client;
    free(self);
    http_client_handle_closed(client);
}

static void watch_for(struct http_watch *self, int events)
{
    if (events == self->polled) {
        return;
    }
    self->polled = events;
    if (events == 0) {
        uv_poll_stop(&self->poll);
    } else {
        uv_poll_start(&self->poll, events, ready);
    }
}

static struct http_watch *watch_find(const struct http_client *client, curl_socket_t fd)
{
    return (unsigned)fd < client->watch_cap ? client->watches[fd] : NULL;
}

static struct http_watch *watch_new(struct http_pool *pool, curl_socket_t fd, bool ours)
{
    struct http_client *client = pool->client;
    if ((unsigned)fd >= client->watch_cap) {
        unsigned cap = (unsigned)fd + 256;
        struct http_watch **larger = realloc(client->watches, cap * sizeof(*larger));
        if (!larger) {
            return NULL;
        }
        memset(larger + client->watch_cap, 0, (cap - client->watch_cap) * sizeof(*larger));
        client->watches = larger;
        client->watch_cap = cap;
    }
    struct http_watch *self = calloc(1, sizeof *self);
    if (!self || uv_poll_init(client->loop, &self->poll, fd) < 0) {
        free(self);
        return NULL;
    }
    self->poll.data = self;
    self->client = client;
    self->pool = pool;
    self->fd = fd;
    self->ours = ours;
    client->watches[fd] = self;
    client->handles++;
    return self;
}

static void watch_end(struct http_watch *self)
{
    self->client->watches[self->fd] = NULL;
    uv_close((uv_handle_t *)&self->poll, watch_closed);
}

static void ready(uv_poll_t *handle, int status, int events)
{
    struct http_watch *self = handle->data;
    struct http_pool *pool = self->pool;
    int useful = events & self->wanted;
    int running;
    if (status >= 0 && useful == 0) {
        watch_for(self, self->wanted);
        return;
    }
    int mask = (useful & UV_READABLE ? CURL_CSELECT_IN : 0) |
               (useful & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    if (status < 0) { /* libuv has stopped */
        self->polled = 0;
    }
    (void)curl_multi_socket_action(pool->multi, self->fd, mask, &running);
    check_ended(pool);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_data)
{
    static const int EVENTS[] = {
        [CURL_POLL_IN] = UV_READABLE,
        [CURL_POLL_OUT] = UV_WRITABLE,
        [CURL_POLL_INOUT] = UV_READABLE | UV_WRITABLE,
    };
    struct http_pool *pool = context;
    struct http_watch *watch = watch_find(pool->client, fd);
    (void)easy;
    (void)socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            watch->wanted = 0;
            if (!watch->ours || !watch->connected) {
                watch_end(watch);
            }
        }
        return 0;
    }
    if (!watch) {
        watch = watch_new(pool, fd, false);
    }
    if (!watch) {
        return -1;
    }
    watch->wanted = EVENTS[what];
    watch->connected = watch->connected || (watch->wanted & UV_READABLE) != 0;
    if ((watch->wanted & ~watch->polled) != 0) {
        watch_for(watch, watch->wanted);
    }
    return 0;
}

curl_socket_t http_pool_open_socket(struct http_pool *self, const struct curl_sockaddr *address)
{
    int type = address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(address->family, type, address->protocol);
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    struct http_watch *stale = watch_find(self->client, fd);
    int wanted = stale && stale->pool == self ? stale->wanted : 0;
    if (stale) {
        watch_end(stale);
    }
    struct http_watch *watch = watch_new(self, fd, true);
    if (!watch) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    watch->wanted = wanted; /* libcurl believes that it has told us */
    watch_for(watch, wanted);
    return fd;
}

int http_pool_close_socket(void *context, curl_socket_t fd)
{
    struct http_pool *self = context;
    struct http_watch *watch = watch_find(self->client, fd);
    if (watch) {
        watch_end(watch);
    }
    return close(fd);
}

/* --- Time --------------------------------------------------------------------------------------*/

static void timed_out(uv_timer_t *timer)
{
    struct http_pool *self = timer->data;
    int running;
    (void)curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    check_ended(self);
}

static int on_timer(CURLM *multi, long ms, void *context)
{
    struct http_pool *self = context;
    (void)multi;
    if (ms < 0) {
        uv_timer_stop(&self->timer);
    } else {
        uv_timer_start(&self->timer, timed_out, (uint64_t)ms, 0);
    }
    return 0;
}

/* What has ended in this turn of libcurl. Deliveries may send and cancel, which libcurl allows
 * here. */
static void check_ended(struct http_pool *self)
{
    CURLMsg *message;
    int left;
    self->calls++; /* nobody closes it meanwhile */
    while ((message = curl_multi_info_read(self->multi, &left)) != NULL) {
        struct http_call *call = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        (void)curl_multi_remove_handle(self->multi, message->easy_handle);
        call->in_multi = false;
        http_call_hop_ended(call, result);
    }
    self->calls--;
}

/* --- Pools -------------------------------------------------------------------------------------*/

static void pool_closed(uv_handle_t *handle)
{
    struct http_pool *self = handle->data;
    struct http_client *client = self->client;
    free(self);
    http_client_handle_closed(client);
}

void http_pool_close(struct http_pool *self)
{
    (void)map_remove(&self->client->pools, str_of(self->key, self->key_len));
    (void)curl_multi_cleanup(self->multi); /* closes its sockets, through us */
    http_name_forget_all(self);
    uv_close((uv_handle_t *)&self->timer, pool_closed);
}

void http_pool_sweep(struct http_client *client, int64_t now_ms)
{
    struct http_pool *idle;
    do {
        idle = NULL;
        MAP_FOR_EACH(entry, &client->pools) {
            struct http_pool *pool = entry->value;
            if (pool->calls == 0 && now_ms - pool->idle_since_ms >= IDLE_MS) {
                idle = pool;
                break;
            }
        }
        if (idle) {
            http_pool_close(idle);
        }
    } while (idle);
}

/* The one that has been idle for longest makes room. */
static bool make_room(struct http_client *client)
{
    struct http_pool *oldest = NULL;
    if (client->pools.len < POOLS_MAX) {
        return true;
    }
    MAP_FOR_EACH(entry, &client->pools) {
        struct http_pool *pool = entry->value;
        if (pool->calls == 0 && (!oldest || pool->idle_since_ms < oldest->idle_since_ms)) {
            oldest = pool;
        }
    }
    if (oldest) {
        http_pool_close(oldest);
    }
    return oldest != NULL;
}

static int pool_init(struct http_pool *self)
{
    struct http_client *client = self->client;
    self->multi = curl_multi_init();
    map_init(&self->names);
    if (!self->multi || map_put(&client->pools, str_of(self->key, self->key_len), self) < 0) {
        (void)curl_multi_cleanup(self->multi);
        return HUB_ERR_NOMEM;
    }
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    (void)curl_multi_setopt(self->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    (void)curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTS_MAX);
    (void)uv_timer_init(client->loop, &self->timer);
    self->timer.data = self;
    client->handles++;
    return 0;
}

int32_t http_pool_get(struct http_client *client, uint32_t flags, struct str partition,
                      struct http_pool **ret_pool)
{
    char key[HTTP_PARTITION_MAX + 2];
    size_t key_len = partition.len + 1;
    key[0] = flags & HUB_HTTP_PUBLIC ? 'p' : 'a';
    if (partition.len > 0) {
        memcpy(key + 1, partition.ptr, partition.len);
    }
    struct http_pool *self = map_get(&client->pools, str_of(key, key_len));
    if (!self) {
        if (!make_room(client)) {
            return HUB_CALL_AGAIN;
        }
        self = calloc(1, sizeof *self);
        if (!self) {
            return HUB_CALL_NOMEM;
        }
        self->client = client;
        self->key_len = key_len;
        memcpy(self->key, key, key_len);
        if (pool_init(self) < 0) {
            free(self);
            return HUB_CALL_NOMEM;
        }
    }
    *ret_pool = self;
    return HUB_CALL_OK;
}
