/*
 * POST /v1/artifacts: a body of any length into a blob.
 *
 *   chunk → filling buffer ─(pool)→ blob_writer: hash + write │ chunks go on into the other buffer
 *   end   → last write → fsync → STORE_ARTIFACT_INSERT → 201
 *
 * While the pool writes one buffer the socket fills the other; when that is full as well the socket
 * is paused: so an upload holds two buffers, whatever its size.
 *
 * An Idempotency-Key gives the artifact its id. So a second upload under the same key meets the
 * first one in the store, and is answered with it if it has the same bytes, name and media type.
 */
#include "api/artifacts.h"

#include "api/idempotency.h"
#include "api/render.h"
#include "base/clock.h"
#include "base/disposition.h"

#include <stdlib.h>
#include <string.h>

#define UPLOAD_BUFFER (256u * 1024)

enum upload_work { WORK_OPEN, WORK_WRITE, WORK_FINISH, WORK_CLEAN };

struct upload {
    struct api *api; /* may be gone once it was answered */
    struct blob_store *blobs;
    struct api_call *call; /* NULL once it was answered */
    struct artifact_record artifact;
    struct store_idempotency idempotency;
    struct blob_writer writer;
    struct blob_pending pending;
    struct buf filling; /* the socket's */
    struct buf writing; /* the pool's while `busy` */
    uv_work_t work;
    enum upload_work doing;
    bool busy;
    bool paused;
    bool ended;    /* the body is complete, or broken off: see body_err */
    bool finished; /* the blob is on disk */
    int body_err;
    int err; /* of the disk */
    struct hub_error error;
    char sha256[SHA256_HEX_LEN + 1];
};

static void advance(struct upload *self);

static void upload_free(struct upload *self)
{
    buf_release(&self->filling);
    buf_release(&self->writing);
    free(self);
}

/* --- On the pool -------------------------------------------------------------------------------*/

static void do_work(uv_work_t *work)
{
    struct upload *self = work->data;
    struct blob_store *blobs = self->blobs;

    switch (self->doing) {
    case WORK_OPEN:
        self->err =
            blob_writer_open(blobs, self->api->config.artifact_max, &self->writer, &self->error);
        break;
    case WORK_WRITE:
        self->err =
            blob_writer_write(&self->writer, self->writing.ptr, self->writing.len, &self->error);
        break;
    case WORK_FINISH:
        self->err = blob_writer_finish(&self->writer, &self->pending, &self->error);
        break;
    case WORK_CLEAN:
        blob_writer_abort(&self->writer);
        blob_discard(blobs, &self->pending);
        break;
    }
}

static void after_work(uv_work_t *work, int status)
{
    struct upload *self = work->data;

    (void)status;
    if (self->doing == WORK_CLEAN) {
        upload_free(self);
        return;
    }
    self->busy = false;
    buf_clear(&self->writing);
    self->finished = self->finished || (self->doing == WORK_FINISH && self->err == 0);
    advance(self);
}

static void begin_work(struct upload *self, enum upload_work what)
{
    self->busy = true;
    self->doing = what;
    self->work.data = self;
    uv_queue_work(self->api->deps.loop, &self->work, do_work, after_work);
}

/* --- The end -----------------------------------------------------------------------------------*/

static void abandon(struct upload *self)
{
    struct api_call *call = self->call;
    int err = self->err < 0 ? self->err : self->body_err;

    self->call = NULL;
    idempotency_end(self->api, &self->idempotency);
    if (err == HUB_ERR_TOO_LARGE) {
        api_fail(call, err, "an artifact has at most %llu bytes",
                 (unsigned long long)call->api->config.artifact_max);
    } else {
        api_fail(call, err, "%s", self->err < 0 ? self->error.detail : "the upload was broken off");
    }
    begin_work(self, WORK_CLEAN);
}

static void answer(struct api_call *call, const struct artifact_record *artifact, bool replayed)
{
    char path[sizeof "/v1/artifacts/" + ID_TEXT_LEN] = "/v1/artifacts/";
    const struct http_header headers[] = {{STR("Location"), {path, sizeof path - 1}},
                                          {STR("Idempotency-Replayed"), STR("true")}};
    struct buf body;

    id_format(&artifact->id, path + sizeof "/v1/artifacts/" - 1);
    buf_init(&body, 16 * 1024);
    render_artifact(&body, artifact);
    api_reply_with(call, 201, buf_view(&body), headers, replayed ? 2 : 1);
    buf_release(&body);
}

static bool same_upload(const struct artifact_record *a, const struct artifact_record *b)
{
    return str_eq(a->sha256, b->sha256) && str_eq(a->name, b->name) &&
           str_eq(a->media_type, b->media_type);
}

static void on_existing(struct store_op *op, void *context)
{
    struct upload *self = context;
    const struct artifact_record *existing = &op->artifact_get.ret_artifact;

    if (op->err == 0 && same_upload(existing, &self->artifact)) {
        struct api_call *call = self->call;
        self->call = NULL;
        idempotency_end(self->api, &self->idempotency);
        answer(call, existing, true);
        begin_work(self, WORK_CLEAN);
        return;
    }
    self->err = op->err < 0 ? hub_fail(&self->error, op->err, "the artifact could not be read")
                            : hub_fail(&self->error, HUB_ERR_IDEMPOTENCY_MISMATCH,
                                       "the key was used for another upload");
    abandon(self);
}

/* The first upload under this key. */
static void read_existing(struct upload *self)
{
    struct store_op *op = store_op_new(STORE_ARTIFACT_GET);

    if (op == NULL) {
        self->err = hub_fail(&self->error, HUB_ERR_NOMEM, "out of memory");
        abandon(self);
        return;
    }
    op->artifact_get.id = self->artifact.id;
    op->done = on_existing;
    op->context = self;
    api_submit(self->call, op);
}

static void on_inserted(struct store_op *op, void *context)
{
    struct upload *self = context;

    if (op->err == HUB_ERR_CONFLICT && self->idempotency.given) {
        read_existing(self);
        return;
    }
    if (op->err < 0) {
        self->err = hub_fail(&self->error, op->err, "the artifact could not be stored");
        abandon(self);
        return;
    }
    idempotency_end(self->api, &self->idempotency);
    answer(self->call, &self->artifact, false);
    upload_free(self);
}

/* A UUID of version 8 (RFC 9562 §5.8) from the scope of the key. */
static struct id id_of_key(const struct store_idempotency *idempotency)
{
    struct id id;

    memcpy(id.bytes, idempotency->scope.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

static void insert(struct upload *self)
{
    struct api_call *call = self->call;
    struct store_op *op = store_op_new(STORE_ARTIFACT_INSERT);
    int64_t now = clock_wall_ms();

    if (op == NULL) {
        self->err = hub_fail(&self->error, HUB_ERR_NOMEM, "out of memory");
        abandon(self);
        return;
    }
    sha256_hex(&self->pending.digest, self->sha256);
    self->artifact.id =
        self->idempotency.given ? id_of_key(&self->idempotency) : id_next(&call->api->ids, now);
    self->artifact.size = self->pending.size;
    self->artifact.sha256 = str_of(self->sha256, SHA256_HEX_LEN);
    self->artifact.created_at = now;
    self->artifact.expires_at = now + call->api->config.artifact_retention_ms;
    op->artifact_insert.artifact = self->artifact;
    op->artifact_insert.blob = self->pending;
    op->done = on_inserted;
    op->context = self;
    api_submit(call, op);
}

/* What is next? Called whenever the socket or the pool has done something. */
static void advance(struct upload *self)
{
    if (self->busy) {
        return;
    }
    if (self->err < 0 || self->body_err < 0) {
        abandon(self);
        return; /* answered: there is no call any more that could be resumed */
    }
    if (self->finished) {
        insert(self);
    } else if (self->filling.len >= UPLOAD_BUFFER || (self->ended && self->filling.len > 0)) {
        struct buf full = self->filling;
        self->filling = self->writing;
        self->writing = full;
        begin_work(self, WORK_WRITE);
    } else if (self->ended) {
        begin_work(self, WORK_FINISH);
    }
    if (self->busy && self->paused && !self->ended) {
        self->paused = false;
        http_body_resume(self->call->req);
    }
}

/* --- The socket --------------------------------------------------------------------------------*/

static void on_chunk(struct http_request *req, struct str chunk, void *context)
{
    struct upload *self = context;

    buf_append_str(&self->filling, chunk);
    if (buf_failed(&self->filling)) {
        self->err = hub_fail(&self->error, HUB_ERR_NOMEM, "out of memory");
    }
    if (self->busy && self->filling.len >= UPLOAD_BUFFER) {
        self->paused = true;
        http_body_pause(req);
    }
    advance(self);
}

static void on_end(struct http_request *req, int err, void *context)
{
    struct upload *self = context;

    (void)req;
    self->ended = true;
    self->body_err = err;
    advance(self);
}

static bool is_media_type(struct str type)
{
    struct str subtype = type;

    str_split(&subtype, '/');
    if (subtype.len == 0 || type.len > 127) {
        return false;
    }
    for (size_t i = 0; i < type.len; i++) {
        if (type.ptr[i] < 0x20 || type.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

void api_artifact_create(struct api_call *call)
{
    struct http_request *req = call->req;
    struct str type = http_header(req, "content-type");
    struct store_idempotency idempotency;
    struct upload *self;

    if (type.ptr == NULL) {
        type = STR("application/octet-stream");
    }
    if (!is_media_type(type)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "Content-Type is not a media type");
        return;
    }
    int refusal = store_admits(call->api->deps.store);
    if (refusal < 0) {
        api_fail(call, refusal, "no new artifacts are taken");
        return;
    }
    if (idempotency_read(call, &idempotency) < 0) {
        return;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    self->idempotency = idempotency;
    if (!idempotency_begin(call, &self->idempotency)) {
        free(self);
        return;
    }
    self->api = call->api;
    self->blobs = call->api->deps.blobs;
    self->call = call;
    self->artifact.media_type = type;
    self->artifact.name =
        disposition_file_name(http_header(req, "content-disposition"), &req->arena);
    if (self->artifact.name.len == 0) {
        self->artifact.name = STR("upload");
    }
    buf_init(&self->filling, 2 * UPLOAD_BUFFER + (1u << 20));
    buf_init(&self->writing, 2 * UPLOAD_BUFFER + (1u << 20));
    begin_work(self, WORK_OPEN);
    http_stream_body(req, call->api->config.artifact_max, on_chunk, on_end, self);
}
