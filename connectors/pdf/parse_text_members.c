/*
 * The members of text: how it looks, where it leads.
 */
#include "parse_setters.h"

#include <string.h>

int set_font(struct parser *p, struct json_object *value, const struct place *at,
             struct target *target)
{
    target->style->face = NULL;
    return read_text(p, value, at, &target->style->font);
}

int set_font_size(struct parser *p, struct json_object *value, const struct place *at,
                  struct target *target)
{
    return read_number(p, value, at, 0.5, 1000, &target->style->size);
}

int set_bold(struct parser *p, struct json_object *value, const struct place *at,
             struct target *target)
{
    target->style->face = NULL;
    return read_bool(p, value, at, &target->style->bold);
}

int set_italics(struct parser *p, struct json_object *value, const struct place *at,
                struct target *target)
{
    target->style->face = NULL;
    return read_bool(p, value, at, &target->style->italics);
}

int set_color(struct parser *p, struct json_object *value, const struct place *at,
              struct target *target)
{
    return read_color(p, value, at, &target->style->color);
}

int set_background(struct parser *p, struct json_object *value, const struct place *at,
                   struct target *target)
{
    return read_color(p, value, at, &target->style->background);
}

int set_decoration_color(struct parser *p, struct json_object *value, const struct place *at,
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

int set_decoration(struct parser *p, struct json_object *value, const struct place *at,
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

int set_decoration_style(struct parser *p, struct json_object *value, const struct place *at,
                         struct target *target)
{
    static const char *const NAMES[] = {"solid", "double", "dashed", "dotted", "wavy", NULL};
    return read_choice(p, value, at, NAMES, &target->style->decoration_style);
}

int set_line_height(struct parser *p, struct json_object *value, const struct place *at,
                    struct target *target)
{
    return read_number(p, value, at, 0.5, 10, &target->style->line_height);
}

int set_character_spacing(struct parser *p, struct json_object *value, const struct place *at,
                          struct target *target)
{
    return read_number(p, value, at, -20, 200, &target->style->character_spacing);
}

int set_leading_indent(struct parser *p, struct json_object *value, const struct place *at,
                       struct target *target)
{
    return read_number(p, value, at, -1000, 1000, &target->style->leading_indent);
}

int set_alignment(struct parser *p, struct json_object *value, const struct place *at,
                  struct target *target)
{
    static const char *const NAMES[] = {"start", "left", "center", "right", "justify", NULL};
    return read_choice(p, value, at, NAMES, &target->style->alignment);
}

int set_direction(struct parser *p, struct json_object *value, const struct place *at,
                  struct target *target)
{
    static const char *const NAMES[] = {"auto", "ltr", "rtl", NULL};
    return read_choice(p, value, at, NAMES, &target->style->direction);
}

int set_hyphenate(struct parser *p, struct json_object *value, const struct place *at,
                  struct target *target)
{
    return read_bool(p, value, at, &target->style->hyphenate);
}

int set_language(struct parser *p, struct json_object *value, const struct place *at,
                 struct target *target)
{
    return read_text(p, value, at, &target->style->language);
}

int set_no_wrap(struct parser *p, struct json_object *value, const struct place *at,
                struct target *target)
{
    return read_bool(p, value, at, &target->style->no_wrap);
}

int set_keep_spaces(struct parser *p, struct json_object *value, const struct place *at,
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

int set_sup(struct parser *p, struct json_object *value, const struct place *at,
            struct target *target)
{
    return set_script(p, value, at, target, 0.35);
}

int set_sub(struct parser *p, struct json_object *value, const struct place *at,
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

int set_link(struct parser *p, struct json_object *value, const struct place *at,
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

int set_link_to(struct parser *p, struct json_object *value, const struct place *at,
                struct target *target)
{
    struct link *link = link_of(p, target);
    return link ? read_text(p, value, at, &link->anchor) : p->doc->error->err;
}

int set_link_to_page(struct parser *p, struct json_object *value, const struct place *at,
                     struct target *target)
{
    struct link *link = link_of(p, target);
    return link ? read_u32(p, value, at, 1, PDF_MAX_PAGES, &link->page) : p->doc->error->err;
}
