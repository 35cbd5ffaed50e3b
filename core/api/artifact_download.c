/* GET, HEAD and DELETE /v1/artifacts/{id}. */
#include "api/artifacts.h"

#include "api/range.h"
#include "base/disposition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ETAG_LEN (SHA256_HEX_LEN + 2)

/* A file that is being opened on the pool. */
struct download {
    struct api_call *call;
    uv_work_t work;
    struct str media_type;
    struct str name;
    uint64_t size;
    struct range range;
    char etag[ETAG_LEN + 1]; /* "sha256", with its quotes */
    int fd;
    int err;
};

static struct str etag_view(const struct download *self)
{
    return str_of(self->etag, ETAG_LEN);
}

/* --- The answer --------------------------------------------------------------------------------*/

/* Files come from users and connectors: a browser must neither guess their type nor run them. */
static void add_headers(struct download *self, struct http_response *response,
                        struct buf *disposition)
{
    http_response_header(response, "ETag", etag_view(self));
    http_response_header(response, "Accept-Ranges", STR("bytes"));
    http_response_header(response, "Cache-Control", STR("private, max-age=31536000, immutable"));
    http_response_header(response, "X-Content-Type-Options", STR("nosniff"));
    http_response_header(response, "Content-Security-Policy", STR("sandbox; default-src 'none'"));
    if (response->status == 304) {
        return;
    }
    http_response_header(response, "Content-Type", self->media_type);
    disposition_append(disposition, self->name);
    if (!buf_failed(disposition)) {
        http_response_header(response, "Content-Disposition", buf_view(disposition));
    }
}

static void answer_range_error(struct download *self)
{
    struct http_response response;
    char range[40];
    int len = snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)self->size);

    http_response_init(&response, 416);
    http_response_header(&response, "Content-Range", str_of(range, (size_t)len));
    http_response_header(&response, "ETag", etag_view(self));
    http_respond(self->call->req, &response);
}

static void answer_file(struct download *self)
{
    bool whole = self->range.kind == RANGE_ALL;
    struct http_response response;
    struct buf disposition;
    char range[80];

    http_response_init(&response, whole ? 200 : 206);
    buf_init(&disposition, 4096);
    add_headers(self, &response, &disposition);
    if (!whole) {
        int len = snprintf(range, sizeof range, "bytes %llu-%llu/%llu",
                           (unsigned long long)self->range.offset,
                           (unsigned long long)(self->range.offset + self->range.len - 1),
                           (unsigned long long)self->size);
        http_response_header(&response, "Content-Range", str_of(range, (size_t)len));
    }
    http_respond_file(self->call->req, &response, self->fd, self->range.offset, self->range.len);
    buf_release(&disposition);
}

/* --- Opening -----------------------------------------------------------------------------------*/

static void do_open(uv_work_t *work)
{
    struct download *self = work->data;

    self->err = blob_open(self->call->api->deps.blobs, str_of(self->etag + 1, SHA256_HEX_LEN),
                          &self->fd, NULL);
}

static void after_open(uv_work_t *work, int status)
{
    struct download *self = work->data;

    (void)status;
    if (self->err < 0) {
        api_fail(self->call, self->err == HUB_ERR_NOT_FOUND ? HUB_ERR_GONE : self->err,
                 "the contents can't be read");
    } else {
        answer_file(self);
    }
}

static bool not_modified(struct download *self)
{
    struct str tags = http_header(self->call->req, "if-none-match");
    struct http_response response;

    if (tags.ptr == NULL || !etag_list_contains(tags, etag_view(self), true)) {
        return false;
    }
    http_response_init(&response, 304);
    add_headers(self, &response, NULL);
    http_respond(self->call->req, &response);
    return true;
}

static bool precondition_failed(struct download *self)
{
    struct str tags = http_header(self->call->req, "if-match");

    if (tags.ptr == NULL || etag_list_contains(tags, etag_view(self), false)) {
        return false;
    }
    api_fail(self->call, HUB_ERR_PRECONDITION_FAILED, "the artifact has another ETag");
    return true;
}

static struct range wanted_range(const struct download *self)
{
    struct str if_range = http_header(self->call->req, "if-range");
    struct str range = http_header(self->call->req, "range");

    /* Another version, or a date, which is weak here: send all of it (RFC 9110 §13.1.5). */
    if (if_range.ptr != NULL && !str_eq(str_trim(if_range), etag_view(self))) {
        range = (struct str){0};
    }
    return range_parse(range, self->size);
}

static void on_found(struct store_op *op, void *context)
{
    struct download *self = context;
    const struct artifact_record *artifact = &op->artifact_get.ret_artifact;
    struct api_call *call = self->call;

    if (op->err < 0) {
        api_fail(call, op->err,
                 op->err == HUB_ERR_NOT_FOUND ? "no artifact has this id"
                                              : "the artifact can't be read");
        return;
    }
    self->size = artifact->size;
    self->media_type = arena_str(&call->req->arena, artifact->media_type);
    self->name = arena_str(&call->req->arena, artifact->name);
    if (self->media_type.ptr == NULL || self->name.ptr == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    snprintf(self->etag, sizeof self->etag, "\"%.*s\"", STR_ARG(artifact->sha256));
    if (precondition_failed(self) || not_modified(self)) {
        return;
    }
    self->range = wanted_range(self);
    if (self->range.kind == RANGE_UNSATISFIABLE) {
        answer_range_error(self);
        return;
    }
    self->work.data = self;
    uv_queue_work(call->api->deps.loop, &self->work, do_open, after_open);
}

void api_artifact_get(struct api_call *call)
{
    struct download *self = arena_zalloc(&call->req->arena, sizeof *self);
    struct store_op *op;
    struct id id;

    if (self == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    self->call = call;
    if (!api_path_id(call, 0, &id) || (op = api_op(call, STORE_ARTIFACT_GET, on_found)) == NULL) {
        return;
    }
    op->context = self;
    op->artifact_get.id = id;
    api_submit(call, op);
}

/* --- DELETE ------------------------------------------------------------------------------------*/

static void on_deleted(struct store_op *op, void *context)
{
    struct api_call *call = context;

    switch (op->err) {
    case 0:
        api_reply_empty(call, 204);
        break;
    case HUB_ERR_CONFLICT:
        api_fail(call, op->err, "an unfinished job needs it");
        break;
    case HUB_ERR_NOT_FOUND:
        api_fail(call, op->err, "no artifact has this id");
        break;
    default:
        api_fail(call, op->err, "the artifact could not be deleted");
    }
}

void api_artifact_delete(struct api_call *call)
{
    struct store_op *op;
    struct id id;

    if (!api_path_id(call, 0, &id) ||
        (op = api_op(call, STORE_ARTIFACT_DELETE, on_deleted)) == NULL) {
        return;
    }
    op->artifact_delete.id = id;
    api_submit(call, op);
}
