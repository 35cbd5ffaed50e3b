/*
 * limits.c — what the process may use up.
 *
 * Address space: a failed allocation is an error that the connector can report. File size: so is a
 * write that goes too far; one that does not look gets a few more errors and then its end.
 * Processor time: SIGXCPU, which can be told from all other ends; the deadline ends what does not
 * use much of it. Threads are limited where the count is the runner's own.
 */
#include "base/clock.h"
#include "runner/sandbox.h"
#include "runner/witness.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PURE_FILES_MAX      4096  /* descriptors: input and output files, and a connector's own */
#define NETWORK_FILES_MAX   20000 /* the same, and sockets */
#define THREADS_MAX         256
#define FULL_WRITES_MAX     64 /* errors that a connector may overlook before it is ended */
#define MECHANISM_BIT(NAME) (1u << WIRE_MECHANISM_##NAME)

/* Lowers a limit, both of it; one that is lower already stays. */
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

/* --- Output ------------------------------------------------------------------------------------*/

/* With a handler, write() returns EFBIG. */
static void output_full(int number)
{
    (void)number;
    int saved = errno;
    if (witness_full_output() > FULL_WRITES_MAX) {
        kill(getpid(), SIGKILL);
    }
    errno = saved;
}

static int watch_output(void)
{
    struct sigaction action = {.sa_handler = output_full, .sa_flags = SA_RESTART};
    return sigaction(SIGXFSZ, &action, NULL) < 0 ? -errno : 0;
}

/* --- Processor time ----------------------------------------------------------------------------*/

static int64_t safe_until_ms; /* before this time the limit cannot have become too low */

static int64_t used_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 * CLOCK_NS_PER_MS + used.tv_nsec;
}

void limits_renew_processor_time(uint32_t cpu_s)
{
    struct rlimit now;
    int64_t now_ms = clock_mono_ms();
    if (cpu_s == 0 || now_ms < safe_until_ms || getrlimit(RLIMIT_CPU, &now) < 0) {
        return;
    }
    /* Twice as much as is promised, so that most attempts need not ask. */
    rlim_t used_s = (rlim_t)(used_ns() / CLOCK_NS_PER_MS / 1000) + 1;
    rlim_t soft = used_s + 2 * (rlim_t)cpu_s;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    setrlimit(RLIMIT_CPU, &now);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    safe_until_ms = now_ms + (int64_t)cpu_s * 1000 / (cores > 0 ? cores : 1);
}

/* --- All of them -------------------------------------------------------------------------------*/

/* The count is kept per user and user namespace. */
static int limit_threads(struct sandbox_state *state)
{
    bool own_count = state->mechanisms & (MECHANISM_BIT(OWN_UID) | MECHANISM_BIT(USER_NAMESPACE));
    int err = own_count ? limit(RLIMIT_NPROC, THREADS_MAX) : 0;
    if (err == 0) {
        sandbox_note(state, WIRE_MECHANISM_PROCESS_LIMIT, own_count ? 0 : -EPERM);
    }
    return err;
}

int limits_set(const struct wire_config *config, enum sandbox_role role,
               struct sandbox_state *state)
{
    const struct {
        __rlimit_resource_t resource;
        rlim_t value;
        bool wanted;
    } LIMITS[] = {
        {RLIMIT_CORE, 0, true},
        {RLIMIT_AS, config->memory_max, !SANDBOX_SANITIZED && config->memory_max > 0},
        {RLIMIT_FSIZE, config->file_bytes_max, config->file_bytes_max > 0},
        {RLIMIT_NOFILE, role == SANDBOX_NETWORK ? NETWORK_FILES_MAX : PURE_FILES_MAX, true},
        {RLIMIT_MEMLOCK, 0, !SANDBOX_SANITIZED},
        {RLIMIT_MSGQUEUE, 0, true},
        {RLIMIT_NICE, 0, true},
        {RLIMIT_RTPRIO, 0, true},
    };
    int err = watch_output();
    for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0] && err == 0; i++) {
        err = LIMITS[i].wanted ? limit(LIMITS[i].resource, LIMITS[i].value) : 0;
    }
    if (err < 0) {
        return err;
    }
    if (role != SANDBOX_BROKER) { /* which works for all attempts there will be */
        limits_renew_processor_time(config->cpu_s);
    }
    sandbox_note(state, WIRE_MECHANISM_LIMITS, 0);
    return limit_threads(state);
}
