/*
 * A small connector with one flaw, chosen at compile time by FLAW. The tests copy it about.
 */
#include <hub/connector.h>

#include <signal.h>
#include <unistd.h>

#define FLAW_NONE         0
#define FLAW_ABI          1 /* built for another major */
#define FLAW_ENTRY_NULL   2
#define FLAW_ENTRY_CRASH  3
#define FLAW_NAME         4
#define FLAW_SCHEMA       5 /* not JSON */
#define FLAW_SCHEMA_ARRAY 6
#define FLAW_TWICE        7 /* two operations of one name */
#define FLAW_START_NULL   8
#define FLAW_CREATE_NULL  9
#define FLAW_CREATE_CRASH 10
#define FLAW_NO_SYMBOL    11
#define FLAW_SIZE         12
#define FLAW_LOAD_HANG    13

#ifndef VERSION
#define VERSION "1.0.0"
#endif

__attribute__((unused)) static void crash(void)
{
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn the signal into an exit */
    volatile int *volatile nowhere = (volatile int *)8; /* volatile: or the compiler objects */
    *nowhere = 1;
}

__attribute__((unused)) static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    if (job->input.len > 2) { /* anything but {} takes its time */
        for (int i = 0; i < 100 && !host->cancelled(job); i++)
            usleep(5000);
    }
    host->succeed(job, HUB_STR("{\"version\":\"" VERSION "\"}"));
}

static hub_instance *create(const hub_host *host)
{
#if FLAW == FLAW_CREATE_NULL
    host->log(0, HUB_LOG_ERROR, HUB_STR("no licence file"));
    return 0;
#elif FLAW == FLAW_CREATE_CRASH
    crash();
#endif
    return (hub_instance *)host;
}

static const hub_operation RUN = {
    .size = sizeof(hub_operation),
    .name = HUB_STR_INIT("run"),
    .summary = HUB_STR_INIT("Says its version."),
#if FLAW == FLAW_SCHEMA
    .input_schema = HUB_STR_INIT("{\"type\":}"),
#elif FLAW == FLAW_SCHEMA_ARRAY
    .input_schema = HUB_STR_INIT("[]"),
#else
    .input_schema = HUB_STR_INIT("{\"type\":\"object\"}"),
#endif
#if FLAW != FLAW_START_NULL
    .start = start,
#endif
};
static const hub_operation *const OPERATIONS[] = {&RUN, &RUN};
static const hub_connector CONNECTOR = {
#if FLAW == FLAW_SIZE
    .size = 16,
#else
    .size = sizeof(hub_connector),
#endif
#if FLAW == FLAW_ABI
    .abi = 0x00020003u,
#else
    .abi = HUB_ABI,
#endif
#if FLAW == FLAW_NAME
    .name = HUB_STR_INIT("Not A Name"),
#else
    .name = HUB_STR_INIT("small"),
#endif
    .version = HUB_STR_INIT(VERSION),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .mode = HUB_MODE_BLOCKING,
    .operation_count = FLAW == FLAW_TWICE ? 2 : 1,
    .operations = OPERATIONS,
    .create = create,
};

#if FLAW != FLAW_NO_SYMBOL
HUB_EXPORT
#else
const hub_connector *some_other_symbol(void);
#define hub_connector_entry hidden_entry
static
#endif
const hub_connector *hub_connector_entry(uint32_t host_abi)
{
#if FLAW == FLAW_ENTRY_NULL
    return 0;
#elif FLAW == FLAW_ENTRY_CRASH
    crash();
#elif FLAW == FLAW_LOAD_HANG
    for (;;)
        pause();
#endif
    return host_abi ? &CONNECTOR : 0;
}

#if FLAW == FLAW_NO_SYMBOL
HUB_EXPORT const hub_connector *some_other_symbol(void)
{
    return hub_connector_entry(HUB_ABI);
}
#endif
