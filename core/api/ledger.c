/* GET /v1/ledger and GET /v1/ledger/verify. */
#include "api/resources.h"

#include "base/clock.h"

#include <string.h>

#define PAGE     100
#define TEXT_MAX (HTTP_STREAM_MAX - HTTP_STREAM_HIGH) /* of a page, which finds room at once */

/* --- Entries as text ---------------------------------------------------------------------------*/

static void append_ndjson(struct buf *out, const struct ledger_entry *entry)
{
    char id[ID_TEXT_LEN + 1];

    id_format(&entry->job, id);
    buf_append_format(out, "{\"seq\":%lld,\"at\":", (long long)entry->seq);
    clock_append_json(out, entry->at);
    buf_append_c(out, ",\"connector\":");
    buf_append_json_string(out, entry->connector);
    buf_append_c(out, ",\"account\":");
    if (entry->account.len > 0) {
        buf_append_json_string(out, entry->account);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_format(out, ",\"job\":\"%s\",\"attempt\":%u,\"kind\":", id, entry->attempt);
    buf_append_json_string(out, entry->kind);
    /* As text: the hash is of these very bytes, which a JSON parser would not give back. */
    buf_append_c(out, ",\"body\":");
    buf_append_json_string(out, entry->body);
    buf_append_c(out, ",\"hash\":\"");
    hex_append(out, entry->hash.bytes, SHA256_LEN);
    buf_append_c(out, "\"}\n");
}

/* RFC 4180 §2: quoted, a quote doubled. */
static void append_quoted(struct buf *out, struct str text)
{
    struct str rest = text;

    buf_append_char(out, '"');
    while (rest.len > 0) {
        const char *quote = memchr(rest.ptr, '"', rest.len);
        size_t len = quote != NULL ? (size_t)(quote - rest.ptr) + 1 : rest.len;
        buf_append(out, rest.ptr, len);
        if (quote != NULL) {
            buf_append_char(out, '"');
        }
        rest = str_slice(rest, len, rest.len);
    }
    buf_append_char(out, '"');
}

static void append_csv(struct buf *out, const struct ledger_entry *entry)
{
    char id[ID_TEXT_LEN + 1];
    char at[CLOCK_RFC3339_LEN + 1];

    id_format(&entry->job, id);
    clock_format(entry->at, at);
    buf_append_format(out, "%lld,%s,", (long long)entry->seq, at);
    append_quoted(out, entry->connector);
    buf_append_char(out, ',');
    append_quoted(out, entry->account);
    buf_append_format(out, ",%s,%u,", id, entry->attempt);
    append_quoted(out, entry->kind);
    buf_append_char(out, ',');
    append_quoted(out, entry->body);
    buf_append_char(out, ',');
    hex_append(out, entry->hash.bytes, SHA256_LEN);
    buf_append_c(out, "\r\n");
}

static const struct format {
    const char *media_type;
    const char *content_type;
    const char *head;
    void (*append)(struct buf *out, const struct ledger_entry *entry);
} FORMATS[] = {
    {"application/x-ndjson", "application/x-ndjson", "", append_ndjson},
    {"text/csv", "text/csv; charset=utf-8; header=present",
     "seq,at,connector,account,job,attempt,kind,body,hash\r\n", append_csv},
};

/* The first format that the client lists (RFC 9110 §12.5.1); weights matter only when they are 0.
 * NULL: it takes none of them. */
static const struct format *choose_format(const struct http_request *req)
{
    struct str accept = http_header(req, "Accept");

    while (accept.len > 0) {
        struct str range = str_split(&accept, ',');
        struct str type = str_trim(str_split(&range, ';'));
        struct str weight = str_trim(range);
        if (str_eq_nocase(weight, STR("q=0")) || str_starts_with(weight, STR("q=0.0"))) {
            continue;
        }
        if (str_eq(type, STR("*/*")) || str_eq_nocase(type, STR("application/*"))) {
            return &FORMATS[0];
        }
        if (str_eq_nocase(type, STR("text/*"))) {
            return &FORMATS[1];
        }
        for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
            if (str_eq_nocase(type, str_from_c(FORMATS[i].media_type))) {
                return &FORMATS[i];
            }
        }
    }
    return http_header(req, "Accept").ptr == NULL ? &FORMATS[0] : NULL;
}

/* --- GET /v1/ledger: a page is read while the one before is sent -------------------------------*/

/* In the request's arena. */
struct ledger_stream {
    struct api_call *call;
    const struct format *format;
    struct store_ledger_list filter; /* `after` moves on */
    bool begun;                      /* the head has been sent */
    bool reading;                    /* a page is being read: the operation points here */
    bool full;                       /* the client takes no more for now */
    bool last;                       /* there are no more pages */
    bool gone;                       /* the client is */
};

static void read_page(struct ledger_stream *self);

/* Once it is decided what comes next: another page, or the end. */
static void go_on(struct ledger_stream *self)
{
    if (self->reading) {
        return;
    }
    if (self->last || self->gone) {
        http_stream_end(self->call->req); /* and the call, and this stream, are gone */
    } else if (!self->full) {
        read_page(self);
    }
}

static void on_drain(struct http_request *req, void *context)
{
    struct ledger_stream *self = context;

    (void)req;
    self->full = false;
    go_on(self);
}

static void on_gone(struct http_request *req, void *context)
{
    struct ledger_stream *self = context;

    (void)req;
    self->gone = true;
    go_on(self);
}

static void begin_stream(struct ledger_stream *self)
{
    struct http_response response;

    http_response_init(&response, 200);
    http_response_header(&response, "Content-Type", str_from_c(self->format->content_type));
    http_response_header(&response, "Vary", STR("Accept"));
    http_response_header(&response, "Cache-Control", STR("no-store"));
    http_response_header(&response, "X-Content-Type-Options", STR("nosniff"));
    self->begun = true;
    http_on_gone(self->call->req, on_gone, self);
    http_stream_begin(self->call->req, &response, on_drain, self);
    http_stream_write(self->call->req, str_from_c(self->format->head));
}

/* A page that cannot be had: before the first, a problem; later the client must see that it did
 * not get all. */
static void fail_page(struct ledger_stream *self, int err)
{
    if (!self->begun) {
        api_fail(self->call, err, "the ledger could not be read");
        return;
    }
    self->last = true;
    http_stream_cut(self->call->req);
    go_on(self);
}

static void on_page(struct store_op *op, void *context)
{
    struct ledger_stream *self = context;
    const struct store_ledger_list *page = &op->ledger_list;
    struct buf text;

    self->reading = false;
    if (op->err < 0) {
        fail_page(self, op->err);
        return;
    }
    if (!self->begun) {
        begin_stream(self);
    }
    buf_init(&text, TEXT_MAX);
    for (unsigned i = 0; i < page->ret_count; i++) {
        self->format->append(&text, &page->ret_entries[i]);
    }
    self->filter.after = page->ret_next;
    self->last = !page->ret_more;
    if (buf_failed(&text)) {
        fail_page(self, HUB_ERR_NOMEM);
    } else {
        self->full = http_stream_write(self->call->req, buf_view(&text)) > HTTP_STREAM_HIGH;
        go_on(self);
    }
    buf_release(&text);
}

static void read_page(struct ledger_stream *self)
{
    struct store_op *op = store_op_new(STORE_LEDGER_LIST);

    if (op == NULL) {
        fail_page(self, HUB_ERR_NOMEM);
        return;
    }
    op->ledger_list = self->filter;
    op->done = on_page;
    op->context = self;
    self->reading = true;
    api_submit(self->call, op);
}

void api_ledger_list(struct api_call *call)
{
    struct ledger_stream *self = arena_zalloc(&call->req->arena, sizeof *self);
    uint64_t after;

    if (self == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    self->call = call;
    self->filter.limit = PAGE;
    self->format = choose_format(call->req);
    if (self->format == NULL) {
        api_fail(call, HUB_ERR_NOT_ACCEPTABLE,
                 "the ledger is to be had as application/x-ndjson or text/csv");
        return;
    }
    if (!api_query(call, "connector", &self->filter.connector) ||
        !api_query(call, "account", &self->filter.account) ||
        !api_query_time(call, "from", &self->filter.from) ||
        !api_query_time(call, "to", &self->filter.to) ||
        !api_query_u64(call, "after", 0, INT64_MAX, 0, &after)) {
        return;
    }
    self->filter.after = (int64_t)after;
    read_page(self);
}

/* --- GET /v1/ledger/verify ---------------------------------------------------------------------*/

static void reply_verified(struct api_call *call, const struct store_ledger_verify *verify)
{
    struct buf *body = api_answer_buf(call->api);

    buf_append_format(body, "{\"entries\":%lld,\"ok\":%s,\"first_bad\":", (long long)verify->seq,
                      verify->ret_first_bad == 0 ? "true" : "false");
    if (verify->ret_first_bad != 0) {
        buf_append_i64(body, verify->ret_first_bad);
    } else {
        buf_append_c(body, "null");
    }
    buf_append_c(body, ",\"head\":");
    if (verify->seq > 0) {
        buf_append_char(body, '"');
        hex_append(body, verify->hash.bytes, SHA256_LEN);
        buf_append_char(body, '"');
    } else {
        buf_append_c(body, "null");
    }
    buf_append_char(body, '}');
    api_reply(call, 200, buf_view(body));
}

static void on_verified(struct store_op *op, void *context)
{
    struct api_call *call = context;

    if (op->err < 0) {
        api_fail(call, op->err, "the ledger could not be read");
    } else if (op->ledger_verify.ret_more && !http_is_gone(call->req)) {
        op->kept = true;
        api_submit(call, op);
    } else {
        reply_verified(call, &op->ledger_verify);
    }
}

void api_ledger_verify(struct api_call *call)
{
    struct store_op *op = api_op(call, STORE_LEDGER_VERIFY, on_verified);

    if (op != NULL) {
        api_submit(call, op);
    }
}
