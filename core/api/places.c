#include "api/places.h"

#include "jobs/job.h"

#include <stdlib.h>
#include <string.h>

/* --- From a schema to patterns -----------------------------------------------------------------*/

struct compiler {
    struct json_object *root;
    struct places *out;  /* names are the schema's, as long as it is being compiled */
    struct place path;   /* where we are */
    unsigned references; /* followed on the way here, against cycles */
    int err;
};

#define REFERENCES_MAX 16
#define VISITS_DEPTH   64

static void visit_schema(struct compiler *self, struct json_object *schema, unsigned depth);

static void add_place(struct compiler *self)
{
    for (unsigned i = 0; i < self->out->count; i++) {
        const struct place *known = &self->out->items[i];
        bool same = known->depth == self->path.depth;
        for (unsigned s = 0; same && s < known->depth; s++) {
            same = known->steps[s].any == self->path.steps[s].any &&
                   str_eq(known->steps[s].name, self->path.steps[s].name);
        }
        if (same) {
            return;
        }
    }
    if (self->out->count == PLACES_MAX) {
        self->err = HUB_ERR_LIMIT;
        return;
    }
    self->out->items[self->out->count++] = self->path;
}

/* What was found, with its names, moves into the arena: most operations take few files. */
static int keep_places(const struct places *found, struct arena *arena, struct places *ret_places)
{
    struct places kept = {.count = found->count};

    kept.items = arena_memdup(arena, found->items, found->count * sizeof *found->items);
    if (kept.items == NULL) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < kept.count; i++) {
        for (unsigned s = 0; s < kept.items[i].depth; s++) {
            struct str *name = &kept.items[i].steps[s].name;
            char *copy = arena_strdup(arena, *name);
            if (copy == NULL) {
                return HUB_ERR_NOMEM;
            }
            *name = str_of(copy, name->len);
        }
    }
    *ret_places = kept;
    return 0;
}

static void visit_step(struct compiler *self, struct place_step step, struct json_object *schema,
                       unsigned depth)
{
    if (self->path.depth == PLACES_DEPTH_MAX) {
        self->err = HUB_ERR_LIMIT;
        return;
    }
    self->path.steps[self->path.depth++] = step;
    visit_schema(self, schema, depth + 1);
    self->path.depth--;
}

static void visit_properties(struct compiler *self, struct json_object *properties, unsigned depth)
{
    json_object_object_foreach(properties, key, value) {
        visit_step(self, (struct place_step){.name = str_from_c(key)}, value, depth);
    }
}

static void visit_list(struct compiler *self, struct json_object *list, bool step, unsigned depth)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (step) {
            visit_step(self, (struct place_step){.any = true}, item, depth);
        } else {
            visit_schema(self, item, depth + 1);
        }
    }
}

static void visit_reference(struct compiler *self, struct str uri, unsigned depth)
{
    struct json_object *target;

    if (str_eq(uri, STR("hub:file"))) {
        add_place(self);
        return;
    }
    if (!str_starts_with(uri, STR("#")) || self->references == REFERENCES_MAX ||
        !json_at(self->root, str_slice(uri, 1, uri.len), &target)) {
        return; /* a reference that leads nowhere is the schema compiler's to refuse */
    }
    self->references++;
    visit_schema(self, target, depth + 1);
    self->references--;
}

/* What a keyword means for the way to a file. */
enum keyword_kind { KEYWORD_SAME, KEYWORD_STEP, KEYWORD_SAME_LIST, KEYWORD_STEP_LIST };

static const struct {
    const char *name;
    enum keyword_kind kind;
} KEYWORDS[] = {
    {"if", KEYWORD_SAME},
    {"then", KEYWORD_SAME},
    {"else", KEYWORD_SAME},
    {"allOf", KEYWORD_SAME_LIST},
    {"anyOf", KEYWORD_SAME_LIST},
    {"oneOf", KEYWORD_SAME_LIST},
    {"items", KEYWORD_STEP},
    {"additionalProperties", KEYWORD_STEP},
    {"prefixItems", KEYWORD_STEP_LIST},
};

static void visit_keyword(struct compiler *self, enum keyword_kind kind, struct json_object *value,
                          unsigned depth)
{
    bool list = kind == KEYWORD_SAME_LIST || kind == KEYWORD_STEP_LIST;

    if (list != json_object_is_type(value, json_type_array)) {
        return;
    }
    if (list) {
        visit_list(self, value, kind == KEYWORD_STEP_LIST, depth);
    } else if (kind == KEYWORD_STEP) {
        visit_step(self, (struct place_step){.any = true}, value, depth);
    } else {
        visit_schema(self, value, depth + 1);
    }
}

static void visit_schema(struct compiler *self, struct json_object *schema, unsigned depth)
{
    struct json_object *value;
    struct str reference;

    if (self->err < 0 || !json_object_is_type(schema, json_type_object)) {
        return;
    }
    if (depth > VISITS_DEPTH) {
        self->err = HUB_ERR_LIMIT;
        return;
    }
    if (json_get_str(schema, "$ref", &reference)) {
        visit_reference(self, reference, depth);
    }
    if (json_get_object(schema, "properties", &value)) {
        visit_properties(self, value, depth);
    }
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof KEYWORDS[0]; i++) {
        if (json_object_object_get_ex(schema, KEYWORDS[i].name, &value)) {
            visit_keyword(self, KEYWORDS[i].kind, value, depth);
        }
    }
}

int places_compile(struct json_object *schema, struct arena *arena, struct places *ret_places)
{
    struct places found = {.items = calloc(PLACES_MAX, sizeof *found.items)};
    struct compiler self = {.root = schema, .out = &found};

    if (found.items == NULL) {
        return HUB_ERR_NOMEM;
    }
    visit_schema(&self, schema, 0);
    if (self.err == 0) {
        self.err = keep_places(&found, arena, ret_places);
    }
    free(found.items);
    return self.err;
}

/* --- From patterns to files --------------------------------------------------------------------*/

struct collector {
    struct arena *arena;
    struct file_ref *refs;
    unsigned count;
    struct buf pointer;
    int err;
    void (*visit)(void *context, struct json_object *value); /* instead of collecting */
    void *context;
};

static bool read_ref(struct json_object *value, struct file_ref *ret_ref)
{
    struct str text;

    memset(ret_ref, 0, sizeof *ret_ref);
    if (json_get_str(value, "data", &ret_ref->data)) {
        ret_ref->kind = FILE_REF_DATA;
        json_get_str(value, "name", &ret_ref->name);
        json_get_str(value, "media_type", &ret_ref->media_type);
        return true;
    }
    if (json_get_str(value, "url", &ret_ref->url)) {
        ret_ref->kind = FILE_REF_URL;
        json_get_str(value, "name", &ret_ref->name);
        json_get_str(value, "account", &ret_ref->account);
        return true;
    }
    if (json_get_str(value, "job", &text)) {
        ret_ref->kind = FILE_REF_JOB;
        return id_parse(text, &ret_ref->job) && json_get_str(value, "artifact", &ret_ref->name);
    }
    ret_ref->kind = FILE_REF_ARTIFACT;
    return json_get_str(value, "artifact", &text) && id_parse(text, &ret_ref->artifact);
}

static void collect_file(struct collector *self, struct json_object *value)
{
    struct file_ref ref;

    if (!read_ref(value, &ref)) {
        return; /* another branch of the schema let it through: it names no file */
    }
    for (unsigned i = 0; i < self->count; i++) {
        if (str_eq(self->refs[i].pointer, buf_view(&self->pointer))) {
            return;
        }
    }
    if (self->count == JOB_FILES_MAX) {
        self->err = HUB_ERR_LIMIT;
        return;
    }
    ref.pointer = arena_str(self->arena, buf_view(&self->pointer));
    if (ref.pointer.ptr == NULL) {
        self->err = HUB_ERR_NOMEM;
        return;
    }
    self->refs[self->count++] = ref;
}

static void walk(struct collector *self, const struct place *place, unsigned depth,
                 struct json_object *value)
{
    const struct place_step *step = &place->steps[depth];
    size_t mark = self->pointer.len;
    struct json_object *member;

    if (self->err < 0 || value == NULL) {
        return;
    }
    if (depth == place->depth && self->visit != NULL) {
        self->visit(self->context, value);
    } else if (depth == place->depth) {
        collect_file(self, value);
    } else if (json_object_is_type(value, json_type_array) && step->any) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            json_pointer_append_index(&self->pointer, i);
            walk(self, place, depth + 1, json_object_array_get_idx(value, i));
            self->pointer.len = mark;
        }
    } else if (json_object_is_type(value, json_type_object) && step->any) {
        json_object_object_foreach(value, key, child) {
            json_pointer_append(&self->pointer, str_from_c(key));
            walk(self, place, depth + 1, child);
            self->pointer.len = mark;
        }
    } else if (json_object_object_get_ex(value, step->name.ptr, &member)) {
        json_pointer_append(&self->pointer, step->name);
        walk(self, place, depth + 1, member);
        self->pointer.len = mark;
    }
}

int places_collect(const struct places *self, struct json_object *input, struct arena *arena,
                   struct file_ref **ret_refs, unsigned *ret_count)
{
    struct collector collector = {.arena = arena};

    if (self->count > 0) {
        collector.refs = arena_alloc(arena, JOB_FILES_MAX * sizeof *collector.refs);
        if (collector.refs == NULL) {
            return HUB_ERR_NOMEM;
        }
    }
    buf_init(&collector.pointer, 64 * 1024);
    for (unsigned i = 0; i < self->count; i++) {
        walk(&collector, &self->items[i], 0, input);
    }
    if (buf_failed(&collector.pointer)) {
        collector.err = HUB_ERR_LIMIT;
    }
    buf_release(&collector.pointer);
    if (collector.err == 0) {
        *ret_refs = collector.refs;
        *ret_count = collector.count;
    }
    return collector.err;
}

void places_visit(const struct places *self, struct json_object *input,
                  void (*visit)(void *context, struct json_object *value), void *context)
{
    struct collector collector = {.visit = visit, .context = context};

    buf_init(&collector.pointer, 64 * 1024);
    for (unsigned i = 0; i < self->count; i++) {
        walk(&collector, &self->items[i], 0, input);
    }
    buf_release(&collector.pointer);
}
