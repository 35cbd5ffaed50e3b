#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static int write_pid(int fd, struct hub_error *error)
{
    int err = 0;

    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        err = hub_fail_errno(error, errno, "the pid file can't be written");
    }
    return err;
}

int lock_state_dir(const char *state_dir, int *ret_fd, struct hub_error *error)
{
    char path[4200];
    char owner[16] = "";
    int fd, err;

    snprintf(path, sizeof path, "%s/hubd.pid", state_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return hub_fail_errno(error, errno, "%s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        ssize_t len = pread(fd, owner, sizeof owner - 1, 0);
        owner[len > 0 ? len : 0] = '\0';
        close(fd);
        return hub_fail(error, HUB_ERR_CONFLICT, "%s is in use by hubd with pid %d", state_dir,
                        atoi(owner));
    }
    err = write_pid(fd, error);
    if (err < 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}
