/*
 * Definitions in JSON: a tree of nodes over the text engine. What has no placeholder below it is
 * shared between definition and results, whole.
 */
#include "template_parts.h"

#include <stdlib.h>
#include <string.h>

enum node_kind {
    NODE_CONSTANT, /* as it is */
    NODE_TEXT,     /* a text with placeholders */
    NODE_VALUE,    /* one placeholder: the value itself */
    NODE_ARRAY,
    NODE_OBJECT,
    NODE_FOR,
    NODE_IF,
    NODE_SPLICE
};

struct node {
    enum node_kind kind;
    const char *key;     /* in an object */
    const char *pointer; /* into the definition */
    struct json_object *constant;
    struct parts parts;
    struct path path;
    struct node *children; /* NODE_IF: $then; NODE_FOR: $do */
    struct node *otherwise;
    struct node *next;
};

struct json_template {
    struct arena arena;
    struct json_object *constants;
    struct json_object *definition;
    struct node *root;
};

/* --- Compiling ---------------------------------------------------------------------------------*/

struct compiler {
    struct arena *arena;
    struct json_object *constants;
    struct template_error *error;
    struct buf pointer;
    size_t depth;
};

static int compile(struct compiler *self, struct json_object *value, struct node **ret_node);

static int compile_fail(struct compiler *self, int err, const char *why)
{
    hub_fail(self->error ? &self->error->error : NULL, err, "%s", why);
    return err;
}

static int compile_memory(struct compiler *self)
{
    return compile_fail(self, HUB_ERR_TOO_LARGE, "the template is too large");
}

/* A member or element: the pointer is longer while it is compiled, and stays so after an error. */
static int compile_member(struct compiler *self, struct json_object *value, const char *key,
                          struct node **ret_node)
{
    size_t len = self->pointer.len;
    json_pointer_append(&self->pointer, str_from_c(key));
    int err = compile(self, value, ret_node);
    if (err == 0) {
        buf_truncate(&self->pointer, len);
    }
    return err;
}

static int compile_array(struct compiler *self, struct json_object *array, struct node *node)
{
    struct node **tail = &node->children;
    bool constant = true;
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        size_t len = self->pointer.len;
        json_pointer_append_index(&self->pointer, i);
        int err = compile(self, json_object_array_get_idx(array, i), tail);
        if (err < 0) {
            return err;
        }
        buf_truncate(&self->pointer, len);
        constant = constant && (*tail)->kind == NODE_CONSTANT;
        tail = &(*tail)->next;
    }
    node->kind = constant ? NODE_CONSTANT : NODE_ARRAY;
    return 0;
}

static int compile_object(struct compiler *self, struct json_object *object, struct node *node)
{
    struct node **tail = &node->children;
    bool constant = true;
    struct json_object_iterator it = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const char *key = json_object_iter_peek_name(&it);
        if (key[0] == '$') {
            return compile_fail(self, HUB_ERR_INVALID_INPUT,
                                "members with $ are $for with $do, $if with $then and $else, and "
                                "$splice");
        }
        int err = compile_member(self, json_object_iter_peek_value(&it), key, tail);
        if (err < 0) {
            return err;
        }
        (*tail)->key = key;
        constant = constant && (*tail)->kind == NODE_CONSTANT;
        tail = &(*tail)->next;
    }
    node->kind = constant ? NODE_CONSTANT : NODE_OBJECT;
    return 0;
}

/* The path that `key` of a directive holds. */
static int compile_path(struct compiler *self, struct json_object *directive, const char *key,
                        struct node *node)
{
    struct str path;
    if (!json_get_str(directive, key, &path)) {
        return compile_fail(self, HUB_ERR_INVALID_INPUT, "the path of a $for or $if is a text");
    }
    return parts_parse_path(path, self->arena, &node->path, self->error);
}

static int compile_for(struct compiler *self, struct json_object *directive, struct node *node)
{
    struct json_object *body;
    if (json_object_object_length(directive) != 2 ||
        !json_object_object_get_ex(directive, "$do", &body)) {
        return compile_fail(self, HUB_ERR_INVALID_INPUT, "a $for has a $do and nothing else");
    }
    node->kind = NODE_FOR;
    int err = compile_path(self, directive, "$for", node);
    return err < 0 ? err : compile_member(self, body, "$do", &node->children);
}

static int compile_if(struct compiler *self, struct json_object *directive, struct node *node)
{
    struct json_object *yes, *no;
    bool has_yes = json_object_object_get_ex(directive, "$then", &yes);
    bool has_no = json_object_object_get_ex(directive, "$else", &no);
    if (json_object_object_length(directive) != 1 + has_yes + has_no || !(has_yes || has_no)) {
        return compile_fail(self, HUB_ERR_INVALID_INPUT,
                            "an $if has a $then, an $else or both, and nothing else");
    }
    node->kind = NODE_IF;
    int err = compile_path(self, directive, "$if", node);
    if (err == 0 && has_yes) {
        err = compile_member(self, yes, "$then", &node->children);
    }
    if (err == 0 && has_no) {
        err = compile_member(self, no, "$else", &node->otherwise);
    }
    return err;
}

static int compile_splice(struct compiler *self, struct json_object *directive, struct node *node)
{
    struct json_object *list;
    if (json_object_object_length(directive) != 1 || !json_get_array(directive, "$splice", &list)) {
        return compile_fail(self, HUB_ERR_INVALID_INPUT, "a $splice has a list and nothing else");
    }
    json_pointer_append(&self->pointer, STR("$splice"));
    int err = compile_array(self, list, node);
    if (err == 0) {
        buf_truncate(&self->pointer, self->pointer.len - strlen("/$splice"));
    }
    node->kind = NODE_SPLICE;
    return err;
}

static int compile_string(struct compiler *self, struct json_object *string, struct node *node)
{
    struct str text = json_str(string);
    if (!memmem(text.ptr, text.len, "{{", 2)) {
        return 0;
    }
    int err = parts_parse(text, self->arena, self->constants, &node->parts, self->error);
    if (err < 0) {
        return err;
    }
    const struct part *only = node->parts.first;
    bool is_value = only && !only->next && (only->kind == PART_VALUE || only->kind == PART_RAW);
    node->kind = is_value ? NODE_VALUE : NODE_TEXT;
    return 0;
}

static int compile_node(struct compiler *self, struct json_object *value, struct node *node)
{
    if (json_object_is_type(value, json_type_string)) {
        return compile_string(self, value, node);
    }
    if (json_object_is_type(value, json_type_array)) {
        return compile_array(self, value, node);
    }
    if (!json_object_is_type(value, json_type_object)) {
        return 0;
    }
    if (json_object_object_get_ex(value, "$for", NULL)) {
        return compile_for(self, value, node);
    }
    if (json_object_object_get_ex(value, "$if", NULL)) {
        return compile_if(self, value, node);
    }
    if (json_object_object_get_ex(value, "$splice", NULL)) {
        return compile_splice(self, value, node);
    }
    return compile_object(self, value, node);
}

static int compile(struct compiler *self, struct json_object *value, struct node **ret_node)
{
    struct node *node = arena_zalloc(self->arena, sizeof *node);
    if (!node || self->depth > JSON_DEPTH_MAX) {
        return compile_memory(self);
    }
    node->constant = value;
    self->depth++;
    int err = compile_node(self, value, node);
    self->depth--;
    if (err == 0 && node->kind != NODE_CONSTANT) {
        node->pointer = arena_strdup(self->arena, buf_view(&self->pointer));
        if (!node->pointer) {
            return compile_memory(self);
        }
    }
    if (err == 0) {
        *ret_node = node;
    }
    return err;
}

/* --- Rendering ---------------------------------------------------------------------------------*/

/* What a node becomes goes here: an element of an array, a member, or the result. */
struct place {
    struct json_object *array;  /* or */
    struct json_object *object; /* with */
    const char *key;            /* or */
    struct json_object **ret_value;
    bool filled;
};

struct json_run {
    struct run run;
    struct buf text; /* of the string at hand */
    size_t nodes_left;
    size_t bytes_left;
};

static int render(struct json_run *self, const struct node *node, const struct scope *scope,
                  struct place *place);

static int too_large(struct json_run *self)
{
    return run_fail(&self->run, HUB_ERR_TOO_LARGE, "the result becomes too large");
}

/* Counts the values and texts of `value`, which are about to appear in the result once more. */
static int charge(struct json_run *self, struct json_object *value)
{
    if (self->nodes_left == 0) {
        return too_large(self);
    }
    self->nodes_left--;
    int err = 0;
    if (json_object_is_type(value, json_type_string)) {
        size_t len = (size_t)json_object_get_string_len(value);
        if (len > self->bytes_left) {
            return too_large(self);
        }
        self->bytes_left -= len;
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value) && err == 0; i++) {
            err = charge(self, json_object_array_get_idx(value, i));
        }
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member) {
            (void)key;
            err = err < 0 ? err : charge(self, member);
        }
    }
    return err;
}

/* Takes the reference over. */
static int put(struct json_run *self, struct place *place, struct json_object *value)
{
    int failed = 0;
    if (place->array) {
        failed = json_object_array_add(place->array, value);
    } else if (place->object) {
        failed = json_object_object_add(place->object, place->key, value);
    } else {
        *place->ret_value = value;
    }
    place->filled = true;
    if (failed) {
        json_object_put(value);
        return run_fail(&self->run, HUB_ERR_NOMEM, "no memory for the result");
    }
    return 0;
}

static int put_shared(struct json_run *self, struct place *place, struct json_object *value)
{
    int err = charge(self, value);
    return err < 0 ? err : put(self, place, json_object_get(value));
}

static int render_text(struct json_run *self, const struct node *node, const struct scope *scope,
                       struct place *place)
{
    buf_clear(&self->text);
    self->text.limit = self->bytes_left;
    int err = parts_run(&node->parts, &self->run, scope);
    if (err < 0) {
        return err;
    }
    struct json_object *text =
        json_object_new_string_len(self->text.ptr ? self->text.ptr : "", (int)self->text.len);
    err = charge(self, text);
    if (err < 0) {
        json_object_put(text);
        return err;
    }
    return put(self, place, text);
}

static int render_value(struct json_run *self, const struct node *node, const struct scope *scope,
                        struct place *place)
{
    struct json_object *value = NULL;
    const struct expression *expression = &node->parts.first->expression;
    bool found;
    int err = expression_value(expression, &self->run, scope, &found, &value);
    if (err < 0) {
        template_error_place(self->run.error, node->parts.source, expression->offset);
        return err;
    }
    if (found) {
        err = put_shared(self, place, value);
    } else if (self->run.options->strict) {
        err = run_fail(&self->run, HUB_ERR_INVALID_INPUT, "the data has no such value");
    }
    json_object_put(value);
    return err;
}

static int render_children(struct json_run *self, const struct node *node,
                           const struct scope *scope, struct json_object *array,
                           struct json_object *object)
{
    int err = 0;
    for (const struct node *child = node->children; child && err == 0; child = child->next) {
        struct place place = {.array = array, .object = object, .key = child->key};
        err = render(self, child, scope, &place);
    }
    return err;
}

static int render_container(struct json_run *self, const struct node *node,
                            const struct scope *scope, struct place *place)
{
    if (self->nodes_left == 0) {
        return too_large(self);
    }
    self->nodes_left--;
    bool is_object = node->kind == NODE_OBJECT;
    struct json_object *made = is_object ? json_object_new_object() : json_object_new_array();
    if (!made) {
        return run_fail(&self->run, HUB_ERR_NOMEM, "no memory for the result");
    }
    int err = render_children(self, node, scope, is_object ? NULL : made, is_object ? made : NULL);
    if (err < 0) {
        json_object_put(made);
        return err;
    }
    return put(self, place, made);
}

/* The array that a $for or $splice fills: the one it stands in, or one of its own. */
static int open_array(struct json_run *self, struct place *place, struct json_object **ret_array)
{
    if (place->array) {
        *ret_array = place->array;
        return 0;
    }
    struct json_object *array = json_object_new_array();
    if (!array) {
        return run_fail(&self->run, HUB_ERR_NOMEM, "no memory for the result");
    }
    *ret_array = array;
    return put(self, place, array);
}

static int render_for(struct json_run *self, const struct node *node, const struct scope *scope,
                      struct place *place)
{
    struct json_object *array = NULL, *value = NULL;
    int err = open_array(self, place, &array);
    if (err < 0) {
        return err;
    }
    if (!path_find(&node->path, &self->run, scope, &value) || !value_is_true(value)) {
        json_object_put(value);
        return 0;
    }
    bool is_list = json_object_is_type(value, json_type_array);
    struct scope turn = {.outer = scope, .value = value, .is_turn = is_list};
    turn.count = is_list ? json_object_array_length(value) : 1;
    for (; turn.index < turn.count && err == 0; turn.index++) {
        struct place element = {.array = array};
        turn.value = is_list ? json_object_array_get_idx(value, turn.index) : value;
        err = run_turn(&self->run);
        err = err < 0 ? err : render(self, node->children, &turn, &element);
    }
    json_object_put(value);
    return err;
}

static int render_if(struct json_run *self, const struct node *node, const struct scope *scope,
                     struct place *place)
{
    struct json_object *value = NULL;
    bool yes = path_find(&node->path, &self->run, scope, &value) && value_is_true(value);
    json_object_put(value);
    const struct node *branch = yes ? node->children : node->otherwise;
    return branch ? render(self, branch, scope, place) : 0;
}

static int render_splice(struct json_run *self, const struct node *node, const struct scope *scope,
                         struct place *place)
{
    struct json_object *array = NULL;
    int err = open_array(self, place, &array);
    return err < 0 ? err : render_children(self, node, scope, array, NULL);
}

static int render_constant(struct json_run *self, const struct node *node,
                           const struct scope *scope, struct place *place)
{
    (void)scope;
    return put_shared(self, place, node->constant);
}

typedef int render_fn(struct json_run *self, const struct node *node, const struct scope *scope,
                      struct place *place);

static int render(struct json_run *self, const struct node *node, const struct scope *scope,
                  struct place *place)
{
    static render_fn *const RENDER[] = {
        [NODE_CONSTANT] = render_constant,
        [NODE_TEXT] = render_text,
        [NODE_VALUE] = render_value,
        [NODE_ARRAY] = render_container,
        [NODE_OBJECT] = render_container,
        [NODE_FOR] = render_for,
        [NODE_IF] = render_if,
        [NODE_SPLICE] = render_splice,
    };
    int err = RENDER[node->kind](self, node, scope, place);
    if (err < 0 && node->pointer) {
        template_error_pointer(self->run.error, node->pointer);
    }
    return err;
}

/* --- The public functions ----------------------------------------------------------------------*/

void json_template_free(struct json_template *self)
{
    if (self) {
        json_object_put(self->constants);
        json_object_put(self->definition);
        arena_release(&self->arena);
        free(self);
    }
}

int json_template_compile(struct json_object *definition, struct json_template **ret_template,
                          struct template_error *error)
{
    if (error) {
        *error = (struct template_error){0};
    }
    struct json_template *self = calloc(1, sizeof *self);
    struct json_object *constants = json_object_new_array();
    if (!self || !constants) {
        json_object_put(constants);
        free(self);
        return hub_fail(error ? &error->error : NULL, HUB_ERR_NOMEM, "no memory for a template");
    }
    arena_init(&self->arena, TEMPLATE_MEMORY_MAX);
    self->constants = constants;
    self->definition = json_object_get(definition);
    struct compiler compiler = {
        .arena = &self->arena, .constants = self->constants, .error = error};
    buf_init(&compiler.pointer, BUF_NO_LIMIT);
    int err = compile(&compiler, definition, &self->root);
    if (err < 0) {
        buf_append_char(&compiler.pointer, 0);
        template_error_pointer(error, buf_failed(&compiler.pointer) ? "" : compiler.pointer.ptr);
        json_template_free(self);
    } else {
        *ret_template = self;
    }
    buf_release(&compiler.pointer);
    return err;
}

int json_template_render(const struct json_template *self, struct json_object *data,
                         const struct template_options *options, size_t bytes_max,
                         struct json_object **ret_value, struct template_error *error)
{
    if (error) {
        *error = (struct template_error){0};
    }
    struct template_options plain = options ? *options : (struct template_options){0};
    plain.escape_html = false;
    struct json_run run = {.nodes_left = TEMPLATE_NODES_MAX, .bytes_left = bytes_max};
    buf_init(&run.text, bytes_max);
    run_init(&run.run, data, &plain, &run.text, error);
    struct json_object *value = NULL;
    struct scope scope = {.value = data};
    struct place place = {.ret_value = &value};
    int err = render(&run, self->root, &scope, &place);
    buf_release(&run.text);
    if (err < 0) {
        json_object_put(value);
        return err;
    }
    *ret_value = value;
    return 0;
}
