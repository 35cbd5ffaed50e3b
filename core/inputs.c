#include "inputs.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_MAX (4u << 20)

/* A file on its way from a reference to an open descriptor. */
struct input_file {
    struct inputs *inputs;
    const struct file_ref *ref;
    struct artifact_record artifact; /* texts in the arena */
    char id[ID_TEXT_LEN + 1];
    int fd;
};

struct inputs {
    const struct inputs_deps *deps;
    struct arena arena;
    struct input_file *files;
    unsigned count;
    unsigned asking; /* questions to the store that are not answered */
    int err;
    struct hub_error error;
    inputs_open_fn *on_open;
    void *context;
    uv_work_t work;
};

/* --- On the pool -------------------------------------------------------------------------------*/

static int make_sealed_file(struct str bytes, int *ret_fd)
{
    int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int fd = memfd_create("hubd-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return HUB_ERR_IO;
    }
    if (file_write_all(fd, bytes.ptr, bytes.len) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, seals) < 0) {
        close(fd);
        return HUB_ERR_IO;
    }
    *ret_fd = fd;
    return 0;
}

static int open_data(struct input_file *file, struct hub_error *error)
{
    struct buf bytes;
    int err;

    buf_init(&bytes, file->ref->data.len);
    err = base64_decode(file->ref->data, &bytes);
    if (err == HUB_ERR_INVALID_INPUT) {
        hub_fail(error, err, "%.*s/data: not Base64", STR_ARG(file->ref->pointer));
    } else if (err == 0) {
        file->artifact.size = bytes.len;
        err = make_sealed_file(buf_view(&bytes), &file->fd);
    }
    buf_release(&bytes);
    return err;
}

static void do_open(uv_work_t *work)
{
    struct inputs *self = work->data;

    for (unsigned i = 0; self->err == 0 && i < self->count; i++) {
        struct input_file *file = &self->files[i];

        self->err =
            file->ref->kind == FILE_REF_DATA
                ? open_data(file, &self->error)
                : blob_open(self->deps->blobs, file->artifact.sha256, &file->fd, &self->error);
    }
}

static void after_open(uv_work_t *work, int status)
{
    struct inputs *self = work->data;

    (void)status;
    self->on_open(self->context, self->err, &self->error);
}

static void open_files(struct inputs *self)
{
    self->work.data = self;
    uv_queue_work(self->deps->loop, &self->work, do_open, after_open);
}

/* --- From the store ----------------------------------------------------------------------------*/

static int take_artifact(struct input_file *file, const struct artifact_record *found)
{
    struct inputs *self = file->inputs;

    file->artifact = *found;
    file->artifact.name = arena_str(&self->arena, found->name);
    file->artifact.media_type = arena_str(&self->arena, found->media_type);
    file->artifact.sha256 = arena_str(&self->arena, found->sha256);
    id_format(&found->id, file->id);
    return file->artifact.sha256.ptr != NULL ? 0 : HUB_ERR_NOMEM;
}

static void on_artifact(struct store_op *op, void *context)
{
    struct input_file *file = context;
    struct inputs *self = file->inputs;
    int err = op->err;

    if (err == HUB_ERR_NOT_FOUND) {
        err = hub_fail(&self->error, HUB_ERR_UNKNOWN_ARTIFACT, "%.*s: the artifact is not there",
                       STR_ARG(file->ref->pointer));
    } else if (err == 0) {
        err = take_artifact(file, &op->artifact_get.ret_artifact);
    }
    if (self->err == 0) {
        self->err = err;
    }
    if (--self->asking == 0) {
        open_files(self); /* does nothing but come back if there was an error */
    }
}

static int ask_store(struct input_file *file)
{
    struct inputs *self = file->inputs;
    struct store_op *op = store_op_new(STORE_ARTIFACT_GET);

    if (op == NULL) {
        return HUB_ERR_NOMEM;
    }
    op->artifact_get.id = file->ref->artifact;
    op->artifact_get.job = file->ref->job;
    op->artifact_get.name = file->ref->name;
    op->done = on_artifact;
    op->context = file;
    self->asking++;
    store_submit(self->deps->store, op);
    return 0;
}

static void begin(struct inputs *self)
{
    for (unsigned i = 0; self->err == 0 && i < self->count; i++) {
        if (self->files[i].ref->kind != FILE_REF_DATA) {
            self->err = ask_store(&self->files[i]);
        }
    }
    if (self->asking == 0) {
        open_files(self);
    }
}

/* --- From the input ----------------------------------------------------------------------------*/

static int copy_text(struct arena *arena, struct str *text)
{
    if (text->len > 0) {
        *text = arena_str(arena, *text);
        return text->ptr != NULL ? 0 : HUB_ERR_NOMEM;
    }
    return 0;
}

static int take_ref(struct inputs *self, struct file_ref *ref)
{
    struct input_file *file = &self->files[self->count++];

    *file = (struct input_file){.inputs = self, .ref = ref, .fd = -1};
    if (copy_text(&self->arena, &ref->name) < 0 || copy_text(&self->arena, &ref->media_type) < 0 ||
        copy_text(&self->arena, &ref->data) < 0) {
        return HUB_ERR_NOMEM;
    }
    file->artifact.name = ref->name;
    file->artifact.media_type = ref->media_type;
    return 0;
}

static int find_refs(struct inputs *self, const struct job_type *type, struct str text)
{
    struct json_object *input;
    struct file_ref *refs;
    unsigned count = 0;
    int err = json_read(text, JSON_DEPTH_MAX, &input, NULL, NULL);

    if (err < 0) {
        return err;
    }
    err = places_collect(&type->places, input, &self->arena, &refs, &count);
    if (err == 0 && count > 0) {
        self->files = arena_zalloc(&self->arena, count * sizeof *self->files);
        err = self->files != NULL ? 0 : HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; err == 0 && i < count; i++) {
        err = take_ref(self, &refs[i]); /* copies what points into `input` */
    }
    json_object_put(input);
    return err;
}

int inputs_open(const struct inputs_deps *deps, const struct job_type *type, struct str input,
                inputs_open_fn *on_open, void *context, struct inputs **ret_self)
{
    struct inputs *self = calloc(1, sizeof *self);
    int err;

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->deps = deps;
    self->on_open = on_open;
    self->context = context;
    arena_init(&self->arena, ARENA_MAX);
    err = find_refs(self, type, input);
    if (err < 0) {
        inputs_free(self);
        return err;
    }
    *ret_self = self;
    begin(self);
    return 0;
}

/* --- Handing over ------------------------------------------------------------------------------*/

unsigned inputs_files(const struct inputs *self, struct supervisor_file *ret_files)
{
    for (unsigned i = 0; i < self->count; i++) {
        const struct input_file *file = &self->files[i];

        ret_files[i] = (struct supervisor_file){
            .pointer = file->ref->pointer,
            .name = file->artifact.name,
            .media_type = file->artifact.media_type,
            .artifact = str_from_c(file->id),
            .bytes = file->artifact.size,
            .fd = file->fd,
        };
    }
    return self->count;
}

void inputs_given(struct inputs *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        self->files[i].fd = -1;
    }
}

void inputs_free(struct inputs *self)
{
    if (self == NULL) {
        return;
    }
    for (unsigned i = 0; i < self->count; i++) {
        if (self->files[i].fd >= 0) {
            close(self->files[i].fd);
        }
    }
    arena_release(&self->arena);
    free(self);
}
