/*
 * bench_sandbox — what confining a runner costs, once, at its start.
 *
 *     bench_sandbox [RUNS]
 *
 * Each run forks and lets the child confine itself as a runner does; the median and the 95th
 * percentile of that, in microseconds, by class; of class network with the start of its broker,
 * which confines itself meanwhile. As root for users of their own, with
 * `setpriv --reuid 65534 --regid 65534 --clear-groups` for namespaces. After the confinement
 * nothing is left to pay but the kernel's look at its bitmap for each system call: the last line is
 * what such a call takes before and after.
 */
#include "runner/sandbox.h"
#include "base/clock.h"
#include "runner/broker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS_MAX 10000
#define CALLS    1000000
#define UID      63900

struct sample {
    int64_t enter_ns;
    int64_t before_ns; /* of CALLS system calls */
    int64_t after_ns;
    uint32_t mechanisms;
};

static int64_t time_calls(unsigned count)
{
    int64_t began = clock_mono_ns();
    for (unsigned i = 0; i < count; i++) {
        syscall(SYS_getppid);
    }
    return clock_mono_ns() - began;
}

static void confine(enum wire_class class, unsigned calls, int connector, int out)
{
    struct wire_config config = {
        .confinement = class,
        .uid = geteuid() == 0 ? UID : 0,
        .memory_max = 4ull << 30,
        .file_bytes_max = 1ull << 30,
        .cpu_s = 3600,
        .hosts = STR("api.example.com\n"),
        .connector = STR("bench"),
    };
    struct sandbox_state state;
    struct hub_error error;
    int broker;
    struct sample sample = {.before_ns = time_calls(calls)};
    int64_t began = clock_mono_ns();
    if ((class == WIRE_CLASS_NETWORK && broker_start(&config, -1, &broker, &error) < 0) ||
        sandbox_enter(&config, connector, &state, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        _exit(1);
    }
    sample.enter_ns = clock_mono_ns() - began;
    sample.after_ns = time_calls(calls);
    sample.mechanisms = state.mechanisms;
    (void)!write(out, &sample, sizeof sample);
    _exit(0);
}

static bool run(enum wire_class class, unsigned calls, struct sample *ret_sample)
{
    int channel[2];
    int connector = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool fine = false;
    if (connector >= 0 && pipe2(channel, O_CLOEXEC) == 0) {
        pid_t child = fork();
        if (child == 0) {
            confine(class, calls, connector, channel[1]);
        }
        close(channel[1]);
        fine = read(channel[0], ret_sample, sizeof *ret_sample) == sizeof *ret_sample;
        close(channel[0]);
        waitpid(child, NULL, 0);
    }
    close(connector);
    return fine;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->enter_ns;
    int64_t y = ((const struct sample *)b)->enter_ns;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const char *const CLASSES[] = {"pure", "network"};
    static struct sample samples[RUNS_MAX];
    struct sample calls;
    int runs = argc > 1 ? atoi(argv[1]) : 500;
    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    for (int class = 0; class <= WIRE_CLASS_LAST; class ++) {
        for (int i = 0; i < runs; i++) {
            if (!run((enum wire_class) class, 0, &samples[i])) {
                return 1;
            }
        }
        qsort(samples, (size_t)runs, sizeof samples[0], by_time);
        printf("%-8s %d runs: median %.0f us, 95%% %.0f us, mechanisms 0x%x\n", CLASSES[class],
               runs, (double)samples[runs / 2].enter_ns / 1e3,
               (double)samples[runs * 95 / 100].enter_ns / 1e3, samples[0].mechanisms);
    }
    if (!run(WIRE_CLASS_PURE, CALLS, &calls)) {
        return 1;
    }
    printf("a system call: %.0f ns before, %.0f ns after\n", (double)calls.before_ns / CALLS,
           (double)calls.after_ns / CALLS);
    return 0;
}
