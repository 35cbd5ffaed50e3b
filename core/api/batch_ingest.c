/*
 * The text of a batch, from the body of POST /v1/batches or another source, to the store.
 *
 *   chunks → text → lines → an append's arena → jobs_batch_append() → committed
 *
 * Lines are read in slices, so that a long body does not hold up the loop; at most two appends are
 * under way, and while they are and the next one is full, or there is text that was not read yet,
 * the source is paused. So an upload of any length holds three appends and some text.
 */
#include "api/batches.h"
#include "api/idempotency.h"
#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX       ((uint64_t)1 << 40)
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define TEXT_MAX       (LINE_MAX_BYTES + ((size_t)512 << 10))
#define SLICE_LINES    256
#define SLICE_BYTES    ((size_t)256 << 10)
#define APPEND_BYTES   ((size_t)1 << 20) /* of arena; then the append goes */
#define APPENDS_MAX    2
#define ERRORS_SHOWN   16
#define ERRORS_BYTES   ((size_t)64 << 10)
#define SETTINGS_BYTES ((size_t)4 << 20)

enum phase {
    PHASE_HEAD,     /* the first line may have settings */
    PHASE_CREATING, /* the batch is being made, or found */
    PHASE_LINES,
    PHASE_LAST, /* the last append is under way */
    PHASE_FAILED,
    PHASE_DONE,
};

struct ingest {
    struct api *api;
    struct api_call *call; /* NULL once it was answered, or if nobody asked */
    struct line_source source;
    enum phase phase;
    struct arena arena;
    struct json_object *settings;
    struct json_object *defaults;
    struct store_idempotency idempotency;
    struct str created_by;
    struct batch_record batch;
    bool is_replay; /* the upload was complete before */
    bool has_head;  /* the first line is settings */
    struct line_reader reader;

    struct buf text;
    size_t at; /* in text: what stands before it was read */
    bool line_is_long;
    struct sha256 hash;
    uint64_t line;  /* the last one read */
    uint64_t taken; /* lines that the store had before this request */

    struct store_op *op; /* being filled */
    unsigned in_flight;
    bool paused;
    bool ended; /* the body */
    int body_err;
    struct str body_why; /* as its source says, or empty */
    bool more;           /* the slice ended before the lines did */
    bool busy;
    bool again;
    uv_idle_t idle;

    struct batch_bad_line errors[ERRORS_SHOWN];
    unsigned error_count;
    int err;
    struct str why;
    const struct batch_bad_line *fatal; /* the bad line of an atomic batch */
};

static void advance(struct ingest *self);

/* --- Life --------------------------------------------------------------------------------------*/

static void on_idle_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The call was answered, nothing is under way. */
void ingest_free(struct ingest *self)
{
    idempotency_end(self->api, &self->idempotency);
    store_op_free(self->op);
    json_object_put(self->settings);
    json_object_put(self->defaults);
    buf_release(&self->text);
    sha256_release(&self->hash);
    arena_release(&self->arena);
    uv_close((uv_handle_t *)&self->idle, on_idle_closed);
}

__attribute__((format(printf, 3, 4))) static void fail(struct ingest *self, int err,
                                                       const char *format, ...)
{
    char text[HUB_ERROR_DETAIL_MAX];
    va_list args;

    if (self->phase == PHASE_FAILED) {
        return;
    }
    self->again = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    self->phase = PHASE_FAILED;
    self->err = err;
    self->why = arena_str(&self->arena, str_from_c(text));
}

/* --- Answers -----------------------------------------------------------------------------------*/

static void answer(struct ingest *self)
{
    struct api_call *call = self->call;
    if (call == NULL) {
        self->source.ended(self->source.context, 0, STR(""), &self->batch);
        return;
    }
    char path[sizeof "/v1/batches/" + ID_TEXT_LEN] = "/v1/batches/";
    const struct http_header headers[] = {
        {STR_INIT("Location"), {path, sizeof path - 1}},
        {STR_INIT("Idempotency-Replayed"), STR_INIT("true")},
    };
    struct buf *body = api_answer_buf(call->api);

    id_format(&self->batch.id, path + sizeof "/v1/batches/" - 1);
    render_batch(body, self->api, &self->batch, self->errors, self->error_count);
    self->call = NULL;
    api_reply_with(call, 202, buf_view(body), headers, self->is_replay ? 2 : 1);
}

static void answer_fatal(struct api_call *call, const struct ingest *self)
{
    struct buf pointer;
    struct http_problem_item item = {
        .keyword = STR("line"),
        .detail = self->fatal->reason,
    };
    const struct http_problem problem = {
        .err = HUB_ERR_INVALID_INPUT,
        .detail = self->why,
        .items = &item,
        .item_count = 1,
    };

    buf_init(&pointer, 2 * BATCH_REASON_MAX);
    buf_append_format(&pointer, "/%llu", (unsigned long long)self->fatal->line);
    buf_append_str(&pointer, self->fatal->pointer);
    item.pointer = buf_view(&pointer);
    http_respond_problem_full(call->req, &problem);
    buf_release(&pointer);
}

static void on_dropped(void *context, int err)
{
    struct ingest *self = context;
    struct api_call *call = self->call;

    self->call = NULL;
    if (err < 0 && err != HUB_ERR_NOT_FOUND) {
        api_fail(call, err, "the batch could not be taken back");
    } else if (self->fatal != NULL) {
        answer_fatal(call, self);
    } else {
        api_fail(call, self->err, "%.*s", STR_ARG(self->why));
    }
    ingest_free(self);
}

/* Nothing is under way any more. */
static void answer_failed(struct ingest *self)
{
    struct api_call *call = self->call;

    self->phase = PHASE_DONE;
    if (call == NULL) {
        self->source.ended(self->source.context, self->err, self->why, &self->batch);
        ingest_free(self);
        return;
    }
    bool is_made = !id_is_zero(&self->batch.id) && !self->is_replay;
    bool leaves_nothing = self->fatal != NULL || !self->idempotency.given;

    if (is_made && self->batch.atomic && leaves_nothing) {
        jobs_batch_drop(self->api->deps.jobs, &self->batch.id, STR(""), on_dropped, self);
        return;
    }
    self->call = NULL;
    api_fail(call, self->err, "%.*s", STR_ARG(self->why));
    ingest_free(self);
}

/* --- Lines into appends ------------------------------------------------------------------------*/

static bool make_append(struct ingest *self)
{
    struct store_op *op = store_op_new(STORE_BATCH_APPEND);

    if (op == NULL) {
        return false;
    }
    self->op = op;
    struct store_batch_append *append = &op->batch_append;
    append->items = arena_alloc(&op->arena, BATCH_APPEND_MAX * sizeof *append->items);
    append->bad = arena_alloc(&op->arena, BATCH_APPEND_MAX * sizeof *append->bad);
    append->batch = self->batch.id;
    append->after = self->line;
    return append->items != NULL && append->bad != NULL;
}

static void show_error(struct ingest *self, const struct batch_bad_line *bad)
{
    if (self->error_count < ERRORS_SHOWN) {
        struct batch_bad_line *shown = &self->errors[self->error_count++];
        shown->line = bad->line;
        shown->pointer = arena_str(&self->arena, bad->pointer);
        shown->reason = arena_str(&self->arena, bad->reason);
    }
}

static void reject(struct ingest *self, struct batch_bad_line bad)
{
    struct store_batch_append *append = &self->op->batch_append;

    bad.line = self->line;
    show_error(self, &bad);
    if (self->batch.atomic) {
        self->fatal = &self->errors[0];
        fail(self, HUB_ERR_INVALID_INPUT, "line %llu: %.*s: nothing of the batch was kept",
             (unsigned long long)bad.line, STR_ARG(bad.reason));
        return;
    }
    ((struct batch_bad_line *)append->bad)[append->bad_count++] = bad;
}

static void add_line(struct ingest *self, struct str text)
{
    struct store_op *op = self->op;
    struct batch_line *item = &op->batch_append.items[op->batch_append.item_count];
    struct batch_bad_line bad = {0};

    *item = (struct batch_line){.line = self->line};
    int err = line_read(&self->reader, text, &op->arena, &item->job, &bad);
    if (err == 0) {
        item->job.created_by = self->created_by;
        item->job.batch = self->batch.id;
        op->batch_append.item_count++;
    } else if (err == HUB_ERR_INVALID_INPUT) {
        reject(self, bad);
    } else {
        fail(self, err, "out of memory at line %llu", (unsigned long long)self->line);
    }
}

static void compare(struct ingest *self)
{
    struct sha256_digest digest;

    sha256_peek(&self->hash, &digest);
    if (!sha256_eq(&digest, &self->batch.digest)) {
        fail(self, HUB_ERR_IDEMPOTENCY_MISMATCH, "the first %llu lines differ from those that %s",
             (unsigned long long)self->taken,
             self->call != NULL ? "came with this key before" : "were there before");
    }
}

static void take_line(struct ingest *self, struct str raw)
{
    if (self->line >= self->taken) {
        if (self->is_replay) {
            fail(self, HUB_ERR_IDEMPOTENCY_MISMATCH, "the key was used with a shorter text");
            return;
        }
        if (self->op == NULL && !make_append(self)) {
            fail(self, HUB_ERR_NOMEM, "out of memory");
            return;
        }
    }
    self->line++;
    sha256_update(&self->hash, raw.ptr, raw.len);
    sha256_update(&self->hash, "\n", 1);
    if (self->line <= self->taken) {
        if (self->line == self->taken) {
            compare(self);
        }
        return;
    }
    struct str text = raw;
    if (text.len > 0 && text.ptr[text.len - 1] == '\r') {
        text.len--;
    }
    text = str_trim(text);
    if (self->line_is_long) {
        reject(self, (struct batch_bad_line){.pointer = STR(""), .reason = STR("over 1 MiB")});
    } else if (text.len > 0 && !(self->line == 1 && self->has_head)) {
        add_line(self, text);
    }
}

/* --- Text into lines ---------------------------------------------------------------------------*/

/* The next line, without its newline. False: it has not come yet. */
static bool next_line(struct ingest *self, struct str *ret_line)
{
    struct str rest = str_of(self->text.ptr + self->at, self->text.len - self->at);
    const char *newline = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;

    if (newline != NULL) {
        *ret_line = str_of(rest.ptr, (size_t)(newline - rest.ptr));
        self->at += ret_line->len + 1;
        return true;
    }
    if (self->ended && self->body_err == 0 && (rest.len > 0 || self->line_is_long)) {
        *ret_line = rest;
        self->at += rest.len;
        return true;
    }
    if (rest.len > LINE_MAX_BYTES) {
        self->line_is_long = true;
        sha256_update(&self->hash, rest.ptr, rest.len);
        self->at += rest.len;
    }
    return false;
}

static bool append_is_full(const struct ingest *self)
{
    const struct store_op *op = self->op;

    return op != NULL && (self->line - op->batch_append.after == BATCH_APPEND_MAX ||
                          op->arena.used > APPEND_BYTES);
}

static void on_appended(void *context, struct store_op *op)
{
    struct ingest *self = context;
    const struct store_batch_append *append = &op->batch_append;

    self->in_flight--;
    if (op->err == HUB_ERR_INVALID_INPUT) {
        show_error(self, &append->ret_bad);
        self->fatal = &self->errors[self->error_count - 1];
        fail(self, op->err, "line %llu: %.*s: nothing of the batch was kept",
             (unsigned long long)append->ret_bad.line, STR_ARG(append->ret_bad.reason));
    } else if (op->err < 0) {
        fail(self, op->err, "the lines after %llu were not stored%s",
             (unsigned long long)append->after,
             self->idempotency.given ? ": the same request goes on from there" : "");
    } else {
        struct str settings = self->batch.settings;
        struct str queue = self->batch.queue;
        self->batch = append->ret_batch;
        self->batch.settings = settings;
        self->batch.queue = queue;
    }
    advance(self);
}

static void send_append(struct ingest *self, enum batch_upload upload)
{
    struct store_op *op = self->op;

    self->op = NULL;
    op->batch_append.lines = self->line;
    op->batch_append.upload = upload;
    sha256_peek(&self->hash, &op->batch_append.digest);
    self->in_flight++;
    jobs_batch_append(self->api->deps.jobs, op, on_appended, self);
}

/* --- The end -----------------------------------------------------------------------------------*/

static int fill_on_complete(struct ingest *self, struct arena *arena, struct job_record **ret_job,
                            struct batch_bad_line *ret_bad)
{
    int err =
        batch_on_complete(self->api, self->settings, &self->batch.id, arena, ret_job, ret_bad);

    if (err == 0 && *ret_job != NULL) {
        (*ret_job)->created_by = self->created_by;
    }
    return err;
}

static void send_last(struct ingest *self)
{
    bool is_whole = self->body_err == 0;
    struct batch_bad_line bad = {0};
    int err = 0;

    if (self->op == NULL && !make_append(self)) {
        fail(self, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    if (is_whole) {
        struct store_op *op = self->op;
        err = fill_on_complete(self, &op->arena, &op->batch_append.on_complete, &bad);
    }
    if (err < 0) {
        fail(self, err, "on_complete%.*s: %.*s", STR_ARG(bad.pointer), STR_ARG(bad.reason));
        return;
    }
    self->phase = PHASE_LAST;
    send_append(self, is_whole                  ? BATCH_COMPLETE
                      : self->idempotency.given ? BATCH_RECEIVING
                      : self->batch.atomic      ? BATCH_RECEIVING
                      : self->call == NULL      ? BATCH_RECEIVING
                                                : BATCH_BROKEN);
}

/* All lines were read. */
static void end_lines(struct ingest *self)
{
    if (self->line < self->taken && self->body_err == 0) {
        fail(self, HUB_ERR_IDEMPOTENCY_MISMATCH, "%s",
             self->call != NULL ? "the key was used with a longer text"
                                : "there are fewer lines than there were before");
    } else if (self->is_replay || self->line < self->taken) {
        self->phase = PHASE_LAST; /* nothing new came */
        self->again = true;
    } else {
        send_last(self);
    }
}

static void end_last(struct ingest *self)
{
    if (self->body_err < 0 && self->body_why.len > 0) {
        fail(self, self->body_err, "%.*s", STR_ARG(self->body_why));
        return;
    }
    if (self->body_err < 0) {
        fail(self, self->body_err, "the upload was broken off at line %llu",
             (unsigned long long)self->line);
        return;
    }
    self->phase = PHASE_DONE;
    answer(self);
    ingest_free(self);
}

/* --- The head ----------------------------------------------------------------------------------*/

static void on_created(void *context, struct store_op *op)
{
    struct ingest *self = context;
    const struct batch_record *record = &op->batch_create.ret_batch;
    struct str settings = self->batch.settings;
    struct str queue = self->batch.queue;

    self->in_flight--;
    if (op->err == HUB_ERR_IDEMPOTENCY_MISMATCH) {
        fail(self, op->err, "the key was used with other settings");
    } else if (op->err < 0) {
        fail(self, op->err, "the batch was not accepted");
    } else if (record->upload == BATCH_BROKEN || record->stage != BATCH_OPEN) {
        fail(self, HUB_ERR_CONFLICT, "the batch of this key takes no more lines: it is %s",
             batch_state_name(record));
    } else {
        self->batch = *record;
        self->batch.settings = settings;
        self->batch.queue = queue;
        self->taken = record->lines;
        self->is_replay = record->upload == BATCH_COMPLETE;
        self->phase = PHASE_LINES;
    }
    advance(self);
}

static void create(struct ingest *self)
{
    struct store_op *op = store_op_new(STORE_BATCH_CREATE);
    struct store_batch_create *make;
    struct batch_bad_line bad = {0};
    struct job_record *job = NULL;

    int err = batch_settings_apply(self->api, self->settings, &self->arena, &self->batch,
                                   &self->defaults, &self->why);
    if (err < 0) {
        fail(self, err, "%.*s", STR_ARG(self->why));
    } else if (op == NULL) {
        fail(self, HUB_ERR_NOMEM, "out of memory");
    } else if ((err = fill_on_complete(self, &op->arena, &job, &bad)) < 0) {
        fail(self, err, "on_complete%.*s: %.*s", STR_ARG(bad.pointer), STR_ARG(bad.reason));
    }
    if (self->phase == PHASE_FAILED) {
        store_op_free(op);
        return;
    }
    self->reader.defaults = self->defaults;
    self->reader.queue = self->batch.queue;
    make = &op->batch_create;
    make->batch = self->batch;
    make->batch.created_by = self->created_by;
    make->has_scope = self->idempotency.given;
    make->scope = self->idempotency.scope;
    sha256_of(self->batch.settings, &make->request);
    self->phase = PHASE_CREATING;
    self->in_flight++;
    jobs_batch_create(self->api->deps.jobs, op, on_created, self);
}

/* Are these the settings: {"batch": {…}} and nothing else? Then they are taken. */
static bool take_head(struct ingest *self, struct str line)
{
    struct json_object *value, *given;
    struct hub_error error;

    line = str_trim(line);
    if (!str_starts_with(line, STR("{\"batch\"")) ||
        json_read(line, JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        return false;
    }
    bool is_head = json_get_object(value, "batch", &given) && json_object_object_length(value) == 1;
    if (is_head) {
        json_object_object_foreach(given, name, member) {
            json_object_object_add(self->settings, name, json_object_get(member));
        }
    }
    json_object_put(value);
    return is_head;
}

static void read_head(struct ingest *self)
{
    struct str line;

    bool is_there = next_line(self, &line);
    if (!is_there && !self->ended && !self->line_is_long) {
        return;
    }
    if (self->body_err < 0) {
        fail(self, self->body_err, "the upload was broken off");
        return;
    }
    if (is_there) {
        self->at = 0; /* it is read again, as one of the lines */
        self->has_head = take_head(self, line);
    }
    create(self);
}

/* --- The machine -------------------------------------------------------------------------------*/

static void read_slice(struct ingest *self)
{
    size_t begin = self->at;
    bool is_there = true;
    struct str line;

    self->reader.type = NULL; /* types may have changed since the last slice */
    self->more = false;
    for (unsigned i = 0; self->phase == PHASE_LINES && is_there && !append_is_full(self); i++) {
        if (i == SLICE_LINES || self->at - begin > SLICE_BYTES) {
            self->more = true;
            break;
        }
        is_there = next_line(self, &line);
        if (is_there) {
            take_line(self, line);
            self->line_is_long = false;
        }
    }
    buf_consume(&self->text, self->at);
    self->at = 0;
    if (self->phase != PHASE_LINES) {
        return;
    }
    if (append_is_full(self) && self->in_flight < APPENDS_MAX) {
        send_append(self, BATCH_RECEIVING);
        self->again = true;
    } else if (!is_there && self->ended) {
        end_lines(self);
    } else if (!is_there && self->op != NULL && self->in_flight == 0 &&
               self->line > self->op->batch_append.after) {
        send_append(self, BATCH_RECEIVING);
    }
}

static void step(struct ingest *self)
{
    switch (self->phase) {
    case PHASE_HEAD:
        read_head(self);
        break;
    case PHASE_LINES:
        read_slice(self);
        break;
    case PHASE_LAST:
        if (self->in_flight == 0) {
            end_last(self);
        }
        break;
    case PHASE_FAILED:
        if (self->in_flight == 0) {
            answer_failed(self);
        }
        break;
    default:
        break;
    }
}

static void on_idle(uv_idle_t *idle)
{
    advance(idle->data);
}

/* Goes on by itself, waits for the socket, or lets it wait. */
static void flow(struct ingest *self)
{
    bool is_blocked = append_is_full(self) && self->in_flight >= APPENDS_MAX;
    bool goes_on = self->phase == PHASE_LINES && self->more && !is_blocked;
    bool pause = self->phase == PHASE_CREATING || goes_on || is_blocked;

    if (goes_on) {
        uv_idle_start(&self->idle, on_idle);
    } else {
        uv_idle_stop(&self->idle);
    }
    if (self->source.pause == NULL || self->ended || pause == self->paused) {
        return;
    }
    self->paused = pause;
    if (pause) {
        self->source.pause(self->source.context);
    } else {
        self->source.resume(self->source.context); /* may come back here */
    }
}

static void advance(struct ingest *self)
{
    if (self->busy) {
        self->again = true;
        return;
    }
    self->busy = true;
    do {
        self->again = false;
        step(self);
    } while (self->again);
    self->busy = false;
    if (self->phase != PHASE_DONE) {
        flow(self);
    }
}

/* --- From a source -----------------------------------------------------------------------------*/

void ingest_feed(struct ingest *self, struct str chunk)
{
    if (self->phase >= PHASE_LAST) {
        return;
    }
    buf_append_str(&self->text, chunk);
    if (buf_failed(&self->text)) {
        fail(self, HUB_ERR_NOMEM, "out of memory");
    }
    advance(self);
}

void ingest_end(struct ingest *self, int err, struct str why)
{
    self->ended = true;
    self->body_err = err;
    if (why.len > 0) {
        self->body_why = arena_str(&self->arena, why);
    }
    advance(self);
}

static struct ingest *ingest_new(struct api *api, const struct line_source *source)
{
    struct ingest *self = calloc(1, sizeof *self);

    if (self == NULL || sha256_init(&self->hash) < 0) {
        free(self);
        return NULL;
    }
    self->api = api;
    self->reader.api = api;
    self->source = *source;
    arena_init(&self->arena, SETTINGS_BYTES);
    buf_init(&self->text, TEXT_MAX);
    uv_idle_init(api->deps.loop, &self->idle);
    self->idle.data = self;
    return self;
}

int ingest_resume(struct api *api, const struct batch_record *batch,
                  const struct line_source *source, struct ingest **ret_self)
{
    struct batch_record unused = {0};
    struct ingest *self = ingest_new(api, source);
    struct str why;

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->batch = *batch;
    self->batch.settings = self->batch.source = self->batch.callback_url = (struct str){0};
    self->batch.queue = arena_str(&self->arena, batch->queue);
    self->created_by = arena_str(&self->arena, batch->created_by);
    int err = json_read(batch->settings, JSON_DEPTH_MAX, &self->settings, NULL, NULL);
    if (err == 0) {
        err =
            batch_settings_apply(api, self->settings, &self->arena, &unused, &self->defaults, &why);
    }
    if (err < 0) {
        ingest_free(self);
        return err;
    }
    self->reader.defaults = self->defaults;
    self->reader.queue = self->batch.queue;
    self->taken = batch->lines;
    self->phase = PHASE_LINES;
    *ret_self = self;
    return 0;
}

/* --- From a request ----------------------------------------------------------------------------*/

static void on_chunk(struct http_request *req, struct str chunk, void *context)
{
    (void)req;
    ingest_feed(context, chunk);
}

static void on_end(struct http_request *req, int err, void *context)
{
    (void)req;
    ingest_end(context, err, STR(""));
}

static void pause_body(void *context)
{
    http_body_pause(context);
}

static void resume_body(void *context)
{
    http_body_resume(context);
}

void ingest_begin(struct api_call *call, struct json_object *settings, struct str body)
{
    const struct line_source socket = {call->req, pause_body, resume_body, NULL};
    bool is_stream = body.ptr == NULL;
    struct ingest *self =
        ingest_new(call->api, is_stream ? &socket : &(const struct line_source){0});

    if (self == NULL) {
        json_object_put(settings);
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    self->call = call;
    self->settings = settings;
    self->created_by = arena_str(&self->arena, str_from_c(call->principal.name));
    if (idempotency_read(call, &self->idempotency) < 0 ||
        !idempotency_begin(call, &self->idempotency)) {
        self->idempotency.given = false; /* not ours */
        ingest_free(self);
        return;
    }
    if (is_stream) {
        http_stream_body(call->req, BODY_MAX, on_chunk, on_end, self);
        return;
    }
    buf_release(&self->text);
    buf_init(&self->text, body.len + TEXT_MAX);
    buf_append_str(&self->text, body);
    self->ended = true;
    advance(self);
}
