/*
 * Lists, and the markers of their items.
 */
#include "parse_parts.h"

#include <string.h>

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

int parse_list(struct parser *p, struct json_object *object, const struct place *at,
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
