/*
 * Runs template's jobs with a host made of a few functions: quick, and easy to debug.
 * `hubctl connector check` looks much closer; run both.
 */
#include <hub/connector.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the job ended. */
static int completions;
static char outcome[16];
static char text[4096];

static void keep(const char *how, hub_str what)
{
    completions++;
    snprintf(outcome, sizeof outcome, "%s", how);
    snprintf(text, sizeof text, "%.*s", (int)what.len, what.ptr);
}

static void succeed(hub_job *job, hub_str result)
{
    (void)job;
    keep("succeed", result);
}

static void fail(hub_job *job, hub_str code, hub_str message, hub_str details)
{
    (void)job;
    (void)message;
    (void)details;
    keep("fail", code);
}

static int is_cancelled;

static int32_t cancelled(const hub_job *job)
{
    (void)job;
    return is_cancelled;
}

static void progress(hub_job *job, uint32_t permille, hub_str message)
{
    (void)job;
    (void)permille;
    (void)message;
}

/* One timer at a time, which fires when the test says so. */
static void (*timer_fire)(void *context);
static void *timer_context;

static hub_timer *timer_start(uint64_t delay_ms, void (*fire)(void *context), void *context)
{
    (void)delay_ms;
    timer_fire = fire;
    timer_context = context;
    return (hub_timer *)&timer_fire;
}

static void timer_stop(hub_timer *timer)
{
    (void)timer;
    timer_fire = NULL;
}

static const hub_timer_api TIMERS = {
    .size = sizeof(hub_timer_api), .start = timer_start, .stop = timer_stop};

static const void *extension(const char *name)
{
    return strcmp(name, HUB_EXT_TIMER) == 0 ? &TIMERS : NULL;
}

static const hub_host HOST = {
    .size = sizeof(hub_host),
    .abi = HUB_ABI,
    .succeed = succeed,
    .fail = fail,
    .cancelled = cancelled,
    .progress = progress,
    .extension = extension,
};

/* Runs a job of operation 0 to its end; `cancel` comes as soon as it has started. */
static void run(const hub_connector *connector, const char *input, int cancel)
{
    hub_instance *instance = connector->create(&HOST);
    hub_job job = {.size = sizeof job, .attempt = 1, .input = {input, strlen(input)}};

    completions = 0;
    is_cancelled = cancel;
    connector->operations[0]->start(instance, &job);
    if (cancel && completions == 0 && connector->cancel) {
        connector->cancel(instance, &job);
    }
    while (completions == 0 && timer_fire) {
        void (*fire)(void *context) = timer_fire;
        timer_fire = NULL;
        fire(timer_context);
    }
    connector->destroy(instance);
}

static void expect(const char *how, const char *what)
{
    if (completions != 1 || strcmp(outcome, how) != 0 || strcmp(text, what) != 0) {
        fprintf(stderr, "expected one %s(%s), got %d: %s(%s)\n", how, what, completions, outcome,
                text);
        exit(1);
    }
}

int main(void)
{
    const hub_connector *connector = hub_connector_entry(HUB_ABI);

    run(connector, "{\"text\":\"hello\",\"times\":3}", 0);
    expect("succeed", "{\"said\":\"hello hello hello\"}");
    run(connector, "{\"text\":\"once\"}", 0);
    expect("succeed", "{\"said\":\"once\"}");
    run(connector, "{\"text\":\"never\",\"times\":100}", 1);
    expect("fail", "cancelled");
    puts("template: all is well");
    return 0;
}
