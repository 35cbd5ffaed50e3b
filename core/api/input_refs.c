#include "api/input_refs.h"

#include "api/render.h"

#include <string.h>

#define POINTER_MAX 4096

/* --- Finding them ------------------------------------------------------------------------------*/

static bool read_ref(struct json_object *value, struct input_ref *ret_ref)
{
    return json_object_is_type(value, json_type_object) && json_object_object_length(value) == 2 &&
           json_get_str(value, "from", &ret_ref->from) &&
           json_get_str(value, "pointer", &ret_ref->pointer) &&
           json_object_object_get_ex(value, "from", &ret_ref->from_json);
}

bool input_ref_is(struct json_object *value)
{
    struct input_ref ref;

    return read_ref(value, &ref);
}

struct walk {
    input_refs_visit_fn *visit;
    void *context;
    struct buf place;
};

static void walk(struct walk *self, struct json_object *value)
{
    size_t mark = self->place.len;
    struct input_ref ref;

    if (read_ref(value, &ref)) {
        self->visit(self->context, &ref, buf_view(&self->place));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member) {
            json_pointer_append(&self->place, str_from_c(key));
            walk(self, member);
            buf_truncate(&self->place, mark);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            json_pointer_append_index(&self->place, i);
            walk(self, json_object_array_get_idx(value, i));
            buf_truncate(&self->place, mark);
        }
    }
}

void input_refs_each(struct json_object *input, input_refs_visit_fn *visit, void *context)
{
    struct walk self = {.visit = visit, .context = context};

    buf_init(&self.place, POINTER_MAX);
    walk(&self, input);
    buf_release(&self.place);
}

static void note(void *context, struct input_ref *ref, struct str place)
{
    (void)ref;
    (void)place;
    *(bool *)context = true;
}

bool input_refs_any(struct str text, struct json_object *input)
{
    bool any = false;

    if (memmem(text.ptr, text.len, "\"pointer\"", 9) != NULL) {
        input_refs_each(input, note, &any);
    }
    return any;
}

/* --- Putting values in -------------------------------------------------------------------------*/

/* Parents are rendered and read back once each, when their first value is asked for. */
struct resolver {
    struct jobs_resolution *resolution;
    struct json_object **documents; /* by parent; NULL: not yet */
    size_t bytes;                   /* of what was put in */
    struct buf place;
    int err;
};

static int fail_at(struct resolver *self, struct str pointer, struct str keyword, struct str detail)
{
    struct jobs_resolution *resolution = self->resolution;
    struct buf details;

    buf_init(&details, 16 * 1024);
    buf_append_c(&details, "{\"pointer\":");
    buf_append_json_string(&details, pointer);
    buf_append_c(&details, ",\"keyword\":");
    buf_append_json_string(&details, keyword);
    buf_append_char(&details, '}');
    resolution->ret_code = str_from_c(hub_err_code(HUB_ERR_INVALID_INPUT));
    resolution->ret_message = arena_str(resolution->arena, detail);
    resolution->ret_details = arena_str(resolution->arena, buf_view(&details));
    buf_release(&details);
    self->err = resolution->ret_message.ptr != NULL && resolution->ret_details.ptr != NULL
                    ? HUB_ERR_INVALID_INPUT
                    : HUB_ERR_NOMEM;
    return self->err;
}

/* At the place under way. */
static void fail_here(struct resolver *self, const char *member, const char *detail)
{
    struct buf pointer;

    buf_init(&pointer, POINTER_MAX + 64);
    buf_append_c(&pointer, "/input");
    buf_append_str(&pointer, buf_view(&self->place));
    buf_append_c(&pointer, member);
    (void)fail_at(self, buf_view(&pointer), STR("from"), str_from_c(detail));
    buf_release(&pointer);
}

static const struct job_record *find_parent(const struct resolver *self, struct str from,
                                            unsigned *ret_index)
{
    const struct jobs_resolution *resolution = self->resolution;
    struct id id;

    for (unsigned i = 0; id_parse(from, &id) && i < resolution->parent_count; i++) {
        if (id_eq(&resolution->parents[i].id, &id)) {
            *ret_index = i;
            return &resolution->parents[i];
        }
    }
    return NULL;
}

static struct json_object *document_of(struct resolver *self, const struct job_record *parent,
                                       unsigned index)
{
    struct hub_error error;
    struct buf text;

    if (self->documents[index] == NULL) {
        buf_init(&text, BUF_NO_LIMIT);
        render_job(&text, parent, NULL, RENDER_FULL);
        int err = buf_failed(&text) ? HUB_ERR_NOMEM
                                    : json_read(buf_view(&text), JSON_DEPTH_MAX,
                                                &self->documents[index], NULL, &error);
        buf_release(&text);
        if (err == HUB_ERR_NOMEM) {
            self->err = err;
        } else if (err < 0) {
            fail_here(self, "", "what that job came to is nested too deeply");
        }
    }
    return self->documents[index];
}

/* The value for a place, owned by the caller; NULL may be JSON's null: see self->err. */
static struct json_object *value_of(struct resolver *self, const struct input_ref *ref)
{
    struct json_object *value = NULL;
    unsigned index;
    const struct job_record *parent = find_parent(self, ref->from, &index);

    if (parent == NULL) {
        fail_here(self, "/from", "that job is not there any more");
        return NULL;
    }
    struct json_object *document = document_of(self, parent, index);
    if (document == NULL) {
        return NULL;
    }
    if (!json_at(document, ref->pointer, &value)) {
        fail_here(self, "/pointer", "that job has nothing there");
        return NULL;
    }
    self->bytes += strlen(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    if (self->bytes > INPUT_RESOLVED_MAX) {
        fail_here(self, "", "with the values of other jobs the input is over 1 MiB");
        return NULL;
    }
    return json_object_get(value);
}

static void fill(struct resolver *self, struct json_object *value);

static void fill_members(struct resolver *self, struct json_object *object)
{
    size_t mark = self->place.len;
    struct input_ref ref;

    json_object_object_foreach(object, key, member) {
        json_pointer_append(&self->place, str_from_c(key));
        if (self->err == 0 && read_ref(member, &ref)) {
            struct json_object *value = value_of(self, &ref);
            if (self->err == 0) {
                json_object_object_add(object, key, value); /* in place: the order stays */
            }
        } else {
            fill(self, member);
        }
        buf_truncate(&self->place, mark);
    }
}

static void fill_items(struct resolver *self, struct json_object *array)
{
    size_t mark = self->place.len;
    struct input_ref ref;

    for (size_t i = 0; self->err == 0 && i < json_object_array_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        json_pointer_append_index(&self->place, i);
        if (read_ref(item, &ref)) {
            struct json_object *value = value_of(self, &ref);
            if (self->err == 0) {
                json_object_array_put_idx(array, i, value);
            }
        } else {
            fill(self, item);
        }
        buf_truncate(&self->place, mark);
    }
}

static void fill(struct resolver *self, struct json_object *value)
{
    if (self->err == 0 && json_object_is_type(value, json_type_object)) {
        fill_members(self, value);
    } else if (self->err == 0 && json_object_is_type(value, json_type_array)) {
        fill_items(self, value);
    }
}

static void check(struct resolver *self, const struct job_type *type, struct json_object *input)
{
    struct schema_errors errors;
    struct buf pointer;

    schema_errors_init(&errors, 1);
    int err = schema_validate(type->input, input, &errors);
    if (err < 0) {
        buf_init(&pointer, POINTER_MAX + 64);
        buf_append_c(&pointer, "/input");
        buf_append_str(&pointer, errors.items[0].pointer);
        (void)fail_at(self, buf_view(&pointer), errors.items[0].keyword, errors.items[0].detail);
        buf_release(&pointer);
    }
    schema_errors_release(&errors);
}

/* Reads what was written once more, so that what goes on keeps every limit that a posted input
 * keeps; then validates it. */
static void finish(struct resolver *self, const struct job_type *type, struct json_object *filled)
{
    struct jobs_resolution *resolution = self->resolution;
    struct json_object *input = NULL;
    struct hub_error error;
    struct buf text;

    buf_init(&text, 2 * INPUT_RESOLVED_MAX);
    json_append(&text, filled);
    int err = buf_failed(&text) ? HUB_ERR_NOMEM
                                : json_read(buf_view(&text), JSON_DEPTH_MAX, &input, NULL, &error);
    if (err == HUB_ERR_NOMEM) {
        self->err = err;
    } else if (err < 0) {
        (void)fail_at(self, STR("/input"), STR("from"), str_from_c(error.detail));
    } else {
        check(self, type, input);
    }
    if (self->err == 0) {
        resolution->ret_input = arena_str(resolution->arena, buf_view(&text));
        self->err = resolution->ret_input.ptr != NULL ? 0 : HUB_ERR_NOMEM;
    }
    json_object_put(input);
    buf_release(&text);
}

int input_refs_resolve(const struct types *types, struct jobs_resolution *resolution)
{
    const struct job_type *type = types_find(types, resolution->job->type);
    struct resolver self = {.resolution = resolution};
    struct json_object *input = NULL;
    struct hub_error error;

    buf_init(&self.place, POINTER_MAX);
    self.documents = arena_zalloc(resolution->arena,
                                  (resolution->parent_count + 1) * sizeof(struct json_object *));
    if (self.documents == NULL) {
        return HUB_ERR_NOMEM;
    }
    if (type == NULL) {
        return fail_at(&self, STR("/type"), STR("type"), STR("no connector offers it any more"));
    }
    self.err = json_read(resolution->job->input, JSON_DEPTH_MAX, &input, NULL, &error);
    fill(&self, input);
    if (self.err == 0) {
        finish(&self, type, input);
    }
    json_object_put(input);
    for (unsigned i = 0; i < resolution->parent_count; i++) {
        json_object_put(self.documents[i]);
    }
    buf_release(&self.place);
    return self.err;
}
