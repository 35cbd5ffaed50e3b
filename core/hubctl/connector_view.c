#include "hubctl/connector_view.h"

#include "base/json.h"
#include "hubctl/human.h"
#include "hubctl/schema_view.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <string.h>

int64_t connector_number(struct json_object *object, const char *name)
{
    int64_t count = 0;

    json_get_i64(object, name, &count);
    return count;
}

void connector_line(const struct output *output, struct buf *buf, const char *label,
                    struct str text)
{
    if (text.len > 0) {
        buf_append_str(buf, STR("  "));
        style_append(buf, output->out_colour, STYLE_DIM, str_from_c(label));
        text_append_blanks(buf, 10 - strlen(label));
        text_append_safe(buf, text);
        buf_append_char(buf, '\n');
    }
}

void connector_append_operations(const struct output *output, struct buf *buf,
                                 struct json_object *operations)
{
    static const struct column columns[] = {
        {"TYPE", .keep = true},
        {"TRYING AGAIN", .rank = 2},
        {"TIMEOUT", .rank = 3, .align = ALIGN_RIGHT},
        {"TRIES", .rank = 4, .align = ALIGN_RIGHT},
        {"WHAT", .keep = true, .wrap = true, .min = 32},
    };
    struct table table;

    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_object_array_length(operations); i++) {
        struct json_object *operation = json_object_array_get_idx(operations, i);

        table_cell(&table, STYLE_CYAN, text_member(operation, "type"));
        table_cell(&table, STYLE_PLAIN, text_member(operation, "retry_safety"));
        human_append_duration(table_cell_begin(&table, STYLE_PLAIN),
                              connector_number(operation, "timeout_ms"));
        buf_append_i64(table_cell_begin(&table, STYLE_PLAIN),
                       connector_number(operation, "max_attempts"));
        table_cell(&table, STYLE_DIM, text_member(operation, "summary"));
    }
    buf_append_char(buf, '\n');
    table_append(&table, buf, 2, output->out_width, output->out_colour);
    table_release(&table);
}

static void title(const struct output *output, struct buf *buf, const char *text)
{
    buf_append_char(buf, '\n');
    style_append(buf, output->out_colour, STYLE_BOLD, str_from_c(text));
    buf_append_char(buf, '\n');
}

void connector_append_operation(const struct output *output, struct buf *buf,
                                struct json_object *operation)
{
    struct json_object *example = json_object_object_get(operation, "example");
    struct json_object *result = json_object_object_get(operation, "result_schema");
    struct str summary = text_member(operation, "summary");

    style_append(buf, output->out_colour, STYLE_BOLD, text_member(operation, "type"));
    buf_append_str(buf, summary.len > 0 ? STR(": ") : STR(""));
    text_append_safe(buf, summary);
    buf_append_char(buf, '\n');
    title(output, buf, "Input");
    schema_append_fields(output, buf, json_object_object_get(operation, "input_schema"), 2);
    if (json_object_is_type(result, json_type_object)) {
        title(output, buf, "Result");
        schema_append_fields(output, buf, result, 2);
    }
    if (example) {
        title(output, buf, "Example");
        buf_append_str(buf, STR("  "));
        output_append_json(buf, output->out_colour, example, 2);
        buf_append_char(buf, '\n');
    }
}

void connector_append_account(const struct output *output, struct buf *buf,
                              struct json_object *schema)
{
    title(output, buf, "Account");
    schema_append_fields(output, buf, schema, 2);
}
