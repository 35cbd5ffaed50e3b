#include "http.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX   (3u << 20) /* URL or body */
#define DEPTH_MAX  JSON_DEPTH_MAX
#define MARGIN_MS  250 /* left of the job's time to say how it went */
#define SOON_MS    5
#define HASH_PIECE (64u << 10)

/* --- Life --------------------------------------------------------------------------------------*/

/* The account's texts, before their memory is anybody's. */
static void wipe_account(struct json_object *account)
{
    if (!account) {
        return;
    }
    json_object_object_foreach(account, name, value) {
        (void)name;
        if (json_object_is_type(value, json_type_string)) {
            struct str text = json_str(value);
            explicit_bzero((char *)text.ptr, text.len);
        }
    }
    json_object_put(account);
}

static void exchange_free(struct exchange *self)
{
    list_remove(&self->link);
    list_remove(&self->token_link);
    self->connector->timers->stop(self->timer);
    json_object_put(self->input);
    wipe_account(self->account);
    for (unsigned i = 0; i < self->secret_count; i++) {
        wipe_buf(&self->secrets[i]);
    }
    wipe_buf(&self->url);
    wipe_buf(&self->body);
    free(self);
}

/* The job is complete. What the pool of threads still reads stays until it is back. */
static void exchange_end(struct exchange *self)
{
    self->job = NULL;
    self->done = true;
    list_remove(&self->token_link);
    if (!self->hashing) {
        exchange_free(self);
    }
}

void exchange_succeed(struct exchange *self, struct str result)
{
    self->connector->host->succeed(self->job, hub_of_str(result));
    exchange_end(self);
}

void exchange_fail(struct exchange *self, const char *code, struct str message, struct str details)
{
    self->connector->host->fail(self->job, hub_of_c(code), hub_of_str(message),
                                hub_of_str(details));
    exchange_end(self);
}

void exchange_retry(struct exchange *self, const char *code, struct str message, uint64_t delay_ms)
{
    self->connector->host->retry(self->job, hub_of_c(code), hub_of_str(message), delay_ms);
    exchange_end(self);
}

bool exchange_may_repeat(const struct exchange *self)
{
    return !self->once || str_eq(self->method, STR("GET")) || str_eq(self->method, STR("HEAD")) ||
           str_eq(self->method, STR("OPTIONS"));
}

void exchange_doubt(struct exchange *self, const char *code, struct str message)
{
    if (exchange_may_repeat(self)) {
        exchange_retry(self, code, message, 0);
        return;
    }
    self->connector->host->unknown(self->job, hub_of_c(code), hub_of_str(message));
    exchange_end(self);
}

void exchange_no_memory(struct exchange *self)
{
    exchange_retry(self, "out_of_memory", STR("There was not enough memory."), 0);
}

uint32_t exchange_time_left(const struct exchange *self, uint32_t most)
{
    int64_t left = self->job->deadline_ms - self->connector->host->now_ms() - MARGIN_MS;
    return left < 1 ? 1 : left < most ? (uint32_t)left : most;
}

/* --- The file to be sent, if its hash is signed ------------------------------------------------*/

static void hash_file(void *context)
{
    struct exchange *self = context;
    struct sha256 hash;
    struct sha256_digest digest;
    char *piece = malloc(HASH_PIECE);
    uint64_t at = 0;
    ssize_t got = 0;
    if (!piece || sha256_init(&hash) < 0) {
        free(piece);
        return;
    }
    while (at < self->file->bytes &&
           (got = pread(self->file->fd, piece, HASH_PIECE, (off_t)at)) > 0) {
        sha256_update(&hash, piece, (size_t)got);
        at += (uint64_t)got;
    }
    sha256_final(&hash, &digest);
    free(piece);
    if (at == self->file->bytes) {
        sha256_hex(&digest, self->file_hash);
    }
}

static void file_hashed(void *context)
{
    struct exchange *self = context;
    self->hashing = false;
    if (self->done) {
        exchange_free(self);
    } else if (self->file_hash[0] == '\0') {
        exchange_retry(self, "file_unreadable", STR("The file could not be read."), 0);
    } else {
        exchange_send(self);
    }
}

static void start_hashing(struct exchange *self)
{
    self->hashing = true;
    if (self->connector->pool->run(hash_file, file_hashed, self) != HUB_CALL_OK) {
        self->hashing = false;
        exchange_no_memory(self);
    }
}

/* --- The artifact for the answer ---------------------------------------------------------------*/

static void look_again(void *context)
{
    struct exchange *self = context;
    self->timer = NULL;
    exchange_send(self);
}

/* Goes on by exchange_send() in a moment. */
static void wait_a_moment(struct exchange *self)
{
    self->timer = self->connector->timers->start(SOON_MS, look_again, self);
    if (!self->timer) {
        exchange_no_memory(self);
    }
}

/* True once there is a place for the answer, or none is needed. */
static bool open_sink(struct exchange *self)
{
    struct str name;
    if (self->sink_fd >= 0 || !json_get_str(self->input, "save_as", &name)) {
        return true;
    }
    int32_t result = self->connector->host->artifact(
        self->job, hub_of_str(name), HUB_STR("application/octet-stream"), &self->sink_fd);
    if (result == HUB_CALL_AGAIN) {
        wait_a_moment(self);
    } else if (result == HUB_CALL_INVALID) {
        exchange_fail(self, "invalid_input", STR("save_as is no name that a file can have."),
                      (struct str){0});
    } else if (result != HUB_CALL_OK) {
        exchange_retry(self, "no_artifact", STR("No artifact could be made."), 0);
    }
    return result == HUB_CALL_OK;
}

/* --- Sending -----------------------------------------------------------------------------------*/

static void answered(void *context, const hub_http_response *response)
{
    struct exchange *self = context;
    self->call = NULL;
    answer_take(self, response);
}

static uint32_t number(const struct exchange *self, const char *name, uint32_t otherwise)
{
    int64_t value = otherwise;
    (void)json_get_i64(self->input, name, &value);
    return (uint32_t)value;
}

static uint32_t flags_of(const struct exchange *self)
{
    bool decode = true;
    bool plain = false;
    (void)json_get_bool(self->input, "decompress", &decode);
    (void)json_get_bool(self->account, "allow_http", &plain);
    return (decode ? HUB_HTTP_DECODE : 0) | (self->once ? 0 : HUB_HTTP_REPLAY) |
           (self->sink_fd >= 0 ? HUB_HTTP_TO_FILE : 0) |
           (self->account && !plain ? HUB_HTTP_SECURE : 0);
}

static uint64_t response_max(const struct exchange *self)
{
    int64_t most = 0;
    (void)json_get_i64(self->input, "max_bytes", &most);
    if (self->sink_fd >= 0) {
        return (uint64_t)most;
    }
    return most > 0 && most < RESULT_MAX ? (uint64_t)most : BODY_DEFAULT;
}

static void call_host(struct exchange *self)
{
    hub_http_request request = {
        .size = sizeof request,
        .flags = flags_of(self),
        .method = hub_of_str(self->method),
        .url = hub_of_str(buf_view(&self->url)),
        .headers = self->headers,
        .header_count = self->header_count,
        .max_redirects = auth_is_signature(self) ? 0 : number(self, "max_redirects", 5),
        .body = hub_of_str(buf_view(&self->body)),
        .body_file = self->file,
        .response_max = response_max(self),
        .sink_fd = self->sink_fd,
        .connect_timeout_ms = number(self, "connect_timeout_ms", 10000),
        .timeout_ms = exchange_time_left(self, number(self, "timeout_ms", 30000)),
        .partition = hub_of_c(self->partition),
        .done = answered,
        .context = self,
        .hosts = self->hosts,
        .host_count = self->host_count,
    };
    request.idle_timeout_ms = request.timeout_ms;
    int32_t result = self->connector->http->send(&request, &self->call);
    if (result == HUB_CALL_INVALID) {
        exchange_fail(self, "invalid_input", STR("The request cannot be sent as it is."),
                      (struct str){0});
    } else if (result != HUB_CALL_OK) {
        exchange_retry(self, "busy", STR("No more requests can be made at the moment."), 0);
    }
}

void exchange_send(struct exchange *self)
{
    struct hub_error error = {0};
    struct str token = {0};
    if (auth_needs_file_hash(self) && self->file_hash[0] == '\0') {
        start_hashing(self);
        return;
    }
    if (!open_sink(self)) {
        return;
    }
    if (auth_needs_token(self)) {
        token = exchange_token(self);
        if (token.len == 0) {
            return; /* it waits, or has failed */
        }
    }
    int err = auth_apply(self, token, &error);
    if (err == HUB_ERR_NOMEM) {
        exchange_no_memory(self);
    } else if (err < 0) {
        exchange_fail(self, "invalid_input", str_from_c(error.detail), (struct str){0});
    } else {
        call_host(self);
    }
}

/* --- The beginning -----------------------------------------------------------------------------*/

static int read_texts(struct exchange *self, struct hub_error *error)
{
    struct str account = str_of_hub(self->job->account);
    int err = json_read(str_of_hub(self->job->input), DEPTH_MAX, &self->input, NULL, error);
    if (err == 0 && account.len > 0) {
        err = json_read(account, DEPTH_MAX, &self->account, NULL, error);
        partition_of(account, self->partition);
    }
    return err;
}

void exchange_start(struct connector *connector, hub_job *job, bool once)
{
    struct hub_error error = {0};
    struct exchange *self = calloc(1, sizeof *self);
    if (!self) {
        connector->host->retry(job, HUB_STR("out_of_memory"),
                               HUB_STR("There was not enough memory."), 0);
        return;
    }
    self->connector = connector;
    self->job = job;
    self->once = once;
    self->sink_fd = -1;
    job->user = self;
    list_init(&self->link);
    list_init(&self->token_link);
    list_append(&connector->exchanges, &self->link);
    buf_init(&self->url, TEXT_MAX);
    buf_init(&self->body, TEXT_MAX);
    int err = read_texts(self, &error);
    if (err == 0) {
        err = exchange_build(self, &error);
    }
    if (err == 0) {
        err = auth_limit(self, &error);
    }
    if (err == HUB_ERR_NOMEM) {
        exchange_no_memory(self);
    } else if (err < 0) {
        exchange_fail(self, "invalid_input", str_from_c(error.detail), (struct str){0});
    } else {
        exchange_send(self);
    }
}

void exchange_cancel(struct exchange *self)
{
    if (self->done) {
        return;
    }
    bool in_doubt = self->call != NULL && !exchange_may_repeat(self);
    self->connector->http->cancel(self->call);
    self->call = NULL;
    if (in_doubt) {
        exchange_doubt(self, "cancelled", STR("Cancelled while the request was under way."));
    } else {
        exchange_fail(self, "cancelled", STR("The job was cancelled."), (struct str){0});
    }
}
