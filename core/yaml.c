/* YAML through libyaml, as JSON values; scalars after the YAML 1.2 core schema. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 16

struct reader {
    yaml_document_t document;
    struct json_object *lines; /* JSON Pointer → line number */
    struct hub_error *error;
};

static int fail_at(struct reader *self, const yaml_node_t *node, const char *why)
{
    return hub_fail(self->error, HUB_ERR_BAD_REQUEST, "line %zu: %s", node->start_mark.line + 1,
                    why);
}

static struct json_object *plain_scalar(struct str text)
{
    char *end;
    int64_t number;

    if (text.len == 0 || str_eq(text, STR("null")) || str_eq(text, STR("~"))) {
        return NULL;
    }
    if (str_eq(text, STR("true")) || str_eq(text, STR("false"))) {
        return json_object_new_boolean(text.ptr[0] == 't');
    }
    if (str_to_i64(text, INT64_MIN, INT64_MAX, &number)) {
        return json_object_new_int64(number);
    }
    double value = strtod(text.ptr, &end);
    if (*end == '\0' && strspn(text.ptr, "+-.0123456789eE") == text.len) {
        return json_object_new_double(value);
    }
    return json_object_new_string_len(text.ptr, (int)text.len);
}

static int read_node(struct reader *self, const yaml_node_t *node, struct buf *pointer, int depth,
                     struct json_object **ret_value);

static int read_mapping(struct reader *self, const yaml_node_t *node, struct buf *pointer,
                        int depth, struct json_object *object)
{
    size_t mark = pointer->len;

    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&self->document, pair->key);
        const yaml_node_t *item = yaml_document_get_node(&self->document, pair->value);
        struct json_object *value;
        const char *name;
        int err;

        if (key->type != YAML_SCALAR_NODE) {
            return fail_at(self, key, "a name must be a plain word");
        }
        name = (const char *)key->data.scalar.value;
        if (json_object_object_get_ex(object, name, NULL)) {
            return fail_at(self, key, "this name is there twice");
        }
        json_pointer_append(pointer, str_from_c(name));
        err = read_node(self, item, pointer, depth + 1, &value);
        pointer->len = mark;
        if (err < 0) {
            return err;
        }
        json_object_object_add(object, name, value);
    }
    return 0;
}

static int read_sequence(struct reader *self, const yaml_node_t *node, struct buf *pointer,
                         int depth, struct json_object *array)
{
    size_t mark = pointer->len;
    size_t index = 0;

    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        struct json_object *value;
        int err;

        json_pointer_append_index(pointer, index++);
        err = read_node(self, yaml_document_get_node(&self->document, *item), pointer, depth + 1,
                        &value);
        pointer->len = mark;
        if (err < 0) {
            return err;
        }
        json_object_array_add(array, value);
    }
    return 0;
}

static int read_node(struct reader *self, const yaml_node_t *node, struct buf *pointer, int depth,
                     struct json_object **ret_value)
{
    struct json_object *value = NULL;
    int err = 0;

    if (depth > DEPTH_MAX) {
        return fail_at(self, node, "nested too deeply");
    }
    json_object_object_add(self->lines, pointer->ptr != NULL ? pointer->ptr : "",
                           json_object_new_int64((int64_t)node->start_mark.line + 1));
    if (node->type == YAML_MAPPING_NODE) {
        value = json_object_new_object();
        err = read_mapping(self, node, pointer, depth, value);
    } else if (node->type == YAML_SEQUENCE_NODE) {
        value = json_object_new_array();
        err = read_sequence(self, node, pointer, depth, value);
    } else {
        struct str text = str_of((const char *)node->data.scalar.value, node->data.scalar.length);
        value = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                    ? plain_scalar(text)
                    : json_object_new_string_len(text.ptr, (int)text.len);
    }
    if (err < 0) {
        json_object_put(value);
        return err;
    }
    *ret_value = value;
    return 0;
}

/* A file of settings may hold secrets, and libyaml frees what it has read as it is. */
static void wipe_document(yaml_document_t *document)
{
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE) {
            explicit_bzero(node->data.scalar.value, node->data.scalar.length);
        }
    }
}

static void wipe_parser(yaml_parser_t *parser)
{
    explicit_bzero(parser->raw_buffer.start,
                   (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
}

static int read_document(struct reader *self, yaml_parser_t *parser, struct json_object **ret_value)
{
    struct buf pointer;
    yaml_node_t *root;
    int err = 0;

    if (!yaml_parser_load(parser, &self->document)) {
        return hub_fail(self->error, HUB_ERR_BAD_REQUEST, "line %zu: %s",
                        parser->problem_mark.line + 1,
                        parser->problem != NULL ? parser->problem : "not YAML");
    }
    root = yaml_document_get_root_node(&self->document);
    if (root == NULL) {
        *ret_value = json_object_new_object();
    } else {
        buf_init(&pointer, 4096);
        buf_append_c(&pointer, "");
        err = read_node(self, root, &pointer, 0, ret_value);
        buf_release(&pointer);
    }
    wipe_document(&self->document);
    yaml_document_delete(&self->document);
    return err;
}

int yaml_read(struct str text, struct json_object **ret_value, struct json_object **ret_lines,
              struct hub_error *error)
{
    struct reader self = {.error = error, .lines = json_object_new_object()};
    yaml_parser_t parser;
    int err;

    if (self.lines == NULL || !yaml_parser_initialize(&parser)) {
        json_object_put(self.lines);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    err = read_document(&self, &parser, ret_value);
    wipe_parser(&parser);
    yaml_parser_delete(&parser);
    if (err == 0 && ret_lines != NULL) {
        *ret_lines = self.lines;
    } else {
        json_object_put(self.lines);
    }
    return err;
}

unsigned yaml_line(struct json_object *lines, struct str pointer)
{
    char text[4096];
    int64_t line;

    if (pointer.len >= sizeof text) {
        return 0;
    }
    memcpy(text, pointer.ptr != NULL ? pointer.ptr : "", pointer.len);
    text[pointer.len] = '\0';
    for (;;) {
        char *slash;

        if (json_get_i64(lines, text, &line)) {
            return (unsigned)line;
        }
        slash = strrchr(text, '/');
        if (slash == NULL) {
            return 0;
        }
        *slash = '\0';
    }
}
