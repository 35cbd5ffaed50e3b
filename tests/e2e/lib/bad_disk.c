/*
 * bad_disk — for LD_PRELOAD: while there is a file of the name that BAD_DISK says, calls that its
 * content names (a word of "sync", "write", "read") fail with EIO on files called *.db or *.db-wal.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_of_database(int fd)
{
    char link[64];
    char path[4096];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0) {
        return 0;
    }
    path[len] = '\0';
    const char *end = strrchr(path, '.');
    return end && (strcmp(end, ".db") == 0 || strcmp(end, ".db-wal") == 0);
}

static int fails(int fd, const char *call)
{
    const char *path = getenv("BAD_DISK");
    char word[16] = "";
    int saved = errno;
    FILE *file = path && is_of_database(fd) ? fopen(path, "re") : NULL;
    int found = file && fscanf(file, "%15s", word) == 1 && strcmp(word, call) == 0;

    if (file) {
        fclose(file);
    }
    errno = found ? EIO : saved;
    return found;
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails(fd, "sync") ? -1 : next(fd);
}

int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return fails(fd, "sync") ? -1 : next(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    ssize_t (*next)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return fails(fd, "write") ? -1 : next(fd, bytes, len, at);
}

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
    ssize_t (*next)(int, void *, size_t, off64_t) =
        (ssize_t(*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
    return fails(fd, "read") ? -1 : next(fd, bytes, len, at);
}
