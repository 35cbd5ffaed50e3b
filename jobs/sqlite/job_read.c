#include "jobs/sqlite/lite.h"

/* Jobs that one JOB_LIST looks at, in zones: 16,384 of them, some 20 ms. A read holds up the log.
 */
#define LIST_ZONES_MAX 64

/* What a list may take of its operation's arena; then it ends early. */
#define LIST_BYTES_MAX ((size_t)16 << 20)

#define CLOCK_SLACK_MS 60000

#define UNFINISHED_STATES                                                                          \
    (1u << JOB_BLOCKED | 1u << JOB_SCHEDULED | 1u << JOB_QUEUED | 1u << JOB_RUNNING)
#define ALL_STATES ((1u << JOB_STATE_COUNT) - 1)

/* --- Rows --------------------------------------------------------------------------------------*/

/* LITE_SCHEDULE, from its first column on. False: out of memory. */
bool lite_read_schedule(struct lite_call *call, struct arena *arena, struct job_record *ret_job,
                        int64_t *ret_seq)
{
    bool ok = true;

    *ret_seq = lite_int(call);
    ret_job->id = lite_id(call);
    ret_job->state = (enum job_state)lite_int(call);
    ret_job->attempt = (uint32_t)lite_int(call);
    ret_job->charged = (uint32_t)lite_int(call);
    ret_job->crashes = (uint32_t)lite_int(call);
    ret_job->created_at = lite_int(call);
    ret_job->run_at = lite_int(call);
    ret_job->started_at = lite_int(call);
    ret_job->finished_at = lite_int(call);
    ret_job->expires_at = lite_int(call);
    ret_job->retention_ms = lite_int(call);
    ret_job->retry_safety = (enum job_retry_safety)lite_int(call);
    ret_job->priority = (int)lite_int(call);
    ret_job->timeout_ms = (uint32_t)lite_int(call);
    ret_job->max_attempts = (uint32_t)lite_int(call);
    ret_job->type = lite_copy(call, arena, &ok);
    ret_job->queue = lite_copy(call, arena, &ok);
    ret_job->account = lite_copy(call, arena, &ok);
    ret_job->callback_url = lite_copy(call, arena, &ok);
    ret_job->traceparent = lite_copy(call, arena, &ok);
    ret_job->created_by = lite_copy(call, arena, &ok);
    return ok;
}

/* LITE_SHOWN. */
bool lite_read_shown(struct lite_call *call, struct arena *arena, struct job_record *ret_job,
                     int64_t *ret_seq)
{
    bool ok = lite_read_schedule(call, arena, ret_job, ret_seq);

    ret_job->labels = lite_copy(call, arena, &ok);
    ret_job->error_code = lite_copy(call, arena, &ok);
    ret_job->error_message = lite_copy(call, arena, &ok);
    ret_job->error_details = lite_copy(call, arena, &ok);
    ret_job->error_retryable = lite_int(call) != 0;
    return ok;
}

const struct id *lite_read_ids(struct lite_call *call, struct arena *arena, unsigned *ret_count,
                               bool *ret_ok)
{
    struct str bytes = lite_copy(call, arena, ret_ok);

    *ret_count = (unsigned)(bytes.len / sizeof(struct id));
    return (const struct id *)bytes.ptr;
}

/* --- One job -----------------------------------------------------------------------------------*/

static int read_job(struct lite *self, const struct id *id, struct arena *arena,
                    struct job_record *job, int64_t *ret_seq, bool *ret_linked)
{
    struct lite_call call = lite_call(&self->reader, LITE_JOB_GET);
    bool ok = true;

    lite_bind_id(&call, id);
    int found = lite_step(&call);
    if (found > 0) {
        ok = lite_read_shown(&call, arena, job, ret_seq);
        job->after = lite_read_ids(&call, arena, &job->after_count, &ok);
        job->files = lite_read_ids(&call, arena, &job->file_count, &ok);
        job->result = lite_copy(&call, arena, &ok);
        job->input = lite_copy(&call, arena, &ok);
        job->accepted_state = (enum job_state)lite_int(&call);
        job->accepted_run_at = lite_int(&call);
        job->accepted_expires_at = lite_int(&call);
        *ret_linked = lite_int(&call) != 0;
    }
    lite_end(&call);
    return !ok ? HUB_ERR_NOMEM : found == 0 ? HUB_ERR_NOT_FOUND : found;
}

static bool read_attempt(struct lite_call *call, struct arena *arena,
                         struct attempt_record *ret_attempt)
{
    bool ok = true;

    ret_attempt->number = (uint32_t)lite_int(call);
    ret_attempt->started_at = lite_int(call);
    ret_attempt->finished_at = lite_int(call);
    ret_attempt->outcome = (enum attempt_outcome)lite_int(call);
    ret_attempt->code = lite_copy(call, arena, &ok);
    ret_attempt->message = lite_copy(call, arena, &ok);
    ret_attempt->cause = lite_copy(call, arena, &ok);
    ret_attempt->cause_number = (int)lite_int(call);
    ret_attempt->pid = (int)lite_int(call);
    ret_attempt->connector_version = lite_copy(call, arena, &ok);
    return ok;
}

static int add_attempts(struct lite_call *call, struct lite_rows *rows)
{
    int got;

    while ((got = lite_step(call)) > 0) {
        struct attempt_record *attempt = lite_rows_add(rows);
        if (!attempt || !read_attempt(call, rows->arena, attempt)) {
            got = HUB_ERR_NOMEM;
            break;
        }
    }
    lite_end(call);
    return got;
}

static int read_attempts(struct lite *self, int64_t seq, struct arena *arena,
                         struct job_record *ret_job)
{
    struct lite_call call = lite_call(&self->reader, LITE_ATTEMPTS);
    struct lite_rows rows = {.arena = arena, .size = sizeof(struct attempt_record)};

    lite_bind_int(&call, lite_attempt_key(seq, 0));
    lite_bind_int(&call, lite_attempt_key(seq, LITE_ATTEMPT_MAX));
    int err = add_attempts(&call, &rows);
    if (err == 0) {
        call = lite_call(&self->reader, LITE_ATTEMPT_LAST);
        lite_bind_int(&call, seq);
        err = add_attempts(&call, &rows);
    }
    ret_job->attempts = rows.items;
    ret_job->attempt_count = rows.len;
    return err;
}

/* Those of a running call. */
static int read_artifacts(struct lite_call *call, struct arena *arena, struct job_record *ret_job)
{
    struct lite_rows rows = {.arena = arena, .size = sizeof(struct artifact_record)};
    int got;

    while ((got = lite_step(call)) > 0) {
        struct artifact_record *artifact = lite_rows_add(&rows);
        int err = artifact ? lite_read_artifact(call, arena, artifact) : HUB_ERR_NOMEM;
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(call);
    ret_job->artifacts = rows.items;
    ret_job->artifact_count = rows.len;
    return got;
}

/* The files that it made; one with for_each has those of its items. */
static int read_files(struct lite *self, int64_t seq, struct arena *arena,
                      struct job_record *ret_job)
{
    struct lite_call call = lite_call(&self->reader, LITE_ARTIFACTS_OF_JOB);
    int64_t first;

    if (ret_job->for_each.len == 0) {
        lite_bind_int(&call, seq);
        return read_artifacts(&call, arena, ret_job);
    }
    int err = lite_each_items(self, seq, &ret_job->items, &first);
    if (err < 0) {
        return err;
    }
    call = lite_call(&self->reader, LITE_ARTIFACTS_OF_ITEMS);
    lite_bind_int(&call, first);
    lite_bind_int(&call, first + ret_job->items.count - 1);
    return read_artifacts(&call, arena, ret_job);
}

/* The whole of it. */
static int read_record(struct lite *self, const struct id *id, struct arena *arena,
                       struct job_record *ret_job)
{
    bool linked = false;
    int64_t seq = 0;
    int err = read_job(self, id, arena, ret_job, &seq, &linked);

    if (err < 0) {
        return err;
    }
    err = read_attempts(self, seq, arena, ret_job);
    if (err == 0) {
        err = lite_batch_of_job(self, seq, ret_job);
    }
    if (err == 0 && linked) {
        err = lite_link_of_job(self, seq, arena, ret_job);
    }
    return err < 0 ? err : read_files(self, seq, arena, ret_job);
}

int lite_job_get(struct lite *self, struct store_op *op)
{
    return read_record(self, &op->job_get.id, &op->arena, &op->job_get.ret_job);
}

/* Does the input say this id anywhere? A parent whose values nobody wants need not be read. */
static bool names_id(struct str input, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    return input.len > 0 && memmem(input.ptr, input.len, text, ID_TEXT_LEN) != NULL;
}

int lite_job_parents(struct lite *self, struct store_op *op)
{
    struct store_job_parents *parents = &op->job_parents;
    const struct job_record *job = &parents->ret_job;
    int err = read_record(self, &parents->id, &op->arena, &parents->ret_job);

    if (err < 0) {
        return err;
    }
    parents->ret_parents =
        arena_zalloc(&op->arena, (job->after_count + 1) * sizeof *parents->ret_parents);
    if (!parents->ret_parents) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < job->after_count; i++) {
        if (!names_id(job->input, &job->after[i]) && !names_id(job->for_each, &job->after[i])) {
            continue;
        }
        err = read_record(self, &job->after[i], &op->arena,
                          &parents->ret_parents[parents->ret_parent_count]);
        if (err < 0 && err != HUB_ERR_NOT_FOUND) {
            return err;
        }
        parents->ret_parent_count += err == 0;
    }
    return 0;
}

int lite_job_input(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_JOB_INPUT);
    struct store_job_input *input = &op->job_input;
    bool ok = true;

    lite_bind_id(&call, &input->id);
    int found = lite_step(&call);
    if (found > 0) {
        input->ret_input = lite_copy(&call, &op->arena, &ok);
        input->ret_account = lite_copy(&call, &op->arena, &ok);
        input->ret_traceparent = lite_copy(&call, &op->arena, &ok);
        input->ret_open = lite_int(&call) != 0;
    }
    lite_end(&call);
    return !ok ? HUB_ERR_NOMEM : found == 0 ? HUB_ERR_NOT_FOUND : found < 0 ? found : 0;
}

/* --- Lists -------------------------------------------------------------------------------------*/

/* One number from a statement whose parameters are bound; `otherwise` if there is no row. */
static int read_number(struct lite_call *call, int64_t otherwise, int64_t *ret_number)
{
    int got = lite_step(call);

    *ret_number = got > 0 ? lite_int(call) : otherwise;
    lite_end(call);
    return got < 0 ? got : 0;
}

static int seq_of(struct lite *self, enum lite_statement statement, const struct id *id,
                  int64_t otherwise, int64_t *ret_seq)
{
    struct lite_call call = lite_call(&self->reader, statement);

    lite_bind_id(&call, id);
    return read_number(&call, otherwise, ret_seq);
}

/* A list under way, going down from the newest job. */
struct listing {
    struct store_op *op;
    struct lite_rows rows;
    uint32_t states;
    int64_t first; /* the number of the oldest job to look at */
    int64_t last;  /* and of the newest */
    int64_t floor; /* of the span that it is in; 0: no filter by batch */
    struct lite_spans
        spans; /* the batch's, or those of unfinished ones: hidden jobs are left out */
    bool of_batch;
    struct id passed; /* the job looked at last */
    bool full;
};

static unsigned clamp_limit(unsigned limit)
{
    return limit < STORE_LIMIT_MAX ? limit : STORE_LIMIT_MAX;
}

static bool arena_is_spent(const struct store_op *op)
{
    return op->arena.used > LIST_BYTES_MAX;
}

static int find_zone_down(struct lite *self, const struct listing *listing, int64_t *ret_zone)
{
    struct lite_call call = lite_call(&self->reader, LITE_ZONE_DOWN);

    lite_bind_int(&call, lite_zone(listing->last));
    lite_bind_int(&call, listing->states & ~UNFINISHED_STATES);
    lite_bind_int(&call, (listing->states & UNFINISHED_STATES) != 0);
    return read_number(&call, -1, ret_zone);
}

static void bind_filters(struct lite_call *call, const struct listing *listing, int64_t zone)
{
    const struct store_job_list *list = &listing->op->job_list;
    int64_t zone_first = lite_zone_first(zone);
    int64_t zone_last = lite_zone_last(zone);

    lite_bind_int(call, zone_first > listing->floor ? zone_first : listing->floor);
    lite_bind_int(call, listing->last < zone_last ? listing->last : zone_last);
    lite_bind_int(call, listing->states);
    lite_bind_str(call, list->type);
    lite_bind_str(call, list->queue);
    lite_bind_int(call, list->created_from);
    lite_bind_int(call, list->created_to != 0 ? list->created_to : INT64_MAX);
    lite_bind_str(call, list->label_key);
    lite_bind_text(call, list->label_value);
}

static bool is_hidden(const struct listing *listing, int64_t seq)
{
    const struct lite_span *span = listing->of_batch ? NULL : lite_spans_find(&listing->spans, seq);

    return span && span->hidden;
}

/* Goes down past what is not to be listed. False: nothing is left. */
static bool enter_span(struct listing *listing)
{
    const struct lite_spans *spans = &listing->spans;

    if (!listing->of_batch) {
        while (is_hidden(listing, listing->last)) {
            listing->last = lite_spans_find(spans, listing->last)->first - 1;
        }
        return true;
    }
    size_t count = spans->count;
    while (count > 0 && spans->items[count - 1].first > listing->last) {
        count--;
    }
    if (count == 0) {
        return false;
    }
    const struct lite_span *span = &spans->items[count - 1];
    listing->last = span->last < listing->last ? span->last : listing->last;
    listing->floor = span->first;
    return true;
}

/* Takes the jobs of one zone. */
static int list_zone(struct lite *self, struct listing *listing, int64_t zone)
{
    struct lite_call call = lite_call(&self->reader, LITE_JOBS_DOWN);
    struct store_op *op = listing->op;
    int64_t seq;
    int got;

    bind_filters(&call, listing, zone);
    while ((got = lite_step(&call)) > 0) {
        if (listing->rows.len == op->job_list.limit || arena_is_spent(op)) {
            listing->full = true;
            break;
        }
        struct job_record *job = lite_rows_add(&listing->rows);
        if (!job || !lite_read_shown(&call, &op->arena, job, &seq)) {
            got = HUB_ERR_NOMEM;
            break;
        }
        listing->passed = job->id;
        if (is_hidden(listing, seq)) {
            listing->rows.len--;
            continue;
        }
        int err = lite_batch_of_job(self, seq, job);
        if (err < 0) {
            got = err;
            break;
        }
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

/* The newest job of a zone that was left out: the list goes on below it. */
static int pass_to(struct lite *self, struct listing *listing, int64_t last)
{
    struct lite_call call = lite_call(&self->reader, LITE_ID_ABOVE);

    lite_bind_int(&call, last);
    int got = lite_step(&call);
    if (got > 0) {
        listing->passed = lite_id(&call);
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

static int list_zones(struct lite *self, struct listing *listing)
{
    int64_t zone = -1;
    int err = 0;

    for (unsigned i = 0; i < LIST_ZONES_MAX; i++) {
        if (!enter_span(listing)) {
            return 0;
        }
        err = find_zone_down(self, listing, &zone);
        if (err < 0 || zone < lite_zone(listing->first)) {
            return err;
        }
        if (lite_zone_last(zone) < listing->floor) {
            listing->last = lite_zone_last(zone);
            continue;
        }
        err = list_zone(self, listing, zone);
        if (err < 0 || listing->full) {
            return err;
        }
        int64_t below = lite_zone_first(zone);
        listing->last = (below > listing->floor ? below : listing->floor) - 1;
    }
    /* Enough for one call, though perhaps there are more. */
    err = find_zone_down(self, listing, &zone);
    if (err < 0 || zone < lite_zone(listing->first)) {
        return err;
    }
    listing->full = true;
    return pass_to(self, listing, listing->last);
}

/* The least id of a millisecond. */
static struct id id_at(int64_t wall_ms)
{
    struct id id = {{0}};

    for (int i = 0; i < 6; i++) {
        id.bytes[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
    }
    return id;
}

/* Where to begin and end, from the keyset and the times. Ids carry the time of the job, about: the
 * clock may have been put back. */
static int set_bounds(struct lite *self, struct listing *listing)
{
    const struct store_job_list *list = &listing->op->job_list;
    int64_t newest;
    int err = 0;

    if (!id_is_zero(&list->before)) {
        err = seq_of(self, LITE_SEQ_BELOW, &list->before, 0, &listing->last);
    }
    if (err == 0 && list->created_to != 0) {
        const struct id id = id_at(list->created_to + CLOCK_SLACK_MS);
        err = seq_of(self, LITE_SEQ_BELOW, &id, 0, &newest);
        listing->last = newest < listing->last ? newest : listing->last;
    }
    if (err == 0 && list->created_from > CLOCK_SLACK_MS) {
        const struct id id = id_at(list->created_from - CLOCK_SLACK_MS);
        err = seq_of(self, LITE_SEQ_BELOW, &id, 0, &listing->first);
    }
    return err;
}

int lite_job_list(struct lite *self, struct store_op *op)
{
    struct store_job_list *list = &op->job_list;
    struct listing listing = {
        .op = op,
        .rows = {.arena = &op->arena, .size = sizeof(struct job_record)},
        .states = list->states != 0 ? list->states & ALL_STATES : ALL_STATES,
        .last = INT64_MAX,
    };

    list->limit = clamp_limit(list->limit);
    listing.of_batch = !id_is_zero(&list->batch);
    int err = set_bounds(self, &listing);
    if (err == 0) {
        err = listing.of_batch ? lite_spans_of_batch(self, &list->batch, &op->arena, &listing.spans)
                               : lite_spans_read(self, &op->arena, &listing.spans);
    }
    if (err == 0) {
        err = list_zones(self, &listing);
    }
    if (err < 0) {
        return err;
    }
    list->ret_jobs = listing.rows.items;
    list->ret_count = listing.rows.len;
    list->ret_more = listing.full;
    list->ret_next = listing.passed;
    return 0;
}

/* Takes the unfinished jobs of the zone. */
static int load_zone(struct lite *self, struct store_op *op, struct lite_rows *rows,
                     const struct lite_spans *spans, int64_t first, int64_t zone)
{
    struct store_active_list *list = &op->active_list;
    struct lite_call call = lite_call(&self->reader, LITE_JOBS_UP);
    int64_t seq;
    int got;

    lite_bind_int(&call, first);
    lite_bind_int(&call, lite_zone_last(zone));
    while ((got = lite_step(&call)) > 0) {
        if (rows->len == list->limit || arena_is_spent(op)) {
            list->ret_more = true;
            break;
        }
        struct job_record *job = lite_rows_add(rows);
        if (!job || !lite_read_schedule(&call, &op->arena, job, &seq)) {
            got = HUB_ERR_NOMEM;
            break;
        }
        job->cancelling = lite_int(&call) != 0;
        const struct lite_span *span = lite_spans_find(spans, seq);
        if (span && seq >= span->parked) {
            rows->len--;
        } else if (span) {
            job->batch = span->batch;
        }
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

int lite_active_list(struct lite *self, struct store_op *op)
{
    struct store_active_list *list = &op->active_list;
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct job_record)};
    struct lite_spans spans;
    int64_t first = 0;
    int err = lite_spans_read(self, &op->arena, &spans);

    list->limit = clamp_limit(list->limit);
    list->ret_more = false;
    if (err == 0 && !id_is_zero(&list->after)) {
        err = seq_of(self, LITE_SEQ_AT_MOST, &list->after, 0, &first);
        first++;
    }
    while (err == 0 && !list->ret_more) {
        int64_t zone;
        const struct lite_span *span = lite_spans_find(&spans, first);
        if (span && first >= span->parked) { /* a million of them, perhaps */
            first = span->last + 1;
            continue;
        }
        struct lite_call call = lite_call(&self->reader, LITE_ZONE_UP);
        lite_bind_int(&call, lite_zone(first));
        err = read_number(&call, -1, &zone);
        if (err < 0 || zone < 0) {
            break;
        }
        int64_t zone_first = lite_zone_first(zone);
        first = first > zone_first ? first : zone_first;
        err = load_zone(self, op, &rows, &spans, first, zone);
        first = lite_zone_first(zone + 1);
    }
    list->ret_jobs = rows.items;
    list->ret_count = rows.len;
    return err;
}
