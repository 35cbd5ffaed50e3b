/*
 * GET /v1/batches/{id}/results: what became of the lines, in their order, as NDJSON or CSV.
 *
 * A page is read, written, and the next one asked for once the client has taken it: so memory holds
 * one page, whatever the size of the batch.
 */
#include "api/batches.h"
#include "base/clock.h"

#define PAGE           512
#define PAGE_BYTES_MAX ((size_t)16 << 20)
#define STATE_REJECTED JOB_STATE_COUNT /* a bad line, among the bits of `states` */

struct results {
    struct api_call *call;
    struct id id;
    uint64_t after;
    uint32_t states; /* bits; 0: all */
    bool csv;
    bool begun; /* the head of the answer is out */
    bool reading;
    bool full;       /* the client has to take what there is */
    bool last;       /* the page in `text` is the last */
    struct buf text; /* a page, on its way out */
    size_t sent;     /* of it */
    bool gone;
};

static void read_page(struct results *self);

/* --- NDJSON ------------------------------------------------------------------------------------*/

static void append_error_json(struct buf *out, struct str code, struct str message,
                              struct str pointer)
{
    buf_append_c(out, ",\"error\":{\"code\":");
    buf_append_json_string(out, code);
    buf_append_c(out, ",\"message\":");
    buf_append_json_string(out, message);
    if (pointer.ptr != NULL) {
        buf_append_c(out, ",\"pointer\":");
        buf_append_json_string(out, pointer);
    }
    buf_append_char(out, '}');
}

static void append_json(struct buf *out, const struct batch_result *result)
{
    const struct job_record *job = &result->job;
    char id[ID_TEXT_LEN + 1];

    buf_append_format(out, "{\"line\":%llu,", (unsigned long long)result->line);
    if (result->is_bad) {
        struct str pointer = result->bad.pointer.ptr ? result->bad.pointer : STR("");
        buf_append_c(out, "\"job\":null,\"state\":\"rejected\"");
        append_error_json(out, STR("invalid_input"), result->bad.reason, pointer);
        buf_append_c(out, "}\n");
        return;
    }
    id_format(&job->id, id);
    buf_append_format(out, "\"job\":\"%s\",\"state\":\"%s\",\"attempt\":%u,\"finished_at\":", id,
                      job_state_name(job->state), job->attempt);
    clock_append_json(out, job->finished_at);
    buf_append_c(out, ",\"result\":");
    buf_append_str(out, job->result.len > 0 ? job->result : STR("null"));
    if (job->error_code.len > 0) {
        append_error_json(out, job->error_code, job->error_message, (struct str){0});
    } else {
        buf_append_c(out, ",\"error\":null");
    }
    buf_append_c(out, "}\n");
}

/* --- CSV (RFC 4180) ----------------------------------------------------------------------------*/

/* What a spreadsheet would take for a formula is led by an apostrophe. */
static void append_field(struct buf *out, struct str text)
{
    bool formula = text.len > 0 && (text.ptr[0] == '=' || text.ptr[0] == '+' ||
                                    text.ptr[0] == '-' || text.ptr[0] == '@');

    buf_append_c(out, formula ? ",\"'" : ",\"");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            buf_append_char(out, '"');
        }
        buf_append_char(out, text.ptr[i]);
    }
    buf_append_char(out, '"');
}

static void append_csv(struct buf *out, const struct batch_result *result)
{
    const struct job_record *job = &result->job;
    char id[ID_TEXT_LEN + 1] = "";

    if (!result->is_bad) {
        id_format(&job->id, id);
    }
    buf_append_format(out, "%llu,%s,%s,%u,", (unsigned long long)result->line, id,
                      result->is_bad ? "rejected" : job_state_name(job->state), job->attempt);
    if (job->finished_at != 0) {
        clock_append_json(out, job->finished_at);
    }
    append_field(out, result->is_bad ? STR("invalid_input") : job->error_code);
    append_field(out, result->is_bad ? result->bad.reason : job->error_message);
    append_field(out, job->result);
    buf_append_c(out, "\r\n");
}

/* --- The stream --------------------------------------------------------------------------------*/

static void finish(struct results *self)
{
    if (!self->reading) {
        buf_release(&self->text);
        http_stream_end(self->call->req); /* and the call, and this, are gone */
    }
}

static void on_gone(struct http_request *req, void *context)
{
    struct results *self = context;

    (void)req;
    self->gone = true;
    finish(self);
}

/* Writes what the client takes; then the next page, or the end. */
static void go_on(struct results *self)
{
    while (!self->full && self->sent < self->text.len) {
        struct str piece = str_slice(buf_view(&self->text), self->sent, HTTP_STREAM_HIGH);
        self->sent += piece.len;
        self->full = http_stream_write(self->call->req, piece) > HTTP_STREAM_HIGH;
    }
    if (self->full) {
        return;
    }
    if (self->last) {
        finish(self);
    } else {
        read_page(self);
    }
}

static void on_drain(struct http_request *req, void *context)
{
    struct results *self = context;

    (void)req;
    self->full = false;
    if (!self->reading && !self->gone) {
        go_on(self);
    }
}

static void begin(struct results *self)
{
    struct http_response response;

    self->begun = true;
    http_response_init(&response, 200);
    http_response_header(&response, "Content-Type",
                         self->csv ? STR("text/csv; charset=utf-8; header=present")
                                   : STR("application/x-ndjson"));
    http_response_header(&response, "Cache-Control", STR("no-store"));
    http_on_gone(self->call->req, on_gone, self);
    http_stream_begin(self->call->req, &response, on_drain, self);
    if (self->csv) {
        (void)http_stream_write(
            self->call->req,
            STR("line,job,state,attempt,finished_at,error_code,error_message,result\r\n"));
    }
}

static bool is_wanted(const struct results *self, const struct batch_result *result)
{
    unsigned state = result->is_bad ? STATE_REJECTED : result->job.state;

    return self->states == 0 || (self->states >> state & 1);
}

static void render_page(struct results *self, const struct store_batch_results *page)
{
    buf_clear(&self->text);
    self->sent = 0;
    for (unsigned i = 0; i < page->ret_count; i++) {
        if (is_wanted(self, &page->ret_items[i])) {
            (self->csv ? append_csv : append_json)(&self->text, &page->ret_items[i]);
        }
    }
}

/* The status is out already: a last line without a number tells that more was to come. */
static void render_break(struct results *self, int err)
{
    buf_clear(&self->text);
    self->sent = 0;
    if (self->csv) {
        buf_append_format(&self->text, ",,broken_off,,,\"%s\",\"%s\",\r\n", hub_err_code(err),
                          hub_err_title(err));
    } else {
        buf_append_c(&self->text, "{\"line\":null,\"job\":null,\"state\":\"broken_off\"");
        append_error_json(&self->text, str_from_c(hub_err_code(err)),
                          str_from_c(hub_err_title(err)), (struct str){0});
        buf_append_c(&self->text, "}\n");
    }
}

static void on_page(struct store_op *op, void *context)
{
    struct results *self = context;
    const struct store_batch_results *page = &op->batch_results;

    self->reading = false;
    if (!self->begun && op->err < 0) {
        api_fail(self->call, op->err, "there is no such batch");
        return;
    }
    if (!self->begun) {
        begin(self);
    }
    if (self->gone) {
        finish(self);
        return;
    }
    if (op->err == 0) {
        render_page(self, page);
    }
    if (op->err < 0 || buf_failed(&self->text)) {
        render_break(self, op->err < 0 ? op->err : HUB_ERR_NOMEM);
    }
    self->last = op->err < 0 || page->ret_next == 0;
    self->after = page->ret_next;
    if (!self->full) {
        go_on(self);
    }
}

static void read_page(struct results *self)
{
    struct store_op *op = store_op_new(STORE_BATCH_RESULTS);

    if (op == NULL) {
        if (self->begun) {
            finish(self);
        } else {
            api_fail(self->call, HUB_ERR_NOMEM, "out of memory");
        }
        return;
    }
    self->reading = true;
    op->batch_results.id = self->id;
    op->batch_results.after = self->after;
    op->batch_results.limit = PAGE;
    op->done = on_page;
    op->context = self;
    api_submit(self->call, op);
}

/* --- The request -------------------------------------------------------------------------------*/

static bool read_states(struct api_call *call, uint32_t *ret_states)
{
    struct str rest;

    if (!api_query(call, "state", &rest)) {
        return false;
    }
    while (rest.ptr != NULL) {
        struct str name = str_split(&rest, ',');
        enum job_state state = STATE_REJECTED;

        if (!str_eq(name, STR("rejected")) && !job_state_parse(name, &state)) {
            api_fail(call, HUB_ERR_BAD_REQUEST, "there is no state \"%.*s\"",
                     (int)(name.len < 64 ? name.len : 64), name.ptr);
            return false;
        }
        *ret_states |= 1u << state;
    }
    return true;
}

static bool read_format(struct api_call *call, bool *ret_csv)
{
    struct str format;
    struct str accept = http_header(call->req, "accept");

    if (!api_query(call, "format", &format)) {
        return false;
    }
    *ret_csv =
        format.ptr != NULL ? str_eq(format, STR("csv")) : str_starts_with(accept, STR("text/csv"));
    if (format.ptr != NULL && !*ret_csv && !str_eq(format, STR("ndjson"))) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter format must be ndjson or csv");
        return false;
    }
    return true;
}

/* A hidden batch has no results: see ATOMIC in jobs/batch.h. */
static void on_known(struct store_op *op, void *context)
{
    struct results *self = context;

    if (op->err < 0 || batch_hidden(&op->batch_get.ret_batch)) {
        api_fail(self->call, op->err < 0 ? op->err : HUB_ERR_NOT_FOUND, "there is no such batch");
    } else {
        read_page(self);
    }
}

void api_batch_results(struct api_call *call)
{
    struct results *self = arena_zalloc(&call->req->arena, sizeof *self);

    if (self == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    self->call = call;
    buf_init(&self->text, PAGE_BYTES_MAX);
    if (!api_path_id(call, 0, &self->id) || !read_states(call, &self->states) ||
        !read_format(call, &self->csv) ||
        !api_query_u64(call, "after", 0, INT64_MAX, 0, &self->after)) {
        return;
    }
    struct store_op *op = api_op(call, STORE_BATCH_GET, on_known);
    if (op != NULL) {
        op->batch_get.id = self->id;
        op->context = self;
        api_submit(call, op);
    }
}
