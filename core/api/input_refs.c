#include "api/input_refs.h"

#include "api/render.h"

#include <stdio.h>
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

static bool read_item(struct json_object *value, struct str *ret_pointer)
{
    struct json_object *mark;

    return json_object_is_type(value, json_type_object) && json_object_object_length(value) == 2 &&
           json_object_object_get_ex(value, "item", &mark) &&
           json_object_is_type(mark, json_type_boolean) && json_object_get_boolean(mark) &&
           json_get_str(value, "pointer", ret_pointer);
}

bool input_ref_is(struct json_object *value)
{
    struct input_ref ref;

    return read_ref(value, &ref);
}

bool input_ref_or_item_is(struct json_object *value)
{
    struct str pointer;

    return input_ref_is(value) || read_item(value, &pointer);
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
    const char *root;               /* what `place` is in */
    struct buf place;
    bool has_item; /* with for_each: which one, and its value, which may be JSON's null */
    unsigned index;
    struct json_object *item;
    int err;
};

static int fail_at(struct resolver *self, struct str pointer, struct str keyword, struct str detail)
{
    struct jobs_resolution *resolution = self->resolution;
    struct buf details;
    struct buf message;

    buf_init(&details, 16 * 1024);
    buf_append_c(&details, "{\"pointer\":");
    buf_append_json_string(&details, pointer);
    buf_append_c(&details, ",\"keyword\":");
    buf_append_json_string(&details, keyword);
    if (self->has_item) {
        buf_append_format(&details, ",\"item\":%u", self->index);
    }
    buf_append_char(&details, '}');
    buf_init(&message, 16 * 1024);
    if (self->has_item) {
        buf_append_format(&message, "item %u: ", self->index);
    }
    buf_append_str(&message, detail);
    resolution->ret_code = str_from_c(hub_err_code(HUB_ERR_INVALID_INPUT));
    resolution->ret_message = arena_str(resolution->arena, buf_view(&message));
    resolution->ret_details = arena_str(resolution->arena, buf_view(&details));
    buf_release(&message);
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
    buf_append_c(&pointer, self->root);
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

/* The value that is meant, the document's; NULL may be JSON's null: see self->err. */
static struct json_object *find_value(struct resolver *self, const struct input_ref *ref)
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
    }
    return value;
}

static struct json_object *find_in_item(struct resolver *self, struct str pointer)
{
    struct json_object *value = NULL;

    if (!json_at(self->item, pointer, &value)) {
        fail_here(self, "/pointer", "it has nothing there");
    }
    return value;
}

/* A reference to a value that is put in, if it still fits. */
static struct json_object *count_value(struct resolver *self, struct json_object *value)
{
    self->bytes += strlen(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    if (self->bytes > INPUT_RESOLVED_MAX) {
        fail_here(self, "", "with the values of other jobs the input is over 1 MiB");
        return NULL;
    }
    return json_object_get(value);
}

/* Does the place stand for a value? Then that, owned by the caller. */
static bool take_value(struct resolver *self, struct json_object *place,
                       struct json_object **ret_value)
{
    struct input_ref ref;
    struct str pointer;

    if (read_ref(place, &ref)) {
        *ret_value = find_value(self, &ref);
    } else if (self->has_item && read_item(place, &pointer)) {
        *ret_value = find_in_item(self, pointer);
    } else {
        return false;
    }
    *ret_value = self->err == 0 ? count_value(self, *ret_value) : NULL;
    return true;
}

static void fill(struct resolver *self, struct json_object *value);

static void fill_members(struct resolver *self, struct json_object *object)
{
    size_t mark = self->place.len;
    struct json_object *value;

    json_object_object_foreach(object, key, member) {
        json_pointer_append(&self->place, str_from_c(key));
        if (self->err == 0 && take_value(self, member, &value)) {
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
    struct json_object *value;

    for (size_t i = 0; self->err == 0 && i < json_object_array_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        json_pointer_append_index(&self->place, i);
        if (take_value(self, item, &value)) {
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
static struct str finish(struct resolver *self, const struct job_type *type,
                         struct json_object *filled)
{
    struct json_object *input = NULL;
    struct str written = {0};
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
        written = arena_str(self->resolution->arena, buf_view(&text));
        self->err = written.ptr != NULL ? 0 : HUB_ERR_NOMEM;
    }
    json_object_put(input);
    buf_release(&text);
    return written;
}

/* The posted input with all values in it. */
static struct str resolve_input(struct resolver *self, const struct job_type *type)
{
    struct json_object *input = NULL;
    struct str written = {0};
    struct hub_error error;

    self->bytes = 0;
    self->root = "/input";
    self->err = json_read(self->resolution->job->input, JSON_DEPTH_MAX, &input, NULL, &error);
    fill(self, input);
    if (self->err == 0) {
        written = finish(self, type, input);
    }
    json_object_put(input);
    return written;
}

/* --- For each ----------------------------------------------------------------------------------*/

static void fail_items(struct resolver *self, const char *keyword, size_t count, int64_t most)
{
    char detail[128];

    snprintf(detail, sizeof detail,
             count == 0 ? "what stands there is no array"
                        : "there are %zu items, and at most %lld may be made",
             count, (long long)most);
    (void)fail_at(self, STR("/for_each/pointer"), str_from_c(keyword), str_from_c(detail));
}

/* The array, the document's. NULL: see self->err. */
static struct json_object *find_array(struct resolver *self, struct json_object *for_each)
{
    struct input_ref ref = {0};
    int64_t most = FLOW_ITEMS_MAX;

    self->root = "/for_each";
    json_get_str(for_each, "from", &ref.from);
    json_get_str(for_each, "pointer", &ref.pointer);
    json_get_i64(for_each, "max_items", &most);
    struct json_object *array = find_value(self, &ref);
    if (self->err < 0) {
        return NULL;
    }
    if (!json_object_is_type(array, json_type_array)) {
        fail_items(self, "type", 0, most);
        return NULL;
    }
    if (json_object_array_length(array) > (size_t)most) {
        fail_items(self, "max_items", json_object_array_length(array), most);
        return NULL;
    }
    return array;
}

static void resolve_items(struct resolver *self, const struct job_type *type,
                          struct json_object *array)
{
    struct jobs_resolution *resolution = self->resolution;
    size_t count = json_object_array_length(array);
    size_t bytes = 0;

    resolution->ret_items =
        arena_zalloc(resolution->arena, (count + 1) * sizeof *resolution->ret_items);
    self->err = resolution->ret_items != NULL ? 0 : HUB_ERR_NOMEM;
    for (unsigned i = 0; self->err == 0 && i < count; i++) {
        self->has_item = true;
        self->index = i;
        self->item = json_object_array_get_idx(array, i);
        resolution->ret_items[i] = resolve_input(self, type);
        resolution->ret_item_count = i + 1;
        bytes += resolution->ret_items[i].len;
        if (self->err == 0 && bytes > FLOW_INPUTS_MAX) {
            (void)fail_at(self, STR("/input"), STR("max_items"),
                          STR("the inputs of the items are over 4 MiB together"));
        }
    }
}

static void resolve_each(struct resolver *self, const struct job_type *type)
{
    struct json_object *for_each = NULL;
    struct hub_error error;

    self->err = json_read(self->resolution->job->for_each, JSON_DEPTH_MAX, &for_each, NULL, &error);
    struct json_object *array = self->err == 0 ? find_array(self, for_each) : NULL;
    if (array != NULL) {
        resolve_items(self, type, array);
    }
    json_object_put(for_each);
}

int input_refs_resolve(const struct types *types, struct jobs_resolution *resolution)
{
    const struct job_type *type = types_find(types, resolution->job->type);
    struct resolver self = {.resolution = resolution, .root = "/input"};

    self.documents = arena_zalloc(resolution->arena,
                                  (resolution->parent_count + 1) * sizeof(struct json_object *));
    if (self.documents == NULL) {
        return HUB_ERR_NOMEM;
    }
    if (type == NULL) {
        return fail_at(&self, STR("/type"), STR("type"), STR("no connector offers it any more"));
    }
    buf_init(&self.place, POINTER_MAX);
    if (resolution->job->for_each.len > 0) {
        resolve_each(&self, type);
    } else {
        resolution->ret_input = resolve_input(&self, type);
    }
    for (unsigned i = 0; i < resolution->parent_count; i++) {
        json_object_put(self.documents[i]);
    }
    buf_release(&self.place);
    return self.err;
}
