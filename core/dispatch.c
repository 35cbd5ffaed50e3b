#include "dispatch.h"

#include "base/file.h"
#include "base/list.h"
#include "base/map.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PREPARATION_ARENA_MAX (4u << 20)
#define OUTPUT_ARENA_MAX      (2u << 20)

struct dispatch {
    struct dispatch_deps deps;
    struct jobs *jobs;
    struct supervisor *supervisor;
    struct map preparations; /* token → struct preparation */
    struct list waiting;     /* prepared, but the connector had no room */
    unsigned storing;        /* attempts whose outputs are being stored */
    bool draining;
};

/* --- Straight through --------------------------------------------------------------------------*/

static void fill_request(const struct jobs_attempt *attempt, char id[ID_TEXT_LEN + 1],
                         struct supervisor_request *ret_request)
{
    id_format(&attempt->id, id);
    *ret_request = (struct supervisor_request){
        .token = attempt->token,
        .connector = attempt->connector,
        .operation = attempt->operation,
        .job_id = str_of(id, ID_TEXT_LEN),
        .attempt = attempt->number,
        .max_attempts = attempt->max_attempts,
        .input = attempt->input,
        .account = attempt->account,
        /* Of the job, not of the attempt: the same in each. */
        .idempotency_key = str_of(id, ID_TEXT_LEN),
        .traceparent = attempt->traceparent,
        .timeout_ms = attempt->timeout_ms,
    };
}

static void finish_failed(struct dispatch *self, uint64_t token, int err, struct str message)
{
    struct jobs_outcome outcome = {
        .outcome = ATTEMPT_FAILED,
        .code = str_from_c(hub_err_code(err)),
        .message = message.len > 0 ? message : str_from_c(hub_err_title(err)),
    };

    if (hub_err_retry_class(err) == HUB_RETRY_LATER) {
        outcome.outcome = ATTEMPT_RETRY;
    }
    jobs_finished(self->jobs, token, &outcome);
}

/* --- Preparing: the files of an input ----------------------------------------------------------*/

/* A file on its way from a reference to an open descriptor. */
struct input_file {
    struct preparation *preparation;
    const struct file_ref *ref;
    struct artifact_record artifact; /* texts in the preparation's arena */
    int fd;
};

/* An attempt whose files are being found and opened. */
struct preparation {
    struct dispatch *dispatch;
    struct arena arena;
    struct jobs_attempt attempt; /* copied into the arena */
    struct input_file *files;
    unsigned file_count;
    unsigned asking; /* questions to the store that are not answered */
    bool cancelled;
    bool ready; /* every file is open: it can be started, or waits for room */
    int err;
    struct hub_error error;
    struct list link; /* in dispatch->waiting */
    uv_work_t work;
};

static void preparation_free(struct preparation *self)
{
    for (unsigned i = 0; i < self->file_count; i++) {
        if (self->files[i].fd >= 0) {
            close(self->files[i].fd);
        }
    }
    list_remove(&self->link);
    map_remove(&self->dispatch->preparations,
               str_of((const char *)&self->attempt.token, sizeof self->attempt.token));
    arena_release(&self->arena);
    free(self);
}

static int place(struct preparation *self)
{
    struct supervisor_file files[JOB_FILES_MAX];
    struct supervisor_request request;
    char id[ID_TEXT_LEN + 1];
    int err;

    for (unsigned i = 0; i < self->file_count; i++) {
        const struct input_file *file = &self->files[i];
        files[i] = (struct supervisor_file){
            .pointer = file->ref->pointer,
            .name = file->artifact.name,
            .media_type = file->artifact.media_type,
            .artifact = (struct str){0},
            .bytes = file->artifact.size,
            .fd = file->fd,
        };
    }
    fill_request(&self->attempt, id, &request);
    request.files = files;
    request.file_count = self->file_count;
    err = supervisor_start(self->dispatch->supervisor, &request);
    for (unsigned i = 0; err == 0 && i < self->file_count; i++) {
        self->files[i].fd = -1; /* the supervisor's now */
    }
    return err;
}

static void release(struct dispatch *self, uint64_t token)
{
    struct jobs_outcome outcome = {
        .outcome = ATTEMPT_RELEASED,
        .code = str_from_c(hub_err_code(HUB_ERR_INTERRUPTED)),
        .message = str_from_c(hub_err_title(HUB_ERR_INTERRUPTED)),
    };

    jobs_finished(self->jobs, token, &outcome);
}

/* Starts it, ends it, or lets it wait for room. */
static void settle(struct preparation *self)
{
    struct dispatch *dispatch = self->dispatch;
    uint64_t token = self->attempt.token;
    int err = self->err;

    if (self->cancelled || dispatch->draining) {
        struct jobs_outcome cancelled = {.outcome = ATTEMPT_CANCELLED};
        bool was_cancelled = self->cancelled;
        preparation_free(self);
        if (was_cancelled) {
            jobs_finished(dispatch->jobs, token, &cancelled);
        } else {
            release(dispatch, token);
        }
        return;
    }
    if (err == 0) {
        self->ready = true;
        err = place(self);
    }
    if (err == HUB_ERR_AGAIN) {
        if (!list_linked(&self->link)) {
            list_append(&dispatch->waiting, &self->link);
        }
        return;
    }
    struct hub_error error = self->error;
    preparation_free(self);
    if (err < 0) {
        finish_failed(dispatch, token, err, str_from_c(error.detail));
    }
}

/* [pool] A sealed file in memory: the runner can only read it. */
static int open_data(struct input_file *file, struct hub_error *error)
{
    struct buf bytes;
    int err;

    buf_init(&bytes, file->ref->data.len);
    err = base64_decode(file->ref->data, &bytes);
    if (err < 0) {
        hub_fail(error, HUB_ERR_INVALID_INPUT, "%.*s/data: not Base64",
                 STR_ARG(file->ref->pointer));
        goto out;
    }
    file->artifact.size = bytes.len;
    file->fd = memfd_create("hubd-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file->fd < 0 || file_write_all(file->fd, bytes.ptr, bytes.len) < 0 ||
        lseek(file->fd, 0, SEEK_SET) < 0 ||
        fcntl(file->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
            0) {
        err = hub_fail(error, HUB_ERR_IO, "an input file could not be made");
    }
out:
    buf_release(&bytes);
    return err < 0 && err != HUB_ERR_IO ? HUB_ERR_INVALID_INPUT : err;
}

static void do_open(uv_work_t *work)
{
    struct preparation *self = work->data;

    for (unsigned i = 0; self->err == 0 && i < self->file_count; i++) {
        struct input_file *file = &self->files[i];
        self->err = file->ref->kind == FILE_REF_DATA
                        ? open_data(file, &self->error)
                        : blob_open(self->dispatch->deps.blobs, file->artifact.sha256, &file->fd,
                                    &self->error);
    }
}

static void after_open(uv_work_t *work, int status)
{
    (void)status;
    settle(work->data);
}

static void open_files(struct preparation *self)
{
    if (self->err < 0 || self->cancelled) {
        settle(self);
        return;
    }
    self->work.data = self;
    uv_queue_work(self->dispatch->deps.loop, &self->work, do_open, after_open);
}

static void on_artifact(struct store_op *op, void *context)
{
    struct input_file *file = context;
    struct preparation *self = file->preparation;
    const struct artifact_record *found = &op->artifact_get.ret_artifact;

    if (op->err < 0 && self->err == 0) {
        self->err = hub_fail(&self->error,
                             op->err == HUB_ERR_NOT_FOUND ? HUB_ERR_UNKNOWN_ARTIFACT : op->err,
                             "%.*s: the artifact is not there", STR_ARG(file->ref->pointer));
    } else if (op->err == 0) {
        file->artifact = *found;
        file->artifact.name = arena_str(&self->arena, found->name);
        file->artifact.media_type = arena_str(&self->arena, found->media_type);
        file->artifact.sha256 = arena_str(&self->arena, found->sha256);
        if (file->artifact.sha256.ptr == NULL) {
            self->err = hub_fail(&self->error, HUB_ERR_NOMEM, "out of memory");
        }
    }
    if (--self->asking == 0) {
        open_files(self);
    }
}

static void ask_store(struct input_file *file)
{
    struct preparation *self = file->preparation;
    struct store_op *op = store_op_new(STORE_ARTIFACT_GET);

    if (op == NULL) {
        self->err = hub_fail(&self->error, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    op->artifact_get.id = file->ref->artifact;
    op->artifact_get.job = file->ref->job;
    op->artifact_get.name = file->ref->name;
    op->done = on_artifact;
    op->context = file;
    self->asking++;
    store_submit(self->dispatch->deps.store, op);
}

static bool copy_attempt(struct preparation *self, const struct jobs_attempt *attempt)
{
    struct str *texts[] = {&self->attempt.type,      &self->attempt.connector,
                           &self->attempt.operation, &self->attempt.input,
                           &self->attempt.account,   &self->attempt.traceparent};

    self->attempt = *attempt;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->len > 0) {
            *texts[i] = arena_str(&self->arena, *texts[i]);
            if (texts[i]->ptr == NULL) {
                return false;
            }
        }
    }
    return true;
}

/* The files that the input names, each with its place. The references point into the copied input's
 * values, which are read for that and kept in the arena. */
static int find_files(struct preparation *self, const struct job_type *type)
{
    struct json_object *input;
    struct file_ref *refs = NULL;
    unsigned count = 0;
    int err = json_read(self->attempt.input, JSON_DEPTH_MAX, &input, NULL, &self->error);

    if (err < 0) {
        return err;
    }
    err = places_collect(&type->places, input, &self->arena, &refs, &count);
    if (err == 0 && count > 0) {
        self->files = arena_zalloc(&self->arena, count * sizeof *self->files);
        err = self->files == NULL ? HUB_ERR_NOMEM : 0;
    }
    for (unsigned i = 0; err == 0 && i < count; i++) {
        struct file_ref *ref = &refs[i];
        ref->name = arena_str(&self->arena, ref->name);
        ref->media_type = arena_str(&self->arena, ref->media_type);
        ref->data = arena_str(&self->arena, ref->data);
        self->files[i] = (struct input_file){.preparation = self, .ref = ref, .fd = -1};
        self->files[i].artifact.name = ref->name;
        self->files[i].artifact.media_type = ref->media_type;
        self->file_count++;
    }
    json_object_put(input);
    return err;
}

static int prepare(struct dispatch *dispatch, const struct jobs_attempt *attempt,
                   const struct job_type *type)
{
    struct preparation *self = calloc(1, sizeof *self);
    int err;

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->dispatch = dispatch;
    list_init(&self->link);
    arena_init(&self->arena, PREPARATION_ARENA_MAX);
    err = copy_attempt(self, attempt) ? find_files(self, type) : HUB_ERR_NOMEM;
    if (err == 0) {
        struct str token = str_of((const char *)&self->attempt.token, sizeof self->attempt.token);
        err = map_put(&dispatch->preparations, token, self);
    }
    if (err < 0) {
        preparation_free(self);
        return err;
    }
    for (unsigned i = 0; i < self->file_count; i++) {
        if (self->files[i].ref->kind != FILE_REF_DATA) {
            ask_store(&self->files[i]);
        }
    }
    if (self->asking == 0 && self->err < 0) {
        err = self->err; /* nothing has begun: the engine hears of it at once */
        preparation_free(self);
        return err;
    }
    if (self->asking == 0) {
        open_files(self);
    }
    return 0;
}

/* --- For the engine ----------------------------------------------------------------------------*/

int dispatch_start(struct dispatch *self, const struct jobs_attempt *attempt)
{
    const struct job_type *type = types_find(self->deps.types, attempt->type);
    struct supervisor_request request;
    char id[ID_TEXT_LEN + 1];

    if (type == NULL) {
        return HUB_ERR_AGAIN; /* its connector is away: a rescan may bring it back */
    }
    if (type->places.count > 0) {
        return prepare(self, attempt, type);
    }
    fill_request(attempt, id, &request);
    return supervisor_start(self->supervisor, &request);
}

unsigned dispatch_room(struct dispatch *self, struct str connector)
{
    unsigned room = supervisor_room(self->supervisor, connector);

    /* What is being prepared has a place already. There are at most as many as runners take. */
    MAP_FOR_EACH(e, &self->preparations) {
        const struct preparation *preparation = e->value;
        room -= room > 0 && str_eq(preparation->attempt.connector, connector);
    }
    return room;
}

void dispatch_cancel(struct dispatch *self, uint64_t token)
{
    struct preparation *preparation =
        map_get(&self->preparations, str_of((const char *)&token, sizeof token));

    if (preparation == NULL) {
        supervisor_cancel(self->supervisor, token);
        return;
    }
    preparation->cancelled = true;
    if (preparation->ready) {
        settle(preparation);
    }
}

void dispatch_capacity(struct dispatch *self, struct str connector)
{
    LIST_FOR_EACH(link, &self->waiting) {
        struct preparation *preparation = CONTAINER_OF(link, struct preparation, link);
        if (str_eq(preparation->attempt.connector, connector)) {
            settle(preparation);
        }
    }
    jobs_capacity(self->jobs, connector);
}

void dispatch_drain(struct dispatch *self)
{
    self->draining = true;
    LIST_FOR_EACH(link, &self->waiting) {
        settle(CONTAINER_OF(link, struct preparation, link));
    }
}

/* --- From the supervisor -----------------------------------------------------------------------*/

/* How a death is told: outcome, error code, cause. */
static const struct {
    enum attempt_outcome outcome;
    int err;
    const char *cause;
} DEATHS[] = {
    [SUPERVISOR_CAUSE_NONE] = {ATTEMPT_CRASHED, HUB_ERR_PROTOCOL, "protocol"},
    [SUPERVISOR_CAUSE_SIGNAL] = {ATTEMPT_CRASHED, HUB_ERR_RUNNER_CRASHED, "signal"},
    [SUPERVISOR_CAUSE_EXIT] = {ATTEMPT_CRASHED, HUB_ERR_RUNNER_EXITED, "exit"},
    [SUPERVISOR_CAUSE_DEADLINE] = {ATTEMPT_DEADLINE, HUB_ERR_DEADLINE_EXCEEDED, "deadline"},
    [SUPERVISOR_CAUSE_PROTOCOL] = {ATTEMPT_CRASHED, HUB_ERR_PROTOCOL, "protocol"},
    [SUPERVISOR_CAUSE_CANCELLED] = {ATTEMPT_CANCELLED, HUB_ERR_CANCELLED, "cancelled"},
    [SUPERVISOR_CAUSE_SIBLING] = {ATTEMPT_RELEASED, HUB_ERR_INTERRUPTED, "sibling"},
};

static const enum attempt_outcome OUTCOMES[] = {
    [SUPERVISOR_OK] = ATTEMPT_SUCCEEDED,
    [SUPERVISOR_FAIL] = ATTEMPT_FAILED,
    [SUPERVISOR_RETRY] = ATTEMPT_RETRY,
    [SUPERVISOR_UNKNOWN] = ATTEMPT_UNKNOWN,
};

static void translate(const struct supervisor_outcome *from, struct jobs_outcome *ret_to)
{
    *ret_to = (struct jobs_outcome){
        .result = from->result,
        .code = from->code,
        .message = from->message,
        .details = from->details,
        .delay_ms = from->delay_ms,
        .pid = from->runner_pid,
        .connector_version = from->connector_version,
    };
    if (from->kind != SUPERVISOR_DIED) {
        ret_to->outcome = OUTCOMES[from->kind];
        return;
    }
    ret_to->outcome = DEATHS[from->cause].outcome;
    ret_to->code = str_from_c(hub_err_code(DEATHS[from->cause].err));
    if (ret_to->message.len == 0) {
        ret_to->message = str_from_c(hub_err_title(DEATHS[from->cause].err));
    }
    ret_to->cause = str_from_c(DEATHS[from->cause].cause);
    ret_to->cause_number = from->cause_number;
}

/* The outputs of an attempt, on their way into blobs. */
struct storing {
    struct dispatch *dispatch;
    struct arena arena;
    uint64_t token;
    struct jobs_outcome outcome; /* texts in the arena */
    struct artifact_record *artifacts;
    struct blob_pending *blobs;
    int *fds;
    unsigned stored;
    int err;
    struct hub_error error;
    uv_work_t work;
};

static void do_store(uv_work_t *work)
{
    struct storing *self = work->data;
    struct blob_store *blobs = self->dispatch->deps.blobs;

    for (unsigned i = 0; i < self->outcome.artifact_count; i++) {
        if (self->err == 0) {
            self->err = blob_copy(blobs, self->fds[i], self->dispatch->deps.artifact_max,
                                  &self->blobs[i], &self->error);
            self->stored += self->err == 0;
        }
        close(self->fds[i]);
    }
    for (unsigned i = 0; self->err < 0 && i < self->stored; i++) {
        blob_discard(blobs, &self->blobs[i]);
    }
}

static void after_store(uv_work_t *work, int status)
{
    struct storing *self = work->data;
    struct dispatch *dispatch = self->dispatch;

    (void)status;
    dispatch->storing--;
    for (unsigned i = 0; self->err == 0 && i < self->stored; i++) {
        char *hex = arena_alloc(&self->arena, SHA256_HEX_LEN + 1);
        if (hex != NULL) {
            sha256_hex(&self->blobs[i].digest, hex);
            self->artifacts[i].sha256 = str_of(hex, SHA256_HEX_LEN);
        }
        self->artifacts[i].size = self->blobs[i].size;
    }
    if (self->err < 0) {
        int err = self->err == HUB_ERR_TOO_LARGE ? HUB_ERR_OUTPUT_TOO_LARGE : self->err;
        finish_failed(dispatch, self->token, err, str_from_c(self->error.detail));
    } else {
        jobs_finished(dispatch->jobs, self->token, &self->outcome);
    }
    arena_release(&self->arena);
    free(self);
}

static bool copy_outcome(struct storing *self, const struct supervisor_outcome *outcome)
{
    unsigned count = outcome->artifact_count;

    self->token = outcome->token;
    translate(outcome, &self->outcome);
    self->outcome.result = arena_str(&self->arena, self->outcome.result);
    self->outcome.connector_version = arena_str(&self->arena, self->outcome.connector_version);
    self->artifacts = arena_zalloc(&self->arena, count * sizeof *self->artifacts);
    self->blobs = arena_zalloc(&self->arena, count * sizeof *self->blobs);
    self->fds = arena_alloc(&self->arena, count * sizeof *self->fds);
    if (self->artifacts == NULL || self->blobs == NULL || self->fds == NULL) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        self->artifacts[i].name = arena_str(&self->arena, outcome->artifacts[i].name);
        self->artifacts[i].media_type = arena_str(&self->arena, outcome->artifacts[i].media_type);
        self->fds[i] = outcome->artifacts[i].fd;
    }
    self->outcome.artifacts = self->artifacts;
    self->outcome.blobs = self->blobs;
    self->outcome.artifact_count = count;
    return true;
}

static void store_outputs(struct dispatch *dispatch, const struct supervisor_outcome *outcome)
{
    struct storing *self = calloc(1, sizeof *self);

    if (self != NULL) {
        self->dispatch = dispatch;
        arena_init(&self->arena, OUTPUT_ARENA_MAX);
    }
    if (self == NULL || !copy_outcome(self, outcome)) {
        for (unsigned i = 0; i < outcome->artifact_count; i++) {
            close(outcome->artifacts[i].fd);
        }
        if (self != NULL) {
            arena_release(&self->arena);
            free(self);
        }
        finish_failed(dispatch, outcome->token, HUB_ERR_NOMEM, STR("out of memory"));
        return;
    }
    dispatch->storing++;
    self->work.data = self;
    uv_queue_work(dispatch->deps.loop, &self->work, do_store, after_store);
}

void dispatch_finished(struct dispatch *self, const struct supervisor_outcome *outcome)
{
    struct jobs_outcome translated;

    if (outcome->kind == SUPERVISOR_OK && outcome->artifact_count > 0) {
        store_outputs(self, outcome);
        return;
    }
    translate(outcome, &translated);
    jobs_finished(self->jobs, outcome->token, &translated);
}

/* --- Life --------------------------------------------------------------------------------------*/

int dispatch_new(const struct dispatch_deps *deps, struct dispatch **ret_self)
{
    struct dispatch *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->deps = *deps;
    map_init(&self->preparations);
    list_init(&self->waiting);
    *ret_self = self;
    return 0;
}

void dispatch_connect(struct dispatch *self, struct jobs *jobs, struct supervisor *supervisor)
{
    self->jobs = jobs;
    self->supervisor = supervisor;
}

void dispatch_free(struct dispatch *self)
{
    if (self == NULL) {
        return;
    }
    map_release(&self->preparations);
    free(self);
}

unsigned dispatch_in_flight(const struct dispatch *self)
{
    return (unsigned)self->preparations.len + self->storing;
}
