/*
 * file.h — whole files, and files that appear complete or not at all.
 *
 * These calls block: never on the loop thread. Every descriptor is opened with O_CLOEXEC.
 */
#ifndef HUB_BASE_FILE_H
#define HUB_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <sys/types.h>

/* Appends the file to `ret_data`, whose limit bounds it (HUB_ERR_TOO_LARGE). */
HUB_MUST_CHECK int file_read(const char *path, struct buf *ret_data, struct hub_error *error);
HUB_MUST_CHECK int file_read_fd(int fd, struct buf *ret_data, struct hub_error *error);

/* Writes all, going on after EINTR and short writes. 0 or -errno. */
HUB_MUST_CHECK int file_write_all(int fd, const void *bytes, size_t len);

/* Writes `data` to `path` with `mode`: a temporary name beside it, fsync, rename, fsync of the
 * directory. After success the file survives a power cut. */
HUB_MUST_CHECK int file_write_durable(const char *path, struct str data, mode_t mode,
                                      struct hub_error *error);

/* fsync of the directory that holds `path`. */
HUB_MUST_CHECK int file_sync_parent(const char *path, struct hub_error *error);

/* mkdir -p; what exists already is fine if it is a directory. */
HUB_MUST_CHECK int file_make_dirs(const char *path, mode_t mode, struct hub_error *error);

#endif
