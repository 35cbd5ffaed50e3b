/*
 * rule_descriptor.h — the end of every rule_*.c: a descriptor that is right, but for what the file
 * has defined otherwise.
 *
 * A file that includes it has a function `start` and RULE_NAME; it may define RULE_MODE,
 * RULE_INPUT, RULE_RESULT, RULE_EXAMPLE, RULE_SIZE, RULE_VERSION, RULE_RESERVED, RULE_HOST,
 * RULE_CREATE, RULE_DESTROY, RULE_CANCEL, and RULE_ENTRY if it has an entry of its own.
 */
#ifndef RULE_MODE
#define RULE_MODE HUB_MODE_BLOCKING
#endif
#ifndef RULE_INPUT
#define RULE_INPUT HUB_JSON({"type" : "object"})
#endif
#ifndef RULE_RESULT
#define RULE_RESULT HUB_JSON({"type" : "object"})
#endif
#ifndef RULE_EXAMPLE
#define RULE_EXAMPLE "{}"
#endif
#ifndef RULE_SIZE
#define RULE_SIZE sizeof(hub_connector)
#endif
#ifndef RULE_VERSION
#define RULE_VERSION "1.0.0"
#endif
#ifndef RULE_RESERVED
#define RULE_RESERVED 0
#endif
#ifndef RULE_DESTROY
#define RULE_DESTROY NULL
#endif
#ifndef RULE_CANCEL
#define RULE_CANCEL NULL
#endif
#ifndef RULE_CREATE
#define RULE_CREATE create
static hub_instance *create(const hub_host *given)
{
    return (hub_instance *)given; /* all the state there is */
}
#endif

static const hub_operation OPERATION = {
    .size = sizeof(hub_operation),
    .name = HUB_STR_INIT("run"),
    .summary = HUB_STR_INIT("Breaks a rule."),
    .input_schema = HUB_STR_INIT(RULE_INPUT),
    .result_schema = HUB_STR_INIT(RULE_RESULT),
    .example = HUB_STR_INIT(RULE_EXAMPLE),
    .start = start,
};
static const hub_operation *const OPERATIONS[] = {&OPERATION};
#ifdef RULE_HOST
static const hub_str HOSTS[] = {HUB_STR_INIT(RULE_HOST)};
#endif
static const hub_connector CONNECTOR = {
    .size = RULE_SIZE,
    .abi = HUB_ABI,
    .name = HUB_STR_INIT(RULE_NAME),
    .version = HUB_STR_INIT(RULE_VERSION),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Keeps all rules but one."),
    .mode = RULE_MODE,
#ifdef RULE_HOST
    .hosts = HOSTS,
    .host_count = 1,
#endif
    .reserved = RULE_RESERVED,
    .operation_count = 1,
    .operations = OPERATIONS,
    .create = RULE_CREATE,
    .destroy = RULE_DESTROY,
    .cancel = RULE_CANCEL,
};

#ifndef RULE_ENTRY
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : NULL;
}
#endif
