/*
 * Text: runs of one style, page numbers in between.
 */
#include "parse_parts.h"

#include <string.h>

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

int parse_text(struct parser *p, struct json_object *object, const struct place *at,
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
