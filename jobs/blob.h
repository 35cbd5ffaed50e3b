/*
 * blob.h — file contents, stored once, by their SHA-256.
 *
 *     DIR/tmp/…           being written
 *     DIR/ab/cdef….       complete: name is the digest
 *
 * A blob is written to a temporary file, hashed on the way, fsynced; then the store thread links it
 * into place and fsyncs the directory before it commits the row that names it, and unlinks the
 * temporary name after. All publishing and removing happens on the store thread: so removing the
 * last name of a content and adding it again cannot cross. A commit that fails leaves the temporary
 * file as it was: it can be published again.
 *
 *     struct blob_writer w;
 *     blob_writer_open(blobs, limit, &w, &err);
 *     blob_writer_write(&w, bytes, len, &err);  …
 *     blob_writer_finish(&w, &pending, &err);          // fsynced; or blob_writer_abort(&w)
 *     → store_artifact_insert.blob = pending           // published with its row, or discarded
 *
 * Thread: all of these block and are for worker threads [any, one at a time per object], but for
 * those marked [store].
 */
#ifndef HUB_JOBS_BLOB_H
#define HUB_JOBS_BLOB_H

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

struct blob_store;

/* Makes the folders below `dir` if they are missing, removes what an earlier life left in tmp/. */
HUB_MUST_CHECK int blob_store_new(const char *dir, struct blob_store **ret_self,
                                  struct hub_error *error);
void blob_store_free(struct blob_store *self);

/* The folder for scratch files: on the same file system. */
const char *blob_store_tmp_dir(const struct blob_store *self);

#define BLOB_TMP_NAME_MAX 64

/* A complete, fsynced temporary file that waits to be published. Plain data, may be copied. */
struct blob_pending {
    char tmp_name[BLOB_TMP_NAME_MAX]; /* empty: none */
    struct sha256_digest digest;
    uint64_t size;
};

struct blob_writer {
    struct blob_store *store;
    int fd;
    uint64_t size;
    uint64_t limit;
    struct sha256 hash;
    char tmp_name[BLOB_TMP_NAME_MAX];
};

HUB_MUST_CHECK int blob_writer_open(struct blob_store *store, uint64_t limit,
                                    struct blob_writer *ret_writer, struct hub_error *error);
/* HUB_ERR_TOO_LARGE beyond the limit, HUB_ERR_STORAGE_FULL, HUB_ERR_IO. */
HUB_MUST_CHECK int blob_writer_write(struct blob_writer *self, const void *bytes, size_t len,
                                     struct hub_error *error);
HUB_MUST_CHECK int blob_writer_finish(struct blob_writer *self, struct blob_pending *ret_pending,
                                      struct hub_error *error);
void blob_writer_abort(struct blob_writer *self); /* all-zero or finished: does nothing */

/* Copies what `fd` holds, from its start, into a new blob: a file that nobody else can write to. */
HUB_MUST_CHECK int blob_copy(struct blob_store *store, int fd, uint64_t limit,
                             struct blob_pending *ret_pending, struct hub_error *error);

void blob_discard(struct blob_store *store, const struct blob_pending *pending);

/* Opens a published blob for reading. HUB_ERR_NOT_FOUND. */
HUB_MUST_CHECK int blob_open(struct blob_store *store, struct str digest_hex, int *ret_fd,
                             struct hub_error *error);

/* [store] Gives it its name, beside the temporary one, which blob_discard() ends after the commit;
 * a content that is there already is not stored twice. blob_sync() then makes all names since the
 * last one durable. */
HUB_MUST_CHECK int blob_publish(struct blob_store *store, const struct blob_pending *pending,
                                struct hub_error *error);
HUB_MUST_CHECK int blob_sync(struct blob_store *store, struct hub_error *error);
/* [store] After the row is gone, durably. What cannot be removed is left for blob_sweep(). */
void blob_remove(struct blob_store *store, struct str digest_hex);

/* [store] Removes the contents that nobody names (a crash between publishing and commit leaves
 * such), one of BLOB_FOLDERS folders a call, so that no call takes long. Never between
 * blob_publish() and the commit of its row. */
#define BLOB_FOLDERS 256
typedef bool blob_is_named_fn(void *context, const struct sha256_digest *digest);
void blob_sweep(struct blob_store *store, unsigned folder, blob_is_named_fn *is_named,
                void *context);

/* Bytes free for us on the file system, or UINT64_MAX if it cannot be known. */
uint64_t blob_free_bytes(const struct blob_store *store);

#endif
