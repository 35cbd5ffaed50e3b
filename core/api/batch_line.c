#include "api/batches.h"

#include "api/input_refs.h"
#include "api/job_account.h"
#include "api/schemas.h"

#include <string.h>

#define ON_COMPLETE_MAX ((size_t)2 << 20)

static int bad(struct batch_bad_line *ret_bad, struct arena *arena, const char *prefix,
               struct str pointer, struct str reason)
{
    struct buf whole;

    buf_init(&whole, BATCH_REASON_MAX);
    buf_append_c(&whole, prefix);
    buf_append_str(&whole, str_utf8_cut(pointer, BATCH_REASON_MAX - 16));
    ret_bad->pointer = arena_str(arena, buf_view(&whole));
    ret_bad->reason = arena_str(arena, str_utf8_cut(reason, BATCH_REASON_MAX));
    buf_release(&whole);
    return ret_bad->pointer.ptr != NULL && ret_bad->reason.ptr != NULL ? HUB_ERR_INVALID_INPUT
                                                                       : HUB_ERR_NOMEM;
}

static int check(const struct schema *schema, struct json_object *value, schema_hole_fn *is_hole,
                 struct arena *arena, const char *prefix, struct batch_bad_line *ret_bad)
{
    struct schema_errors errors;
    int err = schema_validate_open(schema, value, is_hole, NULL);

    if (err == 0) {
        return 0;
    }
    /* What exactly is looked for only now: good lines are many. */
    schema_errors_init(&errors, 1);
    err = schema_validate_open(schema, value, is_hole, &errors);
    if (err < 0 && err != HUB_ERR_NOMEM) {
        struct str pointer = errors.len > 0 ? errors.items[0].pointer : STR("");
        struct str detail = errors.len > 0 ? errors.items[0].detail : STR("not valid");
        err = bad(ret_bad, arena, prefix, pointer, detail);
    }
    schema_errors_release(&errors);
    return err;
}

static void add_defaults(struct json_object *value, struct json_object *defaults)
{
    json_object_object_foreach(defaults, name, member) {
        if (!json_object_object_get_ex(value, name, NULL)) {
            json_object_object_add(value, name, json_object_get(member));
        }
    }
}

static const struct job_type *type_of(struct line_reader *self, struct json_object *value)
{
    struct str name = {0};

    json_get_str(value, "type", &name);
    if (self->type == NULL || !str_eq(self->type->name, name)) {
        self->type = types_find(self->api->deps.types, name);
    }
    return self->type;
}

static int fill_account(struct line_reader *self, struct json_object *value,
                        const struct job_type *type, struct arena *arena,
                        struct job_record *ret_job, struct batch_bad_line *ret_bad)
{
    struct hub_error error;
    struct str name;

    if (job_account(self->api->deps.types, self->api->deps.accounts, value, type, &name, &error) <
        0) {
        return bad(ret_bad, arena, "/account", STR(""), str_from_c(error.detail));
    }
    if (name.len > 0) {
        ret_job->account = arena_str(arena, name);
    }
    return name.len > 0 && ret_job->account.ptr == NULL ? HUB_ERR_NOMEM : 0;
}

static int fill(struct line_reader *self, struct json_object *value, struct str text,
                struct json_object *input, struct arena *arena, struct job_record *ret_job,
                struct batch_bad_line *ret_bad)
{
    const struct job_source source = {.json = value,
                                      .text = text,
                                      .input = input,
                                      .open = input_refs_any(text, input),
                                      .accounts = self->api->deps.accounts};
    const struct job_type *type = type_of(self, value);
    struct job_fault fault = {0};

    if (type == NULL) {
        return bad(ret_bad, arena, "/type", STR(""), STR("no connector offers it"));
    }
    int err =
        check(type->input, input, source.open ? input_ref_is : NULL, arena, "/input", ret_bad);
    if (err < 0) {
        return err;
    }
    err = job_fill(&source, type, arena, ret_job, &fault);
    if (err < 0 && fault.detail != NULL) {
        return bad(ret_bad, arena, "", fault.pointer, str_from_c(fault.detail));
    }
    if (err == 0 && !str_eq(ret_job->queue, self->queue)) {
        return bad(ret_bad, arena, "/queue", STR(""), STR("all jobs of a batch go to its queue"));
    }
    return err < 0 ? err : fill_account(self, value, type, arena, ret_job, ret_bad);
}

static int read_value(struct line_reader *self, struct json_object *value, struct str text,
                      struct arena *arena, struct job_record *ret_job,
                      struct batch_bad_line *ret_bad)
{
    struct json_object *input = NULL;
    struct json_object *empty = NULL;

    if (!json_object_is_type(value, json_type_object)) {
        return bad(ret_bad, arena, "", STR(""), STR("must be an object"));
    }
    add_defaults(value, self->defaults);
    int err = check(api_schema(self->api->schemas, "JobCreate"), value, NULL, arena, "", ret_bad);
    if (err < 0) {
        return err;
    }
    if (!json_get_object(value, "input", &input)) {
        input = empty = json_object_new_object();
    }
    err = fill(self, value, text, input, arena, ret_job, ret_bad);
    json_object_put(empty);
    return err;
}

int line_read(struct line_reader *self, struct str text, struct arena *arena,
              struct job_record *ret_job, struct batch_bad_line *ret_bad)
{
    struct json_object *value;
    struct hub_error error;
    int err = json_read(text, JSON_DEPTH_MAX, &value, NULL, &error);

    if (err == HUB_ERR_NOMEM) {
        return err;
    }
    if (err < 0) {
        return bad(ret_bad, arena, "", STR(""), str_from_c(error.detail));
    }
    err = read_value(self, value, text, arena, ret_job, ret_bad);
    json_object_put(value);
    return err;
}

int batch_on_complete(struct api *api, struct json_object *settings, const struct id *batch,
                      struct arena *arena, struct job_record **ret_job,
                      struct batch_bad_line *ret_bad)
{
    static const struct str MARK = STR_INIT("{{batch}}");
    struct json_object *given;
    struct json_object *empty;
    struct str queue = STR("default");
    struct buf text;
    char id[ID_TEXT_LEN + 1];

    if (!json_get_object(settings, "on_complete", &given)) {
        return 0;
    }
    id_format(batch, id);
    struct str rest = str_from_c(json_object_to_json_string_ext(given, JSON_C_TO_STRING_PLAIN));
    buf_init(&text, ON_COMPLETE_MAX);
    while (rest.len > 0) { /* two braces in a row stand within a string only */
        const char *mark = memmem(rest.ptr, rest.len, MARK.ptr, MARK.len);
        size_t len = mark != NULL ? (size_t)(mark - rest.ptr) : rest.len;
        buf_append(&text, rest.ptr, len);
        buf_append_c(&text, mark != NULL ? id : "");
        rest = str_slice(rest, len + (mark != NULL ? MARK.len : 0), rest.len);
    }
    json_get_str(given, "queue", &queue);
    empty = json_object_new_object();
    struct line_reader reader = {.api = api, .defaults = empty, .queue = queue};
    *ret_job = arena_zalloc(arena, sizeof **ret_job);
    int err = *ret_job == NULL || buf_failed(&text)
                  ? HUB_ERR_NOMEM
                  : line_read(&reader, buf_view(&text), arena, *ret_job, ret_bad);
    json_object_put(empty);
    buf_release(&text);
    return err;
}
