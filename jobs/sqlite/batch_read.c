#include "jobs/sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

#define RESULT_LINES_MAX 4096              /* that one call looks at */
#define RESULT_BYTES_MAX ((size_t)1 << 20) /* and takes */

/* --- Batches -----------------------------------------------------------------------------------*/

static int read_batch(struct lite *self, struct store_op *op, const struct id *id, int64_t *ret_seq,
                      struct batch_record *ret_batch)
{
    struct lite_call call = lite_call(&self->reader, LITE_BATCH_GET);
    int64_t on_complete;
    bool ok = true;

    lite_bind_id(&call, id);
    int found = lite_step(&call);
    if (found > 0) {
        ok = lite_read_batch(&call, &op->arena, ret_seq, &on_complete, ret_batch);
    }
    lite_end(&call);
    return !ok ? HUB_ERR_NOMEM : found == 0 ? HUB_ERR_NOT_FOUND : found < 0 ? found : 0;
}

int lite_batch_get(struct lite *self, struct store_op *op)
{
    int64_t seq;

    return read_batch(self, op, &op->batch_get.id, &seq, &op->batch_get.ret_batch);
}

int lite_batch_list(struct lite *self, struct store_op *op)
{
    struct store_batch_list *list = &op->batch_list;
    struct lite_call call = lite_call(&self->reader, list->unfinished_only ? LITE_BATCHES_UNFINISHED
                                                                           : LITE_BATCHES_DOWN);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct batch_record)};
    int64_t seq, on_complete;
    struct id newest;
    int got;

    memset(&newest, 0xff, sizeof newest);
    list->limit = list->limit < STORE_LIMIT_MAX ? list->limit : STORE_LIMIT_MAX;
    list->ret_more = false;
    lite_bind_id(&call, id_is_zero(&list->before) ? &newest : &list->before);
    while ((got = lite_step(&call)) > 0) {
        if (rows.len == list->limit) {
            list->ret_more = true;
            break;
        }
        struct batch_record *batch = lite_rows_add(&rows);
        if (!batch || !lite_read_batch(&call, &op->arena, &seq, &on_complete, batch)) {
            got = HUB_ERR_NOMEM;
            break;
        }
    }
    lite_end(&call);
    list->ret_batches = rows.items;
    list->ret_count = rows.len;
    return got < 0 ? got : 0;
}

/* --- Results -----------------------------------------------------------------------------------*/

static int read_jobs(struct lite *self, struct store_op *op, struct lite_rows *rows,
                     const struct lite_stretch *stretch, int64_t count, uint64_t *ret_line)
{
    struct lite_call call = lite_call(&self->reader, LITE_BATCH_RESULT_ROWS);
    bool ok = true;
    int64_t seq;
    int got;

    *ret_line = stretch->line + (uint64_t)count - 1;
    lite_bind_int(&call, stretch->first);
    lite_bind_int(&call, stretch->first + count - 1);
    while ((got = lite_step(&call)) > 0) {
        struct batch_result *result = lite_rows_add(rows);
        if (!result || !lite_read_shown(&call, &op->arena, &result->job, &seq)) {
            got = HUB_ERR_NOMEM;
            break;
        }
        result->job.result = lite_copy(&call, &op->arena, &ok);
        result->line = stretch->line + (uint64_t)(seq - stretch->first);
        if (rows->len == op->batch_results.limit || op->arena.used > RESULT_BYTES_MAX) {
            *ret_line = result->line;
            break;
        }
    }
    lite_end(&call);
    return got < 0 ? got : ok ? 0 : HUB_ERR_NOMEM;
}

static int read_bad(struct lite *self, struct store_op *op, struct lite_rows *rows, int64_t batch,
                    uint64_t last)
{
    struct lite_call call = lite_call(&self->reader, LITE_BATCH_BAD_BETWEEN);
    bool ok = true;
    int got;

    lite_bind_int(&call, batch);
    lite_bind_int(&call, (int64_t)op->batch_results.after + 1);
    lite_bind_int(&call, (int64_t)last);
    while ((got = lite_step(&call)) > 0) {
        struct batch_result *result = lite_rows_add(rows);
        if (!result) {
            got = HUB_ERR_NOMEM;
            break;
        }
        result->is_bad = true;
        result->line = result->bad.line = (uint64_t)lite_int(&call);
        result->bad.pointer = lite_copy(&call, &op->arena, &ok);
        result->bad.reason = lite_copy(&call, &op->arena, &ok);
    }
    lite_end(&call);
    return got < 0 ? got : ok ? 0 : HUB_ERR_NOMEM;
}

static int by_line(const void *a, const void *b)
{
    const struct batch_result *x = a;
    const struct batch_result *y = b;

    return (x->line > y->line) - (x->line < y->line);
}

/* The last line that the call answers for: its jobs are in `rows` then. */
static int read_stretch(struct lite *self, struct store_op *op, struct lite_rows *rows,
                        int64_t batch, uint64_t lines, uint64_t *ret_last)
{
    struct lite_stretch stretch;
    uint64_t after = op->batch_results.after;
    int found = lite_batch_stretch(&self->reader, batch, after + 1, &stretch);

    if (found < 0) {
        return found;
    }
    uint64_t first = found > 0 ? stretch.line : lines + 1;
    if (first > after + RESULT_LINES_MAX) { /* nothing but bad and blank lines up to there */
        *ret_last = after + RESULT_LINES_MAX;
        return 0;
    }
    *ret_last = lines;
    int64_t left = (int64_t)(after + RESULT_LINES_MAX - first + 1);
    return found == 0 ? 0
                      : read_jobs(self, op, rows, &stretch,
                                  stretch.count < left ? stretch.count : left, ret_last);
}

int lite_batch_results(struct lite *self, struct store_op *op)
{
    struct store_batch_results *results = &op->batch_results;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct batch_result)};
    struct batch_record batch = {0};
    uint64_t last = 0;
    int64_t seq;

    results->limit = results->limit < STORE_LIMIT_MAX ? results->limit : STORE_LIMIT_MAX;
    int err = read_batch(self, op, &results->id, &seq, &batch);
    if (err == 0) {
        err = read_stretch(self, op, &rows, seq, batch.lines, &last);
    }
    if (err == 0) {
        err = read_bad(self, op, &rows, seq, last);
    }
    if (err < 0) {
        return err;
    }
    if (rows.len > 1) {
        qsort(rows.items, rows.len, rows.size, by_line);
    }
    results->ret_items = rows.items;
    results->ret_count = rows.len;
    results->ret_next = last < batch.lines ? last : 0;
    return 0;
}

/* --- Jobs and their batches --------------------------------------------------------------------*/

int lite_batch_of_job(struct lite *self, int64_t seq, struct job_record *ret_job)
{
    struct lite_call call = lite_call(&self->reader, LITE_RANGE_OF_JOB);

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    if (found > 0) {
        ret_job->batch = lite_id(&call);
        ret_job->batch_line = (uint64_t)lite_int(&call);
    }
    lite_end(&call);
    return found < 0 ? found : 0;
}

static int by_first(const void *a, const void *b)
{
    const struct lite_span *x = a;
    const struct lite_span *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

int lite_spans_read(struct lite *self, struct arena *arena, struct lite_spans *ret_spans)
{
    struct lite_call call = lite_call(&self->reader, LITE_RANGES_UNFINISHED);
    struct lite_rows rows = {.arena = arena, .size = sizeof(struct lite_span)};
    int got;

    while ((got = lite_step(&call)) > 0) {
        struct lite_span *span = lite_rows_add(&rows);
        if (!span) {
            got = HUB_ERR_NOMEM;
            break;
        }
        span->first = lite_int(&call);
        span->last = span->first + lite_int(&call) - 1;
        int64_t parked = span->first + lite_int(&call);
        span->parked = parked > span->first ? parked : span->first;
        span->batch = lite_id(&call);
        span->hidden = lite_int(&call) != 0;
    }
    lite_end(&call);
    if (rows.len > 1) {
        qsort(rows.items, rows.len, rows.size, by_first);
    }
    ret_spans->items = rows.items;
    ret_spans->count = rows.len;
    return got;
}

int lite_spans_of_batch(struct lite *self, const struct id *batch, struct arena *arena,
                        struct lite_spans *ret_spans)
{
    struct lite_call call = lite_call(&self->reader, LITE_RANGES_OF);
    struct lite_rows rows = {.arena = arena, .size = sizeof(struct lite_span)};
    int got;

    lite_bind_id(&call, batch);
    while ((got = lite_step(&call)) > 0) {
        struct lite_span *span = lite_rows_add(&rows);
        if (!span) {
            got = HUB_ERR_NOMEM;
            break;
        }
        span->first = lite_int(&call);
        span->last = span->first + lite_int(&call) - 1;
    }
    lite_end(&call);
    ret_spans->items = rows.items;
    ret_spans->count = rows.len;
    return got;
}

const struct lite_span *lite_spans_find(const struct lite_spans *self, int64_t seq)
{
    size_t low = 0;
    size_t high = self->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->items[middle].last < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < self->count && self->items[low].first <= seq ? &self->items[low] : NULL;
}
