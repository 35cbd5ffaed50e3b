#include "hubctl/schema_view.h"

#include "base/json.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#define DEPTH_MAX   6
#define ROWS_MAX    300
#define CHOICES_MAX 40
#define HOPS_MAX    8 /* of $ref */

struct view {
    struct json_object *root;
    struct table table;
};

/* Follows `$ref`s within the schema. "hub:file" and other outside ones stay as they are. */
static struct json_object *resolve(const struct view *view, struct json_object *schema)
{
    for (int hop = 0; hop < HOPS_MAX; hop++) {
        struct json_object *target;
        struct str ref;

        if (!json_get_str(schema, "$ref", &ref) || !str_starts_with(ref, STR("#")) ||
            !json_at(view->root, str_slice(ref, 1, ref.len), &target)) {
            break;
        }
        schema = target;
    }
    return schema;
}

/* --- the type of a field ---------------------------------------------------------------------- */

static void append_number(struct buf *buf, struct json_object *number)
{
    text_append_json(buf, number);
}

/* " 1…100", " ≥ 1", " ≤ 255 characters" */
static void append_range(struct buf *buf, struct json_object *schema, const char *min_name,
                         const char *max_name, const char *unit)
{
    struct json_object *min = json_object_object_get(schema, min_name);
    struct json_object *max = json_object_object_get(schema, max_name);

    if (min && max) {
        buf_append_char(buf, ' ');
        append_number(buf, min);
        buf_append_str(buf, STR("…"));
        append_number(buf, max);
    } else if (min || max) {
        buf_append_str(buf, min ? STR(" ≥ ") : STR(" ≤ "));
        append_number(buf, min ? min : max);
    } else {
        return;
    }
    buf_append_c(buf, unit);
}

static void append_choices(struct buf *buf, struct json_object *choices)
{
    size_t len = json_object_array_length(choices);

    for (size_t i = 0; i < len && i < CHOICES_MAX; i++) {
        struct json_object *choice = json_object_array_get_idx(choices, i);

        buf_append_str(buf, i > 0 ? STR(" | ") : STR(""));
        if (json_object_is_type(choice, json_type_string)) {
            text_append_safe(buf, json_str(choice));
        } else {
            text_append_json(buf, choice);
        }
    }
    buf_append_str(buf, len > CHOICES_MAX ? STR(" | …") : STR(""));
}

static void append_type(const struct view *view, struct buf *buf, struct json_object *schema,
                        int depth);

/* "integer | null": the names in an array, or the one name. */
static void append_type_names(const struct view *view, struct buf *buf, struct json_object *schema,
                              int depth)
{
    struct json_object *items;
    struct json_object *list;
    struct str name;

    if (json_get_array(schema, "type", &list)) {
        append_choices(buf, list);
        return;
    }
    if (!json_get_str(schema, "type", &name)) {
        buf_append_str(buf,
                       json_object_object_get(schema, "properties") ? STR("object") : STR("any"));
        return;
    }
    if (str_eq(name, STR("array")) && json_get_object(schema, "items", &items)) {
        buf_append_str(buf, STR("array of "));
        append_type(view, buf, items, depth + 1);
        append_range(buf, schema, "minItems", "maxItems", "");
        return;
    }
    text_append_safe(buf, name);
}

static void append_alternatives(const struct view *view, struct buf *buf, struct json_object *list,
                                int depth)
{
    for (size_t i = 0; i < json_object_array_length(list) && i < CHOICES_MAX; i++) {
        buf_append_str(buf, i > 0 ? STR(" | ") : STR(""));
        append_type(view, buf, json_object_array_get_idx(list, i), depth + 1);
    }
}

static void append_type(const struct view *view, struct buf *buf, struct json_object *schema,
                        int depth)
{
    struct json_object *list;
    struct json_object *constant;
    struct str text;

    schema = resolve(view, schema);
    if (depth > DEPTH_MAX || !json_object_is_type(schema, json_type_object)) {
        buf_append_str(buf, STR("any"));
    } else if (json_get_str(schema, "$ref", &text)) {
        /* The one outside schema that connectors may name: a file. */
        text_append_safe(buf, str_eq(text, STR("hub:file")) ? STR("file") : text);
    } else if (json_get_array(schema, "enum", &list)) {
        append_choices(buf, list);
    } else if (json_object_object_get_ex(schema, "const", &constant)) {
        text_append_json(buf, constant);
    } else if (!json_object_object_get(schema, "type") &&
               (json_get_array(schema, "oneOf", &list) || json_get_array(schema, "anyOf", &list))) {
        append_alternatives(view, buf, list, depth);
    } else {
        append_type_names(view, buf, schema, depth);
        append_range(buf, schema, "minimum", "maximum", "");
        append_range(buf, schema, "minLength", "maxLength", " characters");
        if (json_get_str(schema, "format", &text)) {
            buf_append_str(buf, STR(", "));
            text_append_safe(buf, text);
        }
    }
}

/* --- the rows --------------------------------------------------------------------------------- */

static bool is_required(struct json_object *schema, const char *name)
{
    struct json_object *required;

    if (!json_get_array(schema, "required", &required)) {
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(required); i++) {
        struct json_object *one = json_object_array_get_idx(required, i);
        if (json_object_is_type(one, json_type_string) && str_eq(json_str(one), str_from_c(name))) {
            return true;
        }
    }
    return false;
}

static void add_row(struct view *view, struct str path, struct json_object *field,
                    struct json_object *resolved, bool required)
{
    struct str description = STR("");
    struct json_object *value;
    struct buf *cell;

    table_cell(&view->table, STYLE_CYAN, path);
    append_type(view, table_cell_begin(&view->table, STYLE_PLAIN), field, 0);
    table_cell(&view->table, STYLE_YELLOW, required ? STR("yes") : STR(""));
    cell = table_cell_begin(&view->table, STYLE_DIM);
    if (json_object_object_get_ex(resolved, "default", &value)) {
        text_append_json(cell, value);
    }
    if (!json_get_str(field, "description", &description)) {
        json_get_str(resolved, "description", &description);
    }
    table_cell(&view->table, STYLE_PLAIN, description);
}

static void add_fields(struct view *view, struct json_object *schema, struct buf *path, int depth);

/* The fields of each kind of object that `field` may be. */
static void descend(struct view *view, struct json_object *field, struct buf *path, int depth)
{
    static const char *const combinations[] = {"oneOf", "anyOf", "allOf"};
    struct json_object *items;
    struct json_object *list;

    add_fields(view, field, path, depth);
    if (json_get_object(field, "items", &items)) {
        size_t len = path->len;
        buf_append_str(path, STR("[]"));
        descend(view, resolve(view, items), path, depth + 1);
        buf_truncate(path, len);
    }
    for (size_t c = 0; c < sizeof combinations / sizeof combinations[0]; c++) {
        if (depth < DEPTH_MAX && json_get_array(field, combinations[c], &list)) {
            for (size_t i = 0; i < json_object_array_length(list); i++) {
                add_fields(view, resolve(view, json_object_array_get_idx(list, i)), path,
                           depth + 1);
            }
        }
    }
}

static void add_fields(struct view *view, struct json_object *schema, struct buf *path, int depth)
{
    struct json_object *properties;
    size_t len = path->len;

    if (depth > DEPTH_MAX || !json_get_object(schema, "properties", &properties)) {
        return;
    }
    json_object_object_foreach(properties, name, field) {
        struct json_object *resolved = resolve(view, field);

        if (table_rows(&view->table) >= ROWS_MAX) {
            return;
        }
        buf_append_str(path, len > 0 ? STR(".") : STR(""));
        buf_append_c(path, name);
        add_row(view, buf_view(path), field, resolved, is_required(schema, name));
        descend(view, resolved, path, depth + 1);
        buf_truncate(path, len);
    }
}

void schema_append_fields(const struct output *output, struct buf *buf, struct json_object *schema,
                          size_t indent)
{
    static const struct column columns[] = {
        {"FIELD", .keep = true},
        {"TYPE", .keep = true, .wrap = true, .min = 16},
        {"NEEDED", .rank = 2},
        {"DEFAULT", .rank = 3, .wrap = true},
        {"MEANING", .rank = 1, .wrap = true, .min = 24},
    };
    struct view view = {.root = schema};
    struct buf path;

    buf_init(&path, BUF_NO_LIMIT);
    table_init(&view.table, columns, sizeof columns / sizeof columns[0]);
    descend(&view, resolve(&view, schema), &path, 0);
    if (table_rows(&view.table) == 0) {
        text_append_blanks(buf, indent);
        buf_append_str(buf, STR("any object\n"));
    }
    table_append(&view.table, buf, indent, output->out_width, output->out_colour);
    table_release(&view.table);
    buf_release(&path);
}
