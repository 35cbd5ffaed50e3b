/*
 * Nodes: text, stacks, columns, lists, pictures, tables of contents.
 */
#include "parse_parts.h"

#include <string.h>

/* --- Text --------------------------------------------------------------------------------------*/

struct run_list {
    struct paragraph *paragraph;
    uint32_t cap;
    int depth;
};

static struct inline_run *add_run(struct parser *p, struct run_list *list)
{
    struct paragraph *paragraph = list->paragraph;
    if (paragraph->count == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 1;
        struct inline_run *runs = document_alloc(p->doc, cap * sizeof *runs);
        if (!runs) {
            return NULL;
        }
        if (paragraph->count > 0) {
            memcpy(runs, paragraph->runs, paragraph->count * sizeof *runs);
        }
        paragraph->runs = runs;
        list->cap = cap;
    }
    if (++p->doc->node_count > PDF_MAX_NODES) {
        (void)document_fail(p->doc, NULL, HUB_ERR_TOO_LARGE, "there are more than %d nodes",
                            PDF_MAX_NODES);
        return NULL;
    }
    return &paragraph->runs[paragraph->count++];
}

static int add_text(struct parser *p, struct run_list *list, struct inline_run run)
{
    struct inline_run *added = add_run(p, list);
    if (!added) {
        return p->doc->error->err;
    }
    *added = run;
    if (run.field) {
        list->paragraph->has_fields = true;
        p->doc->has_fields |= !p->in_furniture;
    }
    return 0;
}

/* "Page {page} of {pages}": text and numbers in turn. */
static int add_with_tokens(struct parser *p, struct run_list *list, struct inline_run run)
{
    static const struct {
        struct str token;
        enum field field;
    } TOKENS[] = {{STR_INIT("{page}"), FIELD_PAGE}, {STR_INIT("{pages}"), FIELD_PAGES}};
    struct str rest = run.text;
    for (size_t i = 0; i < rest.len; i++) {
        for (size_t t = 0; t < 2; t++) {
            if (!str_starts_with(str_slice(rest, i, rest.len), TOKENS[t].token)) {
                continue;
            }
            run.text = str_slice(rest, 0, i);
            run.field = FIELD_NONE;
            int err = i > 0 ? add_text(p, list, run) : 0;
            run.field = TOKENS[t].field;
            err = err < 0 ? err : add_text(p, list, run);
            if (err < 0) {
                return err;
            }
            rest = str_slice(rest, i + TOKENS[t].token.len, rest.len);
            i = (size_t)-1; /* from the start of the rest */
            break;
        }
    }
    run.text = rest;
    run.field = FIELD_NONE;
    return rest.len > 0 || list->paragraph->count == 0 ? add_text(p, list, run) : 0;
}

static int parse_field(struct parser *p, struct json_object *object, const struct place *at,
                       struct inline_run *run)
{
    static const char *const NAMES[] = {"page", "pages", NULL};
    static const enum field FIELDS[] = {FIELD_PAGE, FIELD_PAGES};
    struct json_object *field = member(object, "field");
    if (field) {
        uint8_t index;
        int err = read_choice(p, field, place_name(p, at, "field"), NAMES, &index);
        run->field = err == 0 ? FIELDS[index] : FIELD_NONE;
        return err;
    }
    run->field = FIELD_PAGE_OF;
    return read_text(p, member(object, "page_of"), place_name(p, at, "page_of"), &run->target);
}

static bool is_field(struct json_object *object)
{
    return member(object, "field") || member(object, "page_of");
}

static int add_inline(struct parser *p, struct json_object *value, const struct place *at,
                      const struct text_style *style, const struct link *link,
                      struct run_list *list);

static int add_inline_object(struct parser *p, struct json_object *object, const struct place *at,
                             const struct text_style *inherited, const struct link *link,
                             struct run_list *list)
{
    struct text_style style;
    memcpy(&style, inherited, sizeof style);
    struct target target = {.style = &style, .link = link};
    int err = apply_members(p, object, at, IN_INLINE, &target);
    const struct text_style *kept = err < 0 ? NULL : keep_style(p, &style);
    if (!kept) {
        return p->doc->error->err;
    }
    if (is_field(object)) {
        struct inline_run run = {.style = kept, .link = target.link, .place = at};
        err = parse_field(p, object, at, &run);
        return err < 0 ? err : add_text(p, list, run);
    }
    return add_inline(p, member(object, "text"), place_name(p, at, "text"), kept, target.link,
                      list);
}

static int add_inline(struct parser *p, struct json_object *value, const struct place *at,
                      const struct text_style *style, const struct link *link,
                      struct run_list *list)
{
    if (++list->depth > PDF_MAX_DEPTH) {
        return document_fail(p->doc, at, HUB_ERR_LIMIT, "text is nested too deeply");
    }
    int err = 0;
    struct inline_run run = {.style = style, .link = link, .place = at};
    switch (json_object_get_type(value)) {
    case json_type_object:
        err = add_inline_object(p, value, at, style, link, list);
        break;
    case json_type_array:
        for (size_t i = 0; err == 0 && i < json_object_array_length(value); i++) {
            err = add_inline(p, json_object_array_get_idx(value, i), place_index(p, at, i), style,
                             link, list);
        }
        break;
    case json_type_null:
        break;
    default: /* numbers and booleans read as they are written */
        run.text = str_from_c(json_object_get_string(value));
        if (json_object_is_type(value, json_type_string)) {
            run.text = json_str(value);
        }
        err = p->in_furniture ? add_with_tokens(p, list, run) : add_text(p, list, run);
    }
    list->depth--;
    return err;
}

int parse_paragraph(struct parser *p, struct json_object *value, const struct place *at,
                    const struct text_style *style, struct paragraph *paragraph)
{
    struct run_list list = {.paragraph = paragraph};
    paragraph->style = style;
    return add_inline(p, value, at, style, NULL, &list);
}

static int parse_text(struct parser *p, struct json_object *object, const struct place *at,
                      struct node *node)
{
    struct run_list list = {.paragraph = &node->text};
    node->text.style = node->style;
    if (is_field(object)) {
        struct inline_run run = {.style = node->style, .link = node->link, .place = at};
        int err = parse_field(p, object, at, &run);
        return err < 0 ? err : add_text(p, &list, run);
    }
    return add_inline(p, member(object, "text"), place_name(p, at, "text"), node->style, node->link,
                      &list);
}

/* --- Nodes of nodes ----------------------------------------------------------------------------*/

static int parse_nodes(struct parser *p, struct json_object *array, const struct place *at,
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

/* --- Lists -------------------------------------------------------------------------------------*/

static void put_letters(struct buf *buf, uint32_t number, char first)
{
    char text[8];
    size_t at = sizeof text;
    for (; number > 0 && at > 0; number = (number - 1) / 26) {
        text[--at] = (char)(first + (number - 1) % 26);
    }
    buf_append(buf, text + at, sizeof text - at);
}

static void put_greek(struct buf *buf, uint32_t number)
{
    uint32_t letter = (number - 1) % 24;
    uint32_t c = 0x3B1 + letter + (letter >= 17 ? 1 : 0); /* without the final sigma */
    buf_append_char(buf, (char)(0xC0 | c >> 6));
    buf_append_char(buf, (char)(0x80 | (c & 0x3F)));
}

static void put_roman(struct buf *buf, uint32_t number, bool upper)
{
    static const struct {
        uint32_t value;
        const char *lower, *upper;
    } DIGITS[] = {{1000, "m", "M"}, {900, "cm", "CM"}, {500, "d", "D"}, {400, "cd", "CD"},
                  {100, "c", "C"},  {90, "xc", "XC"},  {50, "l", "L"},  {40, "xl", "XL"},
                  {10, "x", "X"},   {9, "ix", "IX"},   {5, "v", "V"},   {4, "iv", "IV"},
                  {1, "i", "I"}};
    for (size_t i = 0; i < sizeof DIGITS / sizeof DIGITS[0]; i++) {
        for (; number >= DIGITS[i].value; number -= DIGITS[i].value) {
            buf_append_c(buf, upper ? DIGITS[i].upper : DIGITS[i].lower);
        }
    }
}

static const char *const LIST_TYPES[] = {"disc",        "circle",      "square",      "dash",
                                         "none",        "decimal",     "lower_alpha", "upper_alpha",
                                         "lower_roman", "upper_roman", "lower_greek", NULL};
enum {
    TYPE_DISC,
    TYPE_CIRCLE,
    TYPE_SQUARE,
    TYPE_DASH,
    TYPE_NONE,
    TYPE_DECIMAL,
    TYPE_LOWER_ALPHA,
    TYPE_UPPER_ALPHA,
    TYPE_LOWER_ROMAN,
    TYPE_UPPER_ROMAN,
    TYPE_LOWER_GREEK
};

static void put_marker(struct buf *buf, const struct list *list, uint8_t type, int32_t number)
{
    static const char *const BULLETS[] = {"•", "◦", "▪", "–"};
    if (type < TYPE_NONE) {
        buf_append_c(buf, BULLETS[type]);
        return;
    }
    uint32_t n = (uint32_t)number;
    bool countable = number > 0 && number < 4000;
    if (countable && (type == TYPE_LOWER_ALPHA || type == TYPE_UPPER_ALPHA)) {
        put_letters(buf, n, type == TYPE_LOWER_ALPHA ? 'a' : 'A');
    } else if (countable && (type == TYPE_LOWER_ROMAN || type == TYPE_UPPER_ROMAN)) {
        put_roman(buf, n, type == TYPE_UPPER_ROMAN);
    } else if (countable && type == TYPE_LOWER_GREEK) {
        put_greek(buf, n);
    } else {
        buf_append_i64(buf, number);
    }
    buf_append_str(buf, list->separator);
}

/* A marker looks like the item it belongs to. */
static int make_marker(struct parser *p, const struct node *node, uint8_t type, int32_t number,
                       const struct node *item, struct node **ret_marker)
{
    char room[64];
    struct buf text;
    buf_init_fixed(&text, room, sizeof room);
    put_marker(&text, &node->list, type, number);
    struct text_style style;
    memcpy(&style, item->style, sizeof style);
    style.alignment = ALIGN_START;
    style.decoration = 0;
    style.leading_indent = 0;
    style.no_wrap = true;
    if (node->list.marker_color != COLOR_NONE) {
        style.color = node->list.marker_color;
    }
    struct node *marker = document_alloc(p->doc, sizeof *marker);
    struct inline_run *run = marker ? document_alloc(p->doc, sizeof *run) : NULL;
    const struct text_style *kept = run ? keep_style(p, &style) : NULL;
    struct str copy = kept ? arena_str(&p->doc->arena, buf_view(&text)) : (struct str){0};
    if (!copy.ptr) {
        return document_nomem(p->doc);
    }
    *run = (struct inline_run){.text = copy, .style = kept, .place = item->place};
    *marker = (struct node){.kind = NODE_TEXT,
                            .place = item->place,
                            .style = kept,
                            .min_width = -1,
                            .text = {.runs = run, .count = 1, .style = kept}};
    *ret_marker = marker;
    return 0;
}

static int parse_list_options(struct parser *p, struct json_object *object, const struct place *at,
                              struct list *list, uint8_t *ret_type)
{
    struct json_object *value;
    int err = 0;
    list->start = 1;
    list->separator = STR(".");
    list->marker_color = COLOR_NONE;
    *ret_type = list->ordered ? TYPE_DECIMAL : TYPE_DISC;
    if ((value = member(object, "type"))) {
        err = read_choice(p, value, place_name(p, at, "type"), LIST_TYPES, ret_type);
    }
    if (err == 0 && (value = member(object, "start"))) {
        double start = 1;
        err = read_number(p, value, place_name(p, at, "start"), -1e6, 1e6, &start);
        list->start = (int32_t)start;
    }
    if (err == 0 && (value = member(object, "separator"))) {
        err = read_text(p, value, place_name(p, at, "separator"), &list->separator);
        list->separator = str_utf8_cut(list->separator, 8);
    }
    if (err == 0 && (value = member(object, "reversed"))) {
        err = read_bool(p, value, place_name(p, at, "reversed"), &list->reversed);
    }
    if (err == 0 && (value = member(object, "marker_color"))) {
        err = read_color(p, value, place_name(p, at, "marker_color"), &list->marker_color);
    }
    return err;
}

/* Nested lists and what asks for none have no marker of their own. */
static bool has_marker(const struct node *item, uint8_t type)
{
    return type != TYPE_NONE && item->kind != NODE_LIST;
}

static int parse_list(struct parser *p, struct json_object *object, const struct place *at,
                      struct node *node)
{
    struct list *list = &node->list;
    list->ordered = member(object, "ol");
    const char *name = list->ordered ? "ol" : "ul";
    uint8_t type;
    int err = parse_list_options(p, object, at, list, &type);
    if (err == 0) {
        err = parse_nodes(p, member(object, name), place_name(p, at, name), node->style,
                          &list->items);
    }
    if (err < 0) {
        return err;
    }
    list->markers = document_alloc(p->doc, (list->items.count + 1) * sizeof *list->markers);
    if (!list->markers) {
        return p->doc->error->err;
    }
    int32_t marked = 0, number = list->start;
    for (uint32_t i = 0; i < list->items.count; i++) {
        marked += has_marker(list->items.items[i], type);
    }
    if (list->reversed && !member(object, "start")) {
        number = marked;
    }
    for (uint32_t i = 0; err == 0 && i < list->items.count; i++) {
        struct node *item = list->items.items[i];
        if (has_marker(item, type)) {
            err = make_marker(p, node, type, number, item, &list->markers[i]);
            number += list->reversed ? -1 : 1;
        }
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
