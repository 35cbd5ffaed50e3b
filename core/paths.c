#include "paths.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Relative to the folder of the program: first the build tree, then an installed prefix. */
static const char *const RUNNERS[] = {"libexec/hubd/hub-runner", HUB_RELATIVE_RUNNER};
static const char *const CONNECTORS[] = {"connectors", HUB_RELATIVE_CONNECTORS};

static char *find(const char *program_dir, const char *const *candidates, size_t count, int mode)
{
    char path[PATH_MAX * 2];

    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", program_dir, candidates[i]);
        if (access(path, mode) == 0) {
            return realpath(path, NULL);
        }
    }
    return NULL;
}

int hub_find_paths(struct hub_paths *ret_paths, struct hub_error *error)
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    const char *dir;

    if (len < 0) {
        return hub_fail(error, HUB_ERR_IO, "/proc/self/exe can't be read: is /proc mounted?");
    }
    program[len] = '\0';
    dir = dirname(program);
    ret_paths->runner = find(dir, RUNNERS, sizeof RUNNERS / sizeof RUNNERS[0], X_OK);
    if (ret_paths->runner == NULL) {
        return hub_fail(error, HUB_ERR_NOT_FOUND, "hub-runner is neither at %s/%s nor at %s/%s",
                        dir, RUNNERS[0], dir, RUNNERS[1]);
    }
    ret_paths->connector_dirs[0] =
        find(dir, CONNECTORS, sizeof CONNECTORS / sizeof CONNECTORS[0], R_OK | X_OK);
    ret_paths->connector_dirs[1] = NULL;
    return 0;
}

void hub_release_paths(struct hub_paths *self)
{
    free(self->runner);
    free(self->connector_dirs[0]);
    memset(self, 0, sizeof *self);
}
