#include "jobs/blob.h"

#include "base/file.h"
#include "base/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COPY_CHUNK    ((size_t)64 * 1024)
#define TMP_RANDOM    16 /* bytes */
#define FOLDER_DIGITS 2
#define BLOB_PATH_MAX (SHA256_HEX_LEN + 2) /* "ab/cdef…" and a NUL */

struct blob_store {
    char *tmp_dir;
    int dir_fd;
    int tmp_fd;
    bool unsynced[BLOB_FOLDERS]; /* folders with names that may not be durable yet */
};

static void blob_path(const char *hex, char ret_path[BLOB_PATH_MAX])
{
    snprintf(ret_path, BLOB_PATH_MAX, "%.*s/%s", FOLDER_DIGITS, hex, hex + FOLDER_DIGITS);
}

static void folder_name(unsigned folder, char ret_name[FOLDER_DIGITS + 1])
{
    snprintf(ret_name, FOLDER_DIGITS + 1, "%02x", folder & 0xff);
}

static int open_dir_at(int at_fd, const char *name)
{
    return openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* --- The store ---------------------------------------------------------------------------------*/

/* All folders are made at once, so that publishing never has to sync the top one. */
static int make_folders(struct blob_store *self, struct hub_error *error)
{
    char name[FOLDER_DIGITS + 1];

    if (mkdirat(self->dir_fd, "tmp", 0700) < 0 && errno != EEXIST) {
        return hub_fail_errno(error, errno, "cannot make the folder for temporary files");
    }
    for (unsigned i = 0; i < BLOB_FOLDERS; i++) {
        folder_name(i, name);
        if (mkdirat(self->dir_fd, name, 0700) < 0 && errno != EEXIST) {
            return hub_fail_errno(error, errno, "cannot make the blob folder %s", name);
        }
    }
    if (fsync(self->dir_fd) < 0) {
        return hub_fail_errno(error, errno, "cannot sync the blob folders");
    }
    return 0;
}

/* Calls `visit` for each plain name in a folder. */
static int each_name(int dir_fd, void (*visit)(void *context, int dir_fd, const char *name),
                     void *context)
{
    int fd = open_dir_at(dir_fd, ".");
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            visit(context, dir_fd, entry->d_name);
        }
    }
    closedir(dir);
    return 0;
}

static void remove_name(void *context, int dir_fd, const char *name)
{
    (void)context;
    unlinkat(dir_fd, name, 0);
}

static int open_folders(struct blob_store *self, const char *dir, struct hub_error *error)
{
    int err = file_make_dirs(dir, 0700, error);

    if (err < 0) {
        return err;
    }
    self->dir_fd = open_dir_at(AT_FDCWD, dir);
    if (self->dir_fd < 0) {
        return hub_fail_errno(error, errno, "cannot open the blob folder");
    }
    err = make_folders(self, error);
    if (err < 0) {
        return err;
    }
    self->tmp_fd = open_dir_at(self->dir_fd, "tmp");
    if (self->tmp_fd < 0 || each_name(self->tmp_fd, remove_name, NULL) < 0) {
        return hub_fail_errno(error, errno, "cannot open the folder for temporary files");
    }
    return 0;
}

int blob_store_new(const char *dir, struct blob_store **ret_self, struct hub_error *error)
{
    struct blob_store *self = calloc(1, sizeof *self);

    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->dir_fd = self->tmp_fd = -1;
    if (asprintf(&self->tmp_dir, "%s/tmp", dir) < 0) {
        self->tmp_dir = NULL;
        blob_store_free(self);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    int err = open_folders(self, dir, error);
    if (err < 0) {
        blob_store_free(self);
        return err;
    }
    *ret_self = self;
    return 0;
}

void blob_store_free(struct blob_store *self)
{
    if (!self) {
        return;
    }
    if (self->tmp_fd >= 0) {
        close(self->tmp_fd);
    }
    if (self->dir_fd >= 0) {
        close(self->dir_fd);
    }
    free(self->tmp_dir);
    free(self);
}

const char *blob_store_tmp_dir(const struct blob_store *self)
{
    return self->tmp_dir;
}

uint64_t blob_free_bytes(const struct blob_store *store)
{
    struct statvfs fs;

    if (fstatvfs(store->dir_fd, &fs) < 0) {
        return UINT64_MAX;
    }
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* --- Writing -----------------------------------------------------------------------------------*/

static void random_name(char ret_name[BLOB_TMP_NAME_MAX])
{
    uint8_t random[TMP_RANDOM];
    struct buf name;

    hash_random(random, sizeof random);
    buf_init_fixed(&name, ret_name, BLOB_TMP_NAME_MAX);
    hex_append(&name, random, sizeof random);
}

int blob_writer_open(struct blob_store *store, uint64_t limit, struct blob_writer *ret_writer,
                     struct hub_error *error)
{
    struct blob_writer writer = {.store = store, .limit = limit};
    int err = sha256_init(&writer.hash);

    if (err < 0) {
        return hub_fail(error, err, "out of memory");
    }
    random_name(writer.tmp_name);
    writer.fd =
        openat(store->tmp_fd, writer.tmp_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (writer.fd < 0) {
        sha256_release(&writer.hash);
        return hub_fail_errno(error, errno, "cannot make a temporary file");
    }
    *ret_writer = writer;
    return 0;
}

int blob_writer_write(struct blob_writer *self, const void *bytes, size_t len,
                      struct hub_error *error)
{
    if (len > self->limit - self->size) {
        return hub_fail(error, HUB_ERR_TOO_LARGE, "the file is larger than %llu bytes",
                        (unsigned long long)self->limit);
    }
    int err = file_write_all(self->fd, bytes, len);
    if (err < 0) {
        return hub_fail_errno(error, -err, "cannot write a temporary file");
    }
    sha256_update(&self->hash, bytes, len);
    self->size += len;
    return 0;
}

int blob_writer_finish(struct blob_writer *self, struct blob_pending *ret_pending,
                       struct hub_error *error)
{
    struct blob_pending pending = {.size = self->size};

    if (fdatasync(self->fd) < 0) {
        int errnum = errno;
        blob_writer_abort(self);
        return hub_fail_errno(error, errnum, "cannot sync a temporary file");
    }
    close(self->fd);
    sha256_final(&self->hash, &pending.digest);
    memcpy(pending.tmp_name, self->tmp_name, sizeof pending.tmp_name);
    *ret_pending = pending;
    *self = (struct blob_writer){0};
    return 0;
}

void blob_writer_abort(struct blob_writer *self)
{
    if (self->tmp_name[0] == '\0') {
        return;
    }
    close(self->fd);
    unlinkat(self->store->tmp_fd, self->tmp_name, 0);
    sha256_release(&self->hash);
    *self = (struct blob_writer){0};
}

static int copy_all(struct blob_writer *writer, int fd, char *chunk, struct hub_error *error)
{
    for (off_t offset = 0;;) {
        ssize_t n = pread(fd, chunk, COPY_CHUNK, offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return hub_fail_errno(error, errno, "cannot read the file");
        }
        if (n == 0) {
            return 0;
        }
        int err = blob_writer_write(writer, chunk, (size_t)n, error);
        if (err < 0) {
            return err;
        }
        offset += n;
    }
}

int blob_copy(struct blob_store *store, int fd, uint64_t limit, struct blob_pending *ret_pending,
              struct hub_error *error)
{
    struct blob_writer writer = {0};
    char *chunk = malloc(COPY_CHUNK);
    int err;

    if (!chunk) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    err = blob_writer_open(store, limit, &writer, error);
    if (err < 0) {
        goto out;
    }
    err = copy_all(&writer, fd, chunk, error);
    if (err == 0) {
        err = blob_writer_finish(&writer, ret_pending, error);
    }
out:
    blob_writer_abort(&writer);
    free(chunk);
    return err;
}

void blob_discard(struct blob_store *store, const struct blob_pending *pending)
{
    if (pending->tmp_name[0] != '\0') {
        unlinkat(store->tmp_fd, pending->tmp_name, 0);
    }
}

/* --- Names -------------------------------------------------------------------------------------*/

int blob_open(struct blob_store *store, struct str digest_hex, int *ret_fd, struct hub_error *error)
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    char path[BLOB_PATH_MAX];

    /* Decoded and encoded again, so that nothing but a digest becomes a path. */
    if (!hex_decode(digest_hex, digest.bytes, sizeof digest.bytes)) {
        return hub_fail(error, HUB_ERR_NOT_FOUND, "not the name of a blob");
    }
    sha256_hex(&digest, hex);
    blob_path(hex, path);
    int fd = openat(store->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return hub_fail_errno(error, errno, "cannot open blob %s", hex);
    }
    *ret_fd = fd;
    return 0;
}

int blob_publish(struct blob_store *store, const struct blob_pending *pending,
                 struct hub_error *error)
{
    char hex[SHA256_HEX_LEN + 1];
    char path[BLOB_PATH_MAX];

    ASSERT_THREAD(THREAD_STORE);
    sha256_hex(&pending->digest, hex);
    blob_path(hex, path);
    if (linkat(store->tmp_fd, pending->tmp_name, store->dir_fd, path, 0) < 0 && errno != EEXIST) {
        int errnum = errno;
        /* Published by an earlier try: the temporary name went with it. */
        if (errnum != ENOENT || faccessat(store->dir_fd, path, R_OK, 0) < 0) {
            return hub_fail_errno(error, errnum, "cannot publish blob %s", hex);
        }
    }
    /* Also when it was there: an earlier life may have ended before the folder was synced. */
    store->unsynced[pending->digest.bytes[0]] = true;
    return 0;
}

static int sync_folder(struct blob_store *self, unsigned folder, struct hub_error *error)
{
    char name[FOLDER_DIGITS + 1];

    folder_name(folder, name);
    int fd = open_dir_at(self->dir_fd, name);
    if (fd < 0 || fsync(fd) < 0) {
        int errnum = errno;
        if (fd >= 0) {
            close(fd);
        }
        return hub_fail_errno(error, errnum, "cannot sync the blob folder %s", name);
    }
    close(fd);
    self->unsynced[folder] = false;
    return 0;
}

int blob_sync(struct blob_store *store, struct hub_error *error)
{
    ASSERT_THREAD(THREAD_STORE);
    for (unsigned i = 0; i < BLOB_FOLDERS; i++) {
        int err = store->unsynced[i] ? sync_folder(store, i, error) : 0;
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

void blob_remove(struct blob_store *store, struct str digest_hex)
{
    char path[BLOB_PATH_MAX];
    char hex[SHA256_HEX_LEN + 1];

    ASSERT_THREAD(THREAD_STORE);
    if (digest_hex.len == SHA256_HEX_LEN) {
        snprintf(hex, sizeof hex, "%.*s", STR_ARG(digest_hex));
        blob_path(hex, path);
        unlinkat(store->dir_fd, path, 0);
    }
}

struct sweep {
    unsigned folder;
    blob_is_named_fn *is_named;
    void *context;
};

static void sweep_name(void *context, int dir_fd, const char *name)
{
    const struct sweep *sweep = context;
    struct sha256_digest digest = {.bytes = {(uint8_t)sweep->folder}};

    if (!hex_decode(str_from_c(name), digest.bytes + 1, sizeof digest.bytes - 1)) {
        return; /* not ours: left alone */
    }
    if (!sweep->is_named(sweep->context, &digest)) {
        unlinkat(dir_fd, name, 0);
    }
}

void blob_sweep(struct blob_store *store, unsigned folder, blob_is_named_fn *is_named,
                void *context)
{
    struct sweep sweep = {.folder = folder, .is_named = is_named, .context = context};
    char name[FOLDER_DIGITS + 1];

    ASSERT_THREAD(THREAD_STORE);
    folder_name(folder, name);
    int fd = open_dir_at(store->dir_fd, name);
    if (fd < 0) {
        return;
    }
    (void)each_name(fd, sweep_name, &sweep);
    close(fd);
}
