#include "templates.h"

#include "shelf.h"

#include "base/file.h"
#include "connectors/common/template.h"
#include "schemas/schema.h"

#include <string.h>

enum { TEXTS_MAX = 16 << 20 };

#define ZONES_DIR "/usr/share/zoneinfo"

extern const char template_labels[];
extern const size_t template_labels_len;

/* --- What an expansion works with --------------------------------------------------------------*/

struct expansion {
    struct json_object *input;
    const struct sources *sources;
    struct buf *pointer;
    struct hub_error *error;
    const struct locale *locale;
    struct civil_clock clock; /* that shows times, */
    struct zone *zone;        /* by this zone, if one is named */
    bool has_clock;
};

static int fail(struct expansion *self, int err, const char *pointer, const char *why)
{
    buf_append_c(self->pointer, pointer);
    return hub_fail(self->error, err, "%s", why);
}

static int fail_memory(struct expansion *self)
{
    return fail(self, HUB_ERR_NOMEM, "", "there was not enough memory");
}

static int read_built_in(struct expansion *self, const char *text, size_t len,
                         struct json_object **ret_value)
{
    return json_read(str_of(text, len), JSON_DEPTH_MAX, ret_value, NULL, self->error);
}

/* --- Locale ------------------------------------------------------------------------------------*/

static int find_locale(struct expansion *self)
{
    struct str tag;
    self->locale = locale_default();
    if (!json_get_str(self->input, "locale", &tag)) {
        return 0;
    }
    const struct locale *locale = locale_find(tag);
    if (!locale) {
        return fail(self, HUB_ERR_INVALID_INPUT, "/locale", "this locale is not known");
    }
    self->locale = locale;
    return 0;
}

static int find_zone(struct expansion *self, struct str name)
{
    struct hub_error why;
    int err = zone_load(ZONES_DIR, name, &self->zone, &why);
    if (err < 0) {
        return fail(self, err == HUB_ERR_IO ? HUB_ERR_INVALID_INPUT : err, "/time_zone",
                    why.detail);
    }
    self->clock.zone = self->zone;
    self->has_clock = true;
    return 0;
}

static int find_clock(struct expansion *self)
{
    struct str text;
    if (json_get_str(self->input, "time_zone", &text)) {
        return find_zone(self, text);
    }
    if (!json_get_str(self->input, "utc_offset", &text)) {
        return 0;
    }
    if (!civil_offset_parse(text, &self->clock.offset)) {
        return fail(self, HUB_ERR_INVALID_INPUT, "/utc_offset", "an offset is like +01:00");
    }
    self->has_clock = true;
    return 0;
}

/* --- The data ----------------------------------------------------------------------------------*/

/* The words of a language, English ones where there are none. Borrowed from `all`. */
static struct json_object *words_of(const struct locale *locale, struct json_object *all)
{
    struct str tag = locale_tag(locale);
    char language[16];
    size_t len = 0;
    while (len < tag.len && len + 1 < sizeof language && tag.ptr[len] != '-') {
        language[len] = tag.ptr[len];
        len++;
    }
    language[len] = 0;
    struct json_object *words;
    return json_object_object_get_ex(all, language, &words) ? words
                                                            : json_object_object_get(all, "en");
}

/* Puts what `from`, which may be no object, has into `to`, sharing the values. */
static bool put_members(struct json_object *to, struct json_object *from)
{
    if (!json_object_is_type(from, json_type_object)) {
        return true;
    }
    json_object_object_foreach(from, name, value) {
        if (json_object_object_add(to, name, json_object_get(value)) != 0) {
            json_object_put(value);
            return false;
        }
    }
    return true;
}

/* Adds a new, empty object as a member. */
static struct json_object *add_object(struct json_object *object, const char *name)
{
    struct json_object *member = json_object_new_object();
    if (!member || json_object_object_add(object, name, member) != 0) {
        json_object_put(member);
        return NULL;
    }
    return member;
}

/* {…data, labels, images}: what the template sees. */
static int make_scope(struct expansion *self, struct json_object *data,
                      struct json_object **ret_scope)
{
    struct json_object *all_words = NULL, *own_words = NULL, *images = NULL;
    struct json_object *scope = json_object_new_object();
    int err = read_built_in(self, template_labels, template_labels_len, &all_words);
    bool made = err == 0 && scope && put_members(scope, data);
    json_object_object_get_ex(data, "labels", &own_words);
    struct json_object *words = made ? add_object(scope, "labels") : NULL;
    struct json_object *names = made ? add_object(scope, "images") : NULL;
    made = words && names && put_members(words, words_of(self->locale, all_words)) &&
           put_members(words, own_words);
    if (made && json_get_object(self->input, "images", &images)) {
        json_object_object_foreach(images, name, image) {
            (void)image;
            json_object_object_add(names, name, json_object_new_boolean(1));
        }
    }
    json_object_put(all_words);
    if (!made) {
        json_object_put(scope);
        return fail_memory(self);
    }
    *ret_scope = scope;
    return 0;
}

static int check_data(struct expansion *self, const struct schema *schema, struct json_object *data)
{
    struct schema_errors errors;
    schema_errors_init(&errors, 1);
    int err = schema_validate(schema, data, &errors);
    if (err < 0 && errors.len > 0) {
        buf_append_c(self->pointer, "/data");
        buf_append_str(self->pointer, errors.items[0].pointer);
        err = hub_fail(self->error, err, "%.*s", STR_ARG(errors.items[0].detail));
    } else if (err < 0) {
        err = fail_memory(self);
    }
    schema_errors_release(&errors);
    return err;
}

/* Data of a template that has a schema is checked, so that what is missing is told by its name. */
static int validate(struct expansion *self, struct json_object *document, struct json_object *data)
{
    static const struct str URI = STR_INIT("template");
    struct schema *schema = NULL;
    struct schema_registry *registry = schema_registry_new();
    int err =
        registry ? schema_registry_add(registry, URI, document, self->error) : fail_memory(self);
    if (err == 0) {
        err = schema_compile(registry, URI, SCHEMA_ASSERT_FORMAT, &schema, self->error);
    }
    if (err < 0) {
        buf_append_c(self->pointer, "/template");
    } else {
        err = check_data(self, schema, data);
    }
    schema_free(schema);
    schema_registry_free(registry);
    return err;
}

/* --- The template ------------------------------------------------------------------------------*/

static int read_file_template(struct expansion *self, struct json_object **ret_definition)
{
    struct source source;
    if (!self->sources->open ||
        !self->sources->open(self->sources->context, STR("/template"), &source)) {
        return fail(self, HUB_ERR_INVALID_INPUT, "/template", "there is no such file");
    }
    int err = shelf_read_fd(source.fd, ret_definition, self->error);
    if (err < 0) {
        buf_append_c(self->pointer, "/template");
    }
    return err;
}

static int read_named_template(struct expansion *self, struct str name, struct json_object *data,
                               struct json_object **ret_definition)
{
    struct json_object *schema = NULL;
    int err = shelf_read(self->sources->templates, name, ret_definition, &schema, self->error);
    if (err < 0) {
        buf_append_c(self->pointer, "/template");
        return err;
    }
    err = schema ? validate(self, schema, data) : 0;
    json_object_put(schema);
    return err;
}

static int read_template(struct expansion *self, struct json_object *template,
                         struct json_object *data, struct json_object **ret_definition)
{
    struct str name;
    if (json_object_is_type(template, json_type_string)) {
        return read_named_template(self, json_str(template), data, ret_definition);
    }
    /* A file may have a name too. */
    if (json_object_object_length(template) == 1 && json_get_str(template, "name", &name)) {
        return read_named_template(self, name, data, ret_definition);
    }
    return read_file_template(self, ret_definition);
}

static int fill_in(struct expansion *self, struct json_object *definition,
                   struct json_object *scope, struct json_object **ret_value)
{
    struct template_options options = {.locale = self->locale,
                                       .clock = self->has_clock ? &self->clock : NULL};
    json_get_bool(self->input, "strict", &options.strict);
    struct template_error error;
    struct json_template *template = NULL;
    int err = json_template_compile(definition, &template, &error);
    if (err == 0) {
        err = json_template_render(template, scope, &options, TEXTS_MAX, ret_value, &error);
    }
    json_template_free(template);
    return err < 0 ? fail(self, err, "/template", error.error.detail) : 0;
}

/* --- What goes on top --------------------------------------------------------------------------*/

static bool is_for_the_template(const char *name)
{
    static const char *const NAMES[] = {"template",  "data",       "locale",
                                        "time_zone", "utc_offset", "strict"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* One member of the input over that of the template: objects are merged, all else is replaced. */
static bool lay_over(struct json_object *merged, const char *name, struct json_object *value)
{
    struct json_object *below = json_object_object_get(merged, name);
    if (!json_object_is_type(below, json_type_object) ||
        !json_object_is_type(value, json_type_object)) {
        return json_object_object_add(merged, name, json_object_get(value)) == 0;
    }
    json_object_get(below); /* the new object takes its place */
    struct json_object *both = add_object(merged, name);
    bool done = both && put_members(both, below) && put_members(both, value);
    json_object_put(below);
    return done;
}

/* `filled` may share its objects with the template: what changes is made anew. */
static int merge(struct expansion *self, struct json_object *filled,
                 struct json_object **ret_definition)
{
    if (!json_object_is_type(filled, json_type_object)) {
        return fail(self, HUB_ERR_INVALID_INPUT, "/template", "a template is an object");
    }
    struct json_object *merged = json_object_new_object();
    bool done = merged && put_members(merged, filled);
    if (done && !json_object_object_get_ex(merged, "language", NULL)) {
        struct str tag = locale_tag(self->locale);
        json_object_object_add(merged, "language",
                               json_object_new_string_len(tag.ptr, (int)tag.len));
    }
    json_object_object_foreach(self->input, name, value) {
        done = done && (is_for_the_template(name) || lay_over(merged, name, value));
    }
    if (!done) {
        json_object_put(merged);
        return fail_memory(self);
    }
    *ret_definition = merged;
    return 0;
}

int template_definition(struct json_object *input, const struct sources *sources,
                        struct json_object **ret_definition, struct buf *ret_pointer,
                        struct hub_error *error)
{
    struct expansion self = {
        .input = input, .sources = sources, .pointer = ret_pointer, .error = error};
    struct json_object *named, *data = NULL, *definition = NULL, *scope = NULL, *filled = NULL;
    buf_clear(ret_pointer);
    if (!json_object_object_get_ex(input, "template", &named)) {
        *ret_definition = json_object_get(input);
        return 0;
    }
    json_object_object_get_ex(input, "data", &data);
    int err = find_locale(&self);
    if (err == 0) {
        err = find_clock(&self);
    }
    if (err == 0) {
        err = read_template(&self, named, data, &definition);
    }
    if (err == 0) {
        err = make_scope(&self, data, &scope);
    }
    if (err == 0) {
        err = fill_in(&self, definition, scope, &filled);
    }
    if (err == 0) {
        err = merge(&self, filled, ret_definition);
    }
    json_object_put(filled);
    json_object_put(scope);
    json_object_put(definition);
    zone_free(self.zone);
    return err;
}
