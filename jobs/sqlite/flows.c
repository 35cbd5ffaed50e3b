#include "jobs/sqlite/lite.h"

/* Flows as a whole, and the rows of job_link. See jobs/flow.h. */

/* --- Links -------------------------------------------------------------------------------------*/

int lite_link_insert(struct lite *self, int64_t seq, const struct job_record *job)
{
    struct lite_call call = lite_call(&self->writer, LITE_LINK_INSERT);

    self->any_links = true;
    lite_bind_int(&call, seq);
    lite_bind_id(&call, &job->flow);
    lite_bind_str(&call, job->flow_node);
    lite_bind_int(&call, job->on_parent_failure);
    lite_bind_int(&call, job->open);
    lite_bind_str(&call, job->for_each);
    lite_bind_id(&call, &job->item_of);
    return lite_run(&call);
}

int lite_link_drop_of_job(struct lite *self, int64_t seq)
{
    if (!self->any_links) {
        return 0;
    }
    struct lite_call call = lite_call(&self->writer, LITE_LINK_DELETE);
    lite_bind_int(&call, seq);
    int got = lite_step(&call);
    int64_t flow = got > 0 ? lite_int(&call) : 0;
    lite_end(&call);
    if (got < 0 || flow == 0) {
        return got < 0 ? got : 0;
    }
    int err = lite_run_int(&self->writer, LITE_FLOW_DELETE_EMPTY, flow);
    bool is_gone = err == 0 && lite_changes(&self->writer) > 0;
    return is_gone ? lite_callback_drop_of(self, WORK_FLOW, flow) : err;
}

int lite_job_resolve(struct lite *self, struct store_op *op)
{
    const struct store_job_resolve *resolve = &op->job_resolve;
    struct lite_job job;
    int found = lite_job_find(self, &resolve->id, &op->arena, &job);

    if (found < 0) {
        return found;
    }
    if (found == 0 || job.state != JOB_QUEUED) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : HUB_ERR_CONFLICT;
        return 0;
    }
    struct lite_call call = lite_call(&self->writer, LITE_LINK_RESOLVE);
    lite_bind_int(&call, job.seq);
    lite_bind_str(&call, resolve->input);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_CONFLICT;
    }
    return err;
}

int lite_link_of_job(struct lite *self, int64_t seq, struct arena *arena,
                     struct job_record *ret_job)
{
    struct lite_call call = lite_call(&self->reader, LITE_LINK_GET);
    bool ok = true;

    lite_bind_int(&call, seq);
    int found = lite_step(&call);
    if (found > 0) {
        ret_job->flow = lite_id(&call);
        ret_job->flow_node = lite_copy(&call, arena, &ok);
        ret_job->on_parent_failure = (enum job_parent_policy)lite_int(&call);
        ret_job->open = lite_int(&call) != 0;
        struct str input = lite_copy(&call, arena, &ok);
        if (input.len > 0) {
            ret_job->input_given = ret_job->input;
            ret_job->input = input;
        }
        ret_job->for_each = lite_copy(&call, arena, &ok);
        ret_job->item_of = lite_id(&call);
    }
    lite_end(&call);
    return !ok ? HUB_ERR_NOMEM : found < 0 ? found : 0;
}

/* --- Insert ------------------------------------------------------------------------------------*/

/* Sets op->err if the scope is taken; frees it if its time is over. */
static int claim_scope(struct lite *self, struct store_op *op)
{
    struct store_flow_insert *insert = &op->flow_insert;
    const struct store_idempotency *key = &insert->idempotency;
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_BY_SCOPE);

    lite_bind_blob(&call, key->scope.bytes, SHA256_LEN);
    int found = lite_step(&call);
    int64_t seq = found > 0 ? lite_int(&call) : 0;
    struct id id = found > 0 ? lite_id(&call) : (struct id){{0}};
    struct str request = found > 0 ? lite_str(&call) : STR("");
    bool same =
        request.len == SHA256_LEN && memcmp(request.ptr, key->request.bytes, SHA256_LEN) == 0;
    int64_t until = found > 0 ? lite_int(&call) : 0;
    lite_end(&call);
    if (found <= 0) {
        return found;
    }
    if (until <= insert->flow.created_at) {
        return lite_run_int(&self->writer, LITE_FLOW_UNSCOPE, seq);
    }
    insert->ret_existing = id;
    op->err = same ? HUB_ERR_CONFLICT : HUB_ERR_IDEMPOTENCY_MISMATCH;
    return 0;
}

/* The ids of `job->after` that are not of the flow itself, which are not there yet. */
static unsigned outside(const struct store_flow_insert *insert, unsigned index,
                        struct id ret_ids[JOB_AFTER_MAX])
{
    const struct job_record *job = &insert->items[index].job;
    unsigned count = 0;

    for (unsigned i = 0; i < job->after_count; i++) {
        bool inside = false;
        for (unsigned k = 0; k < index && !inside; k++) {
            inside = id_eq(&insert->items[k].job.id, &job->after[i]);
        }
        if (!inside) {
            ret_ids[count++] = job->after[i];
        }
    }
    return count;
}

/* Can it be inserted? Sets op->err. */
static int check_item(struct lite *self, struct store_op *op, struct store_op *scratch,
                      unsigned index)
{
    struct store_flow_insert *insert = &op->flow_insert;
    const struct job_record *job = &insert->items[index].job;
    struct id ids[JOB_AFTER_MAX];
    int64_t files[JOB_FILES_MAX];
    struct lite_parents parents;
    struct lite_job known;

    if (job->after_count > JOB_AFTER_MAX || job->file_count > JOB_FILES_MAX) {
        op->err = HUB_ERR_LIMIT;
        return 0;
    }
    int found = lite_job_find(self, &job->id, &op->arena, &known);
    if (found != 0) {
        op->err = HUB_ERR_CONFLICT;
        return found < 0 ? found : 0;
    }
    scratch->err = 0;
    scratch->job_insert.job = *job;
    scratch->job_insert.job.after = ids;
    scratch->job_insert.job.after_count = outside(insert, index, ids);
    int err = lite_files_look(self, scratch, files);
    if (err == 0 && scratch->err == 0) {
        err = lite_flow_look(self, scratch, &parents);
    }
    op->err = scratch->err;
    insert->ret_unknown = scratch->job_insert.ret_unknown;
    return err;
}

static int check_items(struct lite *self, struct store_op *op, struct store_op *scratch)
{
    struct store_flow_insert *insert = &op->flow_insert;
    int err = 0;

    for (unsigned i = 0; i < insert->item_count && err == 0 && op->err == 0; i++) {
        insert->ret_item = i;
        err = check_item(self, op, scratch, i);
    }
    return err;
}

static int insert_flow(struct lite *self, const struct store_flow_insert *insert)
{
    const struct flow_record *flow = &insert->flow;
    const struct store_idempotency *key = &insert->idempotency;
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_INSERT);

    lite_bind_id(&call, &flow->id);
    lite_bind_blob(&call, key->scope.bytes, key->given ? SHA256_LEN : 0);
    lite_bind_blob(&call, key->request.bytes, key->given ? SHA256_LEN : 0);
    lite_bind_int(&call, key->expires_at);
    lite_bind_str(&call, flow->name);
    lite_bind_str(&call, flow->labels);
    lite_bind_str(&call, flow->created_by);
    lite_bind_int(&call, flow->created_at);
    lite_bind_str(&call, flow->callback_url);
    return lite_run(&call);
}

static int insert_items(struct lite *self, struct store_op *op, struct store_op *scratch)
{
    const struct store_flow_insert *insert = &op->flow_insert;

    for (unsigned i = 0; i < insert->item_count; i++) {
        struct flow_item *item = &insert->items[i];
        scratch->err = 0;
        scratch->job_insert = (struct store_job_insert){.job = item->job};
        int err = lite_job_insert_as(self, scratch, ++self->last_job);
        if (err < 0 || scratch->err < 0) {
            return err < 0 ? err : HUB_ERR_INTERNAL; /* it was looked at: nothing can be wrong */
        }
        item->ret_state = scratch->job_insert.ret_state;
        item->ret_event_seq = op->event_seq = scratch->event_seq;
    }
    return 0;
}

/* May it be made, as far as its key and its schedule go? Sets op->err. */
static int claim(struct lite *self, struct store_op *op)
{
    const struct store_flow_insert *insert = &op->flow_insert;
    int err = insert->idempotency.given ? claim_scope(self, op) : 0;

    return err == 0 && op->err == 0 && insert->tick ? lite_tick_look(self, op, insert->tick) : err;
}

static int insert_all(struct lite *self, struct store_op *op, struct store_op *scratch)
{
    struct store_tick *tick = op->flow_insert.tick;
    int err = insert_flow(self, &op->flow_insert);

    if (err == 0) {
        err = insert_items(self, op, scratch);
    }
    if (err == 0 && tick) {
        tick->run.made = (struct work){WORK_FLOW, op->flow_insert.flow.id};
        err = lite_tick_write(self, tick);
    }
    return err;
}

int lite_flow_insert(struct lite *self, struct store_op *op)
{
    struct store_op *scratch = store_op_new(STORE_JOB_INSERT);
    int err = scratch ? claim(self, op) : HUB_ERR_NOMEM;

    if (err == 0 && op->err == 0) {
        err = check_items(self, op, scratch);
    }
    if (err == 0 && op->err == 0) {
        err = insert_all(self, op, scratch);
    }
    store_op_free(scratch);
    return err;
}

/* --- Retry -------------------------------------------------------------------------------------*/

/* A job of the flow that failed or was cancelled. */
struct candidate {
    int64_t seq;
    bool by_parent; /* failed or skipped because of a parent */
    const struct id *after;
    unsigned after_count;
    enum job_parent_policy policy;
    struct job_record job;
};

static int read_candidate(struct lite_call *call, struct arena *arena, struct candidate *ret_one)
{
    bool ok = true;
    int64_t seq;

    ret_one->seq = lite_int(call);
    struct str code = lite_str(call);
    ret_one->by_parent = str_eq(code, STR("dependency_failed")) || str_eq(code, STR(JOB_SKIPPED));
    ret_one->after = lite_read_ids(call, arena, &ret_one->after_count, &ok);
    ret_one->policy = (enum job_parent_policy)lite_int(call);
    ok = lite_read_schedule(call, arena, &ret_one->job, &seq) && ok;
    return ok ? 0 : HUB_ERR_NOMEM;
}

static int collect(struct lite *self, int64_t flow, struct lite_rows *rows)
{
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_ENDED_BADLY);
    int got;

    lite_bind_int(&call, flow);
    while ((got = lite_step(&call)) > 0) {
        struct candidate *one = lite_rows_add(rows);
        int err = one ? read_candidate(&call, rows->arena, one) : HUB_ERR_NOMEM;
        if (err < 0) {
            got = err;
            break;
        }
        if (one->job.state == JOB_CANCELLED && !one->by_parent) {
            rows->len--; /* somebody wanted that */
        }
    }
    lite_end(&call);
    return got;
}

static int put_back(struct lite *self, struct store_op *op, struct store_op *scratch,
                    const struct candidate *one, const struct lite_parents *parents)
{
    struct store_flow_retry *retry = &op->flow_retry;
    struct flow_item *item = &retry->ret_items[retry->ret_count];

    *item = (struct flow_item){.job = one->job};
    item->ret_state = parents->waiting_count > 0 ? JOB_BLOCKED : JOB_QUEUED;
    scratch->err = 0;
    scratch->job_move = (struct store_job_move){
        .id = one->job.id,
        .from = one->job.state,
        .fence = one->job.attempt,
        .to = item->ret_state,
        .at = retry->at,
        .by_hand = true,
        .reset = true,
    };
    int err = lite_job_move(self, scratch);
    if (err == 0 && item->ret_state == JOB_BLOCKED) {
        err = lite_flow_wait(self, one->seq, one->policy, parents);
    }
    if (err < 0 || scratch->err < 0) {
        return err < 0 ? err : HUB_ERR_INTERNAL;
    }
    item->ret_event_seq = op->event_seq = scratch->event_seq;
    retry->ret_count++;
    return 0;
}

/* Parents come before their children, so what becomes of them is settled. */
static int retry_one(struct lite *self, struct store_op *op, struct store_op *scratch,
                     const struct candidate *one)
{
    struct lite_parents parents;
    struct id unknown;
    int found =
        lite_flow_look_at(self, &op->arena, one->after, one->after_count, &parents, &unknown);

    if (found < 0) {
        return found;
    }
    bool hopeless = found == 0 || (parents.failed && one->policy != JOB_PARENT_RUN_ANYWAY);
    return hopeless ? 0 : put_back(self, op, scratch, one, &parents);
}

static int retry_all(struct lite *self, struct store_op *op, int64_t flow)
{
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct candidate)};
    struct store_op *scratch = store_op_new(STORE_JOB_MOVE);
    int err = scratch ? collect(self, flow, &rows) : HUB_ERR_NOMEM;

    if (err == 0) {
        op->flow_retry.ret_items =
            arena_alloc(&op->arena, (rows.len + 1) * sizeof *op->flow_retry.ret_items);
        err = op->flow_retry.ret_items ? 0 : HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < rows.len && err == 0; i++) {
        err = retry_one(self, op, scratch, (const struct candidate *)rows.items + i);
    }
    store_op_free(scratch);
    return err;
}

int lite_flow_find(struct lite *self, const struct id *id, int64_t *ret_seq)
{
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_FIND);

    lite_bind_id(&call, id);
    int found = lite_step(&call);
    *ret_seq = found > 0 ? lite_int(&call) : 0;
    lite_end(&call);
    return found;
}

int lite_flow_retry(struct lite *self, struct store_op *op)
{
    int64_t flow;

    op->flow_retry.ret_count = 0;
    int found = lite_flow_find(self, &op->flow_retry.id, &flow);
    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : 0;
        return found;
    }
    return retry_all(self, op, flow);
}

/* --- Reading -----------------------------------------------------------------------------------*/

static bool read_flow(struct lite_call *call, struct arena *arena, struct flow_record *ret_flow,
                      int64_t *ret_seq)
{
    bool ok = true;

    *ret_seq = lite_int(call);
    ret_flow->id = lite_id(call);
    ret_flow->name = lite_copy(call, arena, &ok);
    ret_flow->labels = lite_copy(call, arena, &ok);
    ret_flow->created_by = lite_copy(call, arena, &ok);
    ret_flow->created_at = lite_int(call);
    return ok;
}

static int count_jobs(struct lite *self, int64_t flow, struct flow_counts *ret_counts)
{
    struct lite_call call = lite_call(&self->reader, LITE_FLOW_STATES);
    int got;

    lite_bind_int(&call, flow);
    while ((got = lite_step(&call)) > 0) {
        int64_t state = lite_int(&call);
        bool skipped = lite_int(&call) != 0 && state == JOB_CANCELLED;
        if (state >= 0 && state < JOB_STATE_COUNT) {
            ret_counts->jobs[state]++;
        }
        ret_counts->skipped += skipped;
    }
    lite_end(&call);
    return got;
}

static int read_jobs(struct lite *self, struct store_op *op, int64_t flow)
{
    struct lite_call call = lite_call(&self->reader, LITE_FLOW_JOBS);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct job_record)};
    bool ok = true;
    int64_t seq;
    int got = 0;

    lite_bind_int(&call, flow);
    while (ok && (got = lite_step(&call)) > 0) {
        struct job_record *job = lite_rows_add(&rows);
        ok = job && lite_read_shown(&call, &op->arena, job, &seq);
        if (ok) {
            job->after = lite_read_ids(&call, &op->arena, &job->after_count, &ok);
            job->flow_node = lite_copy(&call, &op->arena, &ok);
            job->on_parent_failure = (enum job_parent_policy)lite_int(&call);
            job->open = lite_int(&call) != 0;
            job->for_each = lite_copy(&call, &op->arena, &ok);
            job->flow = op->flow_get.id;
            seq = lite_int(&call);
        }
        if (ok && job->for_each.len > 0 &&
            (got = lite_each_items(self, seq, &job->items, &seq)) < 0) {
            break;
        }
    }
    lite_end(&call);
    op->flow_get.ret_jobs = rows.items;
    op->flow_get.ret_count = rows.len;
    return ok ? got : HUB_ERR_NOMEM;
}

int lite_flow_get(struct lite *self, struct store_op *op)
{
    struct store_flow_get *get = &op->flow_get;
    struct lite_call call = lite_call(&self->reader, LITE_FLOW_GET);
    int64_t seq = 0;

    lite_bind_id(&call, &get->id);
    int found = lite_step(&call);
    bool ok = found <= 0 || read_flow(&call, &op->arena, &get->ret_flow, &seq);
    lite_end(&call);
    if (found <= 0 || !ok) {
        return !ok ? HUB_ERR_NOMEM : found == 0 ? HUB_ERR_NOT_FOUND : found;
    }
    int err = count_jobs(self, seq, &get->ret_flow.counts);
    return err < 0 ? err : read_jobs(self, op, seq);
}

/* A flow of a page, and its number. */
struct listed {
    struct flow_record flow;
    int64_t seq;
};

static int list_rows(struct lite *self, struct store_op *op, unsigned limit, struct lite_rows *rows)
{
    struct lite_call call = lite_call(&self->reader, LITE_FLOWS_DOWN);
    static const struct id LAST = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    int got;

    lite_bind_id(&call, id_is_zero(&op->flow_list.before) ? &LAST : &op->flow_list.before);
    lite_bind_int(&call, limit);
    while ((got = lite_step(&call)) > 0) {
        struct listed *one = lite_rows_add(rows);
        if (!one || !read_flow(&call, &op->arena, &one->flow, &one->seq)) {
            got = HUB_ERR_NOMEM;
            break;
        }
    }
    lite_end(&call);
    return got;
}

int lite_flow_list(struct lite *self, struct store_op *op)
{
    struct store_flow_list *list = &op->flow_list;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct listed)};
    unsigned limit = list->limit < STORE_LIMIT_MAX ? list->limit : STORE_LIMIT_MAX;
    int err = list_rows(self, op, limit + 1, &rows);
    const struct listed *listed = rows.items;

    if (err < 0) {
        return err;
    }
    list->ret_more = rows.len > limit;
    list->ret_count = list->ret_more ? limit : rows.len;
    list->ret_flows = arena_alloc(&op->arena, (list->ret_count + 1) * sizeof *list->ret_flows);
    if (!list->ret_flows) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < list->ret_count && err == 0; i++) {
        list->ret_flows[i] = listed[i].flow;
        err = count_jobs(self, listed[i].seq, &list->ret_flows[i].counts);
    }
    return err;
}
