#include "hubctl/outfile.h"

#include "base/file.h"
#include "hubctl/filename.h"
#include "hubctl/must.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE    0666 /* the umask takes away what the user does not want */
#define NUMBERS_MAX  10000
#define ATTEMPTS_MAX 100

/* A name in the directory that nobody uses. */
static void make_temp_name(struct outfile *self, unsigned attempt)
{
    snprintf(self->temp, sizeof self->temp, ".hubctl-%ld-%u.part", (long)getpid(), attempt);
}

int outfile_open(struct outfile *self, int dir_fd, struct hub_error *error)
{
    *self = (struct outfile){.dir_fd = dir_fd};
    self->fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, FILE_MODE);
    if (self->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        for (unsigned i = 0; i < ATTEMPTS_MAX && (i == 0 || errno == EEXIST) && self->fd < 0; i++) {
            make_temp_name(self, i);
            self->fd =
                openat(dir_fd, self->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
        }
    }
    if (self->fd < 0) {
        self->temp[0] = '\0';
        return hub_fail_errno(error, errno, "a file cannot be made there");
    }
    return 0;
}

int outfile_write(struct outfile *self, struct str bytes, struct hub_error *error)
{
    int err = file_write_all(self->fd, bytes.ptr, bytes.len);

    return err < 0 ? hub_fail_errno(error, -err, "the file cannot be written") : 0;
}

/* Gives the file a name that is free. 0 or -errno. */
static int link_as(const struct outfile *self, const char *name)
{
    char path[64];

    if (self->temp[0]) {
        return linkat(self->dir_fd, self->temp, self->dir_fd, name, 0) < 0 ? -errno : 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", self->fd);
    return linkat(AT_FDCWD, path, self->dir_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static void drop_temp(struct outfile *self)
{
    if (self->temp[0]) {
        unlinkat(self->dir_fd, self->temp, 0);
        self->temp[0] = '\0';
    }
}

static int replace(struct outfile *self, const char *name)
{
    int err = 0;

    if (!self->temp[0]) { /* only a file with a name can be renamed over another */
        err = -EEXIST;
        for (unsigned i = 0; i < ATTEMPTS_MAX && err == -EEXIST; i++) {
            char path[64];
            make_temp_name(self, i);
            snprintf(path, sizeof path, "/proc/self/fd/%d", self->fd);
            err = linkat(AT_FDCWD, path, self->dir_fd, self->temp, AT_SYMLINK_FOLLOW) < 0 ? -errno
                                                                                          : 0;
        }
    }
    if (err < 0) {
        self->temp[0] = '\0';
        return err;
    }
    if (renameat(self->dir_fd, self->temp, self->dir_fd, name) < 0) {
        err = -errno;
        drop_temp(self);
        return err;
    }
    self->temp[0] = '\0';
    return 0;
}

/* Tries NAME, NAME-2, … until one is free; `chosen` holds it. */
static int link_free(const struct outfile *self, struct str name, bool numbered, struct buf *chosen)
{
    int err = -EEXIST;

    for (unsigned n = 1; err == -EEXIST && n <= (numbered ? NUMBERS_MAX : 1); n++) {
        buf_clear(chosen);
        if (n == 1) {
            buf_append_str(chosen, name);
        } else {
            filename_append_numbered(chosen, name, n);
        }
        must_buf(chosen);
        err = link_as(self, chosen->ptr);
    }
    return err;
}

int outfile_publish(struct outfile *self, struct str name, enum outfile_how how,
                    struct buf *ret_name, struct hub_error *error)
{
    struct buf chosen;
    int err;

    buf_init(&chosen, BUF_NO_LIMIT);
    if (how == OUTFILE_REPLACE) {
        buf_append_str(&chosen, name);
        must_buf(&chosen);
        err = replace(self, chosen.ptr);
    } else {
        err = link_free(self, name, how == OUTFILE_FREE_NAME, &chosen);
    }
    if (err == -EEXIST) {
        err = hub_fail(error, HUB_ERR_CONFLICT, "%.*s exists already", STR_ARG(name));
    } else if (err < 0) {
        err = hub_fail_errno(error, -err, "%.*s", STR_ARG(name));
    } else {
        buf_append_str(ret_name, buf_view(&chosen));
    }
    buf_release(&chosen);
    return err;
}

void outfile_release(struct outfile *self)
{
    drop_temp(self);
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}
