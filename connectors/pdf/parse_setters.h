/*
 * parse_setters.h — the setters behind the table of members; for parse_*members.c alone.
 *
 * Each reads a value and sets it in what `target` has; its scope in the table promises that it is
 * there. 0, or what document_fail() gave.
 */
#ifndef PDF_PARSE_SETTERS_H
#define PDF_PARSE_SETTERS_H

#include "parse_parts.h"

typedef int set_fn(struct parser *p, struct json_object *value, const struct place *at,
                   struct target *target);

/* parse_text_members.c */
set_fn set_font, set_font_size, set_bold, set_italics, set_color, set_background,
    set_decoration_color, set_decoration, set_decoration_style, set_line_height,
    set_character_spacing, set_leading_indent, set_alignment, set_direction, set_hyphenate,
    set_language, set_no_wrap, set_keep_spaces, set_sup, set_sub, set_link, set_link_to,
    set_link_to_page;

/* parse_node_members.c */
set_fn set_margin, set_width, set_page_break, set_unbreakable, set_keep_with_next, set_id,
    set_absolute_position, set_relative_position, set_outline, set_outline_text, set_outline_level,
    set_toc_item, set_page_size, set_page_margins, set_page_orientation, set_fill_color, set_border,
    set_border_color, set_col_span, set_row_span, set_vertical_alignment, set_padding;

#endif
