/*
 * Running the parts of a text.
 */
#include "template_parts.h"

#include <stdlib.h>
#include <string.h>

struct text_template {
    struct arena arena;
    struct json_object *constants;
    struct parts parts;
};

static void append_escaped(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_append_c(out, "&amp;");
            break;
        case '<':
            buf_append_c(out, "&lt;");
            break;
        case '>':
            buf_append_c(out, "&gt;");
            break;
        case '"':
            buf_append_c(out, "&quot;");
            break;
        case '\'':
            buf_append_c(out, "&#39;");
            break;
        default:
            buf_append_char(out, text.ptr[i]);
        }
    }
}

static int append_value(struct json_object *value, bool escape, struct run *run)
{
    if (escape && json_object_is_type(value, json_type_string)) {
        append_escaped(json_str(value), run->out);
        return 0;
    }
    if (!value_append(value, run->out)) {
        return run_fail(run, HUB_ERR_INVALID_INPUT, "this value is %s and no text",
                        json_object_is_type(value, json_type_array) ? "a list" : "an object");
    }
    return 0;
}

static int run_value(const struct part *part, struct run *run, const struct scope *scope)
{
    struct json_object *value = NULL;
    bool found;
    int err = expression_value(&part->expression, run, scope, &found, &value);
    if (err < 0) {
        return err;
    }
    if (!found && run->options->strict) {
        return run_fail(run, HUB_ERR_INVALID_INPUT, "the data has no such value");
    }
    err = append_value(value, run->options->escape_html && part->kind == PART_VALUE, run);
    json_object_put(value);
    return err;
}

static int run_list(const struct part *first, struct str source, struct run *run,
                    const struct scope *scope);

static int run_section(const struct part *part, struct str source, struct run *run,
                       const struct scope *scope)
{
    struct json_object *value = NULL;
    int err = 0;
    bool is_true = path_find(&part->expression.path, run, scope, &value) && value_is_true(value);
    if (part->kind == PART_INVERTED) {
        err = is_true ? 0 : run_list(part->children, source, run, scope);
    } else if (is_true && json_object_is_type(value, json_type_array)) {
        struct scope turn = {
            .outer = scope, .is_turn = true, .count = json_object_array_length(value)};
        for (; turn.index < turn.count && err == 0; turn.index++) {
            turn.value = json_object_array_get_idx(value, turn.index);
            err = run_turn(run);
            err = err < 0 ? err : run_list(part->children, source, run, &turn);
        }
    } else if (is_true) {
        struct scope inner = {.outer = scope, .value = value};
        err = run_list(part->children, source, run, &inner);
    }
    json_object_put(value);
    return err;
}

static int run_list(const struct part *first, struct str source, struct run *run,
                    const struct scope *scope)
{
    for (const struct part *part = first; part; part = part->next) {
        int err = 0;
        switch (part->kind) {
        case PART_LITERAL:
            buf_append_str(run->out, part->literal);
            break;
        case PART_VALUE:
        case PART_RAW:
            err = run_value(part, run, scope);
            break;
        case PART_SECTION:
        case PART_INVERTED:
            err = run_section(part, source, run, scope);
            break;
        }
        if (err == 0 && buf_failed(run->out)) {
            err = run_fail(run, HUB_ERR_TOO_LARGE, "the text becomes larger than %zu bytes",
                           run->out->limit);
        }
        if (err < 0) {
            template_error_place(run->error, source, part->expression.offset);
            return err;
        }
    }
    return 0;
}

int parts_run(const struct parts *parts, struct run *run, const struct scope *scope)
{
    return run_list(parts->first, parts->source, run, scope);
}

/* --- The public functions ----------------------------------------------------------------------*/

void text_template_free(struct text_template *self)
{
    if (self) {
        json_object_put(self->constants);
        arena_release(&self->arena);
        free(self);
    }
}

int text_template_compile(struct str source, struct text_template **ret_template,
                          struct template_error *error)
{
    if (error) {
        *error = (struct template_error){0};
    }
    struct text_template *self = calloc(1, sizeof *self);
    struct json_object *constants = json_object_new_array();
    if (!self || !constants) {
        json_object_put(constants);
        free(self);
        return hub_fail(error ? &error->error : NULL, HUB_ERR_NOMEM, "no memory for a template");
    }
    arena_init(&self->arena, TEMPLATE_MEMORY_MAX);
    self->constants = constants;
    int err = parts_parse(source, &self->arena, self->constants, &self->parts, error);
    if (err < 0) {
        text_template_free(self);
        return err;
    }
    *ret_template = self;
    return 0;
}

int text_template_render(const struct text_template *self, struct json_object *data,
                         const struct template_options *options, struct buf *out,
                         struct template_error *error)
{
    if (error) {
        *error = (struct template_error){0};
    }
    struct run run;
    run_init(&run, data, options, out, error);
    struct scope scope = {.value = data};
    return parts_run(&self->parts, &run, &scope);
}
