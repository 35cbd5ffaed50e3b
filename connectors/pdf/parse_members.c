/*
 * Every member that a node, a style or a cell may have: one table.
 */
#include "parse_setters.h"

#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>

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
