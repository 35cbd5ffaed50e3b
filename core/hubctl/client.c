#include "hubctl/client.h"

#include "base/clock.h"
#include "hub_version.h"
#include "hubctl/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 5000
#define SILENCE_MAX_S      60 /* hubd answers jobs in milliseconds, waits end after 60 s */
#define PUMP_MS            1000

struct client {
    CURLM *multi;
    const struct endpoint *endpoint;
    struct interrupt *interrupt;
};

/* One client_call() in the making. */
struct call {
    struct transfer transfer;
    const struct request *request;
    struct reply *reply;
    int err; /* what one of the request's functions returned */
};

int client_new(struct client **ret_client, const struct endpoint *endpoint,
               struct interrupt *interrupt, struct hub_error *error)
{
    struct client *self = must(calloc(1, sizeof *self));

    self->endpoint = endpoint;
    self->interrupt = interrupt;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(self->multi = curl_multi_init())) {
        client_free(self);
        return hub_fail(error, HUB_ERR_INTERNAL, "libcurl cannot start");
    }
    *ret_client = self;
    return 0;
}

void client_free(struct client *self)
{
    if (self) {
        curl_multi_cleanup(self->multi);
        free(self);
        curl_global_cleanup();
    }
}

void reply_release(struct reply *self)
{
    buf_release(&self->body);
}

/* --- transfers -------------------------------------------------------------------------------- */

static void add_header(struct transfer *transfer, const char *line)
{
    transfer->headers = must(curl_slist_append(transfer->headers, line));
}

static void add_key(struct client *self, struct transfer *transfer)
{
    struct buf line;

    if (self->endpoint->key) {
        buf_init(&line, BUF_NO_LIMIT);
        buf_append_format(&line, "Authorization: Bearer %s", self->endpoint->key);
        must_buf(&line);
        add_header(transfer, line.ptr);
        explicit_bzero(line.ptr, line.cap);
        buf_release(&line);
    }
}

int client_prepare(struct client *self, struct transfer *transfer, const char *path,
                   const char *const *headers, struct hub_error *error)
{
    const struct endpoint *endpoint = self->endpoint;
    struct buf url;
    CURL *easy = must(curl_easy_init());

    *transfer = (struct transfer){.easy = easy};
    buf_init(&url, BUF_NO_LIMIT);
    buf_append_format(&url, "%s%s", endpoint->url, path);
    must_buf(&url);
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, url.ptr);
    buf_release(&url);
    for (; headers && *headers; headers++) {
        add_header(transfer, *headers);
    }
    add_key(self, transfer);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "hubctl/" HUB_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_MAX_S);
    if (endpoint->socket) {
        bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, endpoint->socket);
    }
    if (endpoint->ca_file) {
        bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_CAINFO, endpoint->ca_file);
    }
    if (bad) {
        client_stop(self, transfer);
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "%s", curl_easy_strerror(bad));
    }
    return 0;
}

int client_start(struct client *self, struct transfer *transfer, struct hub_error *error)
{
    CURLMcode bad = curl_multi_add_handle(self->multi, transfer->easy);

    return bad ? hub_fail(error, HUB_ERR_INTERNAL, "%s", curl_multi_strerror(bad)) : 0;
}

void client_stop(struct client *self, struct transfer *transfer)
{
    if (transfer->easy) {
        curl_multi_remove_handle(self->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        transfer->easy = NULL;
        transfer->headers = NULL;
    }
}

/* True if a transfer has ended. */
static bool collect_done(struct client *self)
{
    struct CURLMsg *message;
    bool any = false;
    int left;

    while ((message = curl_multi_info_read(self->multi, &left))) {
        struct transfer *transfer = NULL;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done = true;
        transfer->result = message->data.result;
        any = true;
    }
    return any;
}

int client_pump(struct client *self, int timeout_ms)
{
    struct curl_waitfd interrupt = {.fd = self->interrupt->fd, .events = CURL_WAIT_POLLIN};
    int running;

    curl_multi_perform(self->multi, &running);
    bool done = collect_done(self);
    if (interrupt_came(self->interrupt)) {
        return HUB_ERR_INTERRUPTED;
    }
    if (done) {
        return 0; /* somebody waits for that, and nothing else may come */
    }
    curl_multi_poll(self->multi, &interrupt, interrupt.fd >= 0 ? 1 : 0, timeout_ms, NULL);
    curl_multi_perform(self->multi, &running);
    collect_done(self);
    return interrupt_came(self->interrupt) ? HUB_ERR_INTERRUPTED : 0;
}

int client_sleep(struct client *self, int ms)
{
    int64_t until = clock_mono_ms() + ms;
    int err = 0;

    for (int64_t left = ms; left > 0 && err == 0; left = until - clock_mono_ms()) {
        err = client_pump(self, (int)left);
    }
    return err;
}

int client_explain(const struct client *self, const struct transfer *transfer,
                   struct hub_error *error)
{
    const char *why = transfer->why[0] ? transfer->why : curl_easy_strerror(transfer->result);
    long number = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
    switch (transfer->result) {
    case CURLE_OPERATION_TIMEDOUT:
        return hub_fail(error, HUB_ERR_REQUEST_TIMEOUT, "%s", why);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "%s", why);
    case CURLE_COULDNT_CONNECT:
        if (self->endpoint->socket && number != 0) {
            return hub_fail(error, HUB_ERR_UNAVAILABLE, "%s", strerror((int)number));
        }
        return hub_fail(error, HUB_ERR_UNAVAILABLE, "%s", why);
    default:
        return hub_fail(error, HUB_ERR_UNAVAILABLE, "%s", why);
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

static size_t on_read(char *bytes, size_t size, size_t count, void *context)
{
    struct call *call = context;
    int64_t got = call->request->read(call->request->context, bytes, size * count);

    if (got < 0) {
        call->err = (int)got;
        return CURL_READFUNC_ABORT;
    }
    return (size_t)got;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t len = size * count;
    long status = 0;

    curl_easy_getinfo(call->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->request->write && status >= 200 && status < 300) {
        call->err = call->request->write(call->request->context, str_of(bytes, len));
    } else {
        buf_append(&call->reply->body, bytes, len);
        call->err = buf_failed(&call->reply->body) ? HUB_ERR_TOO_LARGE : 0;
    }
    return call->err < 0 ? 0 : len;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct call *call = context;

    if (call->request->read) {
        call->request->progress(call->request->context, (uint64_t)up, (uint64_t)up_total);
    } else {
        call->request->progress(call->request->context, (uint64_t)down, (uint64_t)down_total);
    }
    return 0;
}

static void set_body(struct call *call)
{
    const struct request *request = call->request;
    CURL *easy = call->transfer.easy;

    if (request->read) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, call);
        if (request->read_size >= 0) {
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->read_size);
        } else {
            curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 0L); /* a pipe may be silent for long */
        }
    } else if (request->body.ptr) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.ptr);
    } else if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    }
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L); /* or it would wait for a body */
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static bool says_what_it_accepts(const struct request *request)
{
    for (size_t i = 0; i < CLIENT_HEADERS_MAX && request->headers[i]; i++) {
        if (strncmp(request->headers[i], "Accept:", 7) == 0) {
            return true;
        }
    }
    return false;
}

/* libcurl frames an upload of unknown size only when told so. */
static int prepare_call(struct client *self, struct call *call, struct hub_error *error)
{
    const char *headers[CLIENT_HEADERS_MAX + 3] = {NULL};
    size_t len = 0;

    if (!says_what_it_accepts(call->request)) {
        headers[len++] = "Accept: application/json, */*";
    }
    for (size_t i = 0; i < CLIENT_HEADERS_MAX && call->request->headers[i]; i++) {
        headers[len++] = call->request->headers[i];
    }
    if (call->request->read && call->request->read_size < 0) {
        headers[len++] = "Transfer-Encoding: chunked";
    }
    if (!call->request->read && !call->request->body.ptr) {
        headers[len++] = "Content-Type:"; /* not libcurl's own idea of a form */
    }
    int err = client_prepare(self, &call->transfer, call->request->path, headers, error);
    if (err < 0) {
        return err;
    }
    CURL *easy = call->transfer.easy;
    set_body(call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    if (call->request->progress) {
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, call);
    }
    if (call->request->timeout_ms > 0) {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->request->timeout_ms);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->request->timeout_ms);
    }
    return 0;
}

static void copy_header(CURL *easy, const char *name, char *room, size_t size)
{
    struct curl_header *header;

    room[0] = '\0';
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
        strlen(header->value) < size) {
        memcpy(room, header->value, strlen(header->value) + 1);
    }
}

static void read_head(const struct call *call)
{
    struct reply *reply = call->reply;
    CURL *easy = call->transfer.easy;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply->status);
    copy_header(easy, "Content-Type", reply->content_type, sizeof reply->content_type);
    copy_header(easy, "Location", reply->location, sizeof reply->location);
    copy_header(easy, "Retry-After", reply->retry_after, sizeof reply->retry_after);
    copy_header(easy, "Content-Disposition", reply->disposition, sizeof reply->disposition);
    copy_header(easy, "ETag", reply->etag, sizeof reply->etag);
    curl_off_t length = -1;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    reply->length = length > 0 ? (uint64_t)length : 0;
}

/* hubd may answer before it has read all of an upload (413, say) and close: that is an answer. */
static bool answered(const struct call *call)
{
    long status = 0;

    curl_easy_getinfo(call->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    return call->transfer.result == CURLE_OK ||
           (call->transfer.result == CURLE_SEND_ERROR && status >= 400);
}

int client_call(struct client *self, const struct request *request, struct reply *ret_reply,
                struct hub_error *error)
{
    struct call call = {.request = request, .reply = ret_reply};
    int err;

    *ret_reply = (struct reply){0};
    buf_init(&ret_reply->body, CLIENT_REPLY_MAX);
    if ((err = prepare_call(self, &call, error)) < 0 ||
        (err = client_start(self, &call.transfer, error)) < 0) {
        goto out;
    }
    while (!call.transfer.done && err == 0) {
        err = client_pump(self, PUMP_MS);
    }
    if (err < 0) {
        hub_fail(error, err, "interrupted");
    } else if (call.err < 0) {
        err = hub_fail(error, call.err, "%s", hub_err_title(call.err));
    } else if (answered(&call)) {
        read_head(&call);
    } else {
        err = client_explain(self, &call.transfer, error);
    }
out:
    client_stop(self, &call.transfer);
    return err;
}
