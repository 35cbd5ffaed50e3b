/*
 * ext_folders.c — HUB_EXT_FOLDERS: the folders that the operator has named for the connector.
 */
#include "runner/runner.h"

static struct runner *the_runner; /* the ABI's functions carry no context */

void ext_folders_prepare(struct runner *runner, const struct wire_config *config)
{
    buf_init(&runner->places, BUF_NO_LIMIT);
    buf_append_str(&runner->places, config->readable);
}

static hub_str folders_path(hub_str name)
{
    struct str records = buf_view(&the_runner->places);
    struct wire_place place;
    while (wire_place_next(&records, &place) == 0) {
        if (place.name.len > 0 && str_eq(place.name, str_of_hub(name))) {
            return (hub_str){place.path.ptr, place.path.len};
        }
    }
    return (hub_str){0};
}

const void *ext_folders_init(struct runner *runner)
{
    static const hub_folders_api API = {.size = sizeof(hub_folders_api), .path = folders_path};
    the_runner = runner;
    return &API;
}
