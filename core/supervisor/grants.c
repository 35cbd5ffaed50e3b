/*
 * grants.c — what a connector may reach of what it asks for.
 *
 * Places: those that are, or are below, one of the configuration's; and the folders that it names
 * for this connector. Hosts: what it asks for and what the configuration allows go to the runner,
 * whose broker puts them together (runner/gate.h).
 */
#include "supervisor/internal.h"

#include "wire/wire.h"

#include <string.h>

/* --- Places ------------------------------------------------------------------------------------*/

/* Absolute, and with nothing in it that leads elsewhere than it reads. */
static bool is_plain_path(struct str path)
{
    return str_starts_with(path, STR("/")) && path.len < WIRE_PLACE_MAX &&
           !memchr(path.ptr, 0, path.len) && !memmem(path.ptr, path.len, "/../", 4) &&
           !str_ends_with(path, STR("/.."));
}

static bool is_below(struct str path, struct str place)
{
    bool is_root = str_eq(place, STR("/"));
    return str_starts_with(path, place) &&
           (is_root || path.len == place.len || path.ptr[place.len] == '/');
}

static bool is_granted(const struct supervisor *self, struct str path)
{
    for (char **place = self->places; place && *place && is_plain_path(path); place++) {
        if (is_below(path, str_from_c(*place))) {
            return true;
        }
    }
    return false;
}

static struct str text_at(struct json_object *array, size_t i)
{
    struct json_object *text = json_object_array_get_idx(array, i);
    return str_of(json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

/* The folder that a setting names, if it is for this connector. */
static bool folder_of(struct str setting, struct str connector, struct wire_place *ret_place)
{
    struct str owner = str_split(&setting, '/');
    struct str name = str_split(&setting, '=');
    if (!str_eq(owner, connector) || name.len == 0 || !is_plain_path(setting)) {
        return false;
    }
    *ret_place = (struct wire_place){.path = setting, .name = name};
    return true;
}

static int grant_folders(struct supervisor *self, const struct descriptor *descriptor)
{
    int err = 0;
    for (char **folder = self->folders; folder && *folder && err == 0; folder++) {
        struct wire_place place;
        if (folder_of(str_from_c(*folder), descriptor->name, &place)) {
            err = wire_place_append(&self->granted_places, &place);
        }
    }
    return err;
}

static struct str grant_places(struct supervisor *self, const struct descriptor *descriptor)
{
    int err = 0;
    buf_clear(&self->granted_places);
    for (size_t i = 0; i < json_object_array_length(descriptor->paths) && err == 0; i++) {
        struct wire_place place = {.path = text_at(descriptor->paths, i)};
        if (is_granted(self, place.path)) {
            err = wire_place_append(&self->granted_places, &place);
        }
    }
    if (err == 0) {
        err = grant_folders(self, descriptor);
    }
    return err < 0 ? (struct str){0} : buf_view(&self->granted_places);
}

void grants_report(const struct supervisor *self, const struct descriptor *descriptor)
{
    char quoted[LOG_QUOTE_MAX];
    for (size_t i = 0; i < json_object_array_length(descriptor->paths); i++) {
        struct str path = text_at(descriptor->paths, i);
        if (!is_granted(self, path)) {
            log_warn(self->log, "supervisor", "a place that a connector asks for is not granted",
                     "connector=%.*s path=%s", STR_ARG(descriptor->name),
                     log_quote(path, quoted, sizeof quoted));
        }
    }
}

/* --- Hosts -------------------------------------------------------------------------------------*/

/* One a line. A list that cannot be had whole is none: then nothing may be reached. */
static struct str list_hosts(struct supervisor *self, const struct descriptor *descriptor)
{
    struct buf *lines = &self->asked_hosts;
    buf_clear(lines);
    for (size_t i = 0; i < json_object_array_length(descriptor->hosts); i++) {
        buf_append_str(lines, text_at(descriptor->hosts, i));
        buf_append_char(lines, '\n');
    }
    return buf_failed(lines) ? (struct str){0} : buf_view(lines);
}

void grants_fill(struct supervisor *self, const struct descriptor *descriptor,
                 struct wire_config *config)
{
    config->readable = grant_places(self, descriptor);
    config->hosts = list_hosts(self, descriptor);
    config->connector = descriptor->name;
}
