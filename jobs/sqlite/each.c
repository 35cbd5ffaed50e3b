#include "jobs/sqlite/lite.h"

#include <stdio.h>

/* Jobs with for_each and their items, which are numbers one behind the other. See jobs/flow.h. */

struct each {
    bool given; /* it has for_each */
    bool made;  /* its items */
    bool cancelling;
    int64_t first;
    int64_t count;
};

/* 1: found; 0: the job has no link; negative. */
static int read_each(struct lite_db *db, int64_t seq, struct each *ret_each)
{
    struct lite_call call = lite_call(db, LITE_EACH_GET);

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    if (found > 0) {
        ret_each->given = lite_int(&call) != 0;
        ret_each->made = lite_int(&call) != 0;
        ret_each->cancelling = lite_int(&call) != 0;
        ret_each->first = lite_int(&call);
        ret_each->count = lite_int(&call);
    }
    lite_end(&call);
    return found;
}

static struct lite_call items_call(struct lite_db *db, enum lite_statement statement,
                                   const struct each *each)
{
    struct lite_call call = lite_call(db, statement);

    lite_bind_int(&call, each->first);
    lite_bind_int(&call, each->first + each->count - 1);
    return call;
}

int lite_link_cancelling(struct lite *self, int64_t seq)
{
    struct each each;
    int found = read_each(&self->writer, seq, &each);

    return found > 0 ? each.cancelling : found;
}

/* --- What it comes to --------------------------------------------------------------------------*/

/* The items of a job, all of which have ended. */
struct sum {
    const struct each *each;
    unsigned states[JOB_STATE_COUNT];
    struct id bad; /* the first that did not succeed */
    struct buf results;
    int64_t next; /* whose result comes next; the row may be gone */
};

static void add_result(struct sum *sum, int64_t seq, struct str result)
{
    while (sum->next <= seq) {
        bool last = sum->next == seq;
        buf_append_c(&sum->results, sum->next > sum->each->first ? "," : "");
        buf_append_str(&sum->results, last && result.len > 0 ? result : STR("null"));
        sum->next++;
    }
}

static int add_up(struct lite *self, struct sum *sum)
{
    struct lite_call call = items_call(&self->writer, LITE_ITEMS_ENDED, sum->each);
    int got;

    buf_append_char(&sum->results, '[');
    while ((got = lite_step(&call)) > 0) {
        int64_t seq = lite_int(&call);
        struct id id = lite_id(&call);
        int64_t state = lite_int(&call);
        if (state != JOB_SUCCEEDED && id_is_zero(&sum->bad)) {
            sum->bad = id;
        }
        if (state >= 0 && state < JOB_STATE_COUNT) {
            sum->states[state]++;
        }
        add_result(sum, seq, lite_str(&call));
    }
    lite_end(&call);
    add_result(sum, sum->each->first + sum->each->count - 1, STR(""));
    buf_append_char(&sum->results, ']');
    return got;
}

/* {"job":"…"}: the first that did not succeed. */
static struct str bad_details(struct arena *arena, const struct sum *sum)
{
    char text[ID_TEXT_LEN + 1];
    char json[64];

    id_format(&sum->bad, text);
    snprintf(json, sizeof json, "{\"job\":\"%s\"}", text);
    return arena_str(arena, str_from_c(json));
}

static struct str words(struct arena *arena, const char *format, unsigned some, int64_t all)
{
    char text[96];

    snprintf(text, sizeof text, format, some, (long long)all);
    return arena_str(arena, str_from_c(text));
}

static void conclude_badly(const struct sum *sum, struct arena *arena, unsigned bad,
                           struct store_job_move *move)
{
    unsigned unknown = sum->states[JOB_UNKNOWN];

    move->error_details = bad_details(arena, sum);
    if (unknown > 0) {
        move->to = JOB_UNKNOWN;
        move->error_code = str_from_c(hub_err_code(HUB_ERR_OUTCOME_UNKNOWN));
        move->error_message =
            words(arena, "How %u of %lld items ended nobody knows", unknown, sum->each->count);
    } else if (sum->each->cancelling) {
        move->to = JOB_CANCELLED;
        move->error_code = str_from_c(hub_err_code(HUB_ERR_CANCELLED));
        move->error_message = str_from_c(hub_err_title(HUB_ERR_CANCELLED));
    } else {
        move->to = JOB_FAILED;
        move->error_code = STR("items_failed");
        move->error_message =
            words(arena, "%u of %lld items did not succeed", bad, sum->each->count);
    }
}

static void conclude_well(struct sum *sum, struct arena *arena, struct store_job_move *move)
{
    if (buf_failed(&sum->results)) {
        move->to = JOB_FAILED;
        move->error_code = str_from_c(hub_err_code(HUB_ERR_OUTPUT_TOO_LARGE));
        move->error_message = STR("The results of the items are over 4 MiB together");
        return;
    }
    move->to = JOB_SUCCEEDED;
    move->result = arena_str(arena, buf_view(&sum->results));
}

/* All its items have ended: fills in the move that this makes of it. */
static int conclude(struct lite *self, struct arena *arena, const struct each *each,
                    struct store_job_move *ret_move)
{
    struct sum sum = {.each = each, .next = each->first};

    buf_init(&sum.results, FLOW_RESULTS_MAX);
    int err = add_up(self, &sum);
    if (err == 0) {
        unsigned bad = sum.states[JOB_FAILED] + sum.states[JOB_CANCELLED] + sum.states[JOB_UNKNOWN];
        if (bad > 0) {
            conclude_badly(&sum, arena, bad, ret_move);
        } else {
            conclude_well(&sum, arena, ret_move);
        }
    }
    buf_release(&sum.results);
    return err;
}

int lite_each_conclude(struct lite *self, struct arena *arena, int64_t seq,
                       struct store_job_move *ret_move)
{
    struct each each;
    int found = read_each(&self->writer, seq, &each);

    if (found <= 0) {
        return found < 0 ? found : HUB_ERR_INTERNAL;
    }
    return conclude(self, arena, &each, ret_move);
}

/* --- Making items ------------------------------------------------------------------------------*/

/* Sets op->err. */
static int make_items(struct lite *self, struct store_op *op, struct store_op *scratch, int64_t seq,
                      struct each *each)
{
    const struct store_job_expand *expand = &op->job_expand;

    if (expand->item_count > FLOW_ITEMS_MAX) {
        op->err = HUB_ERR_LIMIT;
        return 0;
    }
    *each = (struct each){true, true, false, self->last_job + 1, expand->item_count};
    for (unsigned i = 0; i < expand->item_count; i++) {
        struct flow_item *item = &expand->items[i];
        scratch->err = 0;
        scratch->job_insert = (struct store_job_insert){.job = item->job};
        int err = lite_job_insert_as(self, scratch, ++self->last_job);
        if (err < 0 || scratch->err < 0) {
            return err < 0 ? err : HUB_ERR_INTERNAL; /* new ids, no parents, no files */
        }
        item->ret_state = scratch->job_insert.ret_state;
        item->ret_event_seq = scratch->event_seq;
    }
    struct lite_call call = lite_call(&self->writer, LITE_EACH_MADE);
    lite_bind_int(&call, seq);
    lite_bind_int(&call, each->first);
    lite_bind_int(&call, each->count);
    return lite_run(&call);
}

static int collect_bad(struct lite *self, const struct each *each, struct lite_rows *rows)
{
    struct lite_call call = items_call(&self->writer, LITE_ITEMS_BAD, each);
    int64_t seq;
    int got;

    while ((got = lite_step(&call)) > 0) {
        struct flow_item *item = lite_rows_add(rows);
        if (!item || !lite_read_schedule(&call, rows->arena, &item->job, &seq)) {
            got = HUB_ERR_NOMEM;
            break;
        }
    }
    lite_end(&call);
    return got;
}

/* Items that were made before: those that failed or were cancelled go back. */
static int put_back(struct lite *self, struct store_op *op, struct store_op *scratch,
                    const struct each *each)
{
    struct store_job_expand *expand = &op->job_expand;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct flow_item)};
    int err = collect_bad(self, each, &rows);

    expand->ret_back = rows.items;
    expand->ret_back_count = rows.len;
    for (unsigned i = 0; i < rows.len && err == 0; i++) {
        struct flow_item *item = &expand->ret_back[i];
        scratch->err = 0;
        scratch->job_move = (struct store_job_move){
            .id = item->job.id,
            .from = item->job.state,
            .fence = item->job.attempt,
            .to = JOB_QUEUED,
            .at = expand->at,
            .by_hand = true,
            .reset = true,
        };
        err = lite_job_move(self, scratch);
        err = err == 0 && scratch->err < 0 ? HUB_ERR_INTERNAL : err;
        item->ret_state = JOB_QUEUED;
        item->ret_event_seq = scratch->event_seq;
    }
    return err;
}

/* --- Waiting for them --------------------------------------------------------------------------*/

/* How many of them are not finished; or negative. */
static int wait_for(struct lite *self, int64_t seq, const struct each *each)
{
    struct lite_call call = items_call(&self->writer, LITE_ITEMS_WAIT, each);

    self->any_flows = true;
    lite_bind_int(&call, seq);
    lite_bind_int(&call, JOB_PARENT_RUN_ANYWAY);
    int err = lite_run(&call);
    return err < 0 ? err : lite_changes(&self->writer);
}

/* Moves the job itself. Its children are `ret_released` of the last move. */
static int move_self(struct lite *self, struct store_op *op, struct store_op *scratch,
                     const struct lite_job *job, struct store_job_move move)
{
    struct store_job_expand *expand = &op->job_expand;

    move.id = job->id;
    move.fence = job->attempt;
    move.at = expand->at;
    scratch->err = 0;
    scratch->job_move = move;
    int err = lite_job_move(self, scratch);
    if (err < 0 || scratch->err < 0) {
        return err < 0 ? err : HUB_ERR_INTERNAL;
    }
    op->event_seq = scratch->event_seq;
    expand->ret_state = move.to;
    unsigned count = scratch->job_move.ret_released_count;
    if (count > 0) {
        expand->ret_released = arena_memdup(&op->arena, scratch->job_move.ret_released,
                                            count * sizeof *expand->ret_released);
        expand->ret_released_count = count;
        err = expand->ret_released ? 0 : HUB_ERR_NOMEM;
    }
    return err;
}

static int begin_waiting(struct lite *self, struct store_op *op, struct store_op *scratch,
                         const struct lite_job *job, const struct each *each)
{
    struct store_job_move move = {
        .from = JOB_QUEUED,
        .to = JOB_RUNNING,
        .attempt.started_at = op->job_expand.at,
    };
    int waiting = wait_for(self, job->seq, each);
    int err = waiting < 0 ? waiting : move_self(self, op, scratch, job, move);

    if (err < 0 || waiting > 0) {
        return err;
    }
    move = (struct store_job_move){.from = JOB_RUNNING};
    err = conclude(self, &op->arena, each, &move);
    return err < 0 ? err : move_self(self, op, scratch, job, move);
}

static int expand(struct lite *self, struct store_op *op, struct store_op *scratch,
                  const struct lite_job *job)
{
    struct each each = {0};
    int found = read_each(&self->writer, job->seq, &each);

    if (found < 0 || !each.given || each.cancelling) {
        op->err = HUB_ERR_CONFLICT;
        return found < 0 ? found : 0;
    }
    int err = each.made ? put_back(self, op, scratch, &each)
                        : make_items(self, op, scratch, job->seq, &each);
    return err < 0 || op->err < 0 ? err : begin_waiting(self, op, scratch, job, &each);
}

int lite_job_expand(struct lite *self, struct store_op *op)
{
    struct store_job_expand *given = &op->job_expand;
    struct lite_job job;

    given->ret_back = NULL;
    given->ret_back_count = 0;
    given->ret_released = NULL;
    given->ret_released_count = 0;
    int found = lite_job_find(self, &given->id, &op->arena, &job);
    if (found <= 0 || job.state != JOB_QUEUED) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : HUB_ERR_CONFLICT;
        return found < 0 ? found : 0;
    }
    struct store_op *scratch = store_op_new(STORE_JOB_MOVE);
    int err = scratch ? expand(self, op, scratch, &job) : HUB_ERR_NOMEM;
    store_op_free(scratch);
    return err;
}

/* --- Cancel ------------------------------------------------------------------------------------*/

static int list_unfinished(struct lite_call *call, struct store_op *op)
{
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct id)};
    int got;

    while ((got = lite_step(call)) > 0) {
        struct id *id = lite_rows_add(&rows);
        if (!id) {
            got = HUB_ERR_NOMEM;
            break;
        }
        *id = lite_id(call);
    }
    lite_end(call);
    op->flow_cancel.ret_jobs = rows.items;
    op->flow_cancel.ret_count = rows.len;
    return got;
}

static int cancel_items(struct lite *self, struct store_op *op)
{
    struct lite_job job;
    struct each each = {0};
    int found = lite_job_find(self, &op->flow_cancel.id, &op->arena, &job);

    if (found > 0) {
        found = read_each(&self->writer, job.seq, &each);
    }
    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : 0;
        return found;
    }
    int err = lite_run_int(&self->writer, LITE_LINK_CANCEL, job.seq);
    if (err == 0) {
        struct lite_call mark = items_call(&self->writer, LITE_ITEMS_CANCEL, &each);
        err = lite_run(&mark);
    }
    struct lite_call call = items_call(&self->writer, LITE_ITEMS_UNFINISHED, &each);
    return err < 0 ? err : list_unfinished(&call, op);
}

static int cancel_flow(struct lite *self, struct store_op *op)
{
    struct lite_call find = lite_call(&self->writer, LITE_FLOW_FIND);

    lite_bind_id(&find, &op->flow_cancel.id);
    int found = lite_step(&find);
    int64_t flow = found > 0 ? lite_int(&find) : 0;
    lite_end(&find);
    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : 0;
        return found;
    }
    int err = lite_run_int(&self->writer, LITE_FLOW_CANCEL, flow);
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_UNFINISHED);
    lite_bind_int(&call, flow);
    return err < 0 ? err : list_unfinished(&call, op);
}

int lite_flow_cancel(struct lite *self, struct store_op *op)
{
    return op->flow_cancel.of_items ? cancel_items(self, op) : cancel_flow(self, op);
}

/* --- Reading -----------------------------------------------------------------------------------*/

static int count_items(struct lite *self, const struct each *each, struct job_items *ret_items)
{
    struct lite_call call = items_call(&self->reader, LITE_ITEM_STATES, each);
    int got;

    while ((got = lite_step(&call)) > 0) {
        int64_t state = lite_int(&call);
        if (state >= 0 && state < JOB_STATE_COUNT) {
            ret_items->states[state]++;
        }
    }
    lite_end(&call);
    return got;
}

int lite_each_items(struct lite *self, int64_t seq, struct job_items *ret_items, int64_t *ret_first)
{
    struct each each = {0};
    int found = read_each(&self->reader, seq, &each);

    *ret_items = (struct job_items){.made = each.made, .count = (unsigned)each.count};
    *ret_first = each.first;
    return found < 0 || !each.made ? (found < 0 ? found : 0) : count_items(self, &each, ret_items);
}
