#include "api/batch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAPS_MAX 256

/* --- The file ----------------------------------------------------------------------------------*/

static int open_below(int dir, const char *name)
{
    /* Not to wait for a FIFO's writer; a file does not care. */
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

int batch_file_open(const char *dir, struct str name, int *ret_fd, struct hub_error *error)
{
    char text[PATH_MAX];
    struct stat status;

    if (dir == NULL) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "hubd has no batch_dir to read files from");
    }
    if (name.len >= sizeof text) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the file's name is too long");
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : open_below(folder, text);
    int errnum = errno;
    if (folder >= 0) {
        close(folder);
    }
    if (fd < 0) {
        return hub_fail(error,
                        errnum == EMFILE || errnum == ENFILE ? HUB_ERR_IO : HUB_ERR_INVALID_INPUT,
                        "the file %s cannot be opened: %s", text, strerror(errnum));
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s is not a regular file", text);
    }
    *ret_fd = fd;
    return 0;
}

/* --- Lines -------------------------------------------------------------------------------------*/

static int read_maps(struct batch_file *self, struct json_object *source)
{
    struct json_object *map = NULL;
    size_t count = 0;

    if (!json_get_object(source, "map", &map)) {
        return 0;
    }
    self->maps = calloc(MAPS_MAX, sizeof *self->maps);
    if (self->maps == NULL) {
        return HUB_ERR_NOMEM;
    }
    json_object_object_foreach(map, column, place) {
        if (count < MAPS_MAX) {
            self->maps[count].column = str_from_c(column);
            csv_parse_place(json_str(place), &self->maps[count++]);
        }
    }
    self->mapping = (struct csv_mapping){self->maps, count};
    return 0;
}

int batch_file_begin(struct batch_file *self, struct json_object *source, struct hub_error *error)
{
    struct str text;

    self->is_csv = json_get_str(source, "format", &text) && str_eq(text, STR("csv"));
    if (!self->is_csv) {
        return 0;
    }
    char delimiter = json_get_str(source, "delimiter", &text) && text.len == 1 ? text.ptr[0] : ',';
    if (read_maps(self, source) < 0) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    int err = csv_open(&self->csv, self->fd, delimiter, &self->mapping, error);
    self->is_csv = err == 0; /* then there is something to be released */
    return err;
}

static int read_plain(struct batch_file *self, struct buf *out, size_t want,
                      struct hub_error *error)
{
    char *room = buf_reserve(out, want);
    ssize_t got;

    if (room == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    do {
        got = read(self->fd, room, want);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return hub_fail_errno(error, errno, "the file cannot be read");
    }
    buf_commit(out, (size_t)got);
    return got > 0;
}

int batch_file_read(struct batch_file *self, struct buf *out, size_t want, struct hub_error *error)
{
    size_t begin = out->len;
    int got = 1;

    if (!self->is_csv) {
        return read_plain(self, out, want, error);
    }
    while (got > 0 && out->len - begin < want) {
        got = csv_next(&self->csv, out, error);
    }
    return got == 0 && out->len > begin ? 1 : got; /* the end comes next time again */
}

void batch_file_end(struct batch_file *self)
{
    if (self->is_csv) {
        csv_release(&self->csv);
        self->is_csv = false;
    }
    free(self->maps);
    self->maps = NULL;
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}
