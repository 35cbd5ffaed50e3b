#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANNEL_FD 3

static void close_pair(const int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            close(pair[i]);
        }
    }
}

/* What the child does between its birth and exec. The sources are above 3 or are replaced in an
 * order that does no harm: 2 before 3. */
static int set_descriptors(posix_spawn_file_actions_t *actions, int stderr_fd, int channel)
{
    int err = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (err == 0) {
        err = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    }
    if (err == 0) {
        err = posix_spawn_file_actions_adddup2(actions, stderr_fd, 2);
    }
    if (err == 0) {
        err = posix_spawn_file_actions_adddup2(actions, channel, CHANNEL_FD);
    }
    return err ? err : posix_spawn_file_actions_addclosefrom_np(actions, CHANNEL_FD + 1);
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    int err = posix_spawnattr_setsigdefault(attributes, &all);
    if (err == 0) {
        err = posix_spawnattr_setsigmask(attributes, &none);
    }
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
    return err ? err : posix_spawnattr_setflags(attributes, flags);
}

/* 0 or errno. */
static int spawn(const char *path, char *const *argv, int stderr_fd, int channel, pid_t *ret_pid)
{
    char *const envp[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = posix_spawn_file_actions_init(&actions);
    if (err) {
        return err;
    }
    err = posix_spawnattr_init(&attributes);
    if (err == 0) {
        err = set_descriptors(&actions, stderr_fd, channel);
        if (err == 0) {
            err = set_attributes(&attributes);
        }
        if (err == 0) {
            err = posix_spawn(ret_pid, path, &actions, &attributes, argv, envp);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return err;
}

int spawn_runner(const char *path, struct spawned *ret_spawned, struct hub_error *error)
{
    char name[] = "hub-runner";
    char *const argv[] = {name, NULL};
    return spawn_program(path, argv, ret_spawned, error);
}

int spawn_program(const char *path, char *const *argv, struct spawned *ret_spawned,
                  struct hub_error *error)
{
    int channel[2] = {-1, -1};
    int errors[2] = {-1, -1};
    struct spawned made = {.pidfd = -1};
    int err = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0 ||
        pipe2(errors, O_CLOEXEC) < 0 || fcntl(errors[0], F_SETFL, O_NONBLOCK) < 0) {
        err = hub_fail_errno(error, errno, "a channel could not be made");
        goto out;
    }
    int spawn_errno = spawn(path, argv, errors[1], channel[1], &made.pid);
    if (spawn_errno != 0) {
        err = hub_fail_errno(error, spawn_errno, "%s could not be started", path);
        goto out;
    }
    made.pidfd = pidfd_open(made.pid, 0);
    if (made.pidfd < 0) {
        err = hub_fail_errno(error, errno, "pidfd_open");
        kill(made.pid, SIGKILL);
        waitpid(made.pid, NULL, 0);
        goto out;
    }
    made.channel = channel[0];
    made.stderr_fd = errors[0];
    channel[0] = errors[0] = -1;
    *ret_spawned = made;
out:
    close_pair(channel);
    close_pair(errors);
    return err;
}

void spawned_kill(const struct spawned *self)
{
    kill(-self->pid, SIGKILL); /* its session's group, if it has come that far */
    pidfd_send_signal(self->pidfd, SIGKILL, NULL, 0);
}

bool spawned_reap(const struct spawned *self, int *ret_number)
{
    siginfo_t info = {0};
    while (waitid(P_PIDFD, (id_t)self->pidfd, &info, WEXITED) < 0 && errno == EINTR) {
    }
    *ret_number = info.si_status;
    return info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
}
