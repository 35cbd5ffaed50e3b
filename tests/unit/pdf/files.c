#include "files.h"

#include <fcntl.h>
#include <unistd.h>

bool disk_files_open(void *context, struct str pointer, struct source *ret_source)
{
    struct disk_files *self = context;
    struct json_object *value;
    struct str path;
    if (self->count == sizeof self->open / sizeof self->open[0] ||
        !json_at(self->input, pointer, &value) || !json_get_str(value, "path", &path)) {
        return false;
    }
    int fd = open(path.ptr, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    self->open[self->count++] = fd;
    *ret_source = (struct source){.fd = fd, .key = path};
    return true;
}

void disk_files_close(struct disk_files *self)
{
    while (self->count > 0) {
        close(self->open[--self->count]);
    }
}
