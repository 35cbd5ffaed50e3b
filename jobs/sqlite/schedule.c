#include "jobs/sqlite/lite.h"

#include <assert.h>

static_assert(SCHEDULE_WAITING == 0, "statements.h and the migration say so");

/* --- Schedules ---------------------------------------------------------------------------------*/

static int is_there(struct lite *self, int64_t seq)
{
    struct lite_call call = lite_call(&self->writer, LITE_SCHEDULE_IS_THERE);

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    lite_end(&call);
    return found;
}

int lite_schedule_put(struct lite *self, struct store_op *op)
{
    struct store_schedule_put *put = &op->schedule_put;
    struct schedule_record *schedule = &put->schedule;
    struct lite_call call = lite_call(&self->writer, LITE_SCHEDULE_PUT);
    int64_t created_at = schedule->created_at, seq = schedule->seq;

    lite_bind_text(&call, schedule->name);
    lite_bind_text(&call, schedule->spec);
    lite_bind_text(&call, schedule->created_by);
    lite_bind_int(&call, schedule->paused);
    lite_bind_int(&call, created_at);
    lite_bind_int(&call, schedule->updated_at);
    lite_bind_int(&call, schedule->cursor_at);
    lite_bind_int(&call, put->keep_cursor);
    int got = lite_step(&call);
    if (got > 0) {
        schedule->seq = lite_int(&call);
        schedule->created_at = lite_int(&call);
        schedule->cursor_at = lite_int(&call);
        put->ret_new = schedule->seq != seq;
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

int lite_schedule_pause(struct lite *self, struct store_op *op)
{
    const struct store_schedule_pause *pause = &op->schedule_pause;
    struct lite_call call = lite_call(&self->writer, LITE_SCHEDULE_PAUSE);

    lite_bind_int(&call, pause->seq);
    lite_bind_int(&call, pause->paused);
    lite_bind_int(&call, pause->at);
    lite_bind_int(&call, pause->cursor_at);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_NOT_FOUND;
    }
    return err;
}

int lite_schedule_delete(struct lite *self, struct store_op *op)
{
    int64_t seq = op->schedule_delete.seq;
    int err = lite_run_int(&self->writer, LITE_SCHEDULE_DELETE, seq);

    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_NOT_FOUND;
        return 0;
    }
    return err < 0 ? err : lite_run_int(&self->writer, LITE_RUN_DROP_WAITING, seq);
}

/* --- Ticks -------------------------------------------------------------------------------------*/

int lite_tick_look(struct lite *self, struct store_op *op, const struct store_tick *tick)
{
    int found = is_there(self, tick->schedule);

    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_GONE : 0;
        return found;
    }
    struct lite_call call = lite_call(&self->writer, LITE_RUN_OUTCOME);
    lite_bind_int(&call, tick->schedule);
    lite_bind_int(&call, tick->run.tick);
    found = lite_step(&call);
    bool waits = found > 0 && lite_int(&call) == SCHEDULE_WAITING;
    lite_end(&call);
    if (found >= 0 && (tick->was_waiting ? !waits : found > 0)) {
        op->err = HUB_ERR_CONFLICT;
    }
    return found < 0 ? found : 0;
}

int lite_tick_write(struct lite *self, const struct store_tick *tick)
{
    const struct schedule_run *run = &tick->run;
    struct lite_call call = lite_call(&self->writer, LITE_RUN_PUT);

    lite_bind_int(&call, tick->schedule);
    lite_bind_int(&call, run->tick);
    lite_bind_int(&call, run->at);
    lite_bind_int(&call, run->outcome);
    lite_bind_int(&call, run->by_hand);
    lite_bind_int(&call, run->misfired);
    lite_bind_int(&call, run->missed);
    if (id_is_zero(&run->made.id)) {
        lite_bind_null(&call);
    } else {
        lite_bind_id(&call, &run->made.id);
    }
    lite_bind_str(&call, run->reason);
    if (run->outcome == SCHEDULE_WAITING) {
        lite_bind_null(&call);
    } else {
        lite_bind_int(&call, tick->purge_at);
    }
    lite_bind_int(&call, run->made.kind);
    int err = lite_run(&call);
    if (err == 0 && tick->cursor_at != 0) {
        call = lite_call(&self->writer, LITE_SCHEDULE_SET_CURSOR);
        lite_bind_int(&call, tick->schedule);
        lite_bind_int(&call, tick->cursor_at);
        err = lite_run(&call);
    }
    return err;
}

int lite_run_explain(struct lite *self, const struct id *made, struct str reason)
{
    if (reason.len == 0) {
        return 0;
    }
    struct lite_call call = lite_call(&self->writer, LITE_RUN_SET_REASON);
    lite_bind_id(&call, made);
    lite_bind_str(&call, reason);
    return lite_run(&call);
}

int lite_schedule_tick(struct lite *self, struct store_op *op)
{
    const struct store_tick *tick = &op->schedule_tick.tick;
    int err = lite_tick_look(self, op, tick);

    return err < 0 || op->err < 0 ? err : lite_tick_write(self, tick);
}

int lite_runs_purge(struct lite *self, struct store_purge *purge)
{
    unsigned limit = purge->limit > purge->ret_removed ? purge->limit - purge->ret_removed : 0;
    struct lite_call call = lite_call(&self->writer, LITE_RUN_PURGE);

    lite_bind_int(&call, purge->now);
    lite_bind_int(&call, limit);
    int err = lite_run(&call);
    if (err == 0) {
        unsigned removed = (unsigned)lite_changes(&self->writer);
        purge->ret_removed += removed;
        purge->ret_more |= purge->limit > 0 && removed == limit;
    }
    return err;
}

/* --- Reading -----------------------------------------------------------------------------------*/

/* Appends the rows of a running call for LITE_RUN, at most `limit`; 1 if there are more. */
static int read_runs(struct lite_call *call, struct arena *arena, unsigned limit,
                     struct lite_rows *rows)
{
    bool ok = true;
    int got = 0;

    while (ok && (got = lite_step(call)) > 0 && rows->len < limit) {
        struct schedule_run *run = lite_rows_add(rows);
        if (!run) {
            got = HUB_ERR_NOMEM;
            break;
        }
        run->tick = lite_int(call);
        run->at = lite_int(call);
        run->outcome = (enum schedule_outcome)lite_int(call);
        run->by_hand = lite_int(call) != 0;
        run->misfired = lite_int(call) != 0;
        run->missed = (uint32_t)lite_int(call);
        run->made.id = lite_id(call);
        run->reason = lite_copy(call, arena, &ok);
        run->made.kind = (enum work_kind)lite_int(call);
    }
    lite_end(call);
    return ok ? got : HUB_ERR_NOMEM;
}

int lite_schedule_runs(struct lite *self, struct store_op *op)
{
    struct store_schedule_runs *runs = &op->schedule_runs;
    unsigned limit = runs->limit < STORE_LIMIT_MAX ? runs->limit : STORE_LIMIT_MAX;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct schedule_run)};
    struct lite_call call = lite_call(&self->reader, LITE_RUNS_DOWN);

    lite_bind_int(&call, runs->schedule);
    lite_bind_int(&call, runs->before ? runs->before : INT64_MAX);
    lite_bind_int(&call, (int64_t)limit + 1);
    int got = read_runs(&call, &op->arena, limit, &rows);
    runs->ret_runs = rows.items;
    runs->ret_count = rows.len;
    runs->ret_more = got > 0;
    return got < 0 ? got : 0;
}

static int read_schedules(struct lite *self, struct store_op *op, struct lite_rows *rows)
{
    struct lite_call call = lite_call(&self->reader, LITE_SCHEDULE_ALL);
    bool ok = true;
    int got = 0;

    while (ok && (got = lite_step(&call)) > 0) {
        struct schedule_loaded *loaded = lite_rows_add(rows);
        if (!loaded) {
            got = HUB_ERR_NOMEM;
            break;
        }
        struct schedule_record *record = &loaded->record;
        record->seq = lite_int(&call);
        record->name = lite_copy(&call, &op->arena, &ok);
        record->spec = lite_copy(&call, &op->arena, &ok);
        record->created_by = lite_copy(&call, &op->arena, &ok);
        record->paused = lite_int(&call) != 0;
        record->created_at = lite_int(&call);
        record->updated_at = lite_int(&call);
        record->cursor_at = lite_int(&call);
    }
    lite_end(&call);
    return ok ? got : HUB_ERR_NOMEM;
}

static int read_last_jobs(struct lite *self, struct schedule_loaded *loaded)
{
    struct lite_call call = lite_call(&self->reader, LITE_RUNS_WITH_JOB);
    int got;

    lite_bind_int(&call, loaded->record.seq);
    lite_bind_int(&call, SCHEDULE_LAST_JOBS);
    while ((got = lite_step(&call)) > 0) {
        struct work *made = &loaded->made[loaded->made_count];
        made->kind = (enum work_kind)lite_int(&call);
        made->id = lite_id(&call);
        loaded->made_count += lite_int(&call) != 0;
    }
    lite_end(&call);
    return got;
}

static int read_waiting(struct lite *self, struct arena *arena, struct schedule_loaded *loaded)
{
    struct lite_rows rows = {.arena = arena, .size = sizeof(struct schedule_run)};
    struct lite_call call = lite_call(&self->reader, LITE_RUNS_WAITING);

    lite_bind_int(&call, loaded->record.seq);
    lite_bind_int(&call, SCHEDULE_WAITING_MAX);
    int got = read_runs(&call, arena, SCHEDULE_WAITING_MAX, &rows);
    loaded->waiting = rows.items;
    loaded->waiting_count = rows.len;
    return got < 0 ? got : 0;
}

int lite_schedule_list(struct lite *self, struct store_op *op)
{
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct schedule_loaded)};
    int err = read_schedules(self, op, &rows);
    struct schedule_loaded *loaded = rows.items;

    for (unsigned i = 0; i < rows.len && err == 0; i++) {
        err = read_last_jobs(self, &loaded[i]);
        if (err == 0) {
            err = read_waiting(self, &op->arena, &loaded[i]);
        }
    }
    op->schedule_list.ret_schedules = loaded;
    op->schedule_list.ret_count = rows.len;
    return err;
}
