/*
 * The members of nodes and cells: where they stand, what is around them.
 */
#include "parse_setters.h"

#include <string.h>

int set_margin(struct parser *p, struct json_object *value, const struct place *at,
               struct target *target)
{
    return read_sides(p, value, at, &target->node->margin);
}

int set_width(struct parser *p, struct json_object *value, const struct place *at,
              struct target *target)
{
    return read_measure(p, value, at, &target->node->width);
}

int set_page_break(struct parser *p, struct json_object *value, const struct place *at,
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

int set_unbreakable(struct parser *p, struct json_object *value, const struct place *at,
                    struct target *target)
{
    return read_bool(p, value, at, &target->node->unbreakable);
}

int set_keep_with_next(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    return read_bool(p, value, at, &target->node->keep_with_next);
}

int set_id(struct parser *p, struct json_object *value, const struct place *at,
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

int set_absolute_position(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    target->node->absolute = true;
    return set_position(p, value, at, target);
}

int set_relative_position(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    target->node->relative = true;
    return set_position(p, value, at, target);
}

int set_outline(struct parser *p, struct json_object *value, const struct place *at,
                struct target *target)
{
    target->node->keep_with_next = true;
    return read_bool(p, value, at, &target->node->outline);
}

int set_outline_text(struct parser *p, struct json_object *value, const struct place *at,
                     struct target *target)
{
    return read_text(p, value, at, &target->node->outline_text);
}

int set_outline_level(struct parser *p, struct json_object *value, const struct place *at,
                      struct target *target)
{
    uint32_t level;
    int err = read_u32(p, value, at, 1, 6, &level);
    target->node->outline_level = err == 0 ? (uint8_t)level : 1;
    return err;
}

int set_toc_item(struct parser *p, struct json_object *value, const struct place *at,
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

int set_page_size(struct parser *p, struct json_object *value, const struct place *at,
                  struct target *target)
{
    struct page_setup *section = section_of(p, target);
    return section ? read_page_size(p, value, at, section) : p->doc->error->err;
}

int set_page_margins(struct parser *p, struct json_object *value, const struct place *at,
                     struct target *target)
{
    struct page_setup *section = section_of(p, target);
    return section ? read_sides(p, value, at, &section->margins) : p->doc->error->err;
}

int set_page_orientation(struct parser *p, struct json_object *value, const struct place *at,
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

int set_fill_color(struct parser *p, struct json_object *value, const struct place *at,
                   struct target *target)
{
    uint32_t unused;
    return read_color(p, value, at, target->cell ? &target->cell->fill : &unused);
}

int set_border(struct parser *p, struct json_object *value, const struct place *at,
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

int set_border_color(struct parser *p, struct json_object *value, const struct place *at,
                     struct target *target)
{
    return read_color(p, value, at, &target->cell->border_color);
}

int set_col_span(struct parser *p, struct json_object *value, const struct place *at,
                 struct target *target)
{
    return read_u32(p, value, at, 1, PDF_MAX_COLUMNS, &target->cell->col_span);
}

int set_row_span(struct parser *p, struct json_object *value, const struct place *at,
                 struct target *target)
{
    return read_u32(p, value, at, 1, PDF_MAX_CELLS, &target->cell->row_span);
}

int set_vertical_alignment(struct parser *p, struct json_object *value, const struct place *at,
                           struct target *target)
{
    static const char *const NAMES[] = {"top", "middle", "bottom", NULL};
    return read_choice(p, value, at, NAMES, &target->cell->vertical_align);
}

int set_padding(struct parser *p, struct json_object *value, const struct place *at,
                struct target *target)
{
    target->cell->has_padding = true;
    return read_sides(p, value, at, &target->cell->padding);
}
