/*
 * A file goes out by sendfile(2), called by a thread of libuv's pool: reading the disk may block,
 * and the loop must not. The socket does not block, so a slow client never holds a thread: when the
 * socket is full the thread returns and a uv_poll_t on a duplicate of the descriptor (libuv watches
 * a descriptor once per loop) waits for room.
 */
#include "http/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* What one visit to the pool sends at most, so that big files take turns. */
#define BYTES_PER_VISIT ((uint64_t)4 * 1024 * 1024)

struct file_send {
    uv_work_t work;
    uv_poll_t poll;
    struct http_server *server;
    struct http_exchange *exchange; /* NULL: abandoned */
    int fd;
    int socket; /* a duplicate; -1 until the head is out */
    bool is_working;
    bool is_polling; /* the poll handle is initialized */
    /* The worker's while is_working: */
    off_t offset;
    uint64_t left;
    uint64_t sent; /* by the last visit */
    int errnum;    /* why the last visit ended early; 0: it did its share or met the file's end */
};

static void queue(struct file_send *self);

static void on_poll_closed(uv_handle_t *handle)
{
    struct file_send *self = CONTAINER_OF((uv_poll_t *)handle, struct file_send, poll);
    struct http_server *server = self->server;
    close(self->socket);
    close(self->fd);
    free(self);
    server_part_ended(server);
}

static void dispose(struct file_send *self)
{
    if (self->is_polling) {
        uv_close((uv_handle_t *)&self->poll, on_poll_closed);
        return;
    }
    struct http_server *server = self->server;
    if (self->socket >= 0) {
        close(self->socket);
    }
    close(self->fd);
    free(self);
    server_part_ended(server);
}

void file_send_abandon(struct http_exchange *exchange)
{
    struct file_send *self = exchange->answer.file;
    if (self == NULL) {
        return;
    }
    exchange->answer.file = NULL;
    self->exchange = NULL;
    if (!self->is_working) {
        dispose(self);
        return;
    }
    /* The duplicate would keep the connection open until the worker is done with its share. */
    shutdown(self->socket, SHUT_RDWR);
    uv_cancel((uv_req_t *)&self->work);
}

/* In a thread of the pool. */
static void work(uv_work_t *req)
{
    struct file_send *self = CONTAINER_OF(req, struct file_send, work);
    uint64_t share = self->left < BYTES_PER_VISIT ? self->left : BYTES_PER_VISIT;
    self->sent = 0;
    self->errnum = 0;
    while (self->sent < share) {
        ssize_t got = sendfile(self->socket, self->fd, &self->offset, (size_t)(share - self->sent));
        if (got > 0) {
            self->sent += (uint64_t)got;
        } else if (got == 0 || errno != EINTR) {
            /* A file that ends early has shrunk: the promised length cannot be kept. */
            self->errnum = got == 0 ? EIO : errno;
            break;
        }
    }
    self->left -= self->sent;
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct file_send *self = CONTAINER_OF(poll, struct file_send, poll);
    struct http_connection *conn = self->exchange->req.connection;
    uv_poll_stop(poll);
    connection_watch_output(conn, false);
    if (status < 0) {
        connection_close(conn);
        return;
    }
    queue(self);
}

static void wait_for_room(struct file_send *self, struct http_connection *conn)
{
    connection_watch_output(conn, true);
    if (uv_poll_start(&self->poll, UV_WRITABLE, on_writable) < 0) {
        connection_close(conn);
    }
}

static void after_work(uv_work_t *req, int status)
{
    struct file_send *self = CONTAINER_OF(req, struct file_send, work);
    self->is_working = false;
    if (self->exchange == NULL) {
        dispose(self);
        return;
    }
    struct http_exchange *exchange = self->exchange;
    struct http_connection *conn = exchange->req.connection;
    conn->output.accepted += self->sent;
    self->server->stats.bytes_out += self->sent;
    if (status == 0 && self->left == 0) {
        exchange->answer.file = NULL;
        dispose(self);
        connection_answered(conn);
    } else if (status == 0 && self->errnum == 0) {
        queue(self);
    } else if (status == 0 && self->errnum == EAGAIN) {
        wait_for_room(self, conn);
    } else {
        connection_close(conn);
    }
}

static void queue(struct file_send *self)
{
    self->is_working = true;
    if (uv_queue_work(self->server->loop, &self->work, work, after_work) < 0) {
        self->is_working = false;
        connection_close(self->exchange->req.connection);
    }
}

/* Duplicates the socket and begins to watch it. */
static bool open_socket(struct file_send *self, struct http_connection *conn)
{
    uv_os_fd_t fd;
    if (uv_fileno(&conn->handle, &fd) < 0) {
        return false;
    }
    self->socket = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (self->socket < 0 || uv_poll_init(self->server->loop, &self->poll, self->socket) < 0) {
        return false;
    }
    self->is_polling = true;
    return true;
}

void file_send_progress(struct http_exchange *exchange)
{
    struct file_send *self = exchange->answer.file;
    struct http_connection *conn = exchange->req.connection;
    if (self != NULL && self->socket >= 0) {
        return; /* under way */
    }
    if (self != NULL && open_socket(self, conn)) {
        queue(self);
    } else {
        connection_close(conn); /* the promised length cannot be sent */
    }
}

/* Takes `fd` over; NULL, with `fd` closed, if out of memory. */
static struct file_send *file_send_new(struct http_exchange *exchange, int fd, uint64_t offset,
                                       uint64_t len)
{
    struct file_send *self = calloc(1, sizeof *self);
    if (self == NULL) {
        close(fd);
        return NULL;
    }
    self->server = exchange->server;
    self->exchange = exchange;
    self->fd = fd;
    self->socket = -1;
    self->offset = (off_t)offset;
    self->left = len;
    server_part_began(self->server);
    return self;
}

void http_respond_file(struct http_request *req, const struct http_response *response, int fd,
                       uint64_t offset, uint64_t len)
{
    struct http_exchange *self = exchange_of(req);
    bool is_head_only = answer_has_no_body(self, response->status) || len == 0;
    struct http_connection *conn = answer_begin(self, is_head_only ? ANSWER_MEMORY : ANSWER_FILE);
    if (conn == NULL || is_head_only) {
        close(fd);
    } else {
        self->answer.file = file_send_new(self, fd, offset, len);
    }
    if (conn != NULL) {
        answer_send(self, response, (int64_t)len, (struct str){NULL, 0});
    }
}
