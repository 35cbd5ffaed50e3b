#include "runner/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define COMPUTE_FILES_MAX 4096  /* descriptors: input and output files, and a connector's own */
#define NETWORK_FILES_MAX 20000 /* the same, and sockets */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

bool sandbox_is_sanitized(void)
{
    return SANITIZED;
}

int sandbox_begin(int channel_fd, struct hub_error *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return hub_fail_errno(error, errno, "prctl(PR_SET_PDEATHSIG)");
    }
    if (close_range((unsigned)channel_fd + 1, ~0u, 0) < 0) {
        return hub_fail_errno(error, errno, "close_range");
    }
    if (clearenv() != 0) {
        return hub_fail(error, HUB_ERR_NOMEM, "clearenv");
    }
    /* A file that grows too large is an error of the write that the connector can report, and a
     * reader that went away is no reason to die. */
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return hub_fail_errno(error, errno, "signal");
    }
    return 0;
}

/* --- The steps: 0 or -errno --------------------------------------------------------------------*/

static int no_new_privileges(const struct wire_config *config)
{
    (void)config;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* No core dumps, no ptrace by others of the same user, no look into /proc/PID/mem. */
static int not_dumpable(const struct wire_config *config)
{
    (void)config;
    return !SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

/* Lowers a limit; one that is lower already stays. */
static int limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now) < 0) {
        return -errno;
    }
    if (now.rlim_max < value) {
        value = now.rlim_max;
    }
    struct rlimit lowered = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &lowered) < 0 ? -errno : 0;
}

static int no_core(const struct wire_config *config)
{
    (void)config;
    return limit(RLIMIT_CORE, 0);
}

static int address_space(const struct wire_config *config)
{
    return SANITIZED || config->memory_max == 0 ? 0 : limit(RLIMIT_AS, config->memory_max);
}

static int file_size(const struct wire_config *config)
{
    return config->file_bytes_max == 0 ? 0 : limit(RLIMIT_FSIZE, config->file_bytes_max);
}

static int open_files(const struct wire_config *config)
{
    bool network = config->confinement == WIRE_CLASS_NETWORK;
    return limit(RLIMIT_NOFILE, network ? NETWORK_FILES_MAX : COMPUTE_FILES_MAX);
}

static const struct step {
    const char *name;
    int (*take)(const struct wire_config *config);
} STEPS[] = {
    {"no_new_privs", no_new_privileges}, {"dumpable", not_dumpable},  {"RLIMIT_CORE", no_core},
    {"RLIMIT_AS", address_space},        {"RLIMIT_FSIZE", file_size}, {"RLIMIT_NOFILE", open_files},
};

int sandbox_enter(const struct wire_config *config, struct hub_error *error)
{
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        int err = STEPS[i].take(config);
        if (err < 0) {
            return hub_fail_errno(error, -err, "the sandbox's step %s failed", STEPS[i].name);
        }
    }
    return 0;
}
