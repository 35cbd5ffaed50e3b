#include "hubctl/kernel.h"

#include "base/buf.h"
#include "base/file.h"

#include <linux/landlock.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

int kernel_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? (int)abi : 0;
}

/* The file's text cut to the room; false if it cannot be read. */
static bool read_text(const char *path, char *room, size_t size)
{
    struct buf data;

    buf_init_fixed(&data, room, size);
    return file_read(path, &data, NULL) == 0;
}

bool kernel_seccomp_filters(void)
{
    char actions[256];

    return read_text("/proc/sys/kernel/seccomp/actions_avail", actions, sizeof actions) &&
           strstr(actions, "kill_process") != NULL;
}

bool kernel_user_namespaces(void)
{
    int status = 0;
    pid_t child = fork(); /* a namespace once entered cannot be left */

    if (child == 0) {
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

bool kernel_cgroup2(char *ret_controllers, size_t room)
{
    struct statfs fs;

    ret_controllers[0] = '\0';
    if (statfs("/sys/fs/cgroup", &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
        return false;
    }
    if (read_text("/sys/fs/cgroup/cgroup.controllers", ret_controllers, room)) {
        ret_controllers[strcspn(ret_controllers, "\n")] = '\0';
    } else {
        ret_controllers[0] = '\0';
    }
    return true;
}
