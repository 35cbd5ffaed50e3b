#include "jobs/sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

/* --- What the transaction leaves to do ---------------------------------------------------------*/

static int note_orphan(struct lite *self, struct str sha256)
{
    struct lite_digests *orphans = &self->orphans;

    if (sha256.len != SHA256_LEN) {
        return HUB_ERR_CORRUPT;
    }
    struct sha256_digest *items =
        lite_array_room(orphans->items, orphans->len, &orphans->cap, sizeof *items);
    if (!items) {
        return HUB_ERR_NOMEM;
    }
    orphans->items = items;
    memcpy(items[orphans->len++].bytes, sha256.ptr, SHA256_LEN);
    return 0;
}

/* Is there a row with this content? On doubt it is. */
static bool is_named(void *context, const struct sha256_digest *digest)
{
    struct lite *self = context;
    struct lite_call call = lite_call(&self->writer, LITE_ARTIFACT_NAMED);

    lite_bind_blob(&call, digest->bytes, SHA256_LEN);
    int found = lite_step(&call);
    lite_end(&call);
    return found != 0;
}

void lite_blobs_committed(struct lite *self)
{
    char hex[SHA256_HEX_LEN + 1];

    for (size_t i = 0; i < self->published.len; i++) {
        blob_discard(self->blobs, &self->published.items[i]);
    }
    for (size_t i = 0; i < self->orphans.len; i++) {
        if (!is_named(self, &self->orphans.items[i])) {
            sha256_hex(&self->orphans.items[i], hex);
            blob_remove(self->blobs, str_from_c(hex));
        }
    }
    self->published.len = self->orphans.len = 0;
}

void lite_blobs_rolled_back(struct lite *self)
{
    if (self->published.len > 0) {
        self->swept_folders = 0;
    }
    self->published.len = self->orphans.len = 0;
}

bool lite_blobs_sweep(struct lite *self)
{
    if (self->swept_folders == BLOB_FOLDERS || !self->writer.handle) {
        return false;
    }
    blob_sweep(self->blobs, self->swept_folders++, is_named, self);
    return self->swept_folders < BLOB_FOLDERS;
}

void lite_blob_discard(struct lite *self, struct store_op *op)
{
    for (unsigned i = 0; i < op->blob_discard.count; i++) {
        blob_discard(self->blobs, &op->blob_discard.blobs[i]);
    }
}

/* --- Adding ------------------------------------------------------------------------------------*/

/* A failure is the operation's own: nothing was written for it yet. */
static int publish(struct lite *self, struct store_op *op, const struct blob_pending *blob)
{
    struct lite_published *published = &self->published;
    struct hub_error error;
    struct blob_pending *items =
        lite_array_room(published->items, published->len, &published->cap, sizeof *items);

    if (!items) {
        return HUB_ERR_NOMEM;
    }
    published->items = items;
    if (blob_publish(self->blobs, blob, &error) < 0) {
        op->err = error.err;
        log_error(self->log, "store", "blob not published", "error=%s", hub_err_code(error.err));
        return 0;
    }
    items[published->len++] = *blob;
    return 0;
}

/* 1 if it was inserted, 0 if the id is known. */
static int insert_row(struct lite *self, const struct artifact_record *artifact, int64_t job,
                      const struct blob_pending *blob)
{
    struct lite_call call = lite_call(&self->writer, LITE_ARTIFACT_INSERT);

    lite_bind_id(&call, &artifact->id);
    if (job != 0) {
        lite_bind_int(&call, job);
    } else {
        lite_bind_null(&call);
    }
    lite_bind_text(&call, artifact->name);
    lite_bind_text(&call, artifact->media_type);
    lite_bind_int(&call, (int64_t)blob->size);
    lite_bind_blob(&call, blob->digest.bytes, SHA256_LEN);
    lite_bind_int(&call, artifact->created_at);
    if (artifact->expires_at != 0) {
        lite_bind_int(&call, artifact->expires_at);
    } else {
        lite_bind_null(&call);
    }
    int err = lite_run(&call);
    return err < 0 ? err : lite_changes(&self->writer);
}

/* The number and digest of an artifact: 1, 0 or negative. */
static int find(struct lite *self, const struct id *id, int64_t *ret_seq,
                struct sha256_digest *ret_digest)
{
    struct lite_call call = lite_call(&self->writer, LITE_ARTIFACT_FIND);

    lite_bind_id(&call, id);
    int found = lite_step(&call);
    if (found > 0) {
        *ret_seq = lite_int(&call);
        struct str sha256 = lite_str(&call);
        if (sha256.len == SHA256_LEN) {
            memcpy(ret_digest->bytes, sha256.ptr, SHA256_LEN);
        } else {
            found = HUB_ERR_CORRUPT;
        }
    }
    lite_end(&call);
    return found;
}

int lite_artifact_insert(struct lite *self, struct store_op *op)
{
    const struct store_artifact_insert *insert = &op->artifact_insert;
    struct sha256_digest digest;
    int64_t seq;

    int found = find(self, &insert->artifact.id, &seq, &digest);
    if (found != 0) {
        op->err = found > 0 ? HUB_ERR_CONFLICT : 0;
        return found > 0 ? 0 : found;
    }
    int err = publish(self, op, &insert->blob);
    if (err < 0 || op->err < 0) {
        return err;
    }
    err = insert_row(self, &insert->artifact, 0, &insert->blob);
    return err < 0 ? err : 0;
}

/* Does one of the outputs have an id that is known? 1, 0 or negative. */
static int any_known(struct lite *self, const struct store_job_move *move)
{
    struct sha256_digest digest;
    int64_t seq;
    int found = 0;

    for (unsigned i = 0; i < move->artifact_count && found == 0; i++) {
        found = find(self, &move->artifacts[i].id, &seq, &digest);
    }
    return found;
}

int lite_artifact_outputs(struct lite *self, struct store_op *op, int64_t seq)
{
    const struct store_job_move *move = &op->job_move;
    int err = 0;

    int found = any_known(self, move);
    if (found != 0) {
        op->err = found > 0 ? HUB_ERR_CONFLICT : 0;
        return found > 0 ? 0 : found;
    }
    for (unsigned i = 0; i < move->artifact_count && err == 0 && op->err == 0; i++) {
        err = publish(self, op, &move->blobs[i]);
    }
    for (unsigned i = 0; i < move->artifact_count && err == 0 && op->err == 0; i++) {
        int inserted = insert_row(self, &move->artifacts[i], seq, &move->blobs[i]);
        err = inserted <= 0 ? (inserted < 0 ? inserted : HUB_ERR_INTERNAL) : 0;
    }
    return err;
}

/* --- Removing ----------------------------------------------------------------------------------*/

/* Does an unfinished job name it? 1, 0 or negative. */
static int is_held(struct lite *self, int64_t seq)
{
    struct lite_call call = lite_call(&self->writer, LITE_FILE_HELD);

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    lite_end(&call);
    return found;
}

static int remove_row(struct lite *self, int64_t seq, const struct sha256_digest *digest)
{
    int err = note_orphan(self, str_of((const char *)digest->bytes, SHA256_LEN));

    return err < 0 ? err : lite_run_int(&self->writer, LITE_ARTIFACT_DELETE, seq);
}

int lite_artifact_delete(struct lite *self, struct store_op *op)
{
    struct sha256_digest digest;
    int64_t seq;

    int found = find(self, &op->artifact_delete.id, &seq, &digest);
    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : 0;
        return found;
    }
    int held = is_held(self, seq);
    if (held != 0) {
        op->err = held > 0 ? HUB_ERR_CONFLICT : 0;
        return held > 0 ? 0 : held;
    }
    return remove_row(self, seq, &digest);
}

struct doomed {
    int64_t seq;
    struct sha256_digest digest;
};

/* Collects the rows of a running call, so that they can be changed. */
static int collect(struct lite_call *call, struct doomed **ret_rows, size_t *ret_count)
{
    struct doomed *rows = NULL;
    size_t count = 0;
    size_t cap = 0;
    int got;

    while ((got = lite_step(call)) > 0) {
        struct doomed *moved = lite_array_room(rows, count, &cap, sizeof *rows);
        if (!moved) {
            got = HUB_ERR_NOMEM;
            break;
        }
        rows = moved;
        rows[count].seq = lite_int(call);
        struct str sha256 = lite_str(call);
        if (sha256.len != SHA256_LEN) {
            got = HUB_ERR_CORRUPT;
            break;
        }
        memcpy(rows[count++].digest.bytes, sha256.ptr, SHA256_LEN);
    }
    lite_end(call);
    *ret_rows = rows;
    *ret_count = count;
    return got;
}

int lite_artifact_drop_of_job(struct lite *self, int64_t seq)
{
    struct lite_call call = lite_call(&self->writer, LITE_ARTIFACT_OF_JOB);
    struct doomed *rows = NULL;
    size_t count = 0;

    lite_bind_int(&call, seq);
    int err = collect(&call, &rows, &count);
    for (size_t i = 0; i < count && err == 0; i++) {
        int held = is_held(self, rows[i].seq);
        if (held < 0) {
            err = held;
        } else if (held > 0) {
            err = lite_run_int(&self->writer, LITE_ARTIFACT_DETACH, rows[i].seq);
        } else {
            err = remove_row(self, rows[i].seq, &rows[i].digest);
        }
    }
    free(rows);
    return err;
}

int lite_artifact_purge(struct lite *self, struct store_purge *purge)
{
    struct lite_call call = lite_call(&self->writer, LITE_ARTIFACT_EXPIRED);
    struct doomed *rows = NULL;
    size_t count = 0;

    lite_bind_int(&call, purge->now);
    lite_bind_int(&call, purge->limit);
    int err = collect(&call, &rows, &count);
    for (size_t i = 0; i < count && err == 0; i++) {
        err = remove_row(self, rows[i].seq, &rows[i].digest);
    }
    free(rows);
    if (err == 0) {
        purge->ret_removed += (unsigned)count;
        purge->ret_more |= count == purge->limit;
    }
    return err;
}

/* --- Files of jobs -----------------------------------------------------------------------------*/

int lite_files_look(struct lite *self, struct store_op *op, int64_t ret_files[JOB_FILES_MAX])
{
    const struct job_record *job = &op->job_insert.job;
    struct sha256_digest digest;

    for (unsigned i = 0; i < job->file_count; i++) {
        int found = find(self, &job->files[i], &ret_files[i], &digest);
        if (found < 0) {
            return found;
        }
        if (found == 0) {
            op->err = HUB_ERR_UNKNOWN_ARTIFACT;
            op->job_insert.ret_unknown = job->files[i];
            return 0;
        }
    }
    return 0;
}

int lite_files_hold(struct lite *self, int64_t seq, const int64_t *files, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct lite_call call = lite_call(&self->writer, LITE_FILE_INSERT);
        lite_bind_int(&call, seq);
        lite_bind_int(&call, files[i]);
        int err = lite_run(&call);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int lite_files_hold_again(struct lite *self, int64_t seq)
{
    struct lite_call call = lite_call(&self->writer, LITE_JOB_FILES);
    int64_t files[JOB_FILES_MAX];
    struct id ids[JOB_FILES_MAX];
    size_t named = 0;
    unsigned there = 0;
    struct sha256_digest digest;

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    if (found > 0) {
        struct str bytes = lite_str(&call);
        named = bytes.len / sizeof *ids;
        named = named < JOB_FILES_MAX ? named : JOB_FILES_MAX;
        if (named > 0) {
            memcpy(ids, bytes.ptr, named * sizeof *ids);
        }
    }
    lite_end(&call);
    for (size_t i = 0; i < named && found >= 0; i++) {
        found = find(self, &ids[i], &files[there], &digest);
        there += found > 0;
    }
    return found < 0 ? found : lite_files_hold(self, seq, files, there);
}

int lite_files_release(struct lite *self, int64_t seq)
{
    return lite_run_int(&self->writer, LITE_FILE_DELETE, seq);
}
