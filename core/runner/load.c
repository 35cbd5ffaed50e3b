#include "runner/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy that anybody may read who has the descriptor. */
static int copy_to_memory(int fd, off_t size, int *ret_fd, struct hub_error *error)
{
    int copy = memfd_create("connector", MFD_CLOEXEC);
    off_t at = 0;
    ssize_t sent = 1;
    while (copy >= 0 && at < size && sent > 0) {
        sent = sendfile(copy, fd, &at, (size_t)(size - at));
    }
    if (copy < 0 || sent < 0) {
        int err = hub_fail_errno(error, errno, "it cannot be copied");
        if (copy >= 0) {
            close(copy);
        }
        return err;
    }
    *ret_fd = copy;
    return 0;
}

static int check_stat(const struct stat *st, uid_t owner, struct hub_error *error)
{
    if (!S_ISREG(st->st_mode)) {
        return hub_fail(error, HUB_ERR_FORBIDDEN, "it is not a regular file");
    }
    if (st->st_uid != 0 && st->st_uid != owner) {
        return hub_fail(error, HUB_ERR_FORBIDDEN,
                        "it belongs to uid %u: only files of root or of hubd's own user are loaded",
                        (unsigned)st->st_uid);
    }
    if (st->st_mode & S_IWOTH) {
        return hub_fail(error, HUB_ERR_FORBIDDEN, "it is world-writable (mode %04o)",
                        (unsigned)(st->st_mode & 07777));
    }
    return 0;
}

int connector_check_file(int *fd, uid_t owner, bool as_stranger, struct hub_error *error)
{
    struct stat st;
    if (fstat(*fd, &st) < 0) {
        return hub_fail_errno(error, errno, "fstat");
    }
    int err = check_stat(&st, owner, error);
    return err == 0 && as_stranger && !(st.st_mode & S_IROTH)
               ? copy_to_memory(*fd, st.st_size, fd, error)
               : err;
}

/* What dlopen() complains about without the odd name by which it knows the file. */
static const char *complaint(const char *name)
{
    const char *text = dlerror();
    size_t len = strlen(name);
    if (!text) {
        return "for an unknown reason";
    }
    return strncmp(text, name, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2
                                                                              : text;
}

static int open_library(int fd, const char *path, void **ret_handle, struct hub_error *error)
{
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const char *used = access(name, R_OK) == 0 ? name : path;
    *ret_handle = dlopen(used, RTLD_NOW | RTLD_LOCAL);
    if (!*ret_handle) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "it cannot be loaded: %s", complaint(used));
    }
    return 0;
}

static int check_abi(const hub_connector *descriptor, struct hub_error *error)
{
    if (!descriptor) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "its hub_connector_entry() refuses this host, whose ABI is %u.%u",
                        HUB_ABI_MAJOR(HUB_ABI), HUB_ABI_MINOR(HUB_ABI));
    }
    if (HUB_ABI_MAJOR(descriptor->abi) != HUB_ABI_MAJOR(HUB_ABI)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "it was built for ABI %u.%u, this host has ABI %u.%u",
                        HUB_ABI_MAJOR(descriptor->abi), HUB_ABI_MINOR(descriptor->abi),
                        HUB_ABI_MAJOR(HUB_ABI), HUB_ABI_MINOR(HUB_ABI));
    }
    return 0;
}

int connector_load(int fd, const char *path, struct connector *ret_connector,
                   struct hub_error *error)
{
    void *handle;
    hub_connector_entry_fn *entry;
    int err = open_library(fd, path, &handle, error);
    if (err < 0) {
        return err;
    }
    *(void **)&entry = dlsym(handle, "hub_connector_entry");
    if (!entry) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "it is no connector: it does not export hub_connector_entry()");
    }
    const hub_connector *descriptor = entry(HUB_ABI);
    err = check_abi(descriptor, error);
    if (err == 0) {
        err = descriptor_check(descriptor, error);
    }
    if (err == 0) {
        *ret_connector = (struct connector){.entry = entry, .descriptor = descriptor};
    }
    return err;
}

int connector_create(struct connector *self, const hub_host *host, struct hub_error *error)
{
    self->instance = self->descriptor->create(host);
    return self->instance ? 0 : hub_fail(error, HUB_ERR_UNAVAILABLE, "its create() returned NULL");
}

void connector_destroy(struct connector *self)
{
    if (self->instance && self->descriptor->destroy) {
        self->descriptor->destroy(self->instance);
    }
    self->instance = NULL;
}
