/*
 * Tables: rows, widths, spans, and what they look like.
 */
#include "parse_parts.h"

#include <string.h>

/* --- Layouts -----------------------------------------------------------------------------------*/

#define LINE(w, c)                                                                                 \
    {                                                                                              \
        .width = (w), .color = (c)                                                                 \
    }

static const struct {
    const char *name;
    struct table_layout layout;
} LAYOUTS[] = {
    {"grid",
     {.h_outer = LINE(0.75, 0),
      .h_header = LINE(0.75, 0),
      .h_inner = LINE(0.75, 0),
      .v_outer = LINE(0.75, 0),
      .v_inner = LINE(0.75, 0),
      .padding = {4, 3, 4, 3}}},
    {"no_borders", {.padding = {4, 3, 4, 3}, .flush = true}},
    {"header_line_only", {.h_header = LINE(1.5, 0), .padding = {8, 3, 8, 3}, .flush = true}},
    {"light_horizontal_lines",
     {.h_header = LINE(1.5, 0x333333),
      .h_inner = LINE(0.5, 0xAAAAAA),
      .padding = {8, 4, 8, 4},
      .flush = true}},
};

enum { LAYOUT_COUNT = sizeof LAYOUTS / sizeof LAYOUTS[0] };

static int named_layout(struct parser *p, struct json_object *value, const struct place *at,
                        struct table_layout *layout)
{
    const char *names[LAYOUT_COUNT + 1] = {0};
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        names[i] = LAYOUTS[i].name;
    }
    uint8_t index;
    int err = read_choice(p, value, at, names, &index);
    if (err == 0) {
        *layout = LAYOUTS[index].layout;
    }
    return err;
}

/* Which lines a member of h_lines or v_lines is about. */
struct line_slots {
    struct line_style *outer, *header, *inner;
};

/* A line: its width, or {width, color, dash}. */
static int read_line(struct parser *p, struct json_object *value, const struct place *at,
                     struct line_style *line)
{
    if (!json_object_is_type(value, json_type_object)) {
        return read_number(p, value, at, 0, 50, &line->width);
    }
    static const char *const DASHES[] = {"solid", "double", "dashed", "dotted", NULL};
    int err = 0;
    json_object_object_foreach(value, name, option) {
        const struct place *here = place_key(p, at, str_from_c(name));
        if (strcmp(name, "width") == 0) {
            err = read_number(p, option, here, 0, 50, &line->width);
        } else if (strcmp(name, "color") == 0) {
            err = read_color(p, option, here, &line->color);
        } else if (strcmp(name, "dash") == 0) {
            err = read_choice(p, option, here, DASHES, &line->dash);
        } else {
            err = wrong(p, here, "width, color or dash");
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* One line for all, or {outer, header, inner}. */
static int read_lines(struct parser *p, struct json_object *value, const struct place *at,
                      struct line_slots slots)
{
    bool by_position =
        json_object_is_type(value, json_type_object) &&
        (member(value, "outer") || member(value, "header") || member(value, "inner"));
    if (!by_position) {
        struct line_style line = {0};
        int err = read_line(p, value, at, &line);
        *slots.outer = *slots.header = *slots.inner = line;
        return err;
    }
    json_object_object_foreach(value, name, option) {
        struct line_style *line = strcmp(name, "outer") == 0    ? slots.outer
                                  : strcmp(name, "header") == 0 ? slots.header
                                  : strcmp(name, "inner") == 0  ? slots.inner
                                                                : NULL;
        const struct place *here = place_key(p, at, str_from_c(name));
        int err =
            line ? read_line(p, option, here, line) : wrong(p, here, "outer, header or inner");
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int read_zebra(struct parser *p, struct json_object *value, const struct place *at,
                      uint32_t zebra[2])
{
    if (!json_object_is_type(value, json_type_array)) {
        return read_color(p, value, at, &zebra[1]);
    }
    if (json_object_array_length(value) != 2) {
        return wrong(p, at, "a colour or an array of two");
    }
    int err = read_color(p, json_object_array_get_idx(value, 0), at, &zebra[0]);
    return err < 0 ? err : read_color(p, json_object_array_get_idx(value, 1), at, &zebra[1]);
}

static int read_layout_member(struct parser *p, const char *name, struct json_object *value,
                              const struct place *at, struct table_layout *layout)
{
    if (strcmp(name, "base") == 0) {
        return 0; /* read first */
    }
    if (strcmp(name, "h_lines") == 0) {
        return read_lines(
            p, value, at,
            (struct line_slots){&layout->h_outer, &layout->h_header, &layout->h_inner});
    }
    if (strcmp(name, "v_lines") == 0) {
        struct line_style unused;
        return read_lines(p, value, at,
                          (struct line_slots){&layout->v_outer, &unused, &layout->v_inner});
    }
    if (strcmp(name, "padding") == 0) {
        return read_sides(p, value, at, &layout->padding);
    }
    if (strcmp(name, "flush") == 0) {
        return read_bool(p, value, at, &layout->flush);
    }
    if (strcmp(name, "fill_color") == 0) {
        return read_color(p, value, at, &layout->fill);
    }
    if (strcmp(name, "header_fill") == 0) {
        return read_color(p, value, at, &layout->header_fill);
    }
    if (strcmp(name, "zebra") == 0) {
        return read_zebra(p, value, at, layout->zebra);
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                         "a layout has base, h_lines, v_lines, padding, flush, fill_color, "
                         "header_fill and zebra");
}

static int parse_layout(struct parser *p, struct json_object *value, const struct place *at,
                        struct table_layout *layout)
{
    struct json_object *base = value;
    int err = 0;
    *layout = LAYOUTS[0].layout;
    bool custom = json_object_is_type(value, json_type_object);
    if (custom) {
        base = member(value, "base");
    }
    if (base) {
        err = named_layout(p, base, custom ? place_name(p, at, "base") : at, layout);
    }
    layout->fill = layout->header_fill = layout->zebra[0] = layout->zebra[1] = COLOR_NONE;
    if (err < 0 || !custom) {
        return err;
    }
    json_object_object_foreach(value, name, option) {
        err = read_layout_member(p, name, option, place_key(p, at, str_from_c(name)), layout);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* --- Cells -------------------------------------------------------------------------------------*/

static void cell_defaults(struct cell *cell)
{
    *cell = (struct cell){.col_span = 1,
                          .row_span = 1,
                          .fill = COLOR_NONE,
                          .border_color = COLOR_NONE,
                          .border = {true, true, true, true}};
}

/* Marks what a cell spans. A covered cell has no content and col_span 0. */
static int cover(struct parser *p, struct table *table, uint32_t row, uint32_t column,
                 const struct place *at)
{
    const struct cell *cell = &table->cells[row * table->columns + column];
    if (column + cell->col_span > table->columns || row + cell->row_span > table->rows) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "the cell spans more than the table has (%u × %u)", table->columns,
                             table->rows);
    }
    if (row < table->header_rows && row + cell->row_span > table->header_rows) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "a header cell can't span into the body");
    }
    for (uint32_t r = row; r < row + cell->row_span; r++) {
        for (uint32_t c = column; c < column + cell->col_span; c++) {
            struct cell *other = &table->cells[r * table->columns + c];
            if (other == cell) {
                continue;
            }
            if (other->col_span == 0) {
                return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                                     "the cell spans one that another spans already");
            }
            other->col_span = other->row_span = 0;
        }
    }
    return 0;
}

static int parse_row(struct parser *p, struct json_object *row, const struct place *at,
                     const struct text_style *style, struct table *table, uint32_t index)
{
    if (!json_object_is_type(row, json_type_array)) {
        return wrong(p, at, "a row: an array of cells");
    }
    if (json_object_array_length(row) != table->columns) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "the row has %zu cells, the table has %u columns",
                             json_object_array_length(row), table->columns);
    }
    for (uint32_t i = 0; i < table->columns; i++) {
        struct cell *cell = &table->cells[index * table->columns + i];
        if (cell->col_span == 0) {
            continue; /* covered: what stands here is only there to be counted */
        }
        const struct place *here = place_index(p, at, i);
        int err =
            parse_node(p, json_object_array_get_idx(row, i), here, style, cell, &cell->content);
        if (err == 0 && (cell->col_span > 1 || cell->row_span > 1)) {
            err = cover(p, table, index, i, here);
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int parse_widths(struct parser *p, struct json_object *widths, const struct place *at,
                        struct table *table)
{
    if (widths && !json_object_is_type(widths, json_type_array)) {
        struct measure all;
        int err = read_measure(p, widths, at, &all);
        for (uint32_t i = 0; i < table->columns; i++) {
            table->widths[i] = all;
        }
        return err;
    }
    if (widths && json_object_array_length(widths) != table->columns) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "the rows have %u cells, widths has %zu", table->columns,
                             json_object_array_length(widths));
    }
    for (uint32_t i = 0; i < table->columns; i++) {
        table->widths[i] = (struct measure){MEASURE_AUTO, 0};
        if (widths) {
            int err = read_measure(p, json_object_array_get_idx(widths, i), place_index(p, at, i),
                                   &table->widths[i]);
            if (err < 0) {
                return err;
            }
        }
    }
    return 0;
}

static int parse_heights(struct parser *p, struct json_object *heights, const struct place *at,
                         struct table *table)
{
    bool listed = json_object_is_type(heights, json_type_array);
    size_t count = !heights ? 0 : listed ? json_object_array_length(heights) : table->rows;
    for (uint32_t i = 0; i < count && i < table->rows; i++) {
        struct json_object *value = listed ? json_object_array_get_idx(heights, i) : heights;
        if (json_object_is_type(value, json_type_string) && str_eq(json_str(value), STR("auto"))) {
            continue;
        }
        int err = read_number(p, value, at, 0, PDF_MAX_LENGTH, &table->heights[i]);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int parse_table_options(struct parser *p, struct json_object *object, const struct place *at,
                               struct table *table)
{
    struct json_object *value;
    int err = 0;
    if ((value = member(object, "header_rows"))) {
        err = read_u32(p, value, place_name(p, at, "header_rows"), 0, table->rows,
                       &table->header_rows);
    }
    table->keep_rows = table->header_rows > 0 ? 1 : 0;
    if (err == 0 && (value = member(object, "keep_with_header_rows"))) {
        err = read_u32(p, value, place_name(p, at, "keep_with_header_rows"), 0, 1000,
                       &table->keep_rows);
    }
    table->break_rows = -1;
    if (err == 0 && (value = member(object, "dont_break_rows"))) {
        bool keep = false;
        err = read_bool(p, value, place_name(p, at, "dont_break_rows"), &keep);
        table->break_rows = keep ? 0 : 1;
    }
    if (err == 0) {
        err = parse_widths(p, member(object, "widths"), place_name(p, at, "widths"), table);
    }
    return err < 0
               ? err
               : parse_heights(p, member(object, "heights"), place_name(p, at, "heights"), table);
}

static int check_members(struct parser *p, struct json_object *object, const struct place *at)
{
    static const char *const NAMES[] = {"body",        "widths",          "heights",
                                        "header_rows", "dont_break_rows", "keep_with_header_rows"};
    json_object_object_foreach(object, name, value) {
        (void)value;
        bool known = false;
        for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
            known |= strcmp(name, NAMES[i]) == 0;
        }
        if (!known) {
            return document_fail(p->doc, place_key(p, at, str_from_c(name)), HUB_ERR_INVALID_INPUT,
                                 "a table has body, widths, heights, header_rows, dont_break_rows "
                                 "and keep_with_header_rows");
        }
    }
    return 0;
}

static int table_alloc(struct parser *p, struct json_object *body, const struct place *at,
                       struct table **ret_table)
{
    size_t rows = json_object_array_length(body);
    struct json_object *first = json_object_array_get_idx(body, 0);
    size_t columns =
        json_object_is_type(first, json_type_array) ? json_object_array_length(first) : 0;
    if (columns == 0) {
        return wrong(p, place_index(p, at, 0), "a row with at least one cell");
    }
    if (columns > PDF_MAX_COLUMNS) {
        return document_fail(p->doc, at, HUB_ERR_LIMIT, "there are more than %d columns",
                             PDF_MAX_COLUMNS);
    }
    if (rows > PDF_MAX_CELLS || p->doc->cell_count + rows * columns > PDF_MAX_CELLS) {
        return document_fail(p->doc, at, HUB_ERR_TOO_LARGE, "there are more than %d cells",
                             PDF_MAX_CELLS);
    }
    p->doc->cell_count += (uint32_t)(rows * columns);
    struct table *table = document_alloc(p->doc, sizeof *table);
    if (!table) {
        return p->doc->error->err;
    }
    table->rows = (uint32_t)rows;
    table->columns = (uint32_t)columns;
    table->cells = document_alloc(p->doc, rows * columns * sizeof *table->cells);
    table->widths = document_alloc(p->doc, columns * sizeof *table->widths);
    table->heights = document_alloc(p->doc, rows * sizeof *table->heights);
    if (!table->cells || !table->widths || !table->heights) {
        return p->doc->error->err;
    }
    for (size_t i = 0; i < rows * columns; i++) {
        cell_defaults(&table->cells[i]);
    }
    *ret_table = table;
    return 0;
}

int parse_table(struct parser *p, struct json_object *object, const struct place *at,
                struct node *node)
{
    struct json_object *value = member(object, "table");
    const struct place *here = place_name(p, at, "table");
    if (!json_object_is_type(value, json_type_object)) {
        return wrong(p, here, "a table: {body: […]}");
    }
    int err = check_members(p, value, here);
    struct json_object *body = member(value, "body");
    const struct place *body_place = place_name(p, here, "body");
    if (err == 0 &&
        (!json_object_is_type(body, json_type_array) || json_object_array_length(body) == 0)) {
        err = wrong(p, body_place, "an array with at least one row");
    }
    struct table *table = NULL;
    if (err == 0) {
        err = table_alloc(p, body, body_place, &table);
    }
    if (err == 0) {
        err = parse_table_options(p, value, here, table);
    }
    if (err == 0) {
        err =
            parse_layout(p, member(object, "layout"), place_name(p, at, "layout"), &table->layout);
    }
    for (uint32_t i = 0; err == 0 && i < table->rows; i++) {
        err = parse_row(p, json_object_array_get_idx(body, i), place_index(p, body_place, i),
                        node->style, table, i);
    }
    node->table = table;
    return err;
}
