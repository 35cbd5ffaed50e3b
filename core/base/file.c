#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)64 * 1024)

static ssize_t read_some(int fd, void *bytes, size_t len)
{
    ssize_t got;

    do {
        got = read(fd, bytes, len);
    } while (got < 0 && errno == EINTR);
    return got;
}

static int read_to_end(int fd, struct buf *data, struct hub_error *error)
{
    for (;;) {
        char probe; /* tells a file that just fits from one that is too large */
        size_t left = data->limit - data->len;
        size_t room = left < READ_STEP ? left : READ_STEP;
        char *at = room ? buf_reserve(data, room) : &probe;
        if (!at) {
            return hub_fail(error, HUB_ERR_NOMEM, "no memory for a file of more than %zu bytes",
                            data->len);
        }
        ssize_t got = read_some(fd, at, room ? room : 1);
        if (got < 0) {
            return hub_fail_errno(error, errno, "reading a file");
        }
        if (got == 0) {
            return 0;
        }
        if (room == 0) {
            return hub_fail(error, HUB_ERR_TOO_LARGE, "the file has more than %zu bytes",
                            data->limit);
        }
        buf_commit(data, (size_t)got);
    }
}

int file_read_fd(int fd, struct buf *ret_data, struct hub_error *error)
{
    size_t before = ret_data->len;
    int err = read_to_end(fd, ret_data, error);

    if (err < 0) {
        buf_truncate(ret_data, before);
    }
    return err;
}

int file_read(const char *path, struct buf *ret_data, struct hub_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hub_fail_errno(error, errno, "opening %s", path);
    }
    struct hub_error why;
    int err = file_read_fd(fd, ret_data, &why);
    if (err < 0) {
        hub_fail(error, err, "%s: %s", path, why.detail);
    }
    close(fd);
    return err;
}

int file_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            at += written;
            len -= (size_t)written;
        }
    }
    return 0;
}

/* Everything up to the rename, to be undone by unlinking the temporary file. 0 or -errno. */
static int write_and_rename(int fd, const char *temporary, const char *path, struct str data,
                            mode_t mode)
{
    int err = file_write_all(fd, data.ptr, data.len);
    if (err < 0) {
        return err;
    }
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0) {
        return -errno;
    }
    return 0;
}

int file_write_durable(const char *path, struct str data, mode_t mode, struct hub_error *error)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);

    if (len < 0 || (size_t)len >= sizeof temporary) {
        return hub_fail_errno(error, ENAMETOOLONG, "writing %s", path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return hub_fail_errno(error, errno, "creating a file beside %s", path);
    }
    int err = write_and_rename(fd, temporary, path, data, mode);
    close(fd);
    if (err < 0) {
        unlink(temporary);
        return hub_fail_errno(error, -err, "writing %s", path);
    }
    return file_sync_parent(path, error);
}

/* The part of `path` that names its directory: "." if there is none. */
static int parent_of(const char *path, char ret_parent[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (len >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    if (len == 0) {
        strcpy(ret_parent, slash ? "/" : ".");
        return 0;
    }
    memcpy(ret_parent, path, len);
    ret_parent[len] = '\0';
    return 0;
}

int file_sync_parent(const char *path, struct hub_error *error)
{
    char parent[PATH_MAX];
    int err = parent_of(path, parent);
    if (err < 0) {
        return hub_fail_errno(error, -err, "the directory of %s", path);
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return hub_fail_errno(error, errno, "opening %s", parent);
    }
    err = 0;
    if (fsync(fd) < 0) {
        err = hub_fail_errno(error, errno, "fsync of %s", parent);
    }
    close(fd);
    return err;
}

static int make_dir(const char *path, mode_t mode)
{
    struct stat facts;

    if (mkdir(path, mode) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return -errno;
    }
    if (stat(path, &facts) < 0) {
        return -errno;
    }
    return S_ISDIR(facts.st_mode) ? 0 : -ENOTDIR;
}

int file_make_dirs(const char *path, mode_t mode, struct hub_error *error)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof part) {
        return hub_fail_errno(error, len ? ENAMETOOLONG : ENOENT, "making the directory %s", path);
    }
    for (size_t end = 1; end <= len; end++) {
        if (path[end] != '/' && path[end] != '\0') {
            continue;
        }
        memcpy(part, path, end);
        part[end] = '\0';
        int err = make_dir(part, mode);
        if (err < 0) {
            return hub_fail_errno(error, -err, "making the directory %s", part);
        }
    }
    return 0;
}
