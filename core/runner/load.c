#include "runner/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_file(int fd, uid_t owner, struct hub_error *error)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return hub_fail_errno(error, errno, "fstat");
    }
    if (!S_ISREG(st.st_mode)) {
        return hub_fail(error, HUB_ERR_FORBIDDEN, "it is not a regular file");
    }
    if (st.st_uid != 0 && st.st_uid != owner) {
        return hub_fail(error, HUB_ERR_FORBIDDEN,
                        "it belongs to uid %u: only files of root or of hubd's own user are loaded",
                        (unsigned)st.st_uid);
    }
    if (st.st_mode & S_IWOTH) {
        return hub_fail(error, HUB_ERR_FORBIDDEN, "it is world-writable (mode %04o)",
                        (unsigned)(st.st_mode & 07777));
    }
    return 0;
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

int connector_load(int fd, const char *path, uid_t owner, struct connector *ret_connector,
                   struct hub_error *error)
{
    void *handle;
    hub_connector_entry_fn *entry;
    int err = check_file(fd, owner, error);
    if (err == 0) {
        err = open_library(fd, path, &handle, error);
    }
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
