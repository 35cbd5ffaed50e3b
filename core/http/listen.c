#include "http/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

/* --- Caps per address --------------------------------------------------------------------------*/

/* What counts as one address: all of an IPv4 one; of an IPv6 one the first 64 bits, since whoever
 * has one address of a network mostly has all of it. */
static struct str address_key(const struct sockaddr_storage *peer, char *room)
{
    static const char V4_MAPPED[12] = {[10] = '\xff', [11] = '\xff'};
    if (peer->ss_family == AF_INET) {
        memcpy(room, &((const struct sockaddr_in *)peer)->sin_addr, 4);
        return str_of(room, 4);
    }
    memcpy(room, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
    if (memcmp(room, V4_MAPPED, sizeof V4_MAPPED) == 0) {
        memmove(room, room + 12, 4);
        return str_of(room, 4);
    }
    return str_of(room, 8);
}

static struct http_address *address_acquire(struct http_server *self,
                                            const struct sockaddr_storage *peer)
{
    char room[16];
    struct str key = address_key(peer, room);
    struct http_address *address = map_get(&self->addresses, key);
    if (address == NULL) {
        address = calloc(1, sizeof *address);
        if (address == NULL) {
            return NULL;
        }
        memcpy(address->bytes, room, sizeof room);
        address->key = str_of(address->bytes, key.len);
        if (map_put(&self->addresses, address->key, address) < 0) {
            free(address);
            return NULL;
        }
    }
    address->connections++;
    return address;
}

void address_release(struct http_server *self, struct http_address *address)
{
    if (address != NULL && --address->connections == 0) {
        map_remove(&self->addresses, address->key);
        free(address);
    }
}

/* --- Accepting ---------------------------------------------------------------------------------*/

static bool identify_tcp(struct http_connection *conn)
{
    struct http_server *server = conn->server;
    struct sockaddr_storage peer;
    int len = sizeof peer;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&peer, &len) < 0) {
        return false;
    }
    if (peer.ss_family == AF_INET) {
        uv_ip4_name((struct sockaddr_in *)&peer, conn->peer.address, sizeof conn->peer.address);
    } else {
        uv_ip6_name((struct sockaddr_in6 *)&peer, conn->peer.address, sizeof conn->peer.address);
    }
    conn->address = address_acquire(server, &peer);
    if (conn->address == NULL ||
        conn->address->connections > server->limits.connections_per_address_max) {
        return false;
    }
    return uv_tcp_nodelay(&conn->tcp, 1) == 0;
}

/* The credentials are those of when the peer connected (unix(7), SO_PEERCRED). */
static bool identify_unix(struct http_connection *conn)
{
    struct ucred creds;
    socklen_t len = sizeof creds;
    uv_os_fd_t fd;
    if (uv_fileno(&conn->handle, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &len) < 0) {
        return false;
    }
    conn->peer.uid = creds.uid;
    return true;
}

static void begin(struct http_connection *conn)
{
    struct http_server *server = conn->server;
    bool is_welcome = server->stats.connections_open <= server->limits.connections_max &&
                      (conn->peer.is_unix ? identify_unix(conn) : identify_tcp(conn));
    if (!is_welcome) {
        server->stats.connections_refused++;
        connection_close(conn);
        return;
    }
    server->stats.connections_accepted++;
    connection_start(conn);
}

static void accept_one(struct http_listener *listener)
{
    struct http_connection *conn = connection_new(listener->server, listener->is_unix);
    if (conn == NULL) {
        listener->server->stats.connections_refused++;
        return;
    }
    if (uv_accept(&listener->stream, &conn->stream) < 0) {
        connection_close(conn);
        return;
    }
    begin(conn);
}

/* libuv calls this for each client that it has accepted; as long as one is not fetched with
 * uv_accept(), it accepts no other. */
static void on_connection(uv_stream_t *stream, int status)
{
    struct http_listener *listener = CONTAINER_OF(stream, struct http_listener, stream);
    struct http_server *server = listener->server;
    if (status < 0) {
        /* Without descriptors it does not come to this: libuv keeps a spare one, with which it
         * accepts and closes who is waiting. */
        server->stats.connections_refused++;
        return;
    }
    if (server->turn_ms != uv_now(server->loop)) {
        server->turn_ms = uv_now(server->loop);
        server->turn_accepts = 0;
    }
    if (server->turn_accepts++ < HTTP_ACCEPTS_PER_TURN) {
        accept_one(listener);
    } else {
        listener->is_deferred = true;
        uv_idle_start(&server->next_turn, listen_next_turn);
    }
}

void listen_next_turn(uv_idle_t *idle)
{
    struct http_server *server = CONTAINER_OF(idle, struct http_server, next_turn);
    uv_idle_stop(idle);
    server->turn_accepts = 0;
    LIST_FOR_EACH(link, &server->listeners) {
        struct http_listener *listener = CONTAINER_OF(link, struct http_listener, link);
        if (listener->is_deferred) {
            listener->is_deferred = false;
            server->turn_accepts++;
            accept_one(listener);
        }
    }
}

/* --- Listening ---------------------------------------------------------------------------------*/

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_listener *self = CONTAINER_OF(handle, struct http_listener, handle);
    struct http_server *server = self->server;
    free(self);
    server_part_ended(server);
}

static void listener_close(struct http_listener *self)
{
    if (!uv_is_closing(&self->handle)) {
        list_remove(&self->link);
        uv_close(&self->handle, on_listener_closed);
    }
}

void listeners_close(struct http_server *self)
{
    LIST_FOR_EACH(link, &self->listeners) {
        listener_close(CONTAINER_OF(link, struct http_listener, link));
    }
}

static struct http_listener *listener_new(struct http_server *server, bool is_unix)
{
    struct http_listener *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    int err = is_unix ? uv_pipe_init(server->loop, &self->pipe, 0)
                      : uv_tcp_init(server->loop, &self->tcp);
    if (err < 0) {
        free(self);
        return NULL;
    }
    self->server = server;
    self->is_unix = is_unix;
    list_append(&server->listeners, &self->link);
    server_part_began(server);
    return self;
}

static int listener_start(struct http_listener *self, const char *where, struct hub_error *error)
{
    int err = uv_listen(&self->stream, LISTEN_BACKLOG, on_connection);
    if (err < 0) {
        return hub_fail_errno(error, -err, "cannot listen on %s", where);
    }
    return 0;
}

static int parse_address(const char *address, int port, struct sockaddr_storage *ret_address)
{
    if (uv_ip4_addr(address, port, (struct sockaddr_in *)ret_address) == 0) {
        return 0;
    }
    return uv_ip6_addr(address, port, (struct sockaddr_in6 *)ret_address);
}

static int bound_port(const uv_tcp_t *tcp)
{
    struct sockaddr_storage bound = {0};
    int len = sizeof bound;
    uv_tcp_getsockname(tcp, (struct sockaddr *)&bound, &len);
    return ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
                                            : ((struct sockaddr_in6 *)&bound)->sin6_port);
}

int http_server_listen_tcp(struct http_server *self, const char *address, int port, int *ret_port,
                           struct hub_error *error)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct sockaddr_storage where;
    if (port < 0 || port > 65535 || parse_address(address, port, &where) < 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "not an IP address and port: %s:%d", address,
                        port);
    }
    struct http_listener *listener = listener_new(self, false);
    if (listener == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory to listen on %s", address);
    }
    int bound = uv_tcp_bind(&listener->tcp, (struct sockaddr *)&where, 0);
    int err = bound < 0 ? hub_fail_errno(error, -bound, "cannot bind %s:%d", address, port)
                        : listener_start(listener, address, error);
    if (err < 0) {
        listener_close(listener);
        return err;
    }
    if (ret_port != NULL) {
        *ret_port = bound_port(&listener->tcp);
    }
    return 0;
}

/* Removes a socket file that nobody listens on; anything else at `path` is an error. */
static int remove_stale_socket(const char *path, struct hub_error *error)
{
    struct stat info;
    if (lstat(path, &info) < 0) {
        return errno == ENOENT ? 0 : hub_fail_errno(error, errno, "cannot look at %s", path);
    }
    if (!S_ISSOCK(info.st_mode)) {
        return hub_fail(error, HUB_ERR_CONFLICT, "%s is there and is not a socket", path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return hub_fail_errno(error, errno, "cannot make a socket");
    }
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    strncpy(where.sun_path, path, sizeof where.sun_path - 1);
    bool is_stale =
        connect(fd, (struct sockaddr *)&where, sizeof where) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!is_stale) {
        return hub_fail(error, HUB_ERR_CONFLICT, "somebody listens on %s already", path);
    }
    if (unlink(path) < 0) {
        return hub_fail_errno(error, errno, "cannot remove %s", path);
    }
    return 0;
}

static int bind_unix(struct http_listener *listener, const char *path, struct hub_error *error)
{
    int err = uv_pipe_bind(&listener->pipe, path);
    if (err < 0) {
        return hub_fail_errno(error, -err, "cannot bind %s", path);
    }
    /* Nobody can connect before it listens, so the mode is right in time. */
    if (chmod(path, 0660) < 0) {
        return hub_fail_errno(error, errno, "cannot set the mode of %s", path);
    }
    return listener_start(listener, path, error);
}

int http_server_listen_unix(struct http_server *self, const char *path, struct hub_error *error)
{
    ASSERT_THREAD(THREAD_LOOP);
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the socket's path is too long: %s", path);
    }
    int err = remove_stale_socket(path, error);
    if (err < 0) {
        return err;
    }
    struct http_listener *listener = listener_new(self, true);
    if (listener == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory to listen on %s", path);
    }
    err = bind_unix(listener, path, error);
    if (err < 0) {
        listener_close(listener);
    }
    return err;
}

int http_server_adopt(struct http_server *self, int fd)
{
    struct http_connection *conn = connection_new(self, true);
    if (conn == NULL) {
        return HUB_ERR_NOMEM;
    }
    if (uv_pipe_open(&conn->pipe, fd) < 0) {
        connection_close(conn);
        return HUB_ERR_IO;
    }
    begin(conn);
    return 0;
}
