#include "misbehave.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    deed_fn *deed;
} DEEDS[] = {
    {"open_file", open_file},
    {"connect", connect_out},
    {"listen", listen_in},
    {"roam", roam},
    {"exec", exec_shell},
    {"fork_bomb", fork_bomb},
    {"trace_parent", trace_parent},
    {"kill_parent", kill_parent},
    {"system_call", system_call},
    {"replace_handler", replace_handler},
    {"block_signal", block_signal},
    {"read_proc", read_proc},
    {"write_artifacts", write_artifacts},
    {"change_input", change_input},
    {"allocate", allocate},
    {"endless_output", endless_output},
    {"endless_loop", endless_loop},
    {"burn_processor", burn_processor},
    {"thread_bomb", thread_bomb},
    {"segfault", segfault},
    {"abort", call_abort},
    {"close_channel", close_channel},
    {"forge_frames", forge_frames},
    {"say_confined", say_confined},
};

const char *deed_text(const struct deed *deed, const char *name)
{
    const char *text = json_object_get_string(json_object_object_get(deed->input, name));
    return text ? text : "";
}

int64_t deed_number(const struct deed *deed, const char *name)
{
    return json_object_get_int64(json_object_object_get(deed->input, name));
}

void deed_note(struct deed *deed, const char *what, long value)
{
    int error = errno;
    json_object_object_add(deed->result, what,
                           value < 0 ? json_object_new_string(strerrorname_np(error))
                                     : json_object_new_int64(0));
}

void deed_succeed(struct deed *deed)
{
    const char *text = json_object_to_json_string(deed->result);
    deed->host->succeed(deed->job, (hub_str){text, strlen(text)});
}

static void run(hub_instance *instance, hub_job *job)
{
    struct deed deed = {(const hub_host *)instance, job, NULL, NULL};
    char *input = strndup(job->input.ptr, job->input.len);
    deed.input = json_tokener_parse(input ? input : "{}");
    deed.result = json_object_new_object();
    free(input);
    for (size_t i = 0; i < sizeof DEEDS / sizeof DEEDS[0]; i++) {
        if (strcmp(DEEDS[i].name, MISBEHAVE_NAME) == 0)
            DEEDS[i].deed(&deed);
    }
    json_object_put(deed.input);
    json_object_put(deed.result);
}

static hub_instance *create(const hub_host *host)
{
    return (hub_instance *)host;
}

static const hub_operation RUN = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("run"),
    .summary = HUB_STR_INIT("Breaks a rule."),
    .input_schema =
        HUB_STR_INIT("{\"type\":\"object\",\"properties\":{\"file\":{\"$ref\":\"hub:file\"}}}"),
    .example = HUB_STR_INIT("{}"),
    .start = run,
};

static const hub_operation *const OPERATIONS[] = {&RUN};
static const hub_str PATHS[] = {HUB_STR_INIT("/usr/share/fonts"), HUB_STR_INIT("/etc"),
                                HUB_STR_INIT("/usr/share/fonts/../../../etc")};
#ifdef MISBEHAVE_NETWORK
static const hub_str HOSTS[] = {HUB_STR_INIT("127.0.0.1:*"), HUB_STR_INIT("*.roam.test:*")};
#endif

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT(MISBEHAVE_NAME),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Breaks a rule; for tests."),
    .mode = HUB_MODE_BLOCKING,
    .paths = PATHS,
    .path_count = sizeof(PATHS) / sizeof(PATHS[0]),
#ifdef MISBEHAVE_NETWORK
    .hosts = HOSTS,
    .host_count = sizeof(HOSTS) / sizeof(HOSTS[0]),
#endif
    .operation_count = 1,
    .operations = OPERATIONS,
    .create = create,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
}
