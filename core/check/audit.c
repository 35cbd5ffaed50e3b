/*
 * audit.c — is the descriptor honest? What a runner needs has been checked; this is the rest.
 */
#include "check/tell.h"
#include "check/threads.h"
#include "check/watch.h"

#include <ctype.h>
#include <string.h>

#define OLD_MAJOR 0x0000ffffu
#define NEW_MAJOR 0x00020000u

/* --- Texts -------------------------------------------------------------------------------------*/

static bool digits(struct str *rest, char end)
{
    struct str number = str_split(rest, end);
    uint64_t value;
    return str_to_u64(number, UINT32_MAX, &value) && (number.len == 1 || number.ptr[0] != '0');
}

/* Semantic Versioning 2.0.0 §2, §9, §10: three numbers, then perhaps "-…" and "+…". */
static bool is_version(struct str text)
{
    struct str core = text;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '-' || text.ptr[i] == '+') {
            core.len = i;
            break;
        }
    }
    for (size_t i = core.len; i < text.len; i++) {
        if (!isalnum((unsigned char)text.ptr[i]) && !strchr("-+.", text.ptr[i])) {
            return false;
        }
    }
    return digits(&core, '.') && digits(&core, '.') && digits(&core, '.') && !core.ptr;
}

/* A host name, perhaps with "*." in front and ":PORT" or ":*" behind; or "*". */
static bool is_host(struct str text)
{
    uint64_t port;
    struct str rest = text;
    struct str name = str_split(&rest, ':');
    bool any_port = str_eq(rest, STR("*"));
    if (rest.ptr && !any_port && (!str_to_u64(rest, 65535, &port) || port == 0)) {
        return false;
    }
    if (str_eq(name, STR("*"))) {
        return true;
    }
    if (str_starts_with(name, STR("*."))) {
        name = str_slice(name, 2, name.len);
    }
    bool good = name.len > 0 && name.ptr[0] != '.' && name.ptr[name.len - 1] != '.';
    for (size_t i = 0; i < name.len && good; i++) {
        good = islower((unsigned char)name.ptr[i]) || isdigit((unsigned char)name.ptr[i]) ||
               name.ptr[i] == '-' || name.ptr[i] == '.';
    }
    return good;
}

static void audit_texts(const hub_connector *self)
{
    if (!is_version(str_of_hub(self->version))) {
        tell_breach("bad_version", "version is \"%.*s\"", STR_ARG(str_of_hub(self->version)));
    }
    for (uint32_t i = 0; i < self->host_count; i++) {
        if (!is_host(str_of_hub(self->hosts[i]))) {
            tell_breach("bad_host", "hosts has \"%.*s\"", STR_ARG(str_of_hub(self->hosts[i])));
        }
    }
}

/* --- Structs -----------------------------------------------------------------------------------*/

/* A connector of our own minor version has structs of exactly our size; a newer one has longer ones
 * or the same. */
static void audit_size(uint32_t abi, uint32_t size, size_t ours, const char *what)
{
    if (HUB_ABI_MINOR(abi) <= HUB_ABI_MINOR(HUB_ABI) && size != ours) {
        tell_breach("bad_size", "%s.size is %u, in ABI %u.%u it is %zu", what, size,
                    HUB_ABI_MAJOR(abi), HUB_ABI_MINOR(abi), ours);
    }
}

static void audit_structs(const hub_connector *self)
{
    audit_size(self->abi, self->size, sizeof *self, "hub_connector");
    for (uint32_t i = 0; i < self->operation_count; i++) {
        audit_size(self->abi, self->operations[i]->size, sizeof(hub_operation), "hub_operation");
    }
    if (self->reserved != 0) {
        tell_breach("bad_reserved", "hub_connector.reserved is %u, not 0", self->reserved);
    }
}

/* --- The entry ---------------------------------------------------------------------------------*/

static void audit_entry(const struct connector *connector)
{
    if (connector->entry(HUB_ABI) != connector->descriptor) {
        tell_breach("entry_changes", "hub_connector_entry() gave another descriptor when it was "
                                     "called again");
    }
    if (connector->entry(OLD_MAJOR) || connector->entry(NEW_MAJOR)) {
        tell_breach("entry_any_major",
                    "hub_connector_entry() gave its descriptor to a host of another major ABI");
    }
    if (threads_started() > 0) {
        tell_breach("entry_threads", "a thread was started before create() was called");
    }
}

void audit(const struct connector *connector)
{
    audit_structs(connector->descriptor);
    audit_texts(connector->descriptor);
    audit_entry(connector);
}
