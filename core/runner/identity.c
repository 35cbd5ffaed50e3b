/*
 * identity.c — who the runner is: nobody that another process knows.
 *
 * As root it becomes a user of its own, which hubd has picked; then no other runner, nor any file
 * of hubd, is its equal. An ordinary user cannot do that. It gets a user namespace, in which limits
 * on processes count for it alone.
 *
 * Other namespaces would add nothing here that the filter and Landlock do not give: the filter
 * leaves a pure connector no sockets, and nobody any mount, System V IPC or signal to others. A
 * network namespace costs 0.7 ms or more to make, and a PID namespace another process.
 */
#include "runner/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITIES_MAX 64

/* Root's powers do not come back by being root, nor by a change of user; none can be raised. */
static void lock_capabilities(void)
{
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                 SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED);
    for (int capability = 0; capability < CAPABILITIES_MAX; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
            break; /* the last one, or no right to; the sets below are what counts */
        }
    }
}

static int drop_capabilities(struct sandbox_state *state)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capset, &header, none) < 0) {
        return -errno;
    }
    sandbox_note(state, WIRE_MECHANISM_NO_CAPABILITIES, 0);
    return 0;
}

/* --- Root --------------------------------------------------------------------------------------*/

static int become(uid_t uid)
{
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0) {
        return -errno;
    }
    return 0;
}

/* --- An ordinary user --------------------------------------------------------------------------*/

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t wrote = write(fd, text, strlen(text));
    int err = wrote < 0 ? -errno : 0;
    close(fd);
    return err;
}

/* A namespace in which it is who it was, and everybody else is nobody. */
static int enter_user_namespace(void)
{
    char uids[64];
    char gids[64];
    snprintf(uids, sizeof uids, "%u %u 1", (unsigned)getuid(), (unsigned)getuid());
    snprintf(gids, sizeof gids, "%u %u 1", (unsigned)getgid(), (unsigned)getgid());
    if (unshare(CLONE_NEWUSER) < 0) {
        return -errno;
    }
    int err = write_file("/proc/self/setgroups", "deny");
    if (err == 0) {
        err = write_file("/proc/self/uid_map", uids);
    }
    return err < 0 ? err : write_file("/proc/self/gid_map", gids);
}

int identity_change(const struct wire_config *config, struct sandbox_state *state)
{
    pid_t parent = getppid();
    if (geteuid() != 0) {
        sandbox_note(state, WIRE_MECHANISM_USER_NAMESPACE, enter_user_namespace());
        lock_capabilities();
    } else {
        lock_capabilities();
        sandbox_note(state, WIRE_MECHANISM_OWN_UID, config->uid ? become(config->uid) : -EINVAL);
    }
    int err = drop_capabilities(state);
    /* The kernel forgets this with a change of user; the parent may have gone meanwhile. */
    if (err == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        err = -errno;
    }
    return err == 0 && getppid() != parent ? -ESRCH : err;
}
