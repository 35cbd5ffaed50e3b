/*
 * Every member that a node, a style or a cell may have: one table.
 */
#include "parse_parts.h"

#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>

typedef int set_fn(struct parser *p, struct json_object *value, const struct place *at,
                   struct target *target);

/* --- Text --------------------------------------------------------------------------------------*/

static int set_font(struct parser *p, struct json_object *value, const struct place *at,
                    struct target *target)
{
    target->style->face = NULL;
    return read_text(p, value, at, &target->style->font);
}

static int set_font_size(struct parser *p, struct json_object *value, const struct place *at,
                         struct target *target)
{
    return read_number(p, value, at, 0.5, 1000, &target->style->size);
}

static int set_bold(struct parser *p, struct json_object *value, const struct place *at,
                    struct target *target)
{
    target->style->face = NULL;
    return read_bool(p, value, at, &target->style->bold);
}

static int set_italics(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    target->style->face = NULL;
    return read_bool(p, value, at, &target->style->italics);
}

static int set_color(struct parser *p, struct json_object *value, const struct place *at,
                     struct target *target)
{
    return read_color(p, value, at, &target->style->color);
}

static int set_background(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    return read_color(p, value, at, &target->style->background);
}

static int set_decoration_color(struct parser *p, struct json_object *value, const struct place *at,
                                struct target *target)
{
    return read_color(p, value, at, &target->style->decoration_color);
}

static int set_one_decoration(struct parser *p, struct json_object *value, const struct place *at,
                              struct target *target)
{
    static const char *const NAMES[] = {"none", "underline", "line_through", "overline", NULL};
    static const uint8_t BITS[] = {0, DECORATION_UNDERLINE, DECORATION_STRIKE, DECORATION_OVERLINE};
    uint8_t index;
    int err = read_choice(p, value, at, NAMES, &index);
    if (err == 0) {
        target->style->decoration |= BITS[index];
    }
    return err;
}

static int set_decoration(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    target->style->decoration = 0;
    if (!json_object_is_type(value, json_type_array)) {
        return set_one_decoration(p, value, at, target);
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        int err = set_one_decoration(p, json_object_array_get_idx(value, i), place_index(p, at, i),
                                     target);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int set_decoration_style(struct parser *p, struct json_object *value, const struct place *at,
                                struct target *target)
{
    static const char *const NAMES[] = {"solid", "double", "dashed", "dotted", "wavy", NULL};
    return read_choice(p, value, at, NAMES, &target->style->decoration_style);
}

static int set_line_height(struct parser *p, struct json_object *value, const struct place *at,
                           struct target *target)
{
    return read_number(p, value, at, 0.5, 10, &target->style->line_height);
}

static int set_character_spacing(struct parser *p, struct json_object *value,
                                 const struct place *at, struct target *target)
{
    return read_number(p, value, at, -20, 200, &target->style->character_spacing);
}

static int set_leading_indent(struct parser *p, struct json_object *value, const struct place *at,
                              struct target *target)
{
    return read_number(p, value, at, -1000, 1000, &target->style->leading_indent);
}

static int set_alignment(struct parser *p, struct json_object *value, const struct place *at,
                         struct target *target)
{
    static const char *const NAMES[] = {"start", "left", "center", "right", "justify", NULL};
    return read_choice(p, value, at, NAMES, &target->style->alignment);
}

static int set_direction(struct parser *p, struct json_object *value, const struct place *at,
                         struct target *target)
{
    static const char *const NAMES[] = {"auto", "ltr", "rtl", NULL};
    return read_choice(p, value, at, NAMES, &target->style->direction);
}

static int set_hyphenate(struct parser *p, struct json_object *value, const struct place *at,
                         struct target *target)
{
    return read_bool(p, value, at, &target->style->hyphenate);
}

static int set_language(struct parser *p, struct json_object *value, const struct place *at,
                        struct target *target)
{
    return read_text(p, value, at, &target->style->language);
}

static int set_no_wrap(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    return read_bool(p, value, at, &target->style->no_wrap);
}

static int set_keep_spaces(struct parser *p, struct json_object *value, const struct place *at,
                           struct target *target)
{
    return read_bool(p, value, at, &target->style->keep_spaces);
}

static int set_script(struct parser *p, struct json_object *value, const struct place *at,
                      struct target *target, double rise)
{
    bool on;
    int err = read_bool(p, value, at, &on);
    if (err == 0) {
        target->style->rise = on ? rise : 0;
        target->style->scale = on ? 0.62 : 1;
    }
    return err;
}

static int set_sup(struct parser *p, struct json_object *value, const struct place *at,
                   struct target *target)
{
    return set_script(p, value, at, target, 0.35);
}

static int set_sub(struct parser *p, struct json_object *value, const struct place *at,
                   struct target *target)
{
    return set_script(p, value, at, target, -0.14);
}

/* --- Links -------------------------------------------------------------------------------------*/

static struct link *link_of(struct parser *p, struct target *target)
{
    struct link *link = document_alloc(p->doc, sizeof *link);
    target->link = link;
    if (target->node) {
        target->node->link = link;
    }
    return link;
}

static int set_link(struct parser *p, struct json_object *value, const struct place *at,
                    struct target *target)
{
    static const char *const SCHEMES[] = {"https:", "http:", "mailto:", "tel:"};
    struct link *link = link_of(p, target);
    int err = link ? read_text(p, value, at, &link->uri) : p->doc->error->err;
    for (size_t i = 0; err == 0 && i < sizeof SCHEMES / sizeof SCHEMES[0]; i++) {
        if (str_starts_with(link->uri, str_from_c(SCHEMES[i]))) {
            return 0;
        }
    }
    return err < 0 ? err
                   : wrong(p, at, "an address that begins with https:, http:, mailto: or tel:");
}

static int set_link_to(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    struct link *link = link_of(p, target);
    return link ? read_text(p, value, at, &link->anchor) : p->doc->error->err;
}

static int set_link_to_page(struct parser *p, struct json_object *value, const struct place *at,
                            struct target *target)
{
    struct link *link = link_of(p, target);
    return link ? read_u32(p, value, at, 1, PDF_MAX_PAGES, &link->page) : p->doc->error->err;
}

/* --- Nodes -------------------------------------------------------------------------------------*/

static int set_margin(struct parser *p, struct json_object *value, const struct place *at,
                      struct target *target)
{
    return read_sides(p, value, at, &target->node->margin);
}

static int set_width(struct parser *p, struct json_object *value, const struct place *at,
                     struct target *target)
{
    return read_measure(p, value, at, &target->node->width);
}

static int set_page_break(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    static const char *const NAMES[] = {"before", "after", "avoid", NULL};
    uint8_t index;
    int err = read_choice(p, value, at, NAMES, &index);
    if (err == 0) {
        target->node->break_before |= index == 0;
        target->node->break_after |= index == 1;
        target->node->unbreakable |= index == 2;
    }
    return err;
}

static int set_unbreakable(struct parser *p, struct json_object *value, const struct place *at,
                           struct target *target)
{
    return read_bool(p, value, at, &target->node->unbreakable);
}

static int set_keep_with_next(struct parser *p, struct json_object *value, const struct place *at,
                              struct target *target)
{
    return read_bool(p, value, at, &target->node->keep_with_next);
}

static int set_id(struct parser *p, struct json_object *value, const struct place *at,
                  struct target *target)
{
    int err = read_text(p, value, at, &target->node->id);
    if (err < 0) {
        return err;
    }
    if (map_get(&p->doc->anchors, target->node->id)) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT, "there is another node “%.*s”",
                             STR_ARG(str_utf8_cut(target->node->id, 60)));
    }
    return map_put(&p->doc->anchors, target->node->id, target->node) < 0 ? document_nomem(p->doc)
                                                                         : 0;
}

static int set_position(struct parser *p, struct json_object *value, const struct place *at,
                        struct target *target)
{
    if (!json_object_is_type(value, json_type_object)) {
        return wrong(p, at, "{x, y}");
    }
    struct json_object *x = member(value, "x"), *y = member(value, "y");
    int err = x ? read_number(p, x, at, -PDF_MAX_LENGTH, PDF_MAX_LENGTH, &target->node->x) : 0;
    return err < 0 || !y ? err
                         : read_number(p, y, at, -PDF_MAX_LENGTH, PDF_MAX_LENGTH, &target->node->y);
}

static int set_absolute_position(struct parser *p, struct json_object *value,
                                 const struct place *at, struct target *target)
{
    target->node->absolute = true;
    return set_position(p, value, at, target);
}

static int set_relative_position(struct parser *p, struct json_object *value,
                                 const struct place *at, struct target *target)
{
    target->node->relative = true;
    return set_position(p, value, at, target);
}

static int set_outline(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    target->node->keep_with_next = true;
    return read_bool(p, value, at, &target->node->outline);
}

static int set_outline_text(struct parser *p, struct json_object *value, const struct place *at,
                            struct target *target)
{
    return read_text(p, value, at, &target->node->outline_text);
}

static int set_outline_level(struct parser *p, struct json_object *value, const struct place *at,
                             struct target *target)
{
    uint32_t level;
    int err = read_u32(p, value, at, 1, 6, &level);
    target->node->outline_level = err == 0 ? (uint8_t)level : 1;
    return err;
}

static int set_toc_item(struct parser *p, struct json_object *value, const struct place *at,
                        struct target *target)
{
    target->node->keep_with_next = true;
    target->node->toc_level = 1;
    target->node->toc_id = STR("");
    if (json_object_is_type(value, json_type_boolean)) {
        target->node->toc_level = json_object_get_boolean(value) ? 1 : 0;
        return 0;
    }
    return read_text(p, value, at, &target->node->toc_id);
}

/* The pages from here on: starts as the document's, or as what an earlier member has set. */
static struct page_setup *section_of(struct parser *p, struct target *target)
{
    struct page_setup *section = (struct page_setup *)target->node->section;
    if (!section && (section = document_alloc(p->doc, sizeof *section))) {
        *section = p->doc->page;
        target->node->section = section;
        target->node->break_before = true;
    }
    return section;
}

static int set_page_size(struct parser *p, struct json_object *value, const struct place *at,
                         struct target *target)
{
    struct page_setup *section = section_of(p, target);
    return section ? read_page_size(p, value, at, section) : p->doc->error->err;
}

static int set_page_margins(struct parser *p, struct json_object *value, const struct place *at,
                            struct target *target)
{
    struct page_setup *section = section_of(p, target);
    return section ? read_sides(p, value, at, &section->margins) : p->doc->error->err;
}

static int set_page_orientation(struct parser *p, struct json_object *value, const struct place *at,
                                struct target *target)
{
    static const char *const NAMES[] = {"portrait", "landscape", NULL};
    struct page_setup *section = section_of(p, target);
    uint8_t landscape;
    int err = section ? read_choice(p, value, at, NAMES, &landscape) : p->doc->error->err;
    if (err == 0 && (section->width > section->height) != landscape) {
        double width = section->width;
        section->width = section->height;
        section->height = width;
    }
    return err;
}

/* --- Cells -------------------------------------------------------------------------------------*/

static int set_fill_color(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    uint32_t unused;
    return read_color(p, value, at, target->cell ? &target->cell->fill : &unused);
}

static int set_border(struct parser *p, struct json_object *value, const struct place *at,
                      struct target *target)
{
    bool all = json_object_is_type(value, json_type_boolean);
    if (!all &&
        (!json_object_is_type(value, json_type_array) || json_object_array_length(value) != 4)) {
        return wrong(p, at, "true, false or [left, top, right, bottom]");
    }
    for (size_t i = 0; i < 4; i++) {
        struct json_object *item = all ? value : json_object_array_get_idx(value, i);
        int err = read_bool(p, item, at, &target->cell->border[i]);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int set_border_color(struct parser *p, struct json_object *value, const struct place *at,
                            struct target *target)
{
    return read_color(p, value, at, &target->cell->border_color);
}

static int set_col_span(struct parser *p, struct json_object *value, const struct place *at,
                        struct target *target)
{
    return read_u32(p, value, at, 1, PDF_MAX_COLUMNS, &target->cell->col_span);
}

static int set_row_span(struct parser *p, struct json_object *value, const struct place *at,
                        struct target *target)
{
    return read_u32(p, value, at, 1, PDF_MAX_CELLS, &target->cell->row_span);
}

static int set_vertical_alignment(struct parser *p, struct json_object *value,
                                  const struct place *at, struct target *target)
{
    static const char *const NAMES[] = {"top", "middle", "bottom", NULL};
    return read_choice(p, value, at, NAMES, &target->cell->vertical_align);
}

static int set_padding(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    target->cell->has_padding = true;
    return read_sides(p, value, at, &target->cell->padding);
}

/* --- The table ---------------------------------------------------------------------------------*/

#define TEXTUAL (IN_ANY | IN_INLINE | IN_STYLE)
#define BLOCK   (IN_ANY | IN_STYLE)

/* Sorted by name. No setter: the member is the kind's own, and its parser reads it. */
static const struct member_row {
    const char *name;
    unsigned scope;
    set_fn *set;
} MEMBERS[] = {
    {"absolute_position", IN_ANY, set_absolute_position},
    {"alignment", BLOCK, set_alignment},
    {"background", TEXTUAL, set_background},
    {"barcode", IN_CODE, NULL},
    {"bold", TEXTUAL, set_bold},
    {"border", IN_CELL | IN_STYLE, set_border},
    {"border_color", IN_CELL | IN_STYLE, set_border_color},
    {"canvas", IN_CANVAS, NULL},
    {"character_spacing", TEXTUAL, set_character_spacing},
    {"col_span", IN_CELL, set_col_span},
    {"color", TEXTUAL, set_color},
    {"column_gap", IN_COLUMNS, NULL},
    {"columns", IN_COLUMNS, NULL},
    {"correction", IN_CODE, NULL},
    {"cover", IN_IMAGE, NULL},
    {"decoration", TEXTUAL, set_decoration},
    {"decoration_color", TEXTUAL, set_decoration_color},
    {"decoration_style", TEXTUAL, set_decoration_style},
    {"direction", BLOCK, set_direction},
    {"dots", IN_TOC, NULL},
    {"field", IN_TEXT | IN_INLINE, NULL},
    {"fill_color", IN_CELL | IN_STYLE, set_fill_color},
    {"fit", IN_IMAGE | IN_CODE, NULL},
    {"font", TEXTUAL, set_font},
    {"font_size", TEXTUAL, set_font_size},
    {"foreground", IN_CODE, NULL},
    {"gs1", IN_CODE, NULL},
    {"height", IN_IMAGE | IN_CODE | IN_CANVAS, NULL},
    {"hyphenate", TEXTUAL, set_hyphenate},
    {"id", IN_ANY, set_id},
    {"image", IN_IMAGE, NULL},
    {"indent", IN_TOC, NULL},
    {"italics", TEXTUAL, set_italics},
    {"keep_with_next", BLOCK, set_keep_with_next},
    {"kind", IN_CODE, NULL},
    {"language", TEXTUAL, set_language},
    {"layout", IN_TABLE, NULL},
    {"leading_indent", BLOCK, set_leading_indent},
    {"line_height", BLOCK, set_line_height},
    {"line_margin", IN_TOC, NULL},
    {"link", IN_TEXT | IN_INLINE | IN_IMAGE | IN_CANVAS | IN_CODE, set_link},
    {"link_to", IN_TEXT | IN_INLINE | IN_IMAGE | IN_CANVAS | IN_CODE, set_link_to},
    {"link_to_page", IN_TEXT | IN_INLINE | IN_IMAGE | IN_CANVAS | IN_CODE, set_link_to_page},
    {"margin", BLOCK, set_margin},
    {"marker_color", IN_LIST, NULL},
    {"no_wrap", TEXTUAL, set_no_wrap},
    {"ol", IN_LIST, NULL},
    {"opacity", IN_IMAGE, NULL},
    {"outline", IN_TEXT | IN_STYLE, set_outline},
    {"outline_level", IN_TEXT | IN_STYLE, set_outline_level},
    {"outline_text", IN_TEXT, set_outline_text},
    {"padding", IN_CELL | IN_STYLE, set_padding},
    {"page_break", BLOCK, set_page_break},
    {"page_margins", IN_ANY, set_page_margins},
    {"page_of", IN_TEXT | IN_INLINE, NULL},
    {"page_orientation", IN_ANY, set_page_orientation},
    {"page_size", IN_ANY, set_page_size},
    {"preserve_spaces", TEXTUAL, set_keep_spaces},
    {"qr", IN_CODE, NULL},
    {"quiet_zone", IN_CODE, NULL},
    {"relative_position", IN_ANY, set_relative_position},
    {"reversed", IN_LIST, NULL},
    {"row_span", IN_CELL, set_row_span},
    {"separator", IN_LIST, NULL},
    {"show_text", IN_CODE, NULL},
    {"stack", IN_STACK, NULL},
    {"start", IN_LIST, NULL},
    {"style", IN_ANY | IN_INLINE | IN_STYLE, NULL},
    {"sub", TEXTUAL, set_sub},
    {"sup", TEXTUAL, set_sup},
    {"table", IN_TABLE, NULL},
    {"text", IN_TEXT | IN_INLINE, NULL},
    {"toc", IN_TOC, NULL},
    {"toc_item", IN_TEXT | IN_STYLE, set_toc_item},
    {"type", IN_LIST, NULL},
    {"ul", IN_LIST, NULL},
    {"unbreakable", BLOCK, set_unbreakable},
    {"vertical_alignment", IN_CELL | IN_STYLE, set_vertical_alignment},
    {"width", IN_ANY, set_width},
};

enum { MEMBER_COUNT = sizeof MEMBERS / sizeof MEMBERS[0] };

static int compare(const void *name, const void *row)
{
    return strcmp(name, ((const struct member_row *)row)->name);
}

static int unknown_member(struct parser *p, const char *name, unsigned scope,
                          const struct place *at)
{
    struct nearest near;
    nearest_init(&near, str_slice(str_from_c(name), 0, NEAREST_WORD_MAX));
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (MEMBERS[i].scope & scope) {
            nearest_offer(&near, str_from_c(MEMBERS[i].name));
        }
    }
    struct str shown = str_utf8_cut(str_from_c(name), 60);
    if (near.best.ptr && !str_eq(near.best, str_from_c(name))) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "“%.*s” has no meaning here; did you mean “%.*s”?", STR_ARG(shown),
                             STR_ARG(near.best));
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT, "“%.*s” has no meaning here",
                         STR_ARG(shown));
}

/* Styles may be used by nodes of any kind: what does not fit the one at hand is left out. */
static bool fits(const struct member_row *row, unsigned scope, const struct target *target)
{
    if (row->scope & IN_CELL) {
        return target->cell;
    }
    if (!(row->scope & IN_INLINE)) {
        return target->node && row->scope & scope;
    }
    return true;
}

static int apply(struct parser *p, struct json_object *object, const struct place *at,
                 unsigned scope, bool lenient, struct target *target)
{
    json_object_object_foreach(object, name, value) {
        const struct member_row *row =
            bsearch(name, MEMBERS, MEMBER_COUNT, sizeof MEMBERS[0], compare);
        if (!row || !(row->scope & (lenient ? IN_STYLE : scope))) {
            return unknown_member(p, name, lenient ? IN_STYLE : scope, at);
        }
        if (!row->set || (lenient && !fits(row, scope, target))) {
            continue;
        }
        int err = row->set(p, value, place_name(p, at, row->name), target);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int unknown_style(struct parser *p, struct str name, const struct place *at)
{
    struct nearest near;
    nearest_init(&near, str_slice(name, 0, NEAREST_WORD_MAX));
    if (p->styles) {
        json_object_object_foreach(p->styles, candidate, value) {
            (void)value;
            nearest_offer(&near, str_from_c(candidate));
        }
    }
    if (near.best.ptr) {
        return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                             "unknown style “%.*s”; did you mean “%.*s”?",
                             STR_ARG(str_utf8_cut(name, 60)), STR_ARG(near.best));
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT, "unknown style “%.*s”",
                         STR_ARG(str_utf8_cut(name, 60)));
}

int apply_named_style(struct parser *p, struct json_object *value, const struct place *at,
                      unsigned scope, struct target *target)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            struct json_object *item = json_object_array_get_idx(value, i);
            if (!json_object_is_type(item, json_type_string)) {
                return wrong(p, at, "the name of a style");
            }
            int err = apply_named_style(p, item, place_index(p, at, i), scope, target);
            if (err < 0) {
                return err;
            }
        }
        return 0;
    }
    struct str name;
    int err = read_text(p, value, at, &name);
    if (err < 0) {
        return err;
    }
    struct json_object *style = p->styles ? member(p->styles, name.ptr) : NULL;
    if (!json_object_is_type(style, json_type_object)) {
        return unknown_style(p, name, at);
    }
    const struct place *here = place_key(p, p->styles_place, name);
    struct json_object *base = member(style, "style");
    if (base) { /* a style on top of another; a chain of them ends, a circle too */
        if (++p->depth > PDF_MAX_DEPTH) {
            return document_fail(p->doc, here, HUB_ERR_INVALID_INPUT,
                                 "styles are based on each other in a circle");
        }
        err = apply_named_style(p, base, place_name(p, here, "style"), scope, target);
        p->depth--;
    }
    return err < 0 ? err : apply(p, style, here, scope, true, target);
}

int apply_members(struct parser *p, struct json_object *object, const struct place *at,
                  unsigned scope, struct target *target)
{
    struct json_object *style = member(object, "style");
    if (style) {
        int err = apply_named_style(p, style, place_name(p, at, "style"), scope, target);
        if (err < 0) {
            return err;
        }
    }
    target->style->place = at;
    return apply(p, object, at, scope | (target->cell ? IN_CELL : 0), false, target);
}

const struct text_style *keep_style(struct parser *p, const struct text_style *style)
{
    for (unsigned i = 0; i < RECENT_STYLES; i++) {
        const struct text_style *one = p->recent[i];
        if (one && memcmp(one, style, offsetof(struct text_style, face)) == 0) {
            return one;
        }
    }
    struct text_style *kept = document_alloc(p->doc, sizeof *kept);
    if (kept) {
        memcpy(kept, style, sizeof *kept);
        p->recent[p->recent_at++ % RECENT_STYLES] = kept;
    }
    return kept;
}
