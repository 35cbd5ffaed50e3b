/*
 * load.h — from a file to a connector's descriptor.
 *
 *     struct connector connector;
 *     if (connector_check_file(&fd, owner, false, &err) < 0) …   // before the process is confined
 *     if (connector_load(fd, path, &connector, &err) < 0) …      // err.detail says why
 *     if (connector_create(&connector, host, &err) < 0) …
 *
 * The file must be a regular one that only root or `owner` can have written. It is loaded through
 * the descriptor that was checked, so that nobody can put another in its place meanwhile. The
 * descriptor is the connector's data: it is checked before anything reads it, but a pointer that
 * leads nowhere still ends the process, which is one of the reasons why this is a process.
 *
 * Nothing is ever unloaded. Thread: [main].
 */
#ifndef HUB_RUNNER_LOAD_H
#define HUB_RUNNER_LOAD_H

#include "base/buf.h"
#include "base/error.h"

#include <hub/connector.h>
#include <stdbool.h>
#include <sys/types.h>

struct connector {
    hub_connector_entry_fn *entry;
    const hub_connector *descriptor;
    hub_instance *instance; /* NULL until connector_create() */
};

/* Is it a file that nobody else can have written? Before the process is confined: afterwards it may
 * not see who owns what. `as_stranger`: it will be loaded by a user who may not be allowed to read
 * it; then `*fd` becomes a copy in memory. HUB_ERR_FORBIDDEN, or an error of the system. */
HUB_MUST_CHECK int connector_check_file(int *fd, uid_t owner, bool as_stranger,
                                        struct hub_error *error);

/* HUB_ERR_INVALID_INPUT for everything that is wrong with what is in it. */
HUB_MUST_CHECK int connector_load(int fd, const char *path, struct connector *ret_connector,
                                  struct hub_error *error);

HUB_MUST_CHECK int connector_create(struct connector *self, const hub_host *host,
                                    struct hub_error *error);
void connector_destroy(struct connector *self);

/* --- descriptor.c ------------------------------------------------------------------------------*/

/* Is every field that hubd relies on there and within bounds? HUB_ERR_INVALID_INPUT. */
HUB_MUST_CHECK int descriptor_check(const hub_connector *descriptor, struct hub_error *error);

/* A checked descriptor as JSON, as supervisor/descriptor.h reads it. Schemas are strings. */
void descriptor_append_json(struct buf *buf, const hub_connector *descriptor);

static inline struct str str_of_hub(hub_str s)
{
    return (struct str){s.ptr, s.len};
}

static inline hub_str hub_of_str(struct str s)
{
    return (hub_str){s.ptr, s.len};
}

#endif
