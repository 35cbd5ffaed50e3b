/*
 * bounce.c — delivery status notifications: multipart/report with message/delivery-status, RFC
 * 3464.
 */
#include "parse.h"

#include "email.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX   (256u << 10)
#define VALUE_MAX    512
#define ORIGINAL_MAX (64u << 10)
#define RESULT_MAX   (250u << 10)

void bounce_init(struct bounce *self)
{
    *self = (struct bounce){0};
    buf_init(&self->status, STATUS_MAX);
    buf_init(&self->message_id, VALUE_MAX);
}

void bounce_release(struct bounce *self)
{
    buf_release(&self->status);
    buf_release(&self->message_id);
}

/* --- Fields ------------------------------------------------------------------------------------*/

/* Takes folds out and ends of lines to "\n", in place. */
static void unfold(struct buf *text)
{
    size_t to = 0;
    for (size_t i = 0; i < text->len; i++) {
        char c = text->ptr[i];
        if (c == '\r') {
            continue;
        }
        bool fold = c == '\n' && i + 1 < text->len &&
                    (text->ptr[i + 1] == ' ' || text->ptr[i + 1] == '\t') && to > 0 &&
                    text->ptr[to - 1] != '\n';
        text->ptr[to++] = fold ? ' ' : c;
    }
    buf_truncate(text, to);
}

/* "rfc822; a@b" without the type. */
static struct str without_type(struct str value)
{
    struct str rest = value;
    (void)str_split(&rest, ';');
    return rest.ptr ? str_trim(rest) : str_trim(value);
}

static bool is_hard(const struct bounced *one)
{
    return str_eq_nocase(one->action, STR("failed")) &&
           (str_starts_with(one->status, STR("5.1.")) || str_eq(one->status, STR("5.2.1")) ||
            str_eq(one->status, STR("5.4.4")));
}

static void take_field(struct bounce *self, struct bounced *one, struct str name, struct str value)
{
    value = str_utf8_cut(value, VALUE_MAX);
    const struct {
        struct str name;
        struct str *into;
        bool typed;
    } FIELDS[] = {
        {STR("Reporting-MTA"), &self->reporting_mta, true},
        {STR("Original-Envelope-Id"), &self->envelope_id, false},
        {STR("Final-Recipient"), &one->address, true},
        {STR("Original-Recipient"), &one->original, true},
        {STR("Action"), &one->action, false},
        {STR("Status"), &one->status, false},
        {STR("Diagnostic-Code"), &one->diagnostic, true},
        {STR("Remote-MTA"), &one->remote_mta, true},
    };
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
        if (str_eq_nocase(FIELDS[i].name, name)) {
            *FIELDS[i].into = FIELDS[i].typed ? without_type(value) : str_trim(value);
        }
    }
}

/* A group of fields for each recipient, with empty lines between them; the first is about all. */
static void take_groups(struct bounce *self)
{
    struct str rest = buf_view(&self->status);
    struct bounced one = {0};
    while (rest.ptr) {
        struct str line = str_split(&rest, '\n');
        struct str value = line;
        struct str name = str_trim(str_split(&value, ':'));
        if (value.ptr) {
            take_field(self, &one, name, str_trim(value));
        }
        if ((str_trim(line).len == 0 || !rest.ptr) && one.address.len > 0 &&
            self->count < BOUNCE_RECIPIENTS_MAX) {
            one.hard = is_hard(&one);
            self->recipients[self->count++] = one;
        }
        if (str_trim(line).len == 0) {
            one = (struct bounced){0};
        }
    }
}

/* --- Parts -------------------------------------------------------------------------------------*/

static void read_content(GMimeObject *part, struct buf *into)
{
    GMimeDataWrapper *content =
        GMIME_IS_PART(part) ? g_mime_part_get_content(GMIME_PART(part)) : NULL;
    GMimeStream *stream = content ? g_mime_stream_mem_new() : NULL;
    if (!stream) {
        return;
    }
    g_mime_data_wrapper_write_to_stream(content, stream);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    size_t room = into->limit - into->len;
    buf_append(into, bytes->data, bytes->len < room ? bytes->len : room);
    g_object_unref(stream);
}

/* The Message-ID in headers that are returned as text. */
static void find_message_id(struct bounce *self, struct buf *headers)
{
    unfold(headers);
    struct str rest = buf_view(headers);
    while (rest.ptr && self->message_id.len == 0) {
        struct str value = str_split(&rest, '\n');
        struct str name = str_trim(str_split(&value, ':'));
        if (value.ptr && str_eq_nocase(name, STR("Message-ID"))) {
            buf_append_str(&self->message_id, str_utf8_cut(str_trim(value), VALUE_MAX - 1));
        }
    }
}

static void take_headers(struct bounce *self, GMimeObject *part)
{
    struct buf headers;
    buf_init(&headers, ORIGINAL_MAX);
    read_content(part, &headers);
    find_message_id(self, &headers);
    buf_release(&headers);
}

static void take_original(struct bounce *self, GMimeObject *part)
{
    GMimeMessage *original = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
    const char *id = original ? g_mime_message_get_message_id(original) : NULL;
    if (id && self->message_id.len == 0) {
        buf_append_format(&self->message_id, "<%.*s>", STR_ARG(str_utf8_cut(str_from_c(id), 400)));
    }
}

static void take_part(struct bounce *self, GMimeObject *part, unsigned depth, unsigned *parts)
{
    GMimeContentType *type = part ? g_mime_object_get_content_type(part) : NULL;
    if (!type || depth > PARSE_DEPTH_MAX || (*parts)++ > PARSE_PARTS_MAX) {
        return;
    }
    if (GMIME_IS_MULTIPART(part)) {
        for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(part)); i++) {
            take_part(self, g_mime_multipart_get_part(GMIME_MULTIPART(part), i), depth + 1, parts);
        }
    } else if (g_mime_content_type_is_type(type, "message", "delivery-status") ||
               g_mime_content_type_is_type(type, "message", "global-delivery-status")) {
        if (self->status.len == 0) {
            read_content(part, &self->status);
        }
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        take_original(self, part);
    } else if (g_mime_content_type_is_type(type, "text", "rfc822-headers") ||
               g_mime_content_type_is_type(type, "message", "global-headers")) {
        take_headers(self, part);
    }
}

int bounce_read(struct bounce *self, int fd, uint64_t bytes, struct hub_error *error)
{
    struct hub_error why = {0};
    unsigned parts = 0;
    GMimeMessage *message = parse_message(fd, bytes, &why);
    if (!message) {
        return hub_fail(error, why.err, "%s", why.detail);
    }
    take_part(self, g_mime_message_get_mime_part(message), 0, &parts);
    g_object_unref(message);
    unfold(&self->status);
    take_groups(self);
    return self->count > 0 ? 0
                           : hub_fail(error, HUB_ERR_INVALID_INPUT,
                                      "this is no delivery status notification (RFC 3464)");
}

/* --- email.parse_bounce ------------------------------------------------------------------------*/

struct reading {
    struct email *email;
    hub_job *job;
};

static void member(struct buf *out, const char *name, struct str value)
{
    if (value.len > 0) {
        buf_append_format(out, "%s\"%s\":", out->ptr[out->len - 1] == '{' ? "" : ",", name);
        buf_append_json_string(out, value);
    }
}

static void append_result(struct buf *out, const struct bounce *bounce, unsigned suppressed)
{
    buf_append_char(out, '{');
    member(out, "reporting_mta", bounce->reporting_mta);
    member(out, "original_message_id", buf_view(&bounce->message_id));
    member(out, "original_envelope_id", bounce->envelope_id);
    buf_append_format(out, "%s\"suppressed\":%u,\"recipients\":[", out->len > 1 ? "," : "",
                      suppressed);
    for (unsigned i = 0; i < bounce->count; i++) {
        const struct bounced *one = &bounce->recipients[i];
        size_t before = out->len;
        buf_append_c(out, i > 0 ? ",{" : "{");
        member(out, "address", one->address);
        member(out, "original_address", one->original);
        member(out, "action", one->action);
        member(out, "status", one->status);
        member(out, "diagnostic", one->diagnostic);
        member(out, "remote_mta", one->remote_mta);
        buf_append_format(out, ",\"hard\":%s}", one->hard ? "true" : "false");
        if (out->len > RESULT_MAX - 1024) {
            buf_truncate(out, before);
            break;
        }
    }
    buf_append_c(out, "]}");
}

/* How many were put on the list; negative: the store does not take them. */
static int suppress_hard(struct reading *self, const struct bounce *bounce)
{
    struct json_object *input = NULL;
    bool wanted = self->job->account.len > 0;
    int count = 0;
    if (json_read(str_of_hub(self->job->input), JSON_DEPTH_MAX, &input, NULL, NULL) == 0) {
        bool said = true;
        (void)json_get_bool(input, "suppress", &said);
        wanted = wanted && said;
        json_object_put(input);
    }
    for (unsigned i = 0; i < bounce->count && wanted && count >= 0; i++) {
        const struct bounced *one = &bounce->recipients[i];
        struct str address = one->original.len > 0 ? one->original : one->address;
        if (one->hard) {
            int added = suppressions_add(self->email, self->job, address,
                                         one->diagnostic.len ? one->diagnostic : one->status);
            count = added < 0 ? added : count + added;
        }
    }
    return count;
}

static void tell(struct reading *self, const struct bounce *bounce)
{
    struct buf result;
    int suppressed = suppress_hard(self, bounce);
    if (suppressed < 0) {
        job_retry(self->email, self->job, "storage_failed", "The list could not be changed.", 1000);
        return;
    }
    buf_init(&result, RESULT_MAX + 1024);
    append_result(&result, bounce, (unsigned)suppressed);
    self->email->host->succeed(self->job, hub_of_str(buf_view(&result)));
    buf_release(&result);
}

static void bounce_run(void *context)
{
    struct reading *self = context;
    struct bounce *bounce = malloc(sizeof *bounce);
    struct hub_error error = {0};
    const hub_file *file = self->email->host->file(self->job, HUB_STR("/message"));
    if (bounce) {
        bounce_init(bounce);
    }
    int err = !bounce ? hub_fail(&error, HUB_ERR_NOMEM, "There was not enough memory.")
              : file  ? bounce_read(bounce, file->fd, file->bytes, &error)
                      : hub_fail(&error, HUB_ERR_INVALID_INPUT, "/message: there is no file");
    if (err == 0) {
        tell(self, bounce);
    } else if (err == HUB_ERR_NOMEM || err == HUB_ERR_IO) {
        job_retry(self->email, self->job, "out_of_memory", error.detail, 0);
    } else {
        job_fail(self->email, self->job, err == HUB_ERR_TOO_LARGE ? "too_large" : "not_a_bounce",
                 error.detail);
    }
    if (bounce) {
        bounce_release(bounce);
        free(bounce);
    }
    free(self);
}

void parse_bounce_start(struct email *email, hub_job *job)
{
    struct reading *self = calloc(1, sizeof *self);
    if (self) {
        *self = (struct reading){.email = email, .job = job};
    }
    if (!self || email->pool->run(bounce_run, NULL, self) != HUB_CALL_OK) {
        free(self);
        job_retry(email, job, "out_of_memory", "There was not enough memory.", 0);
    }
}
