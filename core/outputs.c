#include "outputs.h"

#include <stdlib.h>
#include <unistd.h>

#define ARENA_MAX (2u << 20)

struct outputs {
    const struct outputs_deps *deps;
    struct arena arena;
    uint64_t token;
    struct jobs_outcome outcome; /* texts in the arena */
    struct artifact_record *artifacts;
    struct blob_pending *blobs;
    int *fds;
    unsigned count;
    unsigned stored;
    int err;
    struct hub_error error;
    uv_work_t work;
};

static void outputs_free(struct outputs *self)
{
    if (self != NULL) {
        arena_release(&self->arena);
        free(self);
    }
}

static void close_all(const struct supervisor_artifact *files, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        close(files[i].fd);
    }
}

static int name_artifacts(struct outputs *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        char *hex = arena_alloc(&self->arena, SHA256_HEX_LEN + 1);

        if (hex == NULL) {
            return HUB_ERR_NOMEM;
        }
        sha256_hex(&self->blobs[i].digest, hex);
        self->artifacts[i].sha256 = str_of(hex, SHA256_HEX_LEN);
        self->artifacts[i].size = self->blobs[i].size;
    }
    return 0;
}

/* [pool] All of them, or none. */
static void do_store(uv_work_t *work)
{
    struct outputs *self = work->data;
    struct blob_store *blobs = self->deps->blobs;

    for (unsigned i = 0; i < self->count; i++) {
        if (self->err == 0) {
            self->err = blob_copy(blobs, self->fds[i], self->deps->artifact_max, &self->blobs[i],
                                  &self->error);
            self->stored += self->err == 0;
        }
        close(self->fds[i]);
    }
    if (self->err == 0) {
        self->err = name_artifacts(self);
    }
    for (unsigned i = 0; self->err < 0 && i < self->stored; i++) {
        blob_discard(blobs, &self->blobs[i]);
    }
}

static void after_store(uv_work_t *work, int status)
{
    struct outputs *self = work->data;

    (void)status;
    self->deps->on_stored(self->deps->context, self->token, &self->outcome, self->err,
                          &self->error);
    outputs_free(self);
}

static int copy_in(struct outputs *self, const struct jobs_outcome *outcome,
                   const struct supervisor_artifact *files)
{
    struct arena *arena = &self->arena;
    unsigned count = self->count;

    self->outcome = *outcome;
    self->outcome.result = arena_str(arena, outcome->result);
    self->outcome.connector_version = arena_str(arena, outcome->connector_version);
    self->artifacts = arena_zalloc(arena, count * sizeof *self->artifacts);
    self->blobs = arena_zalloc(arena, count * sizeof *self->blobs);
    self->fds = arena_alloc(arena, count * sizeof *self->fds);
    if (self->artifacts == NULL || self->blobs == NULL || self->fds == NULL) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < count; i++) {
        self->artifacts[i].name = arena_str(arena, files[i].name);
        self->artifacts[i].media_type = arena_str(arena, files[i].media_type);
        self->fds[i] = files[i].fd;
    }
    self->outcome.artifacts = self->artifacts;
    self->outcome.blobs = self->blobs;
    self->outcome.artifact_count = count;
    return 0;
}

int outputs_store(const struct outputs_deps *deps, uint64_t token,
                  const struct jobs_outcome *outcome, const struct supervisor_artifact *files,
                  unsigned count)
{
    struct outputs *self = calloc(1, sizeof *self);
    int err = HUB_ERR_NOMEM;

    if (self != NULL) {
        self->deps = deps;
        self->token = token;
        self->count = count;
        arena_init(&self->arena, ARENA_MAX);
        err = copy_in(self, outcome, files);
    }
    if (err < 0) {
        close_all(files, count);
        outputs_free(self);
        return err;
    }
    self->work.data = self;
    uv_queue_work(deps->loop, &self->work, do_store, after_store);
    return 0;
}
