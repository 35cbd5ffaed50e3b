/*
 * The top of a definition: pages, styles, fonts, what stands on every page, files.
 */
#include "parse_parts.h"

#include "base/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse_pages(struct parser *p, const struct place *root)
{
    struct page_setup *page = &p->doc->page;
    struct json_object *value;
    *page = (struct page_setup){595.28, 841.89, {40, 40, 40, 40}};
    int err = 0;
    if ((value = member(p->input, "page_size"))) {
        err = read_page_size(p, value, place_name(p, root, "page_size"), page);
    }
    if (err == 0 && (value = member(p->input, "page_orientation")) &&
        str_eq(json_str(value), STR("landscape")) != (page->width > page->height)) {
        double width = page->width;
        page->width = page->height;
        page->height = width;
    }
    if (err == 0 && (value = member(p->input, "page_margins"))) {
        err = read_sides(p, value, place_name(p, root, "page_margins"), &page->margins);
    }
    return err;
}

/* --- Fonts -------------------------------------------------------------------------------------*/

static int add_font_file(struct parser *p, struct str family, const char *style,
                         struct font_style font_style, const struct place *at)
{
    char room[600];
    struct buf pointer;
    struct source source;
    buf_init_fixed(&pointer, room, sizeof room);
    buf_append_c(&pointer, "/fonts");
    json_pointer_append(&pointer, family);
    json_pointer_append(&pointer, str_from_c(style));
    if (buf_failed(&pointer) || !p->sources->open ||
        !p->sources->open(p->sources->context, buf_view(&pointer), &source)) {
        return wrong(p, at, "a font file");
    }
    struct hub_error why;
    int err = fontbook_add(p->doc->fonts, family, font_style, source.fd, source.key, &why);
    return err < 0 ? document_fail(p->doc, at, err, "font “%.*s”: %s",
                                   STR_ARG(str_utf8_cut(family, 60)), why.detail)
                   : 0;
}

static int parse_fonts(struct parser *p, struct json_object *fonts, const struct place *at)
{
    static const struct {
        const char *name;
        struct font_style style;
    } STYLES[] = {{"normal", {false, false}},
                  {"bold", {true, false}},
                  {"italics", {false, true}},
                  {"bold_italics", {true, true}}};
    if (!json_object_is_type(fonts, json_type_object)) {
        return 0;
    }
    json_object_object_foreach(fonts, family, files) {
        const struct place *here = place_key(p, at, str_from_c(family));
        for (size_t i = 0; i < sizeof STYLES / sizeof STYLES[0]; i++) {
            if (!json_object_is_type(files, json_type_object) || !member(files, STYLES[i].name)) {
                continue;
            }
            int err = add_font_file(p, str_from_c(family), STYLES[i].name, STYLES[i].style,
                                    place_name(p, here, STYLES[i].name));
            if (err < 0) {
                return err;
            }
        }
    }
    return 0;
}

/* --- Styles ------------------------------------------------------------------------------------*/

static void initial_style(const struct parser *p, struct text_style *style)
{
    memset(style, 0, sizeof *style); /* padding too: styles are compared by their bytes */
    style->font = STR(FONT_DEFAULT_FAMILY);
    style->size = 11;
    style->line_height = 1;
    style->scale = 1;
    style->background = COLOR_NONE;
    style->decoration_color = COLOR_NONE;
    style->language = p->doc->language;
}

static int parse_default_style(struct parser *p, const struct place *root,
                               const struct text_style **ret_style)
{
    struct text_style style;
    initial_style(p, &style);
    struct json_object *value = member(p->input, "hyphenate");
    style.hyphenate = value && json_object_get_boolean(value);
    value = member(p->input, "default_style");
    struct node unused = {.kind = NODE_TEXT};
    struct target target = {.style = &style, .node = &unused};
    int err = value
                  ? apply_members(p, value, place_name(p, root, "default_style"), IN_STYLE, &target)
                  : 0;
    *ret_style = err < 0 ? NULL : keep_style(p, &style);
    return err < 0 || *ret_style ? err : p->doc->error->err;
}

/* --- Headers, footers, backgrounds, watermarks -------------------------------------------------*/

static const char *const BY_PAGE[] = {"first", "odd", "even", "last", "any"};

static bool is_by_page(struct json_object *value)
{
    for (size_t i = 0; i < sizeof BY_PAGE / sizeof BY_PAGE[0]; i++) {
        if (json_object_is_type(value, json_type_object) &&
            json_object_object_get_ex(value, BY_PAGE[i], NULL)) {
            return true;
        }
    }
    return false;
}

/* One for all pages, or {first, odd, even, last, any}; null there is none on these. */
static int parse_furniture(struct parser *p, const char *name, const struct place *root,
                           const struct text_style *style, struct furniture *furniture)
{
    struct json_object *value = member(p->input, name);
    const struct place *at = place_name(p, root, name);
    struct node *any = NULL;
    if (!value) {
        return 0;
    }
    if (!is_by_page(value)) {
        int err = parse_node(p, value, at, style, NULL, &any);
        *furniture = (struct furniture){any, any, any, any};
        return err;
    }
    static struct node none; /* said to be none: not the one for any page either */
    struct node *nodes[5] = {0};
    for (size_t i = 0; i < 5; i++) {
        struct json_object *item = member(value, BY_PAGE[i]);
        int err =
            item ? parse_node(p, item, place_name(p, at, BY_PAGE[i]), style, NULL, &nodes[i]) : 0;
        if (err < 0) {
            return err;
        }
        if (!item && i < 4 && json_object_object_get_ex(value, BY_PAGE[i], NULL)) {
            nodes[i] = &none;
        }
    }
    for (size_t i = 0; i < 4; i++) {
        nodes[i] = nodes[i] == &none ? NULL : nodes[i] ? nodes[i] : nodes[4];
    }
    *furniture = (struct furniture){nodes[0], nodes[1], nodes[2], nodes[3]};
    return 0;
}

static int parse_watermark(struct parser *p, const struct place *root,
                           const struct text_style *inherited)
{
    struct watermark *watermark = &p->doc->watermark;
    struct json_object *value = member(p->input, "watermark");
    const struct place *at = place_name(p, root, "watermark");
    struct text_style style;
    memcpy(&style, inherited, sizeof style);
    style.bold = true;
    style.color = 0x808080;
    style.face = NULL;
    style.no_wrap = true;
    *watermark = (struct watermark){.opacity = 0.25, .angle = 45};
    int err = 0;
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, option) {
            const struct place *here = place_key(p, at, str_from_c(name));
            if (strcmp(name, "text") == 0) {
                err = 0;
            } else if (strcmp(name, "color") == 0) {
                err = read_color(p, option, here, &style.color);
            } else if (strcmp(name, "opacity") == 0) {
                err = read_number(p, option, here, 0, 1, &watermark->opacity);
            } else if (strcmp(name, "angle") == 0) {
                err = read_number(p, option, here, -360, 360, &watermark->angle);
            } else if (strcmp(name, "font_size") == 0) {
                err = read_number(p, option, here, 1, 1000, &watermark->size);
            } else if (strcmp(name, "bold") == 0) {
                err = read_bool(p, option, here, &style.bold);
            } else if (strcmp(name, "italics") == 0) {
                err = read_bool(p, option, here, &style.italics);
            } else if (strcmp(name, "font") == 0) {
                err = read_text(p, option, here, &style.font);
            } else {
                err =
                    wrong(p, here, "text, color, opacity, angle, font_size, font, bold or italics");
            }
            if (err < 0) {
                return err;
            }
        }
        value = member(value, "text");
    }
    if (!value) {
        return 0;
    }
    const struct text_style *kept = keep_style(p, &style);
    return kept ? parse_paragraph(p, value, at, kept, &watermark->text) : p->doc->error->err;
}

/* --- Files -------------------------------------------------------------------------------------*/

static int read_attachment(struct parser *p, struct json_object *value, struct str name,
                           const struct place *at, struct attachment *attachment)
{
    char room[600];
    struct buf pointer;
    struct source source;
    buf_init_fixed(&pointer, room, sizeof room);
    buf_append_c(&pointer, "/files");
    json_pointer_append(&pointer, name);
    buf_append_c(&pointer, "/src");
    if (buf_failed(&pointer) || !p->sources->open ||
        !p->sources->open(p->sources->context, buf_view(&pointer), &source)) {
        return wrong(p, at, "a file in src");
    }
    struct stat status;
    if (fstat(source.fd, &status) != 0 || (size_t)status.st_size > PDF_MAX_INPUT_FILE) {
        return document_fail(p->doc, at, HUB_ERR_TOO_LARGE, "the file has more than %zu MiB",
                             PDF_MAX_INPUT_FILE >> 20);
    }
    *attachment = (struct attachment){.name = name, .media_type = source.media_type};
    (void)json_get_str(value, "description", &attachment->description);
    (void)json_get_str(value, "media_type", &attachment->media_type);
    (void)json_get_str(value, "relationship", &attachment->relationship);
    char *data = document_alloc(p->doc, (size_t)status.st_size + 1);
    if (!data) {
        return p->doc->error->err;
    }
    for (size_t got = 0; got < (size_t)status.st_size;) {
        ssize_t count = pread(source.fd, data + got, (size_t)status.st_size - got, (off_t)got);
        if (count <= 0) {
            return document_fail(p->doc, at, HUB_ERR_IO, "the file can't be read");
        }
        got += (size_t)count;
    }
    attachment->data = str_of(data, (size_t)status.st_size);
    return 0;
}

static int parse_files(struct parser *p, struct json_object *files, const struct place *at)
{
    if (!json_object_is_type(files, json_type_object)) {
        return 0;
    }
    struct document *doc = p->doc;
    size_t count = (size_t)json_object_object_length(files);
    doc->attachments = document_alloc(doc, (count + 1) * sizeof *doc->attachments);
    if (!doc->attachments) {
        return doc->error->err;
    }
    json_object_object_foreach(files, name, value) {
        struct attachment *attachment = &doc->attachments[doc->attachment_count];
        struct str key = str_from_c(name);
        int err = read_attachment(p, value, key, place_key(p, at, key), attachment);
        if (err < 0) {
            return err;
        }
        doc->attachment_count++;
    }
    return 0;
}

/* --- All of it ---------------------------------------------------------------------------------*/

static void parse_info(struct parser *p)
{
    struct doc_info *info = &p->doc->info;
    struct json_object *value = member(p->input, "info");
    struct str created;
    (void)json_get_str(value, "title", &info->title);
    (void)json_get_str(value, "author", &info->author);
    (void)json_get_str(value, "subject", &info->subject);
    (void)json_get_str(value, "keywords", &info->keywords);
    (void)json_get_str(value, "creator", &info->creator);
    if (json_get_str(value, "created_at", &created)) {
        (void)clock_parse(created, &info->created_at);
    }
    struct str missing;
    p->doc->fail_on_missing =
        json_get_str(p->input, "missing_glyphs", &missing) && str_eq(missing, STR("fail"));
    (void)json_get_str(p->input, "language", &p->doc->language);
}

/* A line of a table of contents for each heading that it lists. */
static int fill_toc(struct parser *p, struct node *node)
{
    struct document *doc = p->doc;
    struct toc *toc = &node->toc;
    struct node_list *lines = &toc->lines;
    lines->items = document_alloc(doc, (doc->heading_count + 1) * sizeof(struct node *));
    if (!lines->items) {
        return doc->error->err;
    }
    for (uint32_t i = 0; i < doc->heading_count; i++) {
        struct node *heading = doc->headings[i];
        if (heading->toc_level == 0 || !str_eq(heading->toc_id, toc->id)) {
            continue;
        }
        struct node *line = document_alloc(doc, sizeof *line);
        struct inline_run *runs = document_alloc(doc, (heading->text.count + 1) * sizeof *runs);
        struct link *link = document_alloc(doc, sizeof *link);
        if (!line || !runs || !link) {
            return doc->error->err;
        }
        *line = (struct node){.kind = NODE_TOC_LINE,
                              .place = node->place,
                              .style = toc->style,
                              .min_width = -1,
                              .link = link};
        link->node = heading;
        line->margin = toc->line_margin;
        line->margin.left += toc->indent * (heading->toc_level - 1);
        for (uint32_t r = 0; r < heading->text.count; r++) {
            runs[r] = heading->text.runs[r];
            runs[r].style = toc->style;
            runs[r].link = NULL;
        }
        line->toc_line = (struct toc_line){
            .heading = heading,
            .text = {.runs = runs, .count = heading->text.count, .style = toc->style},
            .dots = toc->dots,
        };
        lines->items[lines->count++] = line;
    }
    return 0;
}

static int fill_tocs(struct parser *p, struct node *node)
{
    const struct node_list *children = NULL;
    if (node->kind == NODE_TOC) {
        return fill_toc(p, node);
    }
    if (node->kind == NODE_STACK) {
        children = &node->stack;
    } else if (node->kind == NODE_COLUMNS) {
        children = &node->columns.items;
    }
    for (uint32_t i = 0; children && i < children->count; i++) {
        int err = fill_tocs(p, children->items[i]);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int document_parse(struct document *doc, struct json_object *input, const struct sources *sources)
{
    struct parser p = {.doc = doc, .sources = sources, .input = input};
    const struct place *root = document_alloc(doc, sizeof *root);
    const struct text_style *style = NULL;
    if (!root) {
        return doc->error->err;
    }
    p.styles = member(input, "styles");
    p.styles_place = place_name(&p, root, "styles");
    parse_info(&p);
    int err = parse_pages(&p, root);
    if (err == 0) {
        err = parse_fonts(&p, member(input, "fonts"), place_name(&p, root, "fonts"));
    }
    if (err == 0) {
        err = parse_default_style(&p, root, &style);
    }
    if (err == 0) {
        err = parse_node(&p, member(input, "content"), place_name(&p, root, "content"), style, NULL,
                         &doc->content);
    }
    p.in_furniture = true;
    if (err == 0) {
        err = parse_furniture(&p, "header", root, style, &doc->header);
    }
    if (err == 0) {
        err = parse_furniture(&p, "footer", root, style, &doc->footer);
    }
    if (err == 0) {
        err = parse_furniture(&p, "background", root, style, &doc->background);
    }
    if (err == 0) {
        err = parse_watermark(&p, root, style);
    }
    if (err == 0) {
        err = parse_files(&p, member(input, "files"), place_name(&p, root, "files"));
    }
    if (err == 0) {
        err = fill_tocs(&p, doc->content);
    }
    return err;
}
