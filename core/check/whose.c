#include "check/whose.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdbool.h>
#include <string.h>

#define FRAMES_MAX 64

const char *whose_code(const void *address)
{
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_fname) {
        return "?";
    }
    /* The runner knows the connector by a descriptor: /proc/self/fd/N. */
    if (strncmp(info.dli_fname, "/proc/self/fd/", 14) == 0) {
        return WHOSE_CONNECTOR;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

static bool is_between(const char *file)
{
    return strcmp(file, "?") == 0 || strncmp(file, "libc.so", 7) == 0 ||
           strncmp(file, "hub-check", 9) == 0 || strncmp(file, "libasan", 7) == 0;
}

const char *whose_call(void)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    for (int i = 0; i < count; i++) {
        const char *file = whose_code(frames[i]);
        if (!is_between(file)) {
            return file;
        }
    }
    return "?";
}

/* The first call loads the unwinder, which allocates. */
void whose_prepare(void)
{
    void *frame;
    (void)!backtrace(&frame, 1);
}
