#include "jobs/sqlite/lite.h"

#include <stdio.h>
#include <string.h>

/* Lines that one operation looks at: a few milliseconds. */
#define SCAN_LINES_MAX 8192
/* What an open may take of its operation's arena; then it ends early. */
#define OPEN_BYTES_MAX ((size_t)2 << 20)

/* Finds the batch of an operation. 1, or 0: op->err says why not. */
static int find(struct lite *self, struct store_op *op, const struct id *id,
                struct lite_batch **ret_batch)
{
    int found = lite_batch_find(self, id, ret_batch);

    if (found == 0) {
        op->err = HUB_ERR_NOT_FOUND;
    }
    return found;
}

/* What the caller gets to know: the texts are in the operation's arena. */
static int tell(struct store_op *op, const struct lite_batch *batch,
                struct batch_record *ret_record)
{
    *ret_record = batch->record;
    ret_record->queue = arena_str(&op->arena, batch->record.queue);
    return ret_record->queue.ptr ? 0 : HUB_ERR_NOMEM;
}

/* --- Create ------------------------------------------------------------------------------------*/

/* 1 if the scope is known: its batch and whether it was the same request. */
static int find_scope(struct lite *self, struct store_op *op, struct id *ret_id, bool *ret_same)
{
    struct store_batch_create *create = &op->batch_create;
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_BY_SCOPE);
    bool ok = true;

    lite_bind_blob(&call, create->scope.bytes, SHA256_LEN);
    int found = lite_step(&call);
    if (found > 0) {
        *ret_id = lite_id(&call);
        struct str request = lite_str(&call);
        *ret_same = request.len == SHA256_LEN &&
                    memcmp(request.ptr, create->request.bytes, SHA256_LEN) == 0;
        create->ret_batch.settings = lite_copy(&call, &op->arena, &ok);
    }
    lite_end(&call);
    return ok ? found : HUB_ERR_NOMEM;
}

static int tell_known(struct store_op *op, const struct lite_batch *batch, bool same)
{
    struct store_batch_create *create = &op->batch_create;
    struct str settings = create->ret_batch.settings;

    if (!same) {
        op->err = HUB_ERR_IDEMPOTENCY_MISMATCH;
        return 0;
    }
    int err = tell(op, batch, &create->ret_batch);
    create->ret_batch.settings = settings;
    create->ret_known = true;
    return err;
}

static int insert(struct lite *self, const struct store_batch_create *create)
{
    const struct batch_record *record = &create->batch;
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_INSERT);

    lite_bind_id(&call, &record->id);
    lite_bind_blob(&call, create->scope.bytes, create->has_scope ? SHA256_LEN : 0);
    lite_bind_blob(&call, create->request.bytes, create->has_scope ? SHA256_LEN : 0);
    lite_bind_text(&call, record->settings);
    lite_bind_text(&call, record->queue);
    lite_bind_str(&call, record->created_by);
    lite_bind_int(&call, record->atomic);
    lite_bind_int(&call, record->created_at);
    lite_bind_int(&call, record->retention_ms);
    lite_bind_str(&call, record->callback_url);
    lite_bind_str(&call, record->source);
    return lite_run(&call);
}

/* The batch that the scope stands for; `*ret_batch` is NULL if there is none, or if its time is
 * over: then the scope is free again. */
static int find_known(struct lite *self, struct store_op *op, struct lite_batch **ret_batch,
                      bool *ret_same)
{
    const struct store_batch_create *create = &op->batch_create;
    struct id id;

    *ret_batch = NULL;
    int found = create->has_scope ? find_scope(self, op, &id, ret_same) : 0;
    if (found <= 0) {
        return found;
    }
    found = lite_batch_find(self, &id, ret_batch);
    if (found <= 0) {
        return found < 0 ? found : HUB_ERR_CORRUPT;
    }
    if ((*ret_batch)->record.touched_at + BATCH_UPLOAD_KEPT_MS > create->batch.created_at) {
        return 0;
    }
    int64_t seq = (*ret_batch)->seq;
    *ret_batch = NULL;
    return lite_run_int(&self->writer, LITE_BATCH_UNSCOPE, seq);
}

int lite_batch_create(struct lite *self, struct store_op *op)
{
    struct store_batch_create *create = &op->batch_create;
    struct lite_batch *known;
    bool same = false;

    int err = create->tick ? lite_tick_look(self, op, create->tick) : 0;
    if (err < 0 || op->err < 0) {
        return err;
    }
    err = find_known(self, op, &known, &same);
    if (err < 0 || known) {
        return err < 0 ? err : tell_known(op, known, same);
    }
    err = insert(self, create);
    if (err < 0) {
        return err;
    }
    struct batch_record fresh = create->batch;
    fresh.upload = BATCH_RECEIVING;
    fresh.stage = BATCH_OPEN;
    fresh.touched_at = fresh.created_at;
    fresh.finished_at = 0;
    sha256_of(STR(""), &fresh.digest);
    struct lite_batch *batch =
        lite_batch_add(self, sqlite3_last_insert_rowid(self->writer.handle), &fresh);
    if (!batch) {
        return HUB_ERR_NOMEM;
    }
    lite_batch_touch(self, batch);
    if (create->tick) {
        create->tick->run.made = (struct work){WORK_BATCH, fresh.id};
        err = lite_tick_write(self, create->tick);
    }
    if (err == 0) {
        err = tell(op, batch, &create->ret_batch);
    }
    create->ret_batch.settings = create->batch.settings;
    return err;
}

/* --- Append ------------------------------------------------------------------------------------*/

static bool takes_lines(const struct store_batch_append *append, const struct batch_record *record)
{
    return record->upload == BATCH_RECEIVING && record->stage == BATCH_OPEN &&
           record->lines == append->after;
}

/* The lines must be those that were announced: in order, each once. */
static bool is_sound(const struct store_batch_append *append)
{
    uint64_t last = append->after;

    if (append->lines < append->after || append->lines - append->after > BATCH_APPEND_MAX) {
        return false;
    }
    for (unsigned i = 0; i < append->item_count; i++) {
        const struct batch_line *item = &append->items[i];
        if (item->line <= last || item->line > append->lines ||
            item->job.after_count > JOB_AFTER_MAX || item->job.file_count > JOB_FILES_MAX) {
            return false;
        }
        last = item->line;
    }
    return true;
}

/* Does it name only what is there? If not `ret_bad` says what is missing. 1, 0 or negative. */
static int names_known(struct lite *self, struct store_op *op, struct store_op *scratch,
                       const struct batch_line *item, struct batch_bad_line *ret_bad)
{
    struct lite_parents parents;
    int64_t files[JOB_FILES_MAX];
    char id[ID_TEXT_LEN + 1];
    char text[96];

    scratch->err = 0;
    scratch->job_insert.job = item->job;
    int err = lite_files_look(self, scratch, files);
    if (err == 0 && scratch->err == 0) {
        err = lite_flow_look(self, scratch, &parents);
    }
    if (err < 0 || scratch->err == 0) {
        return err < 0 ? err : 1;
    }
    bool is_file = scratch->err == HUB_ERR_UNKNOWN_ARTIFACT;
    id_format(&scratch->job_insert.ret_unknown, id);
    snprintf(text, sizeof text, is_file ? "there is no artifact %s" : "there is no job %s", id);
    *ret_bad = (struct batch_bad_line){
        .line = item->line,
        .pointer = is_file ? STR("/input") : STR("/after"),
        .reason = arena_str(&op->arena, str_from_c(text)),
    };
    return ret_bad->reason.ptr ? 0 : HUB_ERR_NOMEM;
}

static int add_bad(struct lite *self, struct lite_batch *batch, const struct batch_bad_line *bad)
{
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_BAD_INSERT);

    if (batch->record.bad++ >= BATCH_BAD_MAX) {
        return 0;
    }
    lite_bind_int(&call, batch->seq);
    lite_bind_int(&call, (int64_t)bad->line);
    lite_bind_str(&call, str_utf8_cut(bad->pointer, BATCH_REASON_MAX));
    lite_bind_str(&call, str_utf8_cut(bad->reason, BATCH_REASON_MAX));
    return lite_run(&call);
}

/* Takes the items apart that name what is not there. */
static int sort_out(struct lite *self, struct store_op *op, struct store_op *scratch,
                    struct batch_bad_line *ret_bad, unsigned *ret_bad_count)
{
    struct store_batch_append *append = &op->batch_append;
    unsigned kept = 0;

    *ret_bad_count = 0;
    for (unsigned i = 0; i < append->item_count; i++) {
        const struct batch_line *item = &append->items[i];
        bool names = item->job.after_count > 0 || item->job.file_count > 0;
        int known = names ? names_known(self, op, scratch, item, &ret_bad[*ret_bad_count]) : 1;
        if (known < 0) {
            return known;
        }
        if (known > 0) {
            append->items[kept++] = *item;
        } else {
            ++*ret_bad_count;
        }
    }
    append->item_count = kept;
    return 0;
}

static int insert_one(struct lite *self, struct store_op *scratch, const struct job_record *job,
                      int64_t seq, bool unannounced)
{
    scratch->err = 0;
    scratch->job_insert = (struct store_job_insert){.job = *job, .unannounced = unannounced};
    int err = lite_job_insert_as(self, scratch, seq);
    return err < 0 ? err : scratch->err < 0 ? HUB_ERR_INTERNAL : 0;
}

static int insert_lines(struct lite *self, struct store_op *op, struct store_op *scratch,
                        struct lite_batch *batch)
{
    const struct store_batch_append *append = &op->batch_append;
    int64_t count = (int64_t)(append->lines - append->after);
    int64_t first = self->last_job + 1;

    if (count == 0 || append->item_count == 0) {
        return 0;
    }
    self->last_job += count;
    int err = lite_batch_extend(self, batch, first, (int64_t)append->after + 1, count);
    for (unsigned i = 0; i < append->item_count && err == 0; i++) {
        const struct batch_line *item = &append->items[i];
        int64_t seq = first + (int64_t)(item->line - append->after) - 1;
        err = insert_one(self, scratch, &item->job, seq, true);
    }
    return err;
}

static int end_upload(struct lite *self, struct store_op *op, struct store_op *scratch,
                      struct lite_batch *batch)
{
    struct store_batch_append *append = &op->batch_append;
    int err = 0;

    batch->record.upload = append->upload;
    if (append->upload == BATCH_RECEIVING) {
        return 0;
    }
    batch->ended = self->batches.any_ended = true;
    if (append->upload == BATCH_COMPLETE && append->on_complete) {
        append->on_complete->state = JOB_BLOCKED;
        batch->on_complete = ++self->last_job;
        batch->record.on_complete = append->on_complete->id;
        err = insert_one(self, scratch, append->on_complete, batch->on_complete, false);
    }
    return err < 0 ? err : lite_run_explain(self, &batch->record.id, append->reason);
}

static int append_sorted(struct lite *self, struct store_op *op, struct store_op *scratch,
                         struct lite_batch *batch, const struct batch_bad_line *found,
                         unsigned found_count)
{
    struct store_batch_append *append = &op->batch_append;
    int err = 0;

    lite_batch_touch(self, batch);
    batch->record.touched_at = append->at;
    for (unsigned i = 0; i < append->bad_count && err == 0; i++) {
        err = add_bad(self, batch, &append->bad[i]);
    }
    for (unsigned i = 0; i < found_count && err == 0; i++) {
        err = add_bad(self, batch, &found[i]);
    }
    if (err == 0) {
        err = insert_lines(self, op, scratch, batch);
    }
    if (err == 0) {
        batch->record.lines = append->lines;
        batch->record.digest = append->digest;
        err = end_upload(self, op, scratch, batch);
    }
    return err;
}

int lite_batch_append(struct lite *self, struct store_op *op)
{
    struct store_batch_append *append = &op->batch_append;
    struct lite_batch *batch;
    unsigned bad_count;

    int found = find(self, op, &append->batch, &batch);
    if (found <= 0) {
        return found;
    }
    if (!takes_lines(append, &batch->record) || !is_sound(append)) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    struct store_op *scratch = store_op_new(STORE_JOB_INSERT);
    struct batch_bad_line *bad = arena_alloc(&op->arena, (append->item_count + 1) * sizeof *bad);
    int err = scratch && bad ? sort_out(self, op, scratch, bad, &bad_count) : HUB_ERR_NOMEM;
    if (err == 0 && bad_count > 0 && batch->record.atomic) {
        append->ret_bad = bad[0];
        op->err = HUB_ERR_INVALID_INPUT;
    } else if (err == 0) {
        err = append_sorted(self, op, scratch, batch, bad, bad_count);
    }
    store_op_free(scratch);
    return err < 0 ? err : tell(op, batch, &append->ret_batch);
}

/* --- Open --------------------------------------------------------------------------------------*/

/* Takes unfinished jobs out of a stretch. `*ret_line` is the last line that was looked at. */
static int open_stretch(struct lite *self, struct store_op *op, struct lite_rows *rows,
                        const struct lite_stretch *stretch, int64_t count, uint64_t *ret_line)
{
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_OPEN_ROWS);
    bool ok = true;
    int64_t seq;
    int got;

    lite_bind_int(&call, stretch->first);
    lite_bind_int(&call, stretch->first + count - 1);
    while ((got = lite_step(&call)) > 0) {
        struct batch_line *item = lite_rows_add(rows);
        if (!item || !lite_read_schedule(&call, &op->arena, &item->job, &seq)) {
            got = HUB_ERR_NOMEM;
            break;
        }
        item->job.input = lite_copy(&call, &op->arena, &ok);
        item->job.batch = op->batch_open.batch;
        item->line = *ret_line = stretch->line + (uint64_t)(seq - stretch->first);
        if (rows->len == op->batch_open.limit || op->arena.used > OPEN_BYTES_MAX) {
            break;
        }
    }
    lite_end(&call);
    if (got == 0) {
        *ret_line = stretch->line + (uint64_t)count - 1;
    }
    return got < 0 ? got : ok ? 0 : HUB_ERR_NOMEM;
}

static bool is_full(const struct store_op *op, const struct lite_rows *rows)
{
    return rows->len >= op->batch_open.limit || op->arena.used > OPEN_BYTES_MAX;
}

static int open_lines(struct lite *self, struct store_op *op, const struct lite_batch *batch,
                      struct lite_rows *rows, uint64_t *line)
{
    int64_t left = SCAN_LINES_MAX;

    while (left > 0 && !is_full(op, rows)) {
        struct lite_stretch stretch;
        int found = lite_batch_stretch(&self->writer, batch->seq, *line + 1, &stretch);
        if (found <= 0) {
            *line = found == 0 ? batch->record.lines : *line;
            return found;
        }
        int64_t count = stretch.count < left ? stretch.count : left;
        int err = open_stretch(self, op, rows, &stretch, count, line);
        if (err < 0) {
            return err;
        }
        left -= count;
    }
    return 0;
}

int lite_batch_open(struct lite *self, struct store_op *op)
{
    struct store_batch_open *open = &op->batch_open;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct batch_line)};
    struct lite_batch *batch;

    int found = find(self, op, &open->batch, &batch);
    if (found <= 0) {
        return found;
    }
    struct batch_record *record = &batch->record;
    if (batch_hidden(record) || record->stage != BATCH_OPEN) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    uint64_t line = open->opened;
    int err = open_lines(self, op, batch, &rows, &line);
    if (err < 0) {
        return err;
    }
    open->ret_items = rows.items;
    open->ret_count = rows.len;
    for (unsigned i = 0; i < rows.len; i++) {
        lite_batch_unpark(record, open->ret_items[i].line > record->opened);
    }
    record->opened = line;
    record->parked = line == record->lines ? 0 : record->parked;
    lite_batch_touch(self, batch);
    return tell(op, batch, &open->ret_batch);
}

/* --- Set, cancel, retry, drop ------------------------------------------------------------------*/

int lite_batch_set(struct lite *self, struct store_op *op)
{
    struct lite_batch *batch;
    int found = find(self, op, &op->batch_set.batch, &batch);

    if (found <= 0) {
        return found;
    }
    batch->record.limits = op->batch_set.limits;
    lite_batch_touch(self, batch);
    return tell(op, batch, &op->batch_set.ret_batch);
}

/* A job that a slice is about to move, found before anything is changed. */
struct target {
    struct id id;
    enum job_state state;
    uint32_t attempt;
    uint64_t line;
};

/* Collects the jobs that `statement` finds from a line on: at most `limit`, of a bounded number of
 * lines. `*line` becomes the last one looked at, UINT64_MAX: there is none behind. */
static int collect(struct lite *self, struct store_op *op, const struct lite_batch *batch,
                   enum lite_statement statement, unsigned limit, struct lite_rows *rows,
                   uint64_t *line)
{
    struct lite_stretch stretch;
    int found = lite_batch_stretch(&self->writer, batch->seq, *line + 1, &stretch);

    (void)op;
    if (found <= 0) {
        *line = UINT64_MAX;
        return found;
    }
    int64_t count = stretch.count < SCAN_LINES_MAX ? stretch.count : SCAN_LINES_MAX;
    struct lite_call call = lite_call(&self->writer, statement);
    int got;
    lite_bind_int(&call, stretch.first);
    lite_bind_int(&call, stretch.first + count - 1);
    *line = stretch.line + (uint64_t)count - 1;
    while ((got = lite_step(&call)) > 0) {
        struct target *target = lite_rows_add(rows);
        if (!target) {
            got = HUB_ERR_NOMEM;
            break;
        }
        target->line = stretch.line + (uint64_t)(lite_int(&call) - stretch.first);
        target->id = lite_id(&call);
        target->state = (enum job_state)lite_int(&call);
        target->attempt = (uint32_t)lite_int(&call);
        if (rows->len == limit) {
            *line = target->line;
            break;
        }
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

/* Moves one by the mover that all moves go through; what it released comes with the batch's. */
static int move_one(struct lite *self, struct store_op *op, const struct store_job_move *move)
{
    struct store_op *scratch = store_op_new(STORE_JOB_MOVE);
    int err = HUB_ERR_NOMEM;

    if (scratch) {
        scratch->job_move = *move;
        err = lite_job_move(self, scratch);
    }
    if (err == 0 && scratch->err == 0 && scratch->job_move.ret_released_count > 0) {
        err = lite_released_add(op, scratch->job_move.ret_released,
                                scratch->job_move.ret_released_count);
    }
    store_op_free(scratch);
    return err;
}

static int cancel_targets(struct lite *self, struct store_op *op, const struct lite_rows *rows)
{
    const struct target *targets = rows->items;
    int err = 0;

    for (unsigned i = 0; i < rows->len && err == 0; i++) {
        const struct store_job_move move = {
            .id = targets[i].id,
            .from = targets[i].state,
            .fence = targets[i].attempt,
            .to = JOB_CANCELLED,
            .at = op->batch_cancel.at,
            .error_code = str_from_c(hub_err_code(HUB_ERR_CANCELLED)),
            .error_message = str_from_c(hub_err_title(HUB_ERR_CANCELLED)),
        };
        err = move_one(self, op, &move);
    }
    return err;
}

int lite_batch_cancel(struct lite *self, struct store_op *op)
{
    struct store_batch_cancel *cancel = &op->batch_cancel;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct target)};
    struct lite_batch *batch;

    int found = find(self, op, &cancel->batch, &batch);
    if (found <= 0) {
        return found;
    }
    struct batch_record *record = &batch->record;
    if (batch_hidden(record) || record->finished_at != 0) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    uint64_t line = record->opened;
    int err = collect(self, op, batch, LITE_BATCH_PARKED_ROWS, cancel->limit, &rows, &line);
    if (err == 0) {
        record->stage = BATCH_CANCELLING;
        record->upload = record->upload == BATCH_RECEIVING ? BATCH_BROKEN : record->upload;
        err = cancel_targets(self, op, &rows);
    }
    cancel->ret_more = line != UINT64_MAX;
    record->opened = cancel->ret_more ? line : record->lines;
    batch->ended = self->batches.any_ended = true;
    lite_batch_touch(self, batch);
    return err < 0 ? err : tell(op, batch, &cancel->ret_batch);
}

static int retry_targets(struct lite *self, struct store_op *op, const struct lite_rows *rows)
{
    const struct target *targets = rows->items;
    int err = 0;

    for (unsigned i = 0; i < rows->len && err == 0; i++) {
        const struct store_job_move move = {
            .id = targets[i].id,
            .from = targets[i].state,
            .fence = targets[i].attempt,
            .to = JOB_QUEUED,
            .at = op->batch_retry.at,
            .by_hand = true,
            .reset = true,
        };
        err = move_one(self, op, &move);
    }
    return err;
}

int lite_batch_retry(struct lite *self, struct store_op *op)
{
    struct store_batch_retry *retry = &op->batch_retry;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct target)};
    struct lite_batch *batch;

    int found = find(self, op, &retry->batch, &batch);
    if (found <= 0) {
        return found;
    }
    struct batch_record *record = &batch->record;
    if (batch_hidden(record) || record->stage != BATCH_OPEN || record->upload == BATCH_RECEIVING) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    uint64_t line = retry->after;
    int err = collect(self, op, batch, LITE_BATCH_FAILED_ROWS, retry->limit, &rows, &line);
    if (err == 0) {
        err = retry_targets(self, op, &rows);
    }
    const struct target *first = rows.items;
    if (rows.len > 0 && first->line <= record->opened) {
        record->opened = first->line - 1;
        record->parked += rows.len;
    }
    retry->ret_count = rows.len;
    retry->ret_next = line != UINT64_MAX ? line : 0;
    lite_batch_touch(self, batch);
    return err < 0 ? err : tell(op, batch, &retry->ret_batch);
}

/* Nobody will ever hear of it again, but the schedule that made it. */
static int forget_upload(struct lite *self, struct store_op *op, const struct lite_batch *batch)
{
    const struct work work = {WORK_BATCH, batch->record.id};
    int err = lite_run_int(&self->writer, LITE_BATCH_UNSCOPE, batch->seq);

    if (err == 0) {
        err = lite_run_explain(self, &work.id, op->batch_drop.reason);
    }
    return err < 0 ? err : lite_end_add(op, &work);
}

int lite_batch_drop(struct lite *self, struct store_op *op)
{
    struct lite_batch *batch;
    int found = find(self, op, &op->batch_drop.batch, &batch);

    if (found <= 0) {
        return found;
    }
    if (!batch_hidden(&batch->record)) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    batch->record.stage = BATCH_DROPPING;
    batch->record.opened = 0;
    lite_batch_touch(self, batch);
    return forget_upload(self, op, batch);
}

/* --- Purge -------------------------------------------------------------------------------------*/

static int delete_rows(struct lite *self, int64_t batch)
{
    int err = lite_run_int(&self->writer, LITE_BATCH_BAD_DELETE, batch);

    if (err == 0) {
        err = lite_run_int(&self->writer, LITE_RANGE_DELETE, batch);
    }
    if (err == 0) {
        err = lite_callback_drop_of(self, WORK_BATCH, batch);
    }
    return err < 0 ? err : lite_run_int(&self->writer, LITE_BATCH_DELETE, batch);
}

/* Removes jobs that nobody ever saw; none of them has run. */
static int drop_lines(struct lite *self, struct store_op *op, struct lite_batch *batch)
{
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct target)};
    uint64_t line = batch->record.opened;
    int err = collect(self, op, batch, LITE_BATCH_PARKED_ROWS, op->purge.limit, &rows, &line);
    const struct target *targets = rows.items;

    for (unsigned i = 0; i < rows.len && err == 0; i++) {
        struct lite_job job;
        err = lite_job_find(self, &targets[i].id, &op->arena, &job);
        if (err <= 0) {
            continue;
        }
        err = job.has_files ? lite_files_release(self, job.seq) : 0;
        err = err == 0 ? lite_flow_forget(self, job.seq) : err;
        err = err == 0 ? lite_job_remove(self, job.seq, job.state, job.queue) : err;
    }
    op->purge.ret_removed += rows.len;
    op->purge.ret_more = true;
    if (err == 0 && line == UINT64_MAX) {
        err = delete_rows(self, batch->seq);
        lite_batch_forget(self, batch);
        return err;
    }
    batch->record.opened = line;
    lite_batch_touch(self, batch);
    return err;
}

/* An upload that nobody has continued. */
static void give_up(struct lite *self, struct lite_batch *batch)
{
    struct batch_record *record = &batch->record;

    if (record->atomic) {
        record->stage = BATCH_DROPPING;
        record->opened = 0;
    } else {
        record->upload = BATCH_BROKEN;
        batch->ended = self->batches.any_ended = true;
    }
    lite_batch_touch(self, batch);
}

static int purge_finished(struct lite *self, struct store_purge *purge)
{
    for (;;) {
        struct lite_call call = lite_call(&self->writer, LITE_BATCH_DUE);
        lite_bind_int(&call, purge->now);
        int found = lite_step(&call);
        int64_t seq = found > 0 ? lite_int(&call) : 0;
        lite_end(&call);
        if (found <= 0) {
            return found;
        }
        int err = delete_rows(self, seq);
        if (err < 0) {
            return err;
        }
        purge->ret_removed++;
    }
}

int lite_batches_purge(struct lite *self, struct store_op *op)
{
    struct lite_batch *dropping = NULL;

    MAP_FOR_EACH(entry, &self->batches.by_id) {
        struct lite_batch *batch = entry->value;
        const struct batch_record *record = &batch->record;
        if (record->upload == BATCH_RECEIVING && record->stage == BATCH_OPEN &&
            record->touched_at + BATCH_UPLOAD_KEPT_MS <= op->purge.now) {
            give_up(self, batch);
        }
        if (record->stage == BATCH_DROPPING) {
            dropping = batch;
        }
    }
    int err = purge_finished(self, &op->purge);
    return err == 0 && dropping ? drop_lines(self, op, dropping) : err;
}
