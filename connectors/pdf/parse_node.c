/*
 * Nodes: stacks, columns, pictures, tables of contents; each by the member that makes it.
 */
#include "parse_parts.h"

#include <string.h>

/* --- Nodes of nodes ----------------------------------------------------------------------------*/

int parse_nodes(struct parser *p, struct json_object *array, const struct place *at,
                const struct text_style *style, struct node_list *list)
{
    if (!json_object_is_type(array, json_type_array)) {
        return wrong(p, at, "an array");
    }
    size_t count = json_object_array_length(array);
    list->items = document_alloc(p->doc, (count + 1) * sizeof *list->items);
    if (!list->items) {
        return p->doc->error->err;
    }
    for (size_t i = 0; i < count; i++) {
        int err = parse_node(p, json_object_array_get_idx(array, i), place_index(p, at, i), style,
                             NULL, &list->items[list->count]);
        if (err < 0) {
            return err;
        }
        list->count++;
    }
    return 0;
}

static int parse_stack(struct parser *p, struct json_object *object, const struct place *at,
                       struct node *node)
{
    return parse_nodes(p, member(object, "stack"), place_name(p, at, "stack"), node->style,
                       &node->stack);
}

static int parse_columns(struct parser *p, struct json_object *object, const struct place *at,
                         struct node *node)
{
    struct json_object *gap = member(object, "column_gap");
    node->columns.gap = 12;
    int err =
        gap ? read_number(p, gap, place_name(p, at, "column_gap"), 0, 1000, &node->columns.gap) : 0;
    if (err == 0) {
        err = parse_nodes(p, member(object, "columns"), place_name(p, at, "columns"), node->style,
                          &node->columns.items);
    }
    if (err == 0 && node->columns.items.count > PDF_MAX_COLUMNS) {
        err = document_fail(p->doc, at, HUB_ERR_LIMIT, "there are more than %d columns",
                            PDF_MAX_COLUMNS);
    }
    return err;
}

/* --- Pictures ----------------------------------------------------------------------------------*/

static int find_picture(struct parser *p, struct str name, const struct place *at,
                        const struct picture **ret_picture)
{
    struct buf pointer;
    char room[600];
    buf_init_fixed(&pointer, room, sizeof room);
    buf_append_c(&pointer, "/images");
    json_pointer_append(&pointer, name);
    struct source source;
    if (buf_failed(&pointer) || !p->sources->open ||
        !p->sources->open(p->sources->context, buf_view(&pointer), &source)) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "there is no image “%.*s” in /images",
                             STR_ARG(str_utf8_cut(name, 60)));
    }
    struct hub_error why;
    int err = pictures_get(p->sources->pictures, source.fd, source.key, ret_picture, &why);
    return err < 0 ? document_fail(p->doc, at, err, "image “%.*s”: %s",
                                   STR_ARG(str_utf8_cut(name, 60)), why.detail)
                   : 0;
}

static int parse_cover(struct parser *p, struct json_object *cover, const struct place *at,
                       struct image *image)
{
    static const char *const ACROSS[] = {"left", "center", "right", NULL};
    static const char *const DOWN[] = {"top", "center", "bottom", NULL};
    if (!json_object_is_type(cover, json_type_object)) {
        return wrong(p, at, "{width, height}");
    }
    uint8_t x = 1, y = 1;
    struct json_object *align = member(cover, "align"), *valign = member(cover, "valign");
    int err = read_number(p, member(cover, "width"), place_name(p, at, "width"), 1, PDF_MAX_LENGTH,
                          &image->width);
    if (err == 0) {
        err = read_number(p, member(cover, "height"), place_name(p, at, "height"), 1,
                          PDF_MAX_LENGTH, &image->height);
    }
    if (err == 0 && align) {
        err = read_choice(p, align, place_name(p, at, "align"), ACROSS, &x);
    }
    if (err == 0 && valign) {
        err = read_choice(p, valign, place_name(p, at, "valign"), DOWN, &y);
    }
    image->fit = IMAGE_COVER;
    image->align_x = x / 2.0;
    image->align_y = y / 2.0;
    return err;
}

static int parse_image_size(struct parser *p, struct json_object *object, const struct place *at,
                            struct image *image)
{
    struct json_object *value;
    int err = 0;
    if ((value = member(object, "cover"))) {
        return parse_cover(p, value, place_name(p, at, "cover"), image);
    }
    if ((value = member(object, "fit"))) {
        image->fit = IMAGE_FIT;
        const struct place *here = place_name(p, at, "fit");
        err = read_pair(p, value, here, &image->width, &image->height);
        return err == 0 && (image->width < 1 || image->height < 1)
                   ? wrong(p, here, "[width, height]")
                   : err;
    }
    if ((value = member(object, "width")) && !json_object_is_type(value, json_type_string)) {
        err = read_number(p, value, place_name(p, at, "width"), 0.1, PDF_MAX_LENGTH, &image->width);
    }
    if (err == 0 && (value = member(object, "height"))) {
        err =
            read_number(p, value, place_name(p, at, "height"), 0.1, PDF_MAX_LENGTH, &image->height);
    }
    return err;
}

static int parse_image(struct parser *p, struct json_object *object, const struct place *at,
                       struct node *node)
{
    struct image *image = &node->image;
    const struct place *here = place_name(p, at, "image");
    struct str name;
    image->opacity = 1;
    int err = read_text(p, member(object, "image"), here, &name);
    if (err == 0) {
        err = find_picture(p, name, here, &image->picture);
    }
    if (err == 0 && member(object, "opacity")) {
        err = read_number(p, member(object, "opacity"), place_name(p, at, "opacity"), 0, 1,
                          &image->opacity);
    }
    return err < 0 ? err : parse_image_size(p, object, at, image);
}

/* --- Table of contents -------------------------------------------------------------------------*/

static int parse_toc(struct parser *p, struct json_object *object, const struct place *at,
                     struct node *node)
{
    struct toc *toc = &node->toc;
    const struct place *here = place_name(p, at, "toc");
    struct json_object *value = member(object, "toc"), *option;
    toc->style = node->style;
    toc->dots = true;
    toc->indent = 12;
    toc->line_margin = (struct sides){0, 2, 0, 2};
    p->doc->has_fields = true;
    if (json_object_is_type(value, json_type_boolean)) {
        return 0;
    }
    if (!json_object_is_type(value, json_type_object)) {
        return wrong(p, here, "true or {title, id}");
    }
    int err = 0;
    json_object_object_foreach(value, name, ignored) {
        (void)ignored;
        if (strcmp(name, "title") != 0 && strcmp(name, "id") != 0) {
            return document_fail(p->doc, here, HUB_ERR_INVALID_INPUT, "“%s” has no meaning here",
                                 name);
        }
    }
    if ((option = member(value, "id"))) {
        err = read_text(p, option, place_name(p, here, "id"), &toc->id);
    }
    if (err == 0 && (option = member(object, "dots"))) {
        err = read_bool(p, option, place_name(p, at, "dots"), &toc->dots);
    }
    if (err == 0 && (option = member(object, "indent"))) {
        err = read_number(p, option, place_name(p, at, "indent"), 0, 200, &toc->indent);
    }
    if (err == 0 && (option = member(object, "line_margin"))) {
        err = read_sides(p, option, place_name(p, at, "line_margin"), &toc->line_margin);
    }
    if (err == 0 && (option = member(value, "title"))) {
        err = parse_node(p, option, place_name(p, here, "title"), node->style, NULL, &toc->title);
    }
    return err;
}

/* --- Any node ----------------------------------------------------------------------------------*/

/* What an object is: by the member that it has. */
static const struct {
    const char *name;
    enum node_kind kind;
    int (*parse)(struct parser *p, struct json_object *object, const struct place *at,
                 struct node *node);
} KINDS[] = {
    {"text", NODE_TEXT, parse_text},    {"table", NODE_TABLE, parse_table},
    {"stack", NODE_STACK, parse_stack}, {"columns", NODE_COLUMNS, parse_columns},
    {"ul", NODE_LIST, parse_list},      {"ol", NODE_LIST, parse_list},
    {"image", NODE_IMAGE, parse_image}, {"canvas", NODE_CANVAS, parse_canvas},
    {"qr", NODE_CODE, parse_code},      {"barcode", NODE_CODE, parse_code},
    {"toc", NODE_TOC, parse_toc},       {"field", NODE_TEXT, parse_text},
    {"page_of", NODE_TEXT, parse_text},
};

static int add_heading(struct parser *p, struct node *node)
{
    struct document *doc = p->doc;
    if (doc->heading_count == doc->heading_cap) {
        uint32_t cap = doc->heading_cap ? doc->heading_cap * 2 : 32;
        struct node **headings = document_alloc(doc, cap * sizeof(struct node *));
        if (!headings) {
            return doc->error->err;
        }
        if (doc->heading_count > 0) {
            memcpy(headings, doc->headings, doc->heading_count * sizeof *headings);
        }
        doc->headings = headings;
        doc->heading_cap = cap;
    }
    doc->headings[doc->heading_count++] = node;
    return 0;
}

static int parse_object(struct parser *p, struct json_object *object, const struct place *at,
                        const struct text_style *inherited, struct cell *cell, struct node *node)
{
    size_t kind = 0, count = sizeof KINDS / sizeof KINDS[0];
    while (kind < count && !member(object, KINDS[kind].name)) {
        kind++;
    }
    if (kind == count) {
        if (json_object_object_length(object) > 0) {
            return wrong(p, at,
                         "a node with one of text, stack, columns, ul, ol, table, image, canvas, "
                         "qr, barcode or toc");
        }
        kind = 0; /* {}: an empty cell */
    }
    node->kind = KINDS[kind].kind;
    node->outline_level = 1;
    struct text_style style;
    memcpy(&style, inherited, sizeof style);
    struct target target = {.style = &style, .node = node, .cell = cell};
    int err = apply_members(p, object, at, 1u << node->kind, &target);
    node->style = err < 0 ? NULL : keep_style(p, &style);
    if (!node->style) {
        return p->doc->error->err;
    }
    err = KINDS[kind].parse(p, object, at, node);
    if (err == 0 && node->toc_level) {
        node->toc_level = node->outline_level;
    }
    return err < 0 || !(node->outline || node->toc_level) ? err : add_heading(p, node);
}

int parse_node(struct parser *p, struct json_object *value, const struct place *at,
               const struct text_style *inherited, struct cell *cell, struct node **ret_node)
{
    struct node *node = document_alloc(p->doc, sizeof *node);
    if (!node) {
        return p->doc->error->err;
    }
    if (++p->doc->node_count > PDF_MAX_NODES) {
        return document_fail(p->doc, at, HUB_ERR_TOO_LARGE, "there are more than %d nodes",
                             PDF_MAX_NODES);
    }
    if (++p->depth > PDF_MAX_DEPTH) {
        return document_fail(p->doc, at, HUB_ERR_LIMIT, "nodes are nested more than %d deep",
                             PDF_MAX_DEPTH);
    }
    *node = (struct node){.kind = NODE_TEXT,
                          .place = at,
                          .style = inherited,
                          .min_width = -1,
                          .width = {MEASURE_STAR, 1}};
    int err;
    switch (json_object_get_type(value)) {
    case json_type_object:
        err = parse_object(p, value, at, inherited, cell, node);
        break;
    case json_type_array:
        node->kind = NODE_STACK;
        err = parse_nodes(p, value, at, inherited, &node->stack);
        break;
    default:
        err = parse_paragraph(p, value, at, inherited, &node->text);
    }
    p->depth--;
    if (err == 0) {
        *ret_node = node;
    }
    return err;
}
