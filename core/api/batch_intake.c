#include "api/batch_intake.h"

#include "api/batch_file.h"
#include "api/batches.h"
#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORD_BYTES ((size_t)1 << 20)
#define CHUNK_BYTES  ((size_t)256 << 10)
#define FEED_BYTES   ((size_t)128 << 10)
#define TEXT_BYTES   ((size_t)8 << 20) /* a row of 1 MiB, escaped */
#define AGAIN_MS     2000
#define PAGE         200

/* One batch on its way in. */
struct intake {
    struct intakes *all; /* NULL: closed; whoever comes back frees it */
    struct list link;    /* in `running` or `waiting` */
    struct id id;
    struct arena arena;
    struct batch_record batch;  /* texts in the arena */
    struct json_object *source; /* of batch.source */
    struct str blob;            /* of an artifact: its digest */
    struct ingest *ingest;
    struct batch_file file;
    uv_work_t work;
    bool working; /* the pool has it */
    bool feeding; /* the ingest has it, and may come back meanwhile */
    bool opened;
    bool paused;
    bool ended;               /* there is no more text than `text`, */
    bool told;                /* and the ingest knows it */
    struct buf text;          /* read, not fed yet, */
    size_t fed;               /* but for so much */
    struct hub_error error;   /* of the pool */
    struct hub_error outcome; /* once there is no ingest any more */
};

struct intakes {
    struct api *api;
    struct list running;
    struct list waiting;
    unsigned count; /* that run */
    bool begun, draining;
    struct id before; /* of the page of the store's list that comes next */
    uv_timer_t timer;
};

static void fill_up(struct intakes *self);
static void go_on(struct intake *self);

/* --- Life of one -------------------------------------------------------------------------------*/

static struct intake *intake_new(struct intakes *all, const struct id *id)
{
    struct intake *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    self->all = all;
    self->id = *id;
    self->file.fd = -1;
    self->work.data = self;
    arena_init(&self->arena, RECORD_BYTES);
    buf_init(&self->text, TEXT_BYTES);
    list_append(&all->waiting, &self->link);
    return self;
}

static void intake_free(struct intake *self)
{
    batch_file_end(&self->file);
    json_object_put(self->source);
    buf_release(&self->text);
    arena_release(&self->arena);
    free(self);
}

static void leave(struct intake *self)
{
    struct intakes *all = self->all;

    list_remove(&self->link);
    all->count--;
    intake_free(self);
    fill_up(all);
}

static void on_again(uv_timer_t *timer)
{
    fill_up(timer->data);
}

/* From its beginning, in a while. */
static void put_off(struct intake *self)
{
    struct intakes *all = self->all;
    struct id id = self->id;

    list_remove(&self->link);
    all->count--;
    intake_free(self);
    if (intake_new(all, &id) == NULL) {
        log_error(all->api->deps.log, "batches", "a batch goes on at the next start", NULL);
    }
    if (!all->draining) {
        uv_timer_start(&all->timer, on_again, AGAIN_MS, 0);
    }
}

static bool may_pass(int err)
{
    return err == HUB_ERR_IO || err == HUB_ERR_STORAGE_FULL || err == HUB_ERR_NOMEM ||
           err == HUB_ERR_UNAVAILABLE || err == HUB_ERR_AGAIN || err == HUB_ERR_CLOSED ||
           err == HUB_ERR_INTERRUPTED;
}

/* --- The end of a batch whose source has failed ------------------------------------------------*/

static void on_dropped(void *context, int err)
{
    struct intake *self = context;

    if (self->all->draining) {
        leave(self);
    } else if (may_pass(err)) {
        put_off(self);
    } else {
        leave(self);
    }
}

static void on_broken(void *context, struct store_op *op)
{
    on_dropped(context, op->err);
}

static void break_off(struct intake *self, struct str why)
{
    struct jobs *jobs = self->all->api->deps.jobs;

    why = str_utf8_cut(why, BATCH_REASON_MAX);
    if (self->batch.atomic) {
        jobs_batch_drop(jobs, &self->id, why, on_dropped, self);
        return;
    }
    struct store_op *op = store_op_new(STORE_BATCH_APPEND);
    if (op == NULL) {
        put_off(self);
        return;
    }
    struct store_batch_append *append = &op->batch_append;
    append->batch = self->id;
    append->after = append->lines = self->batch.lines;
    append->digest = self->batch.digest;
    append->upload = BATCH_BROKEN;
    append->reason = arena_str(&op->arena, why);
    jobs_batch_append(jobs, op, on_broken, self);
}

/* It was taken in, or it failed, or somebody has cancelled it meanwhile. */
static void conclude(struct intake *self)
{
    int err = self->outcome.err;

    if (self->all->draining) {
        leave(self); /* the next life goes on */
    } else if (may_pass(err)) {
        put_off(self);
    } else if (err < 0 && err != HUB_ERR_CONFLICT && err != HUB_ERR_NOT_FOUND) {
        break_off(self, str_from_c(self->outcome.detail));
    } else {
        leave(self);
    }
}

/* --- Text --------------------------------------------------------------------------------------*/

static void on_pause(void *context)
{
    ((struct intake *)context)->paused = true;
}

static void on_resume(void *context)
{
    struct intake *self = context;

    self->paused = false;
    if (!self->feeding && !self->working) {
        go_on(self);
    }
}

static void on_ended(void *context, int err, struct str why, const struct batch_record *batch)
{
    struct intake *self = context;

    self->ingest = NULL;
    self->batch.lines = batch->lines;
    self->batch.digest = batch->digest;
    self->outcome.err = err;
    snprintf(self->outcome.detail, sizeof self->outcome.detail, "%.*s", STR_ARG(why));
    if (!self->working && !self->feeding) {
        conclude(self);
    }
}

static int open_source(struct intake *self, struct hub_error *error)
{
    const struct api *api = self->all->api;
    struct json_object *source;
    struct str name;

    if (self->blob.len > 0) {
        return blob_open(api->deps.blobs, self->blob, &self->file.fd, error);
    }
    if (!json_get_object(self->source, "source", &source) || !json_get_str(source, "file", &name)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the batch has no source");
    }
    return batch_file_open(api->config.batch_dir, name, &self->file.fd, error);
}

static void do_read(uv_work_t *work)
{
    struct intake *self = work->data;
    struct hub_error error = {0};
    int err = 0;

    if (!self->opened) {
        self->opened = true;
        err = open_source(self, &error);
        err = err < 0 ? err : batch_file_begin(&self->file, self->source, &error);
    }
    int got = err < 0 ? err : batch_file_read(&self->file, &self->text, CHUNK_BYTES, &error);
    self->ended = got <= 0;
    error.err = got < 0 ? got : 0;
    self->error = error;
}

static void after_read(uv_work_t *work, int status)
{
    struct intake *self = work->data;

    (void)status;
    self->working = false;
    if (self->all == NULL) {
        intake_free(self);
    } else if (self->ingest == NULL) {
        conclude(self);
    } else {
        go_on(self);
    }
}

static void read_more(struct intake *self)
{
    buf_clear(&self->text);
    self->fed = 0;
    self->working = true;
    uv_queue_work(self->all->api->deps.loop, &self->work, do_read, after_read);
}

static void feed(struct intake *self)
{
    struct str rest = str_slice(buf_view(&self->text), self->fed, self->text.len);
    size_t len = rest.len < FEED_BYTES ? rest.len : FEED_BYTES;

    self->fed += len;
    if (len > 0) {
        ingest_feed(self->ingest, str_of(rest.ptr, len));
    } else {
        self->told = true;
        ingest_end(self->ingest, self->error.err,
                   str_from_c(self->error.err < 0 ? self->error.detail : ""));
    }
}

/* Feeds what was read, then reads more. It may be gone after it. */
static void go_on(struct intake *self)
{
    self->feeding = true;
    while (self->ingest != NULL && !self->paused && !self->told && !self->all->draining &&
           (self->fed < self->text.len || self->ended)) {
        feed(self);
    }
    self->feeding = false;
    if (self->ingest == NULL) {
        conclude(self);
    } else if (!self->paused && !self->told && !self->all->draining) {
        read_more(self);
    }
}

/* --- Beginning ---------------------------------------------------------------------------------*/

static void ingest_lines(struct intake *self)
{
    const struct line_source source = {self, on_pause, on_resume, on_ended};
    int err = ingest_resume(self->all->api, &self->batch, &source, &self->ingest);

    if (err < 0) {
        hub_fail(&self->outcome, err, "the settings do not fit any more");
        conclude(self);
    } else {
        go_on(self);
    }
}

static void on_artifact(struct store_op *op, void *context)
{
    struct intake *self = context;

    if (self->all->draining) {
        leave(self);
        return;
    }
    if (op->err == 0) {
        self->blob = arena_str(&self->arena, op->artifact_get.ret_artifact.sha256);
        ingest_lines(self);
        return;
    }
    hub_fail(&self->outcome, op->err == HUB_ERR_NOT_FOUND ? HUB_ERR_UNKNOWN_ARTIFACT : op->err,
             "the artifact is not there");
    conclude(self);
}

/* True: the artifact that is its source has been asked for. */
static bool ask_artifact(struct intake *self)
{
    struct json_object *source;
    struct store_op *op;
    struct str text;
    struct id id;

    if (!json_get_object(self->source, "source", &source) ||
        !json_get_str(source, "artifact", &text) || !id_parse(text, &id) ||
        (op = store_op_new(STORE_ARTIFACT_GET)) == NULL) {
        return false;
    }
    op->artifact_get.id = id;
    op->done = on_artifact;
    op->context = self;
    store_submit(self->all->api->deps.store, op);
    return true;
}

static bool copy_batch(struct intake *self, const struct batch_record *batch)
{
    struct str *const texts[] = {&self->batch.settings, &self->batch.queue, &self->batch.created_by,
                                 &self->batch.source};

    self->batch = *batch;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = arena_str(&self->arena, *texts[i]);
    }
    return json_read(self->batch.source, JSON_DEPTH_MAX, &self->source, NULL, NULL) == 0;
}

static bool takes_lines(const struct batch_record *batch)
{
    return batch->source.len > 0 && batch->upload == BATCH_RECEIVING && batch->stage == BATCH_OPEN;
}

static void on_batch(struct store_op *op, void *context)
{
    struct intake *self = context;
    const struct batch_record *batch = &op->batch_get.ret_batch;

    if (self->all->draining || (op->err == 0 && !takes_lines(batch)) ||
        op->err == HUB_ERR_NOT_FOUND) {
        leave(self);
    } else if (op->err < 0 || !copy_batch(self, batch)) {
        put_off(self);
    } else if (!ask_artifact(self)) {
        ingest_lines(self);
    }
}

static bool begin(struct intake *self)
{
    struct store_op *op = store_op_new(STORE_BATCH_GET);

    if (op == NULL) {
        return false;
    }
    list_remove(&self->link);
    list_append(&self->all->running, &self->link);
    self->all->count++;
    op->batch_get.id = self->id;
    op->done = on_batch;
    op->context = self;
    store_submit(self->all->api->deps.store, op);
    return true;
}

static void fill_up(struct intakes *self)
{
    while (self->begun && !self->draining && self->count < INTAKES_AT_ONCE &&
           !list_empty(&self->waiting)) {
        if (!begin(CONTAINER_OF(list_first(&self->waiting), struct intake, link))) {
            uv_timer_start(&self->timer, on_again, AGAIN_MS, 0);
            return;
        }
    }
}

/* --- All of them -------------------------------------------------------------------------------*/

static bool is_known(const struct intakes *self, const struct id *id)
{
    const struct list *const lists[] = {&self->running, &self->waiting};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct list *link = lists[i]->next; link != lists[i]; link = link->next) {
            if (id_eq(&CONTAINER_OF((struct list *)link, struct intake, link)->id, id)) {
                return true;
            }
        }
    }
    return false;
}

void intakes_add(struct intakes *self, const struct id *batch)
{
    if (!is_known(self, batch) && intake_new(self, batch) == NULL) {
        log_error(self->api->deps.log, "batches", "a batch begins at the next start", NULL);
    }
    fill_up(self);
}

static void read_page(struct intakes *self);

static void on_page(struct store_op *op, void *context)
{
    struct intakes *self = context;
    const struct store_batch_list *list = &op->batch_list;

    if (op->err < 0) {
        if (!self->draining) {
            log_error(self->api->deps.log, "batches", "batches go on at the next start", "error=%s",
                      hub_err_code(op->err));
        }
        return;
    }
    for (unsigned i = 0; i < list->ret_count; i++) {
        self->before = list->ret_batches[i].id;
        if (takes_lines(&list->ret_batches[i])) {
            intakes_add(self, &self->before);
        }
    }
    if (list->ret_more && !self->draining) {
        read_page(self);
    }
}

static void read_page(struct intakes *self)
{
    struct store_op *op = store_op_new(STORE_BATCH_LIST);

    if (op == NULL) {
        log_error(self->api->deps.log, "batches", "batches go on at the next start", NULL);
        return;
    }
    op->batch_list.unfinished_only = true;
    op->batch_list.before = self->before;
    op->batch_list.limit = PAGE;
    op->done = on_page;
    op->context = self;
    store_submit(self->api->deps.store, op);
}

void intakes_begin(struct intakes *self)
{
    self->begun = true;
    read_page(self);
    fill_up(self);
}

void intakes_drain(struct intakes *self)
{
    self->draining = true;
    uv_timer_stop(&self->timer);
}

int intakes_new(struct api *api, struct intakes **ret_self)
{
    struct intakes *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->api = api;
    list_init(&self->running);
    list_init(&self->waiting);
    uv_timer_init(api->deps.loop, &self->timer);
    self->timer.data = self;
    *ret_self = self;
    return 0;
}

static void close_one(struct list *link)
{
    struct intake *self = CONTAINER_OF(link, struct intake, link);

    list_remove(link);
    if (self->ingest != NULL) {
        ingest_free(self->ingest);
        self->ingest = NULL;
    }
    self->all = NULL;
    if (!self->working) {
        intake_free(self);
    }
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void intakes_close(struct intakes *self)
{
    if (self == NULL) {
        return;
    }
    while (!list_empty(&self->running)) {
        close_one(list_first(&self->running));
    }
    while (!list_empty(&self->waiting)) {
        close_one(list_first(&self->waiting));
    }
    uv_close((uv_handle_t *)&self->timer, on_closed);
}
