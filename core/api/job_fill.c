#include "api/job_fill.h"

#include "api/input_refs.h"
#include "api/job_account.h"
#include "api/json_span.h"
#include "base/clock.h"
#include "base/hash.h"

#include <assert.h>
#include <string.h>

#define RETENTION_MAX_MS (365LL * 24 * 3600 * 1000)
#define TOO_MANY_FILES   "input: names more than 64 files"
#define TOO_MANY_PARENTS "after: with the jobs whose values the input takes, more than 64"
static_assert(JOB_FILES_MAX == 64 && JOB_AFTER_MAX == 64, "the texts say so");

static uint32_t get_u32(struct json_object *body, const char *name, uint32_t fallback)
{
    int64_t value;

    return json_get_i64(body, name, &value) ? (uint32_t)value : fallback;
}

static int64_t get_time(struct json_object *body, const char *name)
{
    struct str text;
    int64_t at = 0;

    if (json_get_str(body, name, &text) && !clock_parse(text, &at)) {
        at = 0; /* the schema's format has let through what is out of our range */
    }
    return at;
}

int64_t job_retention_ms(struct str text)
{
    int64_t ms;

    return clock_parse_duration(text, &ms) && ms <= RETENTION_MAX_MS ? ms : -1;
}

static int64_t get_retention(struct json_object *body)
{
    struct str text;

    return json_get_str(body, "retention", &text) ? job_retention_ms(text)
                                                  : JOB_RETENTION_MS_DEFAULT;
}

/* A copy of the member's own bytes, or of the value written anew where they can't be told. */
static struct str member_bytes(const struct job_source *source, const char *name,
                               struct arena *arena)
{
    struct json_object *value;
    struct str span;

    if (!json_object_object_get_ex(source->json, name, &value)) {
        return (struct str){0};
    }
    span = json_member_span(source->text, str_from_c(name));
    if (span.ptr == NULL) {
        span = str_from_c(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    }
    return arena_str(arena, span);
}

/* The jobs that a new one waits for, each once. */
struct parents {
    struct id *ids; /* room for one more than there may be */
    unsigned count;
    struct job_fault *fault;
    struct arena *arena;
    int err;
};

static void add_parent(struct parents *self, const struct id *id)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (id_eq(&self->ids[i], id)) {
            return;
        }
    }
    if (self->count < JOB_AFTER_MAX + 1) {
        self->ids[self->count++] = *id;
    }
}

static void add_named(void *context, struct input_ref *ref, struct str pointer)
{
    struct parents *self = context;
    struct id id;

    if (id_parse(ref->from, &id)) {
        add_parent(self, &id);
    } else if (self->err == 0) {
        struct buf whole;
        buf_init(&whole, 64 * 1024);
        buf_append_format(&whole, "/input%.*s/from", STR_ARG(pointer));
        *self->fault = (struct job_fault){
            .pointer = arena_str(self->arena, buf_view(&whole)),
            .keyword = STR("format"),
            .detail = "from: must be the id of a job",
        };
        buf_release(&whole);
        self->err = self->fault->pointer.ptr != NULL ? HUB_ERR_INVALID_INPUT : HUB_ERR_NOMEM;
    }
}

static int fill_after(const struct job_source *source, struct arena *arena, struct job_record *job,
                      struct job_fault *ret_fault)
{
    struct parents parents = {.fault = ret_fault, .arena = arena};
    struct json_object *list = NULL;
    struct id id;

    bool any = json_get_array(source->json, "after", &list);
    if (!any && !source->open) {
        return 0;
    }
    parents.ids = arena_alloc(arena, (JOB_AFTER_MAX + 1) * sizeof *parents.ids);
    if (parents.ids == NULL) {
        return HUB_ERR_NOMEM;
    }
    for (size_t i = 0; any && i < json_object_array_length(list); i++) {
        if (id_parse(json_str(json_object_array_get_idx(list, i)), &id)) {
            add_parent(&parents, &id);
        }
    }
    if (source->open) {
        input_refs_each(source->input, add_named, &parents);
    }
    if (parents.err == 0 && parents.count > JOB_AFTER_MAX) {
        *ret_fault = (struct job_fault){.detail = TOO_MANY_PARENTS};
        parents.err = HUB_ERR_INVALID_INPUT;
    }
    job->after = parents.ids;
    job->after_count = parents.count;
    job->open = source->open;
    return parents.err;
}

static bool fill_record(const struct job_source *source, const struct job_type *type,
                        struct arena *arena, struct job_record *job)
{
    struct json_object *body = source->json;
    struct str queue = STR("default");
    struct str callback_url = {0};
    struct str policy;
    int64_t priority = 0;

    json_get_str(body, "queue", &queue);
    if (json_get_str(body, "callback_url", &callback_url)) {
        job->callback_url = arena_str(arena, callback_url);
    }
    json_get_i64(body, "priority", &priority);
    job->type = arena_str(arena, type->name);
    job->queue = arena_str(arena, queue);
    job->input = member_bytes(source, "input", arena);
    job->labels = member_bytes(source, "labels", arena);
    job->priority = (int)priority;
    job->retry_safety = type->retry_safety;
    job->timeout_ms = get_u32(body, "timeout_ms", type->timeout_ms);
    job->max_attempts = get_u32(body, "max_attempts", type->max_attempts);
    job->run_at = get_time(body, "run_at");
    job->expires_at = get_time(body, "expires_at");
    job->retention_ms = get_retention(body);
    if (json_get_str(body, "on_parent_failure", &policy)) {
        (void)job_parent_policy_parse(policy, &job->on_parent_failure);
    }
    return job->type.ptr != NULL && job->queue.ptr != NULL &&
           (callback_url.len == 0 || job->callback_url.ptr != NULL);
}

static bool is_base64(struct str text)
{
    struct buf bytes;
    int err;

    buf_init(&bytes, text.len);
    err = base64_decode(text, &bytes);
    buf_release(&bytes);
    return err != HUB_ERR_INVALID_INPUT;
}

/* About the member `member` of the file at `pointer`. Gives `err` back. */
static int fault_of_file(struct arena *arena, struct str pointer, const char *member,
                         struct job_fault *ret_fault, int err)
{
    struct buf whole;

    buf_init(&whole, 64 * 1024);
    buf_append_format(&whole, "/input%.*s%s", STR_ARG(pointer), member);
    ret_fault->pointer = arena_str(arena, buf_view(&whole));
    buf_release(&whole);
    return ret_fault->pointer.ptr != NULL && ret_fault->detail != NULL ? err : HUB_ERR_NOMEM;
}

/* The account that a file is fetched with is one of the connector that fetches. */
static int check_file_account(const struct job_source *source, const struct file_ref *ref,
                              struct arena *arena, struct job_fault *ret_fault)
{
    const struct account *account;
    struct hub_error error;
    int err = job_account_named(source->accounts, STR("http"), ref->account, &account, &error);

    if (err < 0) {
        *ret_fault = (struct job_fault){
            .keyword = STR("account"),
            .detail = arena_strdup(arena, str_from_c(error.detail)),
        };
        err = fault_of_file(arena, ref->pointer, "/account", ret_fault, err);
    }
    return err;
}

static int check_file(const struct job_source *source, const struct file_ref *ref,
                      struct arena *arena, struct job_fault *ret_fault)
{
    if (ref->kind == FILE_REF_DATA && !is_base64(ref->data)) {
        *ret_fault = (struct job_fault){
            .keyword = STR("contentEncoding"),
            .detail = "data: must be Base64 with padding (RFC 4648, section 4)",
        };
        return fault_of_file(arena, ref->pointer, "", ret_fault, HUB_ERR_INVALID_INPUT);
    }
    return ref->account.len > 0 ? check_file_account(source, ref, arena, ret_fault) : 0;
}

/* The artifacts that the input names; files of other jobs and bytes in place are found later. */
static int fill_files(const struct job_source *source, const struct job_type *type,
                      struct arena *arena, struct job_record *job, struct job_fault *ret_fault)
{
    struct file_ref *refs;
    struct id *ids;
    unsigned count;
    int err;

    if (type->places.count == 0) {
        return 0;
    }
    err = places_collect(&type->places, source->input, arena, &refs, &count);
    if (err < 0 || count == 0) {
        return err;
    }
    ids = arena_alloc(arena, count * sizeof *ids);
    if (ids == NULL) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < count; i++) {
        if (refs[i].kind == FILE_REF_ARTIFACT) {
            ids[job->file_count++] = refs[i].artifact;
        }
        err = check_file(source, &refs[i], arena, ret_fault);
        if (err < 0) {
            return err;
        }
    }
    job->files = ids;
    return 0;
}

static int refuse(struct job_fault *ret_fault, const char *detail)
{
    *ret_fault = (struct job_fault){.detail = detail};
    return HUB_ERR_INVALID_INPUT;
}

int job_fill(const struct job_source *source, const struct job_type *type, struct arena *arena,
             struct job_record *job, struct job_fault *ret_fault)
{
    if (!fill_record(source, type, arena, job)) {
        return HUB_ERR_NOMEM;
    }
    if (job->retention_ms < 0) {
        return refuse(ret_fault, "retention: at most P365D, without months or years");
    }
    int err = fill_after(source, arena, job, ret_fault);
    if (err == 0) {
        err = fill_files(source, type, arena, job, ret_fault);
    }
    return err == HUB_ERR_LIMIT ? refuse(ret_fault, TOO_MANY_FILES) : err;
}

/* Version 00 of W3C Trace Context §3.2.2: 00-<32 hex>-<16 hex>-<2 hex>, the ids not all zero. What
 * is not well-formed is ignored, as the specification says. */
struct str job_trace_parent(const struct http_request *req)
{
    static const char FORM[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    struct str text = http_header(req, "traceparent");

    if (text.len != sizeof FORM - 1) {
        return (struct str){0};
    }
    for (size_t i = 0; i < text.len; i++) {
        bool hex = strchr("0123456789abcdef", text.ptr[i]) != NULL && text.ptr[i] != '\0';

        if (FORM[i] == 'x' ? !hex : text.ptr[i] != FORM[i]) {
            return (struct str){0};
        }
    }
    if (strspn(text.ptr + 3, "0") >= 32 || strspn(text.ptr + 36, "0") >= 16) {
        return (struct str){0};
    }
    return text;
}
