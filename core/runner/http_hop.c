/*
 * http_hop.c — what libcurl asks and tells while a hop is under way.
 *
 * Nothing here may call libcurl's multi interface: it is on the stack.
 */
#include "runner/http_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REFUSED_BODY_MAX (64u << 10) /* kept of a body that does not belong into the sink */
#define FIELDS_MAX       512

/* The hop fails for a reason of our own, which is worth more than what libcurl makes of it. */
static void refuse(struct http_call *self, uint32_t error, const char *why)
{
    if (self->error == HUB_HTTP_OK) {
        self->error = error;
        self->why = why;
    }
}

/* --- Connections -------------------------------------------------------------------------------*/

/* Each address that the name resolves to comes by here, in whatever way it was written, and the
 * connection is made to this very address: there is no second look-up that could say otherwise. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *self = context;
    const struct http_client *client = self->client;
    const char *special = http_address_special(&address->addr);
    (void)purpose;
    self->resolved = true;
    http_name_leave(self);
    if (special && ((self->flags & HUB_HTTP_PUBLIC) ||
                    !http_rules_match(&client->private_hosts, buf_view(&self->host), self->port,
                                      &address->addr))) {
        self->special = special;
        return CURL_SOCKET_BAD;
    }
    self->opened = true;
    curl_socket_t fd = http_pool_open_socket(self->pool, address);
    if (fd == CURL_SOCKET_BAD) {
        refuse(self, HUB_HTTP_NO_RESOURCES, "no descriptor is free");
    }
    return fd;
}

/* There is a connection, and the request will be written next: also when libcurl has found a kept
 * connection dead and tries again. */
static int before_request(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct http_call *self = context;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    self->resolved = true;
    http_name_leave(self);
    if (self->requests++ > 0 && !(self->flags & HUB_HTTP_REPLAY)) {
        refuse(self, HUB_HTTP_BROKEN, "the connection ended before there was an answer");
        return CURL_PREREQFUNC_ABORT;
    }
    self->may_have_arrived = true;
    return CURL_PREREQFUNC_OK;
}

/* --- The answer's head -------------------------------------------------------------------------*/

static void begin_head(struct http_call *self, struct str line)
{
    struct str rest = line;
    uint64_t status = 0;
    (void)str_split(&rest, ' ');
    (void)str_to_u64(str_slice(rest, 0, 3), 999, &status);
    self->status = (uint32_t)status;
    self->head_ended = false;
    buf_clear(&self->head);
    buf_clear(&self->fields);
}

static void add_field(struct http_call *self, struct str line)
{
    struct str value = line;
    struct str name = str_split(&value, ':');
    struct http_field field;
    if (!value.ptr || name.len == 0) {
        return;
    }
    value = str_trim(value);
    field = (struct http_field){(uint32_t)self->head.len, (uint32_t)name.len,
                                (uint32_t)(self->head.len + name.len), (uint32_t)value.len};
    buf_append_str(&self->head, name);
    buf_append_str(&self->head, value);
    if (buf_failed(&self->head)) {
        return; /* what is not all there is not told of */
    }
    for (size_t i = 0; i < name.len; i++) {
        char *c = &self->head.ptr[field.name + i];
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    }
    buf_append(&self->fields, &field, sizeof field);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct http_call *self = context;
    struct str line = str_of(bytes, size * count);
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    if (str_starts_with(line, STR("HTTP/"))) {
        begin_head(self, line);
    } else if (line.len == 0) {
        self->head_ended = true;
    } else if (self->body_in.len == 0 && self->written == 0) { /* no trailer */
        add_field(self, line);
    }
    if (buf_failed(&self->head) || buf_failed(&self->fields) ||
        self->fields.len > FIELDS_MAX * sizeof(struct http_field)) {
        refuse(self, HUB_HTTP_TOO_LARGE, "the answer's headers are larger than allowed");
        return 0;
    }
    return size * count;
}

/* --- The answer's body -------------------------------------------------------------------------*/

static size_t write_sink(struct http_call *self, const char *bytes, size_t len)
{
    size_t at = 0;
    if (len > self->response_max - self->written) {
        refuse(self, HUB_HTTP_TOO_LARGE, "the answer is larger than allowed");
        return 0;
    }
    while (at < len) {
        ssize_t wrote = write(self->sink_fd, bytes + at, len - at);
        if (wrote < 0 && errno != EINTR) {
            refuse(self, errno == EFBIG ? HUB_HTTP_TOO_LARGE : HUB_HTTP_SINK,
                   errno == EFBIG ? "the answer is larger than a file may be"
                                  : "the file could not be written");
            return 0;
        }
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    self->written += len;
    return len;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_call *self = context;
    size_t len = size * count;
    bool fine = self->status >= 200 && self->status < 300;
    if (self->sink_fd >= 0 && fine) {
        return write_sink(self, bytes, len);
    }
    size_t room = self->sink_fd >= 0 ? REFUSED_BODY_MAX : (size_t)self->response_max;
    room -= self->body_in.len;
    if (len > room && self->sink_fd < 0) {
        refuse(self, HUB_HTTP_TOO_LARGE, "the answer is larger than allowed");
        return 0;
    }
    buf_append(&self->body_in, bytes, len < room ? len : room);
    if (buf_failed(&self->body_in)) {
        refuse(self, HUB_HTTP_NO_RESOURCES, "out of memory");
        return 0;
    }
    return len;
}

/* --- The request's body, from a file -----------------------------------------------------------*/

static size_t give_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_call *self = context;
    uint64_t left = self->body_bytes - self->body_at;
    size_t len = size * count < left ? size * count : (size_t)left;
    ssize_t got = len > 0 ? pread(self->body_fd, bytes, len, (off_t)self->body_at) : 0;
    if (got < 0 || (got == 0 && len > 0)) {
        refuse(self, HUB_HTTP_SOURCE, "the file could not be read to its end");
        return CURL_READFUNC_ABORT;
    }
    self->body_at += (uint64_t)got;
    return (size_t)got;
}

static int seek_body(void *context, curl_off_t offset, int origin)
{
    struct http_call *self = context;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > self->body_bytes) {
        return CURL_SEEKFUNC_FAIL;
    }
    self->body_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* --- Options -----------------------------------------------------------------------------------*/

int http_hop_init(struct http_call *call)
{
    CURL *easy = curl_easy_init();
    CURLcode code = easy ? CURLE_OK : CURLE_OUT_OF_MEMORY;
#define SET(option, value)                                                                         \
    if (code == CURLE_OK) {                                                                        \
        code = curl_easy_setopt(easy, (option), (value));                                          \
    }
    SET(CURLOPT_PRIVATE, call)
    SET(CURLOPT_ERRORBUFFER, call->trouble)
    SET(CURLOPT_NOSIGNAL, 1L)
    SET(CURLOPT_NOPROGRESS, 1L)
    SET(CURLOPT_PROXY, "") /* else the guard would see the proxy's address only */
    SET(CURLOPT_PROTOCOLS_STR, "http,https")
    SET(CURLOPT_FOLLOWLOCATION, 0L) /* redirects are followed in http_call.c, under guard */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1)
    SET(CURLOPT_PATH_AS_IS, 1L) /* a signature is made over the path as it is */
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2)
    SET(CURLOPT_SSL_VERIFYPEER, 1L)
    SET(CURLOPT_SSL_VERIFYHOST, 2L)
    SET(CURLOPT_CAINFO, NULL)
    SET(CURLOPT_CAPATH, NULL)
    SET(CURLOPT_SSL_CTX_FUNCTION, http_trust_use)
    SET(CURLOPT_SSL_CTX_DATA, call->client)
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket)
    SET(CURLOPT_OPENSOCKETDATA, call)
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_pool_close_socket)
    SET(CURLOPT_PREREQFUNCTION, before_request)
    SET(CURLOPT_PREREQDATA, call)
    SET(CURLOPT_HEADERFUNCTION, take_header)
    SET(CURLOPT_HEADERDATA, call)
    SET(CURLOPT_WRITEFUNCTION, take_body)
    SET(CURLOPT_WRITEDATA, call)
    SET(CURLOPT_READFUNCTION, give_body)
    SET(CURLOPT_READDATA, call)
    SET(CURLOPT_SEEKFUNCTION, seek_body)
    SET(CURLOPT_SEEKDATA, call)
#undef SET
    if (code != CURLE_OK) {
        curl_easy_cleanup(easy);
        return HUB_ERR_NOMEM;
    }
    call->easy = easy;
    return 0;
}
