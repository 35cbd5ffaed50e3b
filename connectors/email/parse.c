#include "parse.h"

#include "address.h"
#include "email.h"

#include "base/clock.h"
#include "base/disposition.h"
#include "base/file.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX      200
#define HEADER_MAX_BYTES 2000
#define ADDRESSES_MAX    1000
#define HEAD_MAX         (100u << 10)
#define TEXT_SHOWN       (40u << 10)
#define TEXT_MAX_BYTES   (32u << 20)
#define LIST_MAX         (60u << 10)

/* GLib ends the process when it gets no memory: whoever never parses is spared it. */
void parse_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, g_mime_init);
}

void parsed_init(struct parsed *self, const struct parse_sink *sink)
{
    *self = (struct parsed){.sink = *sink};
    buf_init(&self->head, HEAD_MAX);
    buf_init(&self->attachments, LIST_MAX);
    buf_init(&self->text, TEXT_MAX_BYTES);
    buf_init(&self->html, TEXT_MAX_BYTES);
}

void parsed_release(struct parsed *self)
{
    buf_release(&self->head);
    buf_release(&self->attachments);
    buf_release(&self->text);
    buf_release(&self->html);
}

/* --- Members -----------------------------------------------------------------------------------*/

static struct str c_text(const char *text)
{
    return str_utf8_cut(str_from_c(text), HEADER_MAX_BYTES);
}

static void member(struct buf *out, const char *name, const char *text)
{
    if (text) {
        buf_append_format(out, "%s\"%s\":", out->len > 0 ? "," : "", name);
        buf_append_json_string(out, c_text(text));
    }
}

/* Groups are taken apart. */
static void append_addresses(struct buf *out, InternetAddressList *list, unsigned *count,
                             unsigned depth)
{
    for (int i = 0; list && i < internet_address_list_length(list) && depth < 4; i++) {
        InternetAddress *one = internet_address_list_get_address(list, i);
        if (INTERNET_ADDRESS_IS_GROUP(one)) {
            append_addresses(out, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one)),
                             count, depth + 1);
        } else if (INTERNET_ADDRESS_IS_MAILBOX(one) && *count < ADDRESSES_MAX) {
            const char *name = internet_address_get_name(one);
            buf_append_c(out, (*count)++ > 0 ? ",{\"address\":" : "{\"address\":");
            buf_append_json_string(
                out, c_text(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one))));
            if (name && *name) {
                buf_append_c(out, ",\"name\":");
                buf_append_json_string(out, c_text(name));
            }
            buf_append_char(out, '}');
        }
    }
}

static void append_headers(struct buf *out, GMimeObject *object)
{
    GMimeHeaderList *headers = g_mime_object_get_header_list(object);
    int count = headers ? g_mime_header_list_get_count(headers) : 0;
    buf_append_c(out, ",\"headers\":[");
    for (int i = 0; i < count && i < HEADERS_MAX; i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(headers, i);
        const char *value = g_mime_header_get_value(header);
        size_t before = out->len;
        buf_append_c(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_append_json_string(out, c_text(g_mime_header_get_name(header)));
        buf_append_c(out, ",\"value\":");
        buf_append_json_string(out, c_text(value ? value : ""));
        buf_append_char(out, '}');
        if (out->len > HEAD_MAX / 2 || buf_failed(out)) {
            buf_truncate(out, before);
            break;
        }
    }
    buf_append_char(out, ']');
}

static void append_head(struct parsed *self, GMimeMessage *message)
{
    static const struct {
        const char *name;
        GMimeAddressType type;
    } LISTS[] = {
        {"from", GMIME_ADDRESS_TYPE_FROM},
        {"sender", GMIME_ADDRESS_TYPE_SENDER},
        {"reply_to", GMIME_ADDRESS_TYPE_REPLY_TO},
        {"to", GMIME_ADDRESS_TYPE_TO},
        {"cc", GMIME_ADDRESS_TYPE_CC},
        {"bcc", GMIME_ADDRESS_TYPE_BCC},
    };
    struct buf *out = &self->head;
    GDateTime *date = g_mime_message_get_date(message);
    member(out, "message_id", g_mime_message_get_message_id(message));
    member(out, "subject", g_mime_message_get_subject(message));
    buf_append_c(out, out->len > 0 ? ",\"date\":" : "\"date\":");
    clock_append_json(out, date ? g_date_time_to_unix(date) * 1000 : 0);
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
        buf_append_format(out, ",\"%s\":[", LISTS[i].name);
        /* A part of the room for each list, so that none takes what the others need. */
        unsigned count = 0;
        struct buf part;
        buf_init(&part, HEAD_MAX / 14);
        append_addresses(&part, g_mime_message_get_addresses(message, LISTS[i].type), &count, 0);
        if (buf_failed(&part)) {
            const char *end = part.len > 0 ? memrchr(part.ptr, '{', part.len) : NULL;
            buf_truncate(&part, end && end > part.ptr ? (size_t)(end - part.ptr - 1) : 0);
        }
        buf_append_str(out, str_of(part.ptr, part.len));
        buf_release(&part);
        buf_append_char(out, ']');
    }
    append_headers(out, GMIME_OBJECT(message));
}

/* --- Parts -------------------------------------------------------------------------------------*/

static void plain_name(const char *given, unsigned number, char *ret, size_t room)
{
    struct str name = str_utf8_cut(str_from_c(given), 120);
    const char *slash = name.len ? memrchr(name.ptr, '/', name.len) : NULL;
    name = slash ? str_slice(name, (size_t)(slash + 1 - name.ptr), name.len) : name;
    slash = name.len ? memrchr(name.ptr, '\\', name.len) : NULL;
    name = slash ? str_slice(name, (size_t)(slash + 1 - name.ptr), name.len) : name;
    if (name.len > 0 && file_name_is_plain(name) && text_is_plain(name)) {
        snprintf(ret, room, "%u-%.*s", number, STR_ARG(name));
    } else {
        snprintf(ret, room, "%u-part", number);
    }
}

static void append_attachment(struct parsed *self, GMimeObject *part, const char *file_name,
                              const char *media_type, const char *artifact, long long bytes)
{
    struct buf *out = &self->attachments;
    const char *disposition = g_mime_object_get_disposition(part);
    const char *id = g_mime_object_get_content_id(part);
    struct buf one;
    if (self->listed == PARSE_LISTED_MAX) {
        return;
    }
    buf_init(&one, LIST_MAX);
    member(&one, "name", file_name);
    member(&one, "media_type", media_type);
    member(&one, "content_id", id);
    member(&one, "disposition", disposition ? disposition : "attachment");
    if (artifact) {
        member(&one, "artifact", artifact);
        buf_append_format(&one, ",\"bytes\":%lld", bytes);
    } else {
        buf_append_c(&one, ",\"artifact\":null");
    }
    if (!buf_failed(&one) && out->len + one.len + 4 < LIST_MAX) {
        buf_append_c(out, out->len > 0 ? ",{" : "{");
        buf_append_str(out, buf_view(&one));
        buf_append_char(out, '}');
        self->listed++;
    }
    buf_release(&one);
}

/* Decoded, or as it is if it is a message of its own. */
static long long write_part(GMimeObject *part, int fd)
{
    int copy = dup(fd);
    GMimeStream *stream = copy >= 0 ? g_mime_stream_fs_new(copy) : NULL;
    ssize_t written = -1;
    if (!stream) {
        return -1;
    }
    if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        written = inner ? g_mime_object_write_to_stream(GMIME_OBJECT(inner), NULL, stream) : 0;
    } else {
        GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(part));
        written = content ? g_mime_data_wrapper_write_to_stream(content, stream) : 0;
    }
    g_mime_stream_flush(stream);
    g_object_unref(stream);
    return written;
}

static void take_attachment(struct parsed *self, GMimeObject *part)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    char *media_type = type ? g_mime_content_type_get_mime_type(type) : NULL;
    const char *given = GMIME_IS_PART(part)
                            ? g_mime_part_get_filename(GMIME_PART(part))
                            : g_mime_object_get_content_disposition_parameter(part, "filename");
    char name[160];
    plain_name(given, self->written + 1, name, sizeof name);
    const char *shown = media_type && text_is_plain(str_from_c(media_type))
                            ? media_type
                            : "application/octet-stream";
    int fd = self->written < PARSE_ATTACHMENTS_MAX
                 ? self->sink.open(self->sink.context, name, shown)
                 : -1;
    long long bytes = fd >= 0 ? write_part(part, fd) : -1;
    self->written += fd >= 0;
    append_attachment(self, part, given, shown, fd >= 0 && bytes >= 0 ? name : NULL, bytes);
    g_free(media_type);
}

static bool is_shown_text(GMimeObject *part, const char *subtype)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    const char *disposition = g_mime_object_get_disposition(part);
    return GMIME_IS_TEXT_PART(part) && type && g_mime_content_type_is_type(type, "text", subtype) &&
           (!disposition || g_ascii_strcasecmp(disposition, "attachment") != 0);
}

/* In UTF-8, whatever it was; what cannot be read becomes U+FFFD in the result. */
static void take_text(GMimeObject *part, struct buf *into)
{
    char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
    buf_append_c(into, text ? text : "");
    g_free(text);
}

static void take_object(struct parsed *self, GMimeObject *part, unsigned depth)
{
    if (!part || depth > PARSE_DEPTH_MAX || self->parts++ >= PARSE_PARTS_MAX) {
        return;
    }
    if (GMIME_IS_MULTIPART(part)) {
        int count = g_mime_multipart_get_count(GMIME_MULTIPART(part));
        for (int i = 0; i < count; i++) {
            take_object(self, g_mime_multipart_get_part(GMIME_MULTIPART(part), i), depth + 1);
        }
    } else if (!self->has_text && is_shown_text(part, "plain")) {
        self->has_text = true;
        take_text(part, &self->text);
    } else if (!self->has_html && is_shown_text(part, "html")) {
        self->has_html = true;
        take_text(part, &self->html);
    } else if (GMIME_IS_PART(part) || GMIME_IS_MESSAGE_PART(part)) {
        take_attachment(self, part);
    }
}

/* --- All of it ---------------------------------------------------------------------------------*/

/* A text that is too long for the result becomes a file. */
static void spill(struct parsed *self, struct buf *text, const char *name, const char *media_type)
{
    if (text->len <= TEXT_SHOWN) {
        return;
    }
    int fd = self->sink.open(self->sink.context, name, media_type);
    if (fd >= 0 && file_write_all(fd, text->ptr, text->len) < 0) {
        (void)!ftruncate(fd, 0);
    }
}

GMimeMessage *parse_message(int fd, uint64_t bytes, struct hub_error *error)
{
    if (bytes > PARSE_BYTES_MAX) {
        (void)hub_fail(error, HUB_ERR_TOO_LARGE, "the message is larger than 64 MiB");
        return NULL;
    }
    parse_init();
    int copy = dup(fd);
    GMimeStream *stream =
        copy >= 0 ? g_mime_stream_fs_new_with_bounds(copy, 0, (gint64)bytes) : NULL;
    if (!stream) {
        (void)hub_fail(error, HUB_ERR_IO, "the message cannot be read");
        return NULL;
    }
    g_mime_stream_reset(stream);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    if (!message) {
        (void)hub_fail(error, HUB_ERR_INVALID_INPUT, "this is no message");
    }
    return message;
}

int parsed_read(struct parsed *self, int fd, uint64_t bytes, struct hub_error *error)
{
    struct hub_error why = {0};
    GMimeMessage *message = parse_message(fd, bytes, &why);
    if (!message) {
        return hub_fail(error, why.err, "%s", why.detail);
    }
    append_head(self, message);
    take_object(self, g_mime_message_get_mime_part(message), 0);
    spill(self, &self->text, "body.txt", "text/plain; charset=utf-8");
    spill(self, &self->html, "body.html", "text/html; charset=utf-8");
    g_object_unref(message);
    return buf_failed(&self->head) ? hub_fail(error, HUB_ERR_NOMEM, "out of memory") : 0;
}

static void append_text(struct buf *out, const char *name, const struct buf *text, bool has)
{
    if (has) {
        buf_append_format(out, ",\"%s\":", name);
        buf_append_json_string(out, str_utf8_cut(str_of(text->ptr, text->len), TEXT_SHOWN));
    }
}

void parsed_append_json(const struct parsed *self, struct buf *out)
{
    bool cut = self->text.len > TEXT_SHOWN || self->html.len > TEXT_SHOWN;
    buf_append_char(out, '{');
    buf_append_str(out, buf_view(&self->head));
    append_text(out, "text", &self->text, self->has_text);
    append_text(out, "html", &self->html, self->has_html);
    buf_append_c(out, cut ? ",\"truncated\":true" : "");
    buf_append_c(out, ",\"attachments\":[");
    buf_append_str(out, buf_view(&self->attachments));
    buf_append_c(out, "]}");
}

/* --- email.parse -------------------------------------------------------------------------------*/

struct parsing {
    struct email *email;
    hub_job *job;
};

static int open_artifact(void *context, const char *name, const char *media_type)
{
    struct parsing *self = context;
    int32_t fd = -1;
    int32_t made = self->email->host->artifact(self->job, hub_of_str(str_from_c(name)),
                                               hub_of_str(str_from_c(media_type)), &fd);
    return made == HUB_CALL_OK ? fd : -1;
}

static void parse_run(void *context)
{
    struct parsing *self = context;
    struct parse_sink sink = {open_artifact, self};
    struct parsed parsed;
    struct hub_error error = {0};
    struct buf result;
    const hub_file *file = self->email->host->file(self->job, HUB_STR("/message"));
    parsed_init(&parsed, &sink);
    buf_init(&result, 255u << 10);
    int err = file ? parsed_read(&parsed, file->fd, file->bytes, &error)
                   : hub_fail(&error, HUB_ERR_INVALID_INPUT, "/message: there is no file");
    if (err == 0) {
        parsed_append_json(&parsed, &result);
    }
    if (err == HUB_ERR_IO || err == HUB_ERR_NOMEM) {
        job_retry(self->email, self->job, "out_of_memory", error.detail, 0);
    } else if (err < 0) {
        job_fail(self->email, self->job, err == HUB_ERR_TOO_LARGE ? "too_large" : "invalid_input",
                 error.detail);
    } else if (buf_failed(&result)) {
        job_fail(self->email, self->job, "too_large",
                 "What the message says is larger than a "
                 "result may be.");
    } else {
        self->email->host->succeed(self->job, hub_of_str(buf_view(&result)));
    }
    buf_release(&result);
    parsed_release(&parsed);
    free(self);
}

void parse_start(struct email *email, hub_job *job)
{
    struct parsing *self = calloc(1, sizeof *self);
    if (self) {
        *self = (struct parsing){email, job};
    }
    if (!self || email->pool->run(parse_run, NULL, self) != HUB_CALL_OK) {
        free(self);
        job_retry(email, job, "out_of_memory", "There was not enough memory.", 0);
    }
}
