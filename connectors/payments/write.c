#include "write.h"

#include "connectors/http/sign.h"

/* A comma, unless it is the first in its bracket; and the name. */
static void begin(struct buf *buf, const char *name)
{
    char last = buf->len > 0 ? buf->ptr[buf->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':') {
        buf_append_char(buf, ',');
    }
    if (name) {
        buf_append_json_string(buf, str_from_c(name));
        buf_append_char(buf, ':');
    }
}

void write_open(struct buf *buf, const char *name, char bracket)
{
    begin(buf, name);
    buf_append_char(buf, bracket);
}

void write_close(struct buf *buf, char bracket)
{
    buf_append_char(buf, bracket);
}

void write_text(struct buf *buf, const char *name, struct str value)
{
    if (value.len > 0) {
        begin(buf, name);
        buf_append_json_string(buf, value);
    }
}

void write_currency(struct buf *buf, struct str currency)
{
    char upper[3];
    if (currency.len == sizeof upper) {
        for (size_t i = 0; i < sizeof upper; i++) {
            upper[i] = (char)(currency.ptr[i] & ~0x20);
        }
        write_text(buf, "currency", str_of(upper, sizeof upper));
    }
}

void write_number(struct buf *buf, const char *name, int64_t value)
{
    begin(buf, name);
    buf_append_i64(buf, value);
}

void write_bool(struct buf *buf, const char *name, bool value)
{
    begin(buf, name);
    buf_append_c(buf, value ? "true" : "false");
}

void write_value(struct buf *buf, const char *name, struct json_object *value)
{
    if (value) {
        begin(buf, name);
        json_append(buf, value);
    }
}

static void form_name(struct buf *buf, const char *name)
{
    buf_append_c(buf, buf->len > 0 ? "&" : "");
    buf_append_c(buf, name);
}

void form_text(struct buf *buf, const char *name, struct str value)
{
    if (value.len > 0) {
        form_name(buf, name);
        buf_append_char(buf, '=');
        percent_append(buf, value);
    }
}

void form_number(struct buf *buf, const char *name, int64_t value)
{
    form_name(buf, name);
    buf_append_char(buf, '=');
    buf_append_i64(buf, value);
}

void form_fields(struct buf *buf, const char *name, struct json_object *fields)
{
    if (!fields) {
        return;
    }
    json_object_object_foreach(fields, member, value) {
        if (json_object_is_type(value, json_type_string)) {
            form_name(buf, name);
            buf_append_char(buf, '[');
            percent_append(buf, str_from_c(member));
            buf_append_c(buf, "]=");
            percent_append(buf, json_str(value));
        }
    }
}
