/*
 * descriptor.c — what a connector says about itself: checked, and as JSON.
 */
#include "runner/load.h"

#include "wire/names.h"
#include "wire/wire.h"

#define OPERATIONS_MAX  256
#define PERMISSIONS_MAX 64
#define VERSION_MAX     64
#define LICENCE_MAX     128
#define SUMMARY_MAX     512
#define HOST_MAX        256
#define PATH_MAX_BYTES  1024
#define SCHEMA_MAX      (256u << 10)

/* The sizes of ABI 1.0: a struct that is smaller was not made with any header of this major. */
#define CONNECTOR_SIZE_MIN (offsetof(hub_connector, cancel) + sizeof(void (*)(void)))
#define OPERATION_SIZE_MIN (offsetof(hub_operation, start) + sizeof(void (*)(void)))

static int bad(struct hub_error *error, struct str where, const char *what)
{
    return hub_fail(error, HUB_ERR_INVALID_INPUT, "its descriptor is not valid: %.*s%s%s",
                    STR_ARG(where), where.len ? ": " : "", what);
}

/* --- Checking ----------------------------------------------------------------------------------*/

/* A text field: what it is called, and how long it may be. */
struct text_rule {
    const char *what;
    hub_str text;
    size_t max;
    bool required;
};

static int check_texts(const struct text_rule *rules, size_t count, struct str where,
                       struct hub_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct text_rule *rule = &rules[i];
        struct str text = str_of_hub(rule->text);
        bool absent = text.len == 0;
        if (absent ? rule->required
                   : !text.ptr || text.len > rule->max || str_utf8_valid_prefix(text) != text.len) {
            return bad(error, where, rule->what);
        }
    }
    return 0;
}

static int check_permissions(const hub_connector *self, struct hub_error *error)
{
    if (self->host_count > PERMISSIONS_MAX || (self->host_count > 0 && !self->hosts)) {
        return bad(error, STR("hosts"), "there may be at most 64");
    }
    if (self->path_count > PERMISSIONS_MAX || (self->path_count > 0 && !self->paths)) {
        return bad(error, STR("paths"), "there may be at most 64");
    }
    for (uint32_t i = 0; i < self->host_count; i++) {
        struct text_rule rule = {"a host must be 1 to 256 bytes of UTF-8", self->hosts[i], HOST_MAX,
                                 true};
        int err = check_texts(&rule, 1, STR("hosts"), error);
        if (err < 0) {
            return err;
        }
    }
    for (uint32_t i = 0; i < self->path_count; i++) {
        struct text_rule rule = {"a path must be absolute, at most 1 KiB", self->paths[i],
                                 PATH_MAX_BYTES, true};
        int err = check_texts(&rule, 1, STR("paths"), error);
        if (err < 0) {
            return err;
        }
        if (self->paths[i].ptr[0] != '/') {
            return bad(error, STR("paths"), rule.what);
        }
    }
    return 0;
}

/* A connector may be older than the field. */
static uint32_t flags_of(const hub_operation *op)
{
    return HUB_HAS(op, hub_operation, flags) ? op->flags : 0;
}

static int check_operation(const hub_operation *op, struct hub_error *error)
{
    if (!op || op->size < OPERATION_SIZE_MIN) {
        return bad(error, STR("operations"), "an operation is missing or too small");
    }
    struct str name = str_of_hub(op->name);
    if (!name.ptr || !name_is_code(name)) {
        return bad(error, STR("operations"),
                   "a name must be 1 to 64 of a to z, 0 to 9 and underscore");
    }
    const struct text_rule rules[] = {
        {"summary must be at most 512 bytes of UTF-8", op->summary, SUMMARY_MAX, false},
        {"input_schema is missing, not UTF-8 or larger than 256 KiB", op->input_schema, SCHEMA_MAX,
         true},
        {"result_schema is not UTF-8 or larger than 256 KiB", op->result_schema, SCHEMA_MAX, false},
        {"example is not UTF-8 or larger than 256 KiB", op->example, SCHEMA_MAX, false},
    };
    int err = check_texts(rules, sizeof rules / sizeof rules[0], name, error);
    if (err < 0) {
        return err;
    }
    if (op->retry_safety > HUB_RETRY_NEVER) {
        return bad(error, name, "retry_safety is not one of HUB_RETRY_…");
    }
    if (flags_of(op) & ~(uint32_t)HUB_OPERATION_SETTLES) {
        return bad(error, name, "flags has one that is not of HUB_OPERATION_…");
    }
    return op->start ? 0 : bad(error, name, "start is NULL");
}

static int check_operations(const hub_connector *self, struct hub_error *error)
{
    if (self->operation_count == 0 || self->operation_count > OPERATIONS_MAX || !self->operations) {
        return bad(error, STR("operations"), "there must be 1 to 256");
    }
    for (uint32_t i = 0; i < self->operation_count; i++) {
        int err = check_operation(self->operations[i], error);
        if (err < 0) {
            return err;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (str_eq(str_of_hub(self->operations[k]->name),
                       str_of_hub(self->operations[i]->name))) {
                return bad(error, str_of_hub(self->operations[i]->name), "there are two of it");
            }
        }
    }
    return 0;
}

int descriptor_check(const hub_connector *self, struct hub_error *error)
{
    if (self->size < CONNECTOR_SIZE_MIN) {
        return bad(error, STR(""), "its size is smaller than ABI 1.0 has it");
    }
    if (!self->name.ptr || !name_is_connector(str_of_hub(self->name))) {
        return bad(error, STR("name"),
                   "it must be 1 to 64 of a to z, 0 to 9 and underscore, starting with a letter");
    }
    const struct text_rule rules[] = {
        {"version must be 1 to 64 bytes of UTF-8", self->version, VERSION_MAX, true},
        {"licence must be 1 to 128 bytes of UTF-8", self->licence, LICENCE_MAX, true},
        {"summary must be at most 512 bytes of UTF-8", self->summary, SUMMARY_MAX, false},
        {"account_schema is not UTF-8 or larger than 256 KiB", self->account_schema, SCHEMA_MAX,
         false},
    };
    int err = check_texts(rules, sizeof rules / sizeof rules[0], STR(""), error);
    if (err == 0 && self->mode > HUB_MODE_BLOCKING) {
        err = bad(error, STR("mode"), "it is not one of HUB_MODE_…");
    }
    if (err == 0 && !self->create) {
        err = bad(error, STR("create"), "it is NULL");
    }
    if (err == 0) {
        err = check_permissions(self, error);
    }
    return err < 0 ? err : check_operations(self, error);
}

/* --- As JSON -----------------------------------------------------------------------------------*/

/* `,"name":` or, for the first member of an object, without the comma. */
static void member(struct buf *buf, const char *name)
{
    if (buf->len > 0 && buf->ptr[buf->len - 1] != '{') {
        buf_append_char(buf, ',');
    }
    buf_append_json_string(buf, str_from_c(name));
    buf_append_char(buf, ':');
}

static void text_member(struct buf *buf, const char *name, hub_str text)
{
    if (text.len > 0) {
        member(buf, name);
        buf_append_json_string(buf, str_of_hub(text));
    }
}

static void number_member(struct buf *buf, const char *name, uint32_t value)
{
    member(buf, name);
    buf_append_u64(buf, value);
}

static void texts_member(struct buf *buf, const char *name, const hub_str *texts, uint32_t count)
{
    member(buf, name);
    buf_append_char(buf, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(buf, i > 0 ? STR(",") : STR(""));
        buf_append_json_string(buf, str_of_hub(texts[i]));
    }
    buf_append_char(buf, ']');
}

static void operation(struct buf *buf, const hub_operation *op)
{
    buf_append_char(buf, '{');
    text_member(buf, "name", op->name);
    text_member(buf, "summary", op->summary);
    number_member(buf, "retry_safety", op->retry_safety);
    number_member(buf, "flags", flags_of(op));
    text_member(buf, "input_schema", op->input_schema);
    text_member(buf, "result_schema", op->result_schema);
    text_member(buf, "example", op->example);
    number_member(buf, "timeout_ms", op->timeout_ms);
    number_member(buf, "max_attempts", op->max_attempts);
    buf_append_char(buf, '}');
}

void descriptor_append_json(struct buf *buf, const hub_connector *self)
{
    buf_append_char(buf, '{');
    number_member(buf, "abi", self->abi);
    text_member(buf, "name", self->name);
    text_member(buf, "version", self->version);
    text_member(buf, "licence", self->licence);
    text_member(buf, "summary", self->summary);
    number_member(buf, "mode", self->mode);
    number_member(buf, "max_in_flight", self->max_in_flight);
    text_member(buf, "account_schema", self->account_schema);
    texts_member(buf, "hosts", self->hosts, self->host_count);
    texts_member(buf, "paths", self->paths, self->path_count);
    member(buf, "operations");
    buf_append_char(buf, '[');
    for (uint32_t i = 0; i < self->operation_count; i++) {
        buf_append_str(buf, i > 0 ? STR(",") : STR(""));
        operation(buf, self->operations[i]);
    }
    buf_append_str(buf, STR("]}"));
}
