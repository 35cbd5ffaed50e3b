/*
 * The email connector alone, in a host of a few functions: what a message costs from the job's
 * input to the relay's answer, without hubd.
 *
 *     bench_email email.so ACCOUNT_JSON INPUT_JSON COUNT IN_FLIGHT
 *     → {"messages":20000,"seconds":1.07,"cpu_us":41.2}
 */
#include "base/clock.h"
#include "runner/connect.h"

#include <hub/connector.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended; /* jobs that may be started again */
    atomic_uint succeeded, other;
    hub_timer_api timers;
    hub_pool_api pool;
    hub_http_api http;
    hub_net_api net;
    hub_host host;
    void (*fire)(void *context); /* the connector has one timer at a time */
    void *fire_context;
    int64_t fire_at_ms;
} bench = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* --- Jobs --------------------------------------------------------------------------------------*/

static void end_job(hub_job *job)
{
    free(job);
    pthread_mutex_lock(&bench.lock);
    bench.ended++;
    pthread_cond_signal(&bench.changed);
    pthread_mutex_unlock(&bench.lock);
}

static void succeed(hub_job *job, hub_str result)
{
    (void)result;
    atomic_fetch_add(&bench.succeeded, 1);
    end_job(job);
}

static void bad(hub_job *job, hub_str code, hub_str message)
{
    if (atomic_fetch_add(&bench.other, 1) == 0) {
        fprintf(stderr, "%.*s: %.*s\n", (int)code.len, code.ptr, (int)message.len, message.ptr);
    }
    end_job(job);
}

static void fail(hub_job *job, hub_str code, hub_str message, hub_str details)
{
    (void)details;
    bad(job, code, message);
}

static void retry(hub_job *job, hub_str code, hub_str message, uint64_t delay_ms)
{
    (void)delay_ms;
    bad(job, code, message);
}

static void say(hub_job *job, uint32_t level, hub_str message)
{
    (void)job;
    (void)level;
    fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
}

static int32_t cancelled(const hub_job *job)
{
    (void)job;
    return 0;
}

static const hub_file *no_file(const hub_job *job, hub_str pointer)
{
    (void)job;
    (void)pointer;
    return NULL;
}

/* --- Extensions --------------------------------------------------------------------------------*/

static hub_timer *timer_start(uint64_t delay_ms, void (*fire)(void *context), void *context)
{
    bench.fire = fire;
    bench.fire_context = context;
    bench.fire_at_ms = clock_mono_ms() + (int64_t)delay_ms;
    return (hub_timer *)&bench.fire;
}

static void timer_stop(hub_timer *timer)
{
    bench.fire = timer ? NULL : bench.fire;
}

static void run_timer(void)
{
    void (*fire)(void *context) = bench.fire;
    if (fire && clock_mono_ms() >= bench.fire_at_ms) {
        bench.fire = NULL;
        fire(bench.fire_context);
    }
}

static int32_t pool_run(void (*work)(void *context), void (*done)(void *context), void *context)
{
    work(context);
    if (done) {
        done(context);
    }
    return HUB_CALL_OK;
}

static void http_cancel(hub_http_call *call)
{
    (void)call;
}

static int32_t may_connect(hub_str host, uint32_t port, const void *address, uint32_t size,
                           hub_str *why)
{
    (void)host, (void)port, (void)address, (void)size, (void)why;
    return HUB_CALL_OK;
}

static const void *extension(const char *name)
{
    const struct {
        const char *name;
        const void *api;
    } ALL[] = {{HUB_EXT_TIMER, &bench.timers},
               {HUB_EXT_POOL, &bench.pool},
               {HUB_EXT_HTTP, &bench.http},
               {HUB_EXT_NET, &bench.net}};
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        if (strcmp(ALL[i].name, name) == 0) {
            return ALL[i].api;
        }
    }
    return NULL;
}

static void make_host(void)
{
    bench.timers = (hub_timer_api){sizeof bench.timers, 0, timer_start, timer_stop};
    bench.pool = (hub_pool_api){sizeof bench.pool, 1, pool_run};
    bench.http = (hub_http_api){.size = sizeof bench.http, .cancel = http_cancel};
    bench.net = (hub_net_api){sizeof bench.net, 0, may_connect, connect_set_stand_in};
    bench.host = (hub_host){
        .size = sizeof bench.host,
        .abi = HUB_ABI,
        .succeed = succeed,
        .fail = fail,
        .retry = retry,
        .unknown = bad,
        .log = say,
        .cancelled = cancelled,
        .file = no_file,
        .now_ms = clock_mono_ms,
        .wall_ms = clock_wall_ms,
        .extension = extension,
    };
}

/* --- Running -----------------------------------------------------------------------------------*/

static hub_str text_of(const char *text)
{
    return (hub_str){text, strlen(text)};
}

static void start(const hub_connector *connector, hub_instance *instance, const char *account,
                  const char *input)
{
    hub_job *job = calloc(1, sizeof *job);
    if (!job) {
        abort();
    }
    *job = (hub_job){
        .size = sizeof *job,
        .attempt = 1,
        .max_attempts = 1,
        .id = HUB_STR("01a20952-893d-7501-b793-d82f158350d1"),
        .operation = HUB_STR("send"),
        .input = text_of(input),
        .account = text_of(account),
        .deadline_ms = clock_mono_ms() + 300000,
    };
    connector->operations[0]->start(instance, job);
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Waits for one that has ended; looks at the timer meanwhile. */
static unsigned take_ended(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 50 * CLOCK_NS_PER_MS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&bench.lock);
    if (bench.ended == 0) {
        pthread_cond_clockwait(&bench.changed, &bench.lock, CLOCK_MONOTONIC, &until);
    }
    unsigned ended = bench.ended;
    bench.ended = 0;
    pthread_mutex_unlock(&bench.lock);
    run_timer();
    return ended;
}

int main(int argc, char **argv)
{
    hub_connector_entry_fn *entry;
    if (argc != 6) {
        fprintf(stderr, "usage: bench_email email.so ACCOUNT INPUT COUNT IN_FLIGHT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    make_host();
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    *(void **)&entry = dlsym(library, "hub_connector_entry");
    const hub_connector *connector = entry(HUB_ABI);
    hub_instance *instance = connector->create(&bench.host);
    unsigned count = (unsigned)atoi(argv[4]), in_flight = (unsigned)atoi(argv[5]), started = 0;
    double cpu = cpu_us();
    int64_t begun = clock_mono_ns();
    for (unsigned ended = 0, room = in_flight; ended < count;) {
        for (; room > 0 && started < count; room--, started++) {
            start(connector, instance, argv[2], argv[3]);
        }
        unsigned more = take_ended();
        room += more;
        ended += more;
    }
    double seconds = (double)(clock_mono_ns() - begun) / 1e9;
    printf("{\"messages\":%u,\"failed\":%u,\"seconds\":%.3f,\"cpu_us\":%.1f}\n",
           atomic_load(&bench.succeeded), atomic_load(&bench.other), seconds,
           (cpu_us() - cpu) / count);
    connector->destroy(instance);
    return 0;
}
