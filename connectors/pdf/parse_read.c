/*
 * Values of a definition: numbers, colours, sides, sizes.
 */
#include "parse_parts.h"

#include <math.h>
#include <string.h>

static const struct place *place_new(struct parser *p, const struct place *up, struct str name,
                                     size_t index)
{
    struct place *place = document_alloc(p->doc, sizeof *place);
    if (!place) {
        return up; /* the failure is told by whoever allocates next */
    }
    *place = (struct place){.up = up, .name = name, .index = (uint32_t)index};
    return place;
}

const struct place *place_name(struct parser *p, const struct place *up, const char *name)
{
    return place_new(p, up, str_from_c(name), 0);
}

const struct place *place_key(struct parser *p, const struct place *up, struct str name)
{
    return place_new(p, up, name.ptr ? name : STR(""), 0);
}

const struct place *place_index(struct parser *p, const struct place *up, size_t index)
{
    return place_new(p, up, (struct str){0}, index);
}

struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, name, &value) ? value : NULL;
}

int wrong(struct parser *p, const struct place *at, const char *what)
{
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT, "%s is expected here", what);
}

int read_number(struct parser *p, struct json_object *value, const struct place *at, double least,
                double most, double *ret_number)
{
    enum json_type type = json_object_get_type(value);
    if (type != json_type_int && type != json_type_double) {
        return wrong(p, at, "a number");
    }
    double number = json_object_get_double(value);
    if (!(number >= least && number <= most)) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "%g is not in the range from %g to %g", number, least, most);
    }
    *ret_number = number;
    return 0;
}

int read_u32(struct parser *p, struct json_object *value, const struct place *at, uint32_t least,
             uint32_t most, uint32_t *ret_number)
{
    double number;
    int err = read_number(p, value, at, least, most, &number);
    if (err < 0) {
        return err;
    }
    if (number != floor(number)) {
        return wrong(p, at, "a whole number");
    }
    *ret_number = (uint32_t)number;
    return 0;
}

int read_bool(struct parser *p, struct json_object *value, const struct place *at, bool *ret_bool)
{
    if (!json_object_is_type(value, json_type_boolean)) {
        return wrong(p, at, "true or false");
    }
    *ret_bool = json_object_get_boolean(value);
    return 0;
}

int read_text(struct parser *p, struct json_object *value, const struct place *at,
              struct str *ret_text)
{
    if (!json_object_is_type(value, json_type_string)) {
        return wrong(p, at, "a text");
    }
    *ret_text = json_str(value);
    return 0;
}

/* --- Colours -----------------------------------------------------------------------------------*/

/* CSS's names (CSS Color 4 §6.1), the common ones. */
static const struct {
    struct str name;
    uint32_t rgb;
} COLORS[] = {
    {STR_INIT("black"), 0x000000},     {STR_INIT("white"), 0xFFFFFF},
    {STR_INIT("gray"), 0x808080},      {STR_INIT("grey"), 0x808080},
    {STR_INIT("silver"), 0xC0C0C0},    {STR_INIT("lightgray"), 0xD3D3D3},
    {STR_INIT("lightgrey"), 0xD3D3D3}, {STR_INIT("darkgray"), 0xA9A9A9},
    {STR_INIT("darkgrey"), 0xA9A9A9},  {STR_INIT("dimgray"), 0x696969},
    {STR_INIT("slategray"), 0x708090}, {STR_INIT("whitesmoke"), 0xF5F5F5},
    {STR_INIT("red"), 0xFF0000},       {STR_INIT("darkred"), 0x8B0000},
    {STR_INIT("maroon"), 0x800000},    {STR_INIT("crimson"), 0xDC143C},
    {STR_INIT("orange"), 0xFFA500},    {STR_INIT("gold"), 0xFFD700},
    {STR_INIT("yellow"), 0xFFFF00},    {STR_INIT("olive"), 0x808000},
    {STR_INIT("lime"), 0x00FF00},      {STR_INIT("green"), 0x008000},
    {STR_INIT("darkgreen"), 0x006400}, {STR_INIT("teal"), 0x008080},
    {STR_INIT("aqua"), 0x00FFFF},      {STR_INIT("cyan"), 0x00FFFF},
    {STR_INIT("blue"), 0x0000FF},      {STR_INIT("navy"), 0x000080},
    {STR_INIT("darkblue"), 0x00008B},  {STR_INIT("steelblue"), 0x4682B4},
    {STR_INIT("lightblue"), 0xADD8E6}, {STR_INIT("purple"), 0x800080},
    {STR_INIT("indigo"), 0x4B0082},    {STR_INIT("violet"), 0xEE82EE},
    {STR_INIT("magenta"), 0xFF00FF},   {STR_INIT("fuchsia"), 0xFF00FF},
    {STR_INIT("pink"), 0xFFC0CB},      {STR_INIT("brown"), 0xA52A2A},
    {STR_INIT("beige"), 0xF5F5DC},     {STR_INIT("transparent"), COLOR_NONE},
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool parse_hex(struct str digits, uint32_t *ret_color)
{
    uint32_t color = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = hex_digit(digits.ptr[i]);
        if (digit < 0) {
            return false;
        }
        color = color << 4 | (uint32_t)digit;
        color = digits.len == 3 ? color << 4 | (uint32_t)digit : color;
    }
    *ret_color = color;
    return digits.len == 3 || digits.len == 6;
}

int read_color(struct parser *p, struct json_object *value, const struct place *at,
               uint32_t *ret_color)
{
    if (!value) {
        *ret_color = COLOR_NONE;
        return 0;
    }
    struct str text;
    int err = read_text(p, value, at, &text);
    if (err < 0) {
        return err;
    }
    if (text.len > 0 && text.ptr[0] == '#') {
        if (parse_hex(str_slice(text, 1, text.len), ret_color)) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof COLORS / sizeof COLORS[0]; i++) {
        if (str_eq_nocase(text, COLORS[i].name)) {
            *ret_color = COLORS[i].rgb;
            return 0;
        }
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                         "“%.*s” is no colour: “#rrggbb”, “#rgb” or a name like “navy” is expected",
                         STR_ARG(str_utf8_cut(text, 40)));
}

/* --- Choices, sides, sizes ---------------------------------------------------------------------*/

int read_choice(struct parser *p, struct json_object *value, const struct place *at,
                const char *const *names, uint8_t *ret_index)
{
    struct str text;
    int err = read_text(p, value, at, &text);
    if (err < 0) {
        return err;
    }
    char all[200];
    struct buf list;
    buf_init_fixed(&list, all, sizeof all);
    for (uint8_t i = 0; names[i]; i++) {
        if (str_eq(text, str_from_c(names[i]))) {
            *ret_index = i;
            return 0;
        }
        buf_append_format(&list, "%s“%s”", i ? ", " : "", names[i]);
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT, "“%.*s” is none of %.*s",
                         STR_ARG(str_utf8_cut(text, 40)), STR_ARG(buf_view(&list)));
}

int read_sides(struct parser *p, struct json_object *value, const struct place *at,
               struct sides *ret_sides)
{
    double n[4];
    if (!json_object_is_type(value, json_type_array)) {
        int err = read_number(p, value, at, -PDF_MAX_LENGTH, PDF_MAX_LENGTH, n);
        if (err == 0) {
            *ret_sides = (struct sides){n[0], n[0], n[0], n[0]};
        }
        return err;
    }
    size_t count = json_object_array_length(value);
    if (count != 2 && count != 4) {
        return wrong(p, at, "a number, [horizontal, vertical] or [left, top, right, bottom]");
    }
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(value, i);
        int err = read_number(p, item, at, -PDF_MAX_LENGTH, PDF_MAX_LENGTH, &n[i]);
        if (err < 0) {
            return err;
        }
    }
    *ret_sides = count == 2 ? (struct sides){n[0], n[1], n[0], n[1]}
                            : (struct sides){n[0], n[1], n[2], n[3]};
    return 0;
}

static bool parse_percent(struct str text, double *ret_value)
{
    uint64_t number;
    if (text.len < 2 || text.ptr[text.len - 1] != '%' ||
        !str_to_u64(str_slice(text, 0, text.len - 1), 100, &number)) {
        return false;
    }
    *ret_value = (double)number;
    return true;
}

int read_measure(struct parser *p, struct json_object *value, const struct place *at,
                 struct measure *ret_measure)
{
    if (!json_object_is_type(value, json_type_string)) {
        double number;
        int err = read_number(p, value, at, 0, PDF_MAX_LENGTH, &number);
        if (err == 0) {
            *ret_measure = (struct measure){MEASURE_FIXED, number};
        }
        return err;
    }
    struct str text = json_str(value);
    double percent;
    if (str_eq(text, STR("auto"))) {
        *ret_measure = (struct measure){MEASURE_AUTO, 0};
    } else if (str_eq(text, STR("*"))) {
        *ret_measure = (struct measure){MEASURE_STAR, 1};
    } else if (parse_percent(text, &percent)) {
        *ret_measure = (struct measure){MEASURE_PERCENT, percent};
    } else {
        return wrong(p, at, "a width: “auto”, “*”, “25%” or a number");
    }
    return 0;
}

int read_pair(struct parser *p, struct json_object *value, const struct place *at,
              double *ret_first, double *ret_second)
{
    if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) != 2) {
        return wrong(p, at, "an array of two numbers");
    }
    int err = read_number(p, json_object_array_get_idx(value, 0), at, -PDF_MAX_LENGTH,
                          PDF_MAX_LENGTH, ret_first);
    return err < 0 ? err
                   : read_number(p, json_object_array_get_idx(value, 1), at, -PDF_MAX_LENGTH,
                                 PDF_MAX_LENGTH, ret_second);
}

/* ISO 216, ISO 269 and ANSI sizes in points. */
static const struct {
    struct str name;
    double width, height;
} PAGES[] = {
    {STR_INIT("A2"), 1190.55, 1683.78},   {STR_INIT("A3"), 841.89, 1190.55},
    {STR_INIT("A4"), 595.28, 841.89},     {STR_INIT("A5"), 419.53, 595.28},
    {STR_INIT("A6"), 297.64, 419.53},     {STR_INIT("A7"), 209.76, 297.64},
    {STR_INIT("B4"), 708.66, 1000.63},    {STR_INIT("B5"), 498.90, 708.66},
    {STR_INIT("C5"), 459.21, 649.13},     {STR_INIT("C6"), 323.15, 459.21},
    {STR_INIT("DL"), 311.81, 623.62},     {STR_INIT("LETTER"), 612, 792},
    {STR_INIT("LEGAL"), 612, 1008},       {STR_INIT("TABLOID"), 792, 1224},
    {STR_INIT("EXECUTIVE"), 521.86, 756}, {STR_INIT("LABEL_4X6"), 288, 432},
};

/* A side of a page: a length, or "auto", and then it may be as long as PDF allows. */
static int read_side(struct parser *p, struct json_object *value, const struct place *at,
                     double *ret_length, bool *ret_auto)
{
    *ret_auto = str_eq(json_str(value), STR("auto"));
    if (*ret_auto) {
        *ret_length = PDF_MAX_LENGTH;
        return 0;
    }
    return read_number(p, value, at, 10, PDF_MAX_LENGTH, ret_length);
}

int read_page_size(struct parser *p, struct json_object *value, const struct place *at,
                   struct page_setup *page)
{
    if (json_object_is_type(value, json_type_object)) {
        int err = read_side(p, member(value, "width"), at, &page->width, &page->auto_width);
        return err < 0
                   ? err
                   : read_side(p, member(value, "height"), at, &page->height, &page->auto_height);
    }
    struct str text;
    int err = read_text(p, value, at, &text);
    if (err < 0) {
        return err;
    }
    for (size_t i = 0; i < sizeof PAGES / sizeof PAGES[0]; i++) {
        if (str_eq_nocase(text, PAGES[i].name)) {
            page->width = PAGES[i].width;
            page->height = PAGES[i].height;
            return 0;
        }
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                         "“%.*s” is no page size: “A4”, “letter”, … or {width, height} is expected",
                         STR_ARG(str_utf8_cut(text, 40)));
}
