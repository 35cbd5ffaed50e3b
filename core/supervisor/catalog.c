#include "supervisor/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct version *version_ref(struct version *self)
{
    self->refs++;
    return self;
}

void version_unref(struct version *self)
{
    if (!self || --self->refs > 0) {
        return;
    }
    descriptor_free(self->descriptor);
    if (self->fd >= 0) {
        close(self->fd);
    }
    free(self->path);
    free(self);
}

/* Where a connector of this name is, or would be, in the sorted array. */
static unsigned position(const struct supervisor *self, struct str name, bool *ret_found)
{
    unsigned low = 0;
    unsigned high = self->connector_count;
    *ret_found = false;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = str_cmp(str_from_c(self->connectors[middle]->name), name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct connector *catalog_find(const struct supervisor *self, struct str name)
{
    bool found;
    unsigned at = position(self, name, &found);
    return found ? self->connectors[at] : NULL;
}

static struct connector *connector_add(struct supervisor *self, struct str name)
{
    bool found;
    unsigned at = position(self, name, &found);
    struct connector **larger =
        realloc(self->connectors, (self->connector_count + 1) * sizeof *larger);
    if (!larger) {
        return NULL;
    }
    self->connectors = larger;
    struct connector *added = calloc(1, sizeof *added);
    if (!added || connector_init(added, self, name) < 0) {
        free(added);
        return NULL;
    }
    memmove(larger + at + 1, larger + at, (self->connector_count - at) * sizeof *larger);
    larger[at] = added;
    self->connector_count++;
    return added;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_uid == b->st_uid && a->st_mode == b->st_mode &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

struct version *catalog_unchanged(const struct supervisor *self, const struct scanned_file *file)
{
    for (unsigned i = 0; i < self->connector_count; i++) {
        struct version *version = self->connectors[i]->version;
        if (strcmp(version->path, file->path) == 0 && same_file(&version->stat, &file->stat)) {
            return version;
        }
    }
    return NULL;
}

/* --- Applying a scan ---------------------------------------------------------------------------*/

static struct version *version_of(struct supervisor *self, struct scanned_file *file)
{
    struct version *version = file->version;
    if (!version) {
        version = calloc(1, sizeof *version);
        if (!version) {
            return NULL;
        }
        version->refs = 1;
        version->descriptor = file->descriptor;
        version->confined = file->confined;
        version->fd = file->fd;
        version->path = file->path;
        version->stat = file->stat;
        version->generation = ++self->generation;
        file->descriptor = NULL;
        file->path = NULL;
        file->fd = -1;
    }
    file->version = NULL;
    return version;
}

static void take_in(struct supervisor *self, struct scanned_file *file)
{
    struct str name = (file->version ? file->version->descriptor : file->descriptor)->name;
    struct connector *connector = catalog_find(self, name);
    if (connector && connector->in_scan) {
        (void)hub_fail(&file->refusal, HUB_ERR_CONFLICT, "the name %s is taken by %s",
                       connector->name, connector->version->path);
        return;
    }
    struct version *version = version_of(self, file);
    if (version && !connector) {
        connector = connector_add(self, version->descriptor->name);
    }
    if (!version || !connector) {
        (void)hub_fail(&file->refusal, HUB_ERR_NOMEM, "out of memory");
        version_unref(version);
        return;
    }
    connector->in_scan = true;
    if (version == connector->version && !connector->removed) {
        version_unref(version);
        return;
    }
    log_info(self->log, "supervisor", "connector accepted", "connector=%s version=%.*s path=%s",
             connector->name, STR_ARG(version->descriptor->version), version->path);
    grants_report(self, version->descriptor);
    connector_switch(connector, version);
}

static void refuse(struct supervisor *self, struct scanned_file *file, struct refusal *refusal)
{
    char quoted[HUB_ERROR_DETAIL_MAX + 64];
    const char *slash = strrchr(file->path, '/');
    refusal->path = file->path;
    refusal->name = str_from_c(slash ? slash + 1 : file->path);
    memcpy(refusal->reason, file->refusal.detail, sizeof refusal->reason);
    log_warn(self->log, "supervisor", "connector refused", "path=%s why=%s", file->path,
             log_quote(str_from_c(refusal->reason), quoted, sizeof quoted));
    file->path = NULL;
    /* A bad file changes nothing for the connector that was made from a good one of this name. */
    for (unsigned i = 0; i < self->connector_count; i++) {
        struct connector *connector = self->connectors[i];
        if (!connector->in_scan && strcmp(connector->version->path, refusal->path) == 0) {
            connector->in_scan = true;
        }
    }
}

static void drop_refusals(struct supervisor *self)
{
    for (unsigned i = 0; i < self->refusal_count; i++) {
        free(self->refusals[i].path);
    }
    free(self->refusals);
    self->refusals = NULL;
    self->refusal_count = 0;
}

static void refuse_all(struct supervisor *self, struct scanned_file *files, unsigned count)
{
    drop_refusals(self);
    self->refusals = calloc(count + 1, sizeof *self->refusals);
    for (unsigned i = 0; i < count && self->refusals; i++) {
        if (files[i].refusal.err != 0) {
            refuse(self, &files[i], &self->refusals[self->refusal_count++]);
        }
    }
}

void catalog_apply(struct supervisor *self, struct scanned_file *files, unsigned count)
{
    for (unsigned i = 0; i < self->connector_count; i++) {
        self->connectors[i]->in_scan = false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (files[i].refusal.err == 0) {
            take_in(self, &files[i]);
        }
    }
    refuse_all(self, files, count);
    for (unsigned i = 0; i < self->connector_count; i++) {
        struct connector *connector = self->connectors[i];
        if (!connector->in_scan && !connector->removed) {
            log_info(self->log, "supervisor", "connector removed", "connector=%s", connector->name);
            connector_switch(connector, NULL);
        }
    }
}

void catalog_release(struct supervisor *self)
{
    for (unsigned i = 0; i < self->connector_count; i++) {
        version_unref(self->connectors[i]->version);
        free(self->connectors[i]);
    }
    free(self->connectors);
    drop_refusals(self);
}
