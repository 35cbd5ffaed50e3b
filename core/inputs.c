#include "inputs.h"

#include "base/disposition.h"
#include "base/file.h"
#include "http/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_MAX   (4u << 20)
#define DETAILS_MAX (128u << 10)

/* A file on its way from a reference to an open descriptor. */
struct input_file {
    struct inputs *inputs;
    const struct file_ref *ref;
    struct artifact_record artifact; /* texts in the arena */
    char id[ID_TEXT_LEN + 1];
    int fd;
    int fetched;         /* what its runner has written; or -1 */
    struct fetch *fetch; /* under way; or NULL */
};

struct inputs {
    const struct inputs_deps *deps;
    struct arena arena;
    struct input_file *files;
    unsigned count;
    unsigned asking; /* questions, and fetches, that are not answered */
    bool are_fetched;
    struct inputs_failure failure;
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

/* All of `from` into `to`. 0 or an errno. */
static int copy_file(int from, int to, uint64_t *ret_bytes)
{
    enum { PART = 1 << 24 };
    loff_t at = 0;
    ssize_t copied;

    do {
        copied = copy_file_range(from, &at, to, NULL, PART, 0);
    } while (copied > 0 || (copied < 0 && errno == EINTR));
    *ret_bytes = (uint64_t)at;
    return copied < 0 ? errno : 0;
}

/* A file of our own, opened again so that its reader cannot write. */
static int open_fetched(struct input_file *file, struct hub_error *error)
{
    char path[64];
    const char *dir = blob_store_tmp_dir(file->inputs->deps->blobs);
    int copy = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int errnum = copy < 0 ? errno : copy_file(file->fetched, copy, &file->artifact.size);

    if (errnum == 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
        file->fd = open(path, O_RDONLY | O_CLOEXEC);
        errnum = file->fd < 0 ? errno : 0;
    }
    if (copy >= 0) {
        close(copy);
    }
    return errnum == 0 ? 0 : hub_fail_errno(error, errnum, "what was fetched could not be copied");
}

static int open_blob(struct input_file *file, struct hub_error *error)
{
    return blob_open(file->inputs->deps->blobs, file->artifact.sha256, &file->fd, error);
}

static void do_open(uv_work_t *work)
{
    static int (*const OPEN[])(struct input_file * file, struct hub_error * error) = {
        [FILE_REF_ARTIFACT] = open_blob,
        [FILE_REF_JOB] = open_blob,
        [FILE_REF_DATA] = open_data,
        [FILE_REF_URL] = open_fetched,
    };
    struct inputs *self = work->data;

    for (unsigned i = 0; self->err == 0 && i < self->count; i++) {
        self->err = OPEN[self->files[i].ref->kind](&self->files[i], &self->error);
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

/* A question is answered: after the last one the files are opened, which does nothing but come back
 * if there was an error. */
static void answered(struct inputs *self, int err)
{
    if (err < 0 && self->err == 0) {
        self->err = err;
        inputs_cancel(self); /* the others are fetched in vain */
    }
    if (--self->asking == 0) {
        open_files(self);
    }
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
    answered(self, err);
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

/* --- From elsewhere ----------------------------------------------------------------------------*/

/* What a URL ends with, if a file can be called so. */
static struct str name_of_url(struct str url, struct arena *arena)
{
    struct str rest = url;
    struct str path = str_split(&rest, '#');
    struct str name = {0};

    rest = path;
    path = str_split(&rest, '?');
    for (unsigned part = 0; path.ptr != NULL; part++) { /* "https:", "", HOST, … */
        struct str segment = str_split(&path, '/');
        name = part > 2 ? segment : name;
    }
    if (percent_decode(name, false, arena, &name) < 0 || !file_name_is_plain(name)) {
        return STR("file");
    }
    return name;
}

/* Keeps why: in words, and as JSON. */
static int note_failure(struct input_file *file, const struct fetched *fetched)
{
    struct inputs *self = file->inputs;
    struct buf text;

    if (self->err < 0) {
        return HUB_ERR_FETCH_FAILED; /* another one was first */
    }
    buf_init(&text, DETAILS_MAX);
    buf_append_format(&text, "The file at %.*s could not be fetched: %.*s",
                      STR_ARG(file->ref->pointer), STR_ARG(fetched->message));
    self->failure.message = arena_str(&self->arena, buf_view(&text));
    buf_clear(&text);
    buf_append_c(&text, "{\"pointer\":");
    buf_append_json_string(&text, file->ref->pointer);
    buf_append_c(&text, ",\"code\":");
    buf_append_json_string(&text, fetched->code);
    buf_append_c(&text, ",\"message\":");
    buf_append_json_string(&text, fetched->message);
    if (fetched->details.len > 0) {
        buf_append_c(&text, ",\"details\":");
        buf_append_str(&text, fetched->details);
    }
    buf_append_char(&text, '}');
    self->failure.details = arena_str(&self->arena, buf_view(&text));
    self->failure.retryable = fetched->retryable;
    self->failure.delay_ms = fetched->delay_ms;
    bool kept = !buf_failed(&text) && self->failure.details.ptr && self->failure.message.ptr;
    buf_release(&text);
    return kept ? hub_fail(&self->error, HUB_ERR_FETCH_FAILED, "%.*s: it could not be fetched",
                           STR_ARG(file->ref->pointer))
                : HUB_ERR_NOMEM;
}

static void on_fetched(void *context, const struct fetched *fetched)
{
    struct input_file *file = context;
    struct inputs *self = file->inputs;
    int err = fetched->err;

    file->fetch = NULL;
    if (err == HUB_ERR_FETCH_FAILED) {
        err = note_failure(file, fetched);
    } else if (err == HUB_ERR_INTERRUPTED) {
        self->failure.delay_ms = fetched->delay_ms;
    } else if (err == 0) {
        file->fetched = fetched->fd;
        file->artifact.media_type = arena_str(&self->arena, fetched->media_type);
        err = fetched->media_type.len > 0 && !file->artifact.media_type.ptr ? HUB_ERR_NOMEM : 0;
    }
    answered(self, err);
}

static int start_fetch(struct input_file *file, const struct jobs_attempt *attempt)
{
    struct inputs *self = file->inputs;
    char id[ID_TEXT_LEN + 1] = "";
    const struct fetch_request request = {
        .url = file->ref->url,
        .account = file->ref->account,
        .pointer = file->ref->pointer,
        .token = attempt->token,
        .job_id = str_of(id, ID_TEXT_LEN),
        .attempt = attempt->number,
        .max_attempts = attempt->max_attempts,
        .traceparent = attempt->traceparent,
        .timeout_ms = attempt->timeout_ms,
    };

    id_format(&attempt->id, id);
    if (file->artifact.name.len == 0) {
        file->artifact.name = name_of_url(file->ref->url, &self->arena);
    }
    self->are_fetched = true;
    int err = fetch_start(self->deps->fetcher, &request, on_fetched, file, &file->fetch);
    if (err == 0) {
        self->asking++;
        return 0;
    }
    return note_failure(file,
                        &(struct fetched){.retryable = hub_err_retry_class(err) == HUB_RETRY_LATER,
                                          .code = str_from_c(hub_err_code(err)),
                                          .message = str_from_c(hub_err_title(err))});
}

static void begin(struct inputs *self, const struct jobs_attempt *attempt)
{
    int err = 0;

    self->asking = 1; /* until all have been asked for */
    for (unsigned i = 0; self->err == 0 && err == 0 && i < self->count; i++) {
        struct input_file *file = &self->files[i];

        if (file->ref->kind == FILE_REF_URL) {
            err = start_fetch(file, attempt);
        } else if (file->ref->kind != FILE_REF_DATA) {
            err = ask_store(file);
        }
    }
    answered(self, err);
}

void inputs_cancel(struct inputs *self)
{
    for (unsigned i = 0; self != NULL && i < self->count; i++) {
        if (self->files[i].fetch != NULL) {
            fetch_cancel(self->files[i].fetch);
        }
    }
}

bool inputs_are_fetched(const struct inputs *self)
{
    return self->are_fetched;
}

const struct inputs_failure *inputs_failure(const struct inputs *self)
{
    return &self->failure;
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

    struct str *texts[] = {&ref->name, &ref->media_type, &ref->data, &ref->url, &ref->account};

    *file = (struct input_file){.inputs = self, .ref = ref, .fd = -1, .fetched = -1};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (copy_text(&self->arena, texts[i]) < 0) {
            return HUB_ERR_NOMEM;
        }
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

int inputs_open(const struct inputs_deps *deps, const struct job_type *type,
                const struct jobs_attempt *attempt, inputs_open_fn *on_open, void *context,
                struct inputs **ret_self)
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
    err = find_refs(self, type, attempt->input);
    if (err < 0) {
        inputs_free(self);
        return err;
    }
    *ret_self = self;
    begin(self, attempt);
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
        if (self->files[i].fetched >= 0) {
            close(self->files[i].fetched);
        }
    }
    arena_release(&self->arena);
    free(self);
}
