/*
 * compose.c — the message itself: its headers (headers.c), and the tree of its parts.
 *
 *     multipart/mixed                     if there are attachments
 *       multipart/related                 if there are inline images
 *         multipart/alternative           if there is more than one of
 *           text/plain, text/html, text/calendar
 *         image …
 *       attachment …
 *
 * A level that would have one child is left out. Boundaries hold "=_", which neither Base64 nor
 * quoted-printable can (RFC 2045 §6.7), and are made of the job's id, so that an attempt gives the
 * same bytes as the one before.
 */
#include "encode.h"
#include "letter.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define BOUNDARY_MAX 48

struct part_file {
    const hub_file *file;
    struct str name;
    struct str media_type;
    struct str content_id; /* without brackets; empty: an attachment */
};

struct composer {
    struct letter *letter;
    struct buf *out;
    struct part_file files[ATTACHMENTS_MAX];
    size_t file_count, inline_count;
    struct str calendar, calendar_method;
    char seed[17];
    unsigned level; /* boundaries that were made */
};

/* --- Files -------------------------------------------------------------------------------------*/

static bool is_media_type(struct str text)
{
    bool slash = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool token = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("!#$&^_.+-", c));
        if (!token && (c != '/' || slash)) {
            return false;
        }
        slash = slash || c == '/';
    }
    return slash && text.len <= 127 && text.ptr[0] != '/' && text.ptr[text.len - 1] != '/';
}

/* "text/plain; charset=x" without what is behind. Messages and multiparts must not be encoded in
 * Base64 (RFC 2046 §5), so that they go as what they are not. */
static struct str media_type_of(struct str given)
{
    struct str rest = given;
    struct str type = str_trim(str_split(&rest, ';'));
    bool bad = !is_media_type(type) || str_starts_with(type, STR("message/")) ||
               str_starts_with(type, STR("multipart/"));
    return bad ? STR("application/octet-stream") : type;
}

static bool is_content_id(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"' || c == '\\') {
            return false;
        }
    }
    return text.len <= 200;
}

static int read_file(struct composer *self, struct json_object *item, size_t i,
                     struct hub_error *error)
{
    struct part_file *file = &self->files[self->file_count];
    char pointer[64];
    struct str name = {0}, type = {0};
    snprintf(pointer, sizeof pointer, "/attachments/%zu/file", i);
    file->file = self->letter->host->file(self->letter->job, hub_of_str(str_from_c(pointer)));
    if (!file->file) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s: there is no file", pointer);
    }
    (void)json_get_str(item, "content_id", &file->content_id);
    if (!json_get_str(item, "name", &name)) {
        name = str_of_hub(file->file->name);
    }
    if (!json_get_str(item, "media_type", &type)) {
        type = str_of_hub(file->file->media_type);
    }
    if (!text_is_plain(name) || name.len > 255 || !is_content_id(file->content_id)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "/attachments/%zu: a name or content_id that cannot stand in a header", i);
    }
    file->name = name.len > 0 ? name : file->content_id.len > 0 ? name : STR("attachment");
    file->media_type = media_type_of(type);
    self->file_count++;
    self->inline_count += file->content_id.len > 0;
    return 0;
}

static int read_files(struct composer *self, struct hub_error *error)
{
    struct json_object *list;
    int err = 0;
    if (!json_get_array(self->letter->input, "attachments", &list)) {
        return 0;
    }
    size_t count = json_object_array_length(list);
    if (count > ATTACHMENTS_MAX) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "/attachments: more than %d",
                        ATTACHMENTS_MAX);
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = read_file(self, json_object_array_get_idx(list, i), i, error);
    }
    return err;
}

static int append_file(struct composer *self, const struct part_file *file)
{
    struct buf *out = self->out;
    buf_append_format(out, "Content-Type: %.*s", STR_ARG(file->media_type));
    if (file->name.len > 0) {
        parameter_append(out, "name", file->name);
    }
    buf_append_format(out, "\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: %s",
                      file->content_id.len > 0 ? "inline" : "attachment");
    if (file->name.len > 0) {
        parameter_append(out, "filename", file->name);
    }
    buf_append_c(out, "\r\n");
    if (file->content_id.len > 0) {
        buf_append_format(out, "Content-ID: <%.*s>\r\n", STR_ARG(file->content_id));
    }
    buf_append_c(out, "\r\n");
    return message_file(&self->letter->message, file->file->fd, file->file->bytes);
}

/* --- Parts -------------------------------------------------------------------------------------*/

static void make_boundary(struct composer *self, char ret[BOUNDARY_MAX])
{
    snprintf(ret, BOUNDARY_MAX, "=_%s_%u", self->seed, ++self->level);
}

static void open_multipart(struct composer *self, const char *subtype, char ret[BOUNDARY_MAX])
{
    make_boundary(self, ret);
    buf_append_format(self->out, "Content-Type: multipart/%s;\r\n boundary=\"%s\"\r\n\r\n", subtype,
                      ret);
}

static void next_part(struct composer *self, const char *boundary)
{
    buf_append_format(self->out, "--%s\r\n", boundary);
}

static void close_multipart(struct composer *self, const char *boundary)
{
    buf_append_format(self->out, "--%s--\r\n", boundary);
}

static void append_text_part(struct composer *self, const char *type, struct str parameters,
                             struct str text)
{
    enum body_encoding encoding = body_encoding_for(text);
    buf_append_format(self->out,
                      "Content-Type: %s; charset=utf-8%.*s\r\nContent-Transfer-Encoding: "
                      "%s\r\n\r\n",
                      type, STR_ARG(parameters), body_encoding_name(encoding));
    body_append(self->out, text, encoding);
}

static void append_calendar(struct composer *self)
{
    char parameters[64];
    snprintf(parameters, sizeof parameters, ";\r\n method=%.*s", STR_ARG(self->calendar_method));
    append_text_part(self, "text/calendar", str_from_c(parameters), self->calendar);
}

static void append_alternatives(struct composer *self)
{
    const struct letter *letter = self->letter;
    struct str text = letter->text.ptr ? letter->text : letter->rendered_text;
    bool plain = text.ptr || !letter->html.ptr;
    unsigned count = (unsigned)plain + (letter->html.ptr != NULL) + (self->calendar.ptr != NULL);
    char boundary[BOUNDARY_MAX];
    if (count > 1) {
        open_multipart(self, "alternative", boundary);
    }
    if (plain) {
        count > 1 ? next_part(self, boundary) : (void)0;
        append_text_part(self, "text/plain", STR(""), text);
    }
    if (letter->html.ptr) {
        count > 1 ? next_part(self, boundary) : (void)0;
        append_text_part(self, "text/html", STR(""), letter->html);
    }
    if (self->calendar.ptr) {
        count > 1 ? next_part(self, boundary) : (void)0;
        append_calendar(self);
    }
    if (count > 1) {
        close_multipart(self, boundary);
    }
}

static int append_files(struct composer *self, const char *boundary, bool inlines)
{
    int err = 0;
    for (size_t i = 0; i < self->file_count && err == 0; i++) {
        if ((self->files[i].content_id.len > 0) == inlines) {
            next_part(self, boundary);
            err = append_file(self, &self->files[i]);
        }
    }
    return err;
}

static int append_related(struct composer *self)
{
    char boundary[BOUNDARY_MAX];
    if (self->inline_count == 0) {
        append_alternatives(self);
        return 0;
    }
    open_multipart(self, "related", boundary);
    next_part(self, boundary);
    append_alternatives(self);
    int err = append_files(self, boundary, true);
    close_multipart(self, boundary);
    return err;
}

/* An invitation is shown by what reads text/calendar and kept as a file by the rest. */
static void append_invitation(struct composer *self, const char *boundary)
{
    next_part(self, boundary);
    buf_append_c(self->out, "Content-Type: application/ics;\r\n name=\"invite.ics\"\r\n"
                            "Content-Disposition: attachment;\r\n filename=\"invite.ics\"\r\n"
                            "Content-Transfer-Encoding: base64\r\n\r\n");
    body_append(self->out, self->calendar, BODY_BASE64);
}

static int append_body(struct composer *self)
{
    char boundary[BOUNDARY_MAX];
    if (self->file_count == self->inline_count && !self->calendar.ptr) {
        return append_related(self);
    }
    open_multipart(self, "mixed", boundary);
    next_part(self, boundary);
    int err = append_related(self);
    if (self->calendar.ptr) {
        append_invitation(self, boundary);
    }
    if (err == 0) {
        err = append_files(self, boundary, false);
    }
    close_multipart(self, boundary);
    return err;
}

/* --- All of it ---------------------------------------------------------------------------------*/

static void read_calendar(struct composer *self)
{
    struct json_object *calendar;
    if (json_get_object(self->letter->input, "calendar", &calendar) &&
        json_get_str(calendar, "ics", &self->calendar) &&
        !json_get_str(calendar, "method", &self->calendar_method)) {
        self->calendar_method = STR("REQUEST");
    }
}

static int derive_text(struct letter *letter)
{
    struct buf text;
    if (letter->text.ptr || !letter->html.ptr) {
        return 0;
    }
    buf_init(&text, MESSAGE_TEXT_MAX);
    html_to_text(&text, letter->html);
    letter->rendered_text = arena_str(&letter->arena, buf_view(&text));
    buf_release(&text);
    return letter->rendered_text.ptr ? 0 : HUB_ERR_NOMEM;
}

static void make_seed(struct composer *self)
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    sha256_of(str_of_hub(self->letter->job->id), &digest);
    sha256_hex(&digest, hex);
    memcpy(self->seed, hex, 16);
    self->seed[16] = '\0';
}

int letter_compose(struct letter *letter, struct hub_error *error)
{
    struct composer self = {.letter = letter, .out = &letter->message.text};
    make_seed(&self);
    read_calendar(&self);
    int err = read_files(&self, error);
    if (err == 0) {
        err = letter_headers(letter, self.out, error);
    }
    if (err < 0) {
        return err;
    }
    err = derive_text(letter);
    if (err == 0) {
        err = append_body(&self);
    }
    if (err == 0) {
        err = message_seal(&letter->message);
    }
    return err < 0
               ? hub_fail(error, err, "%s",
                          err == HUB_ERR_TOO_LARGE ? "the texts are too large" : "out of memory")
               : 0;
}
