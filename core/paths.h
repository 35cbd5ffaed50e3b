/*
 * paths.h — where the parts of hubd lie, seen from the running program: the same in the build tree,
 * in any prefix, and after the tree was moved. Thread: before the loop runs.
 */
#ifndef HUB_PATHS_H
#define HUB_PATHS_H

#include "base/error.h"

struct hub_paths {
    char *runner;            /* hub-runner */
    char *connector_dirs[2]; /* of the connectors that came along; NULL-terminated */
};

/* HUB_ERR_NOT_FOUND if hub-runner is nowhere. */
HUB_MUST_CHECK int hub_find_paths(struct hub_paths *ret_paths, struct hub_error *error);
void hub_release_paths(struct hub_paths *self);

#endif
