#include "base/clock.h"
#include "jobs/sqlite/lite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(JOB_STATE_COUNT == 8, "LITE_BATCH has a column for each state");

#define TEXTS_MAX ((size_t)2 << 20) /* of one batch, while it is read */

/* --- Memory ------------------------------------------------------------------------------------*/

void lite_batches_init(struct lite_batches *self)
{
    *self = (struct lite_batches){0};
    map_init(&self->by_id);
}

static void clear(struct lite_batches *self)
{
    MAP_FOR_EACH(entry, &self->by_id) {
        free(entry->value);
    }
    map_release(&self->by_id);
    map_init(&self->by_id);
    self->range_count = 0;
    self->dirty = NULL;
    self->any_ended = false;
    self->fresh = false;
}

void lite_batches_release(struct lite_batches *self)
{
    clear(self);
    map_release(&self->by_id);
    free(self->ranges);
    *self = (struct lite_batches){0};
}

struct lite_batch *lite_batch_add(struct lite *self, int64_t seq, const struct batch_record *record)
{
    struct lite_batch *batch = calloc(1, sizeof *batch + record->queue.len + 1);

    if (!batch) {
        return NULL;
    }
    char *queue = (char *)(batch + 1);
    memcpy(queue, record->queue.ptr, record->queue.len);
    batch->seq = seq;
    batch->record = *record;
    batch->record.queue = str_of(queue, record->queue.len);
    batch->record.settings = batch->record.created_by = (struct str){0};
    batch->record.source = batch->record.callback_url = (struct str){0};
    if (map_put(&self->batches.by_id, id_view(&batch->record.id), batch) < 0) {
        free(batch);
        return NULL;
    }
    return batch;
}

void lite_batch_forget(struct lite *self, struct lite_batch *batch)
{
    struct lite_batches *batches = &self->batches;
    size_t kept = 0;

    for (size_t i = 0; i < batches->range_count; i++) {
        if (batches->ranges[i].batch != batch) {
            batches->ranges[kept++] = batches->ranges[i];
        }
    }
    batches->range_count = kept;
    for (struct lite_batch **at = &batches->dirty; *at; at = &(*at)->next_dirty) {
        if (*at == batch) {
            *at = batch->next_dirty;
            break;
        }
    }
    map_remove(&batches->by_id, id_view(&batch->record.id));
    free(batch);
}

void lite_batch_touch(struct lite *self, struct lite_batch *batch)
{
    if (!batch->dirty) {
        batch->dirty = true;
        batch->next_dirty = self->batches.dirty;
        self->batches.dirty = batch;
    }
}

/* Index of the last range that does not begin behind `seq`, or -1. */
static ptrdiff_t range_before(const struct lite_batches *self, int64_t seq)
{
    size_t low = 0;
    size_t high = self->range_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->ranges[middle].first <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (ptrdiff_t)low - 1;
}

static struct lite_range *range_of(const struct lite_batches *self, int64_t seq)
{
    ptrdiff_t at = range_before(self, seq);

    return at >= 0 && seq < self->ranges[at].first + self->ranges[at].count ? &self->ranges[at]
                                                                            : NULL;
}

static int add_range(struct lite_batches *self, const struct lite_range *range)
{
    size_t at = (size_t)(range_before(self, range->first) + 1);
    struct lite_range *ranges =
        lite_array_room(self->ranges, self->range_count, &self->range_cap, sizeof *ranges);

    if (!ranges) {
        return HUB_ERR_NOMEM;
    }
    self->ranges = ranges;
    memmove(&ranges[at + 1], &ranges[at], (self->range_count - at) * sizeof *ranges);
    ranges[at] = *range;
    self->range_count++;
    return 0;
}

/* --- Reading -----------------------------------------------------------------------------------*/

bool lite_read_batch(struct lite_call *call, struct arena *arena, int64_t *ret_seq,
                     int64_t *ret_on_complete, struct batch_record *ret_record)
{
    struct batch_record *record = ret_record;
    bool ok = true;

    *ret_seq = lite_int(call);
    record->id = lite_id(call);
    record->settings = lite_copy(call, arena, &ok);
    record->queue = lite_copy(call, arena, &ok);
    record->created_by = lite_copy(call, arena, &ok);
    record->atomic = lite_int(call) != 0;
    record->created_at = lite_int(call);
    record->retention_ms = lite_int(call);
    record->limits.paused = lite_int(call) != 0;
    record->limits.concurrency = (uint32_t)lite_int(call);
    record->limits.rate = (uint32_t)lite_int(call);
    record->limits.rate_period_ms = (uint32_t)lite_int(call);
    record->upload = (enum batch_upload)lite_int(call);
    record->stage = (enum batch_stage)lite_int(call);
    record->touched_at = lite_int(call);
    record->finished_at = lite_int(call);
    record->lines = (uint64_t)lite_int(call);
    struct str digest = lite_str(call);
    if (digest.len == SHA256_LEN) {
        memcpy(record->digest.bytes, digest.ptr, SHA256_LEN);
    }
    record->opened = (uint64_t)lite_int(call);
    record->parked = (uint64_t)lite_int(call);
    record->bad = (uint64_t)lite_int(call);
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        record->counts[state] = (uint64_t)lite_int(call);
    }
    *ret_on_complete = lite_int(call);
    record->on_complete = lite_id(call);
    record->source = lite_copy(call, arena, &ok);
    return ok;
}

static int read_ranges(struct lite *self, struct lite_batch *batch)
{
    struct lite_call call = lite_call(&self->writer, LITE_RANGE_OF_BATCH);
    int got;

    lite_bind_int(&call, batch->seq);
    while ((got = lite_step(&call)) > 0) {
        struct lite_range range = {.batch = batch};
        range.first = lite_int(&call);
        range.line = lite_int(&call);
        range.count = lite_int(&call);
        int err = add_range(&self->batches, &range);
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(&call);
    return got;
}

/* Takes the batch of a running call into memory. `*ret_batch` is NULL if there is none. */
static int read_one(struct lite *self, struct lite_call *call, struct lite_batch **ret_batch)
{
    struct batch_record record = {0};
    struct arena arena;
    int64_t seq, on_complete;
    int got = lite_step(call);

    *ret_batch = NULL;
    if (got > 0) {
        arena_init(&arena, TEXTS_MAX);
        bool ok = lite_read_batch(call, &arena, &seq, &on_complete, &record);
        struct lite_batch *batch = ok ? lite_batch_add(self, seq, &record) : NULL;
        arena_release(&arena);
        if (batch) {
            batch->on_complete = on_complete;
            *ret_batch = batch;
        } else {
            got = HUB_ERR_NOMEM;
        }
    }
    lite_end(call);
    if (got <= 0) {
        return got;
    }
    int err = read_ranges(self, *ret_batch);
    return err < 0 ? err : 1;
}

int lite_batch_find(struct lite *self, const struct id *id, struct lite_batch **ret_batch)
{
    *ret_batch = map_get(&self->batches.by_id, id_view(id));
    if (*ret_batch) {
        return 1;
    }
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_FIND);
    lite_bind_id(&call, id);
    int got = read_one(self, &call, ret_batch);
    if (got > 0) {
        lite_batch_touch(self, *ret_batch); /* so that the commit takes a finished one out again */
    }
    return got;
}

int lite_batches_refresh(struct lite *self)
{
    struct lite_batch *batch;
    struct id last = {{0}};
    int got = 1;

    if (self->batches.fresh) {
        return 0;
    }
    clear(&self->batches);
    while (got > 0) {
        struct lite_call call = lite_call(&self->writer, LITE_BATCH_NEXT_UNFINISHED);
        lite_bind_id(&call, &last);
        got = read_one(self, &call, &batch);
        last = batch ? batch->record.id : last;
    }
    self->batches.fresh = got == 0;
    return got;
}

/* The range that the job stands in, its batch read if that has finished. 1, 0 or negative. */
static int recall(struct lite *self, int64_t seq, struct lite_range **ret_range)
{
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_OF_JOB);
    struct lite_batch *batch;

    lite_bind_int(&call, seq);
    int got = read_one(self, &call, &batch);
    *ret_range = got > 0 ? range_of(&self->batches, seq) : NULL;
    return got < 0 ? got : *ret_range != NULL;
}

int lite_batch_stretch(struct lite_db *db, int64_t batch, uint64_t line,
                       struct lite_stretch *ret_stretch)
{
    struct lite_call call = lite_call(db, LITE_RANGE_AT);
    bool found = false;
    int got;

    lite_bind_int(&call, batch);
    lite_bind_int(&call, (int64_t)line);
    while (!found && (got = lite_step(&call)) > 0) {
        int64_t first = lite_int(&call);
        int64_t range_line = lite_int(&call);
        int64_t count = lite_int(&call);
        int64_t skip = (int64_t)line > range_line ? (int64_t)line - range_line : 0;
        if (skip < count) {
            found = true;
            *ret_stretch = (struct lite_stretch){
                .first = first + skip,
                .count = count - skip,
                .line = (uint64_t)(range_line + skip),
            };
        }
    }
    lite_end(&call);
    return found ? 1 : got;
}

/* --- Changes -----------------------------------------------------------------------------------*/

int lite_batch_extend(struct lite *self, struct lite_batch *batch, int64_t first, int64_t line,
                      int64_t count)
{
    struct lite_batches *batches = &self->batches;
    ptrdiff_t at = range_before(batches, first);
    struct lite_range *last = at >= 0 ? &batches->ranges[at] : NULL;
    bool grows = last && last->batch == batch && last->first + last->count == first &&
                 last->line + last->count == line;
    struct lite_call call = lite_call(&self->writer, grows ? LITE_RANGE_GROW : LITE_RANGE_INSERT);

    if (grows) {
        lite_bind_int(&call, last->first);
        lite_bind_int(&call, count);
    } else {
        lite_bind_int(&call, first);
        lite_bind_int(&call, batch->seq);
        lite_bind_int(&call, line);
        lite_bind_int(&call, count);
    }
    int err = lite_run(&call);
    if (err < 0) {
        return err;
    }
    if (grows) {
        last->count += count;
        return 0;
    }
    const struct lite_range range = {first, count, line, batch};
    return add_range(batches, &range);
}

/* A figure for people: a retry makes it an estimate, until all lines were opened again. */
void lite_batch_unpark(struct batch_record *record, uint64_t jobs)
{
    record->parked -= jobs < record->parked ? jobs : record->parked;
}

static bool is_unfinished(enum job_state state)
{
    return state != LITE_NO_STATE && !lite_terminal(state);
}

int lite_batches_note(struct lite *self, int64_t seq, enum job_state from, enum job_state to)
{
    struct lite_batches *batches = &self->batches;
    struct lite_range *range = range_of(batches, seq);

    if (!range && from != LITE_NO_STATE && lite_terminal(from)) {
        int got = recall(self, seq, &range);
        if (got < 0) {
            return got;
        }
    }
    if (!range) {
        return 0;
    }
    struct lite_batch *batch = range->batch;
    struct batch_record *record = &batch->record;
    bool is_parked = (uint64_t)(range->line + seq - range->first) > record->opened;
    if (from != LITE_NO_STATE) {
        record->counts[from]--;
    }
    record->counts[to]++;
    if (is_parked) {
        record->parked += is_unfinished(to);
        lite_batch_unpark(record, is_unfinished(from));
    }
    if (is_unfinished(to)) {
        record->finished_at = 0;
    }
    batch->ended = !is_unfinished(to);
    batches->any_ended |= batch->ended;
    lite_batch_touch(self, batch);
    return 0;
}

/* --- The end of a batch ------------------------------------------------------------------------*/

int lite_released_add(struct store_op *op, const struct store_released *released, unsigned count)
{
    struct store_released *all =
        arena_alloc(&op->arena, (op->released_count + count) * sizeof *all);

    if (!all) {
        return HUB_ERR_NOMEM;
    }
    if (op->released_count > 0) {
        memcpy(all, op->released, op->released_count * sizeof *all);
    }
    memcpy(&all[op->released_count], released, count * sizeof *all);
    op->released = all;
    op->released_count += count;
    return 0;
}

static int release_on_complete(struct lite *self, struct store_op *op, int64_t seq, int64_t at)
{
    struct lite_job job;
    struct store_released released = {0};
    int found = lite_job_find_seq(self, seq, &op->arena, &job);

    if (found <= 0 || job.state != JOB_BLOCKED) {
        return found < 0 ? found : 0;
    }
    job.state = job.run_at > at ? JOB_SCHEDULED : JOB_QUEUED;
    const struct store_job_move move = {.to = job.state, .at = at};
    int err = lite_job_write(self, &job, job.attempt, &move);
    if (err == 0) {
        err = lite_job_changed(self, &job, JOB_BLOCKED, at, &released.event_seq);
    }
    if (err < 0) {
        return err;
    }
    released.id = job.id;
    released.state = job.state;
    return lite_released_add(op, &released, 1);
}

int64_t lite_time_of(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_JOB_MOVE:
        return op->job_move.at;
    case STORE_JOB_INSERT:
        return op->job_insert.job.created_at;
    case STORE_BATCH_APPEND:
        return op->batch_append.at;
    case STORE_BATCH_CANCEL:
        return op->batch_cancel.at;
    case STORE_FLOW_INSERT:
        return op->flow_insert.flow.created_at;
    case STORE_PURGE:
        return op->purge.now;
    default:
        return clock_wall_ms();
    }
}

int lite_batches_settle(struct lite *self, struct store_op *op)
{
    if (!self->batches.any_ended) {
        return 0;
    }
    int64_t at = lite_time_of(op);
    self->batches.any_ended = false;
    for (struct lite_batch *batch = self->batches.dirty; batch; batch = batch->next_dirty) {
        struct batch_record *record = &batch->record;
        bool ended = batch->ended && record->upload != BATCH_RECEIVING && !batch_hidden(record) &&
                     record->finished_at == 0 && batch_unfinished(record) == 0;
        batch->ended = false;
        if (!ended) {
            continue;
        }
        record->finished_at = at;
        if (record->stage == BATCH_CANCELLING) {
            record->stage = BATCH_CANCELLED;
        }
        const struct work work = {WORK_BATCH, record->id};
        int err = lite_whole_ended(self, op, &work, batch->seq, at);
        if (err == 0 && batch->on_complete != 0) {
            err = release_on_complete(self, op, batch->on_complete, at);
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* --- The transaction ---------------------------------------------------------------------------*/

static int write_one(struct lite *self, const struct lite_batch *batch)
{
    struct lite_call call = lite_call(&self->writer, LITE_BATCH_UPDATE);
    const struct batch_record *record = &batch->record;

    lite_bind_int(&call, batch->seq);
    lite_bind_int(&call, record->limits.paused);
    lite_bind_int(&call, record->limits.concurrency);
    lite_bind_int(&call, record->limits.rate);
    lite_bind_int(&call, record->limits.rate_period_ms);
    lite_bind_int(&call, record->upload);
    lite_bind_int(&call, record->stage);
    lite_bind_int(&call, record->touched_at);
    lite_bind_int(&call, record->finished_at);
    lite_bind_int(&call, (int64_t)record->lines);
    lite_bind_blob(&call, record->digest.bytes, SHA256_LEN);
    lite_bind_int(&call, (int64_t)record->opened);
    lite_bind_int(&call, (int64_t)record->parked);
    lite_bind_int(&call, (int64_t)record->bad);
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        lite_bind_int(&call, (int64_t)record->counts[state]);
    }
    lite_bind_int(&call, batch->on_complete);
    lite_bind_id(&call, &record->on_complete);
    return lite_run(&call);
}

int lite_batches_flush(struct lite *self)
{
    for (struct lite_batch *batch = self->batches.dirty; batch; batch = batch->next_dirty) {
        int err = write_one(self, batch);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

void lite_batches_committed(struct lite *self)
{
    struct lite_batches *batches = &self->batches;

    while (batches->dirty) {
        struct lite_batch *batch = batches->dirty;
        batches->dirty = batch->next_dirty;
        batch->dirty = false;
        if (batch->record.finished_at != 0) {
            lite_batch_forget(self, batch);
        }
    }
}

void lite_batches_rolled_back(struct lite *self)
{
    clear(&self->batches);
}
