#include "output.h"

#include "base/hash.h"
#include "draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct output {
    const struct layout *layout;
    const struct document *doc;
    struct writer *writer;
    struct ink ink;
    struct embed embed;
    struct buf buf;  /* of the object at hand */
    struct buf page; /* a page's operators */
    uint32_t *pages; /* object numbers */
    uint32_t tree, resources;
    int64_t now;
};

/* --- Resources ---------------------------------------------------------------------------------*/

static void write_picture(struct output *o, struct ink_picture *one)
{
    const struct picture *picture = one->picture;
    uint32_t mask = 0;
    if (picture->mask.entries) {
        mask = writer_reserve(o->writer);
        writer_stream(o->writer, mask, str_from_c(picture->mask.entries),
                      str_of(picture->mask.data, picture->mask.len), WRITER_PLAIN);
    }
    buf_clear(&o->buf);
    buf_append_c(&o->buf, picture->color.entries);
    if (mask) {
        buf_append_c(&o->buf, "/SMask ");
        put_ref(&o->buf, mask);
    }
    writer_stream(o->writer, one->object, buf_view(&o->buf),
                  str_of(picture->color.data, picture->color.len), WRITER_PLAIN);
}

/* One for all pages: what a page does not use costs nothing. */
static void write_resources(struct output *o)
{
    struct buf *buf = &o->buf;
    buf_clear(buf);
    buf_append_c(buf, "<<");
    if (o->embed.count > 0) {
        buf_append_c(buf, "/Font<<");
        for (uint32_t i = 0; i < o->embed.count; i++) {
            buf_append_format(buf, "/F%u %u 0 R", i + 1, o->embed.fonts[i].object);
        }
        buf_append_c(buf, ">>");
    }
    if (o->ink.picture_count > 0) {
        buf_append_c(buf, "/XObject<<");
        for (uint32_t i = 0; i < o->ink.picture_count; i++) {
            buf_append_format(buf, "/I%u %u 0 R", i + 1, o->ink.pictures[i].object);
        }
        buf_append_c(buf, ">>");
    }
    if (o->ink.opacity_count > 0) {
        buf_append_c(buf, "/ExtGState<<");
        for (uint32_t i = 0; i < o->ink.opacity_count; i++) {
            buf_append_format(buf, "/G%u<</CA ", i + 1);
            put_number(buf, o->ink.opacities[i], 2);
            buf_append_c(buf, "/ca ");
            put_number(buf, o->ink.opacities[i], 2);
            buf_append_c(buf, ">>");
        }
        buf_append_c(buf, ">>");
    }
    buf_append_c(buf, ">>");
    writer_object(o->writer, o->resources, buf_view(buf));
}

/* --- Links and outline -------------------------------------------------------------------------*/

static const struct anchor *find_anchor(const struct output *o, const struct node *node)
{
    for (uint32_t i = 0; node && i < o->layout->anchor_count; i++) {
        if (o->layout->anchors[i].node == node) {
            return &o->layout->anchors[i];
        }
    }
    return NULL;
}

static void put_destination(struct output *o, uint32_t page, double y)
{
    buf_append_c(&o->buf, "[");
    put_ref(&o->buf, o->pages[page]);
    buf_append_c(&o->buf, "/XYZ 0 ");
    put_number(&o->buf, o->layout->pages[page].setup.height - fmax(y, 0), 1);
    buf_append_c(&o->buf, " null]");
}

/* False if it leads nowhere. */
static bool put_target(struct output *o, const struct link *link)
{
    if (link->uri.len > 0) {
        buf_append_c(&o->buf, "/A<</S/URI/URI");
        put_bytes(&o->buf, link->uri);
        buf_append_c(&o->buf, ">>");
        return true;
    }
    const struct node *node = link->node;
    if (!node && link->anchor.len > 0) {
        node = map_get(&o->doc->anchors, link->anchor);
    }
    const struct anchor *anchor = find_anchor(o, node);
    if (anchor) {
        buf_append_c(&o->buf, "/Dest");
        put_destination(o, anchor->page, anchor->y);
        return true;
    }
    if (link->page == 0 || link->page > o->layout->page_count) {
        return false;
    }
    buf_append_c(&o->buf, "/Dest");
    put_destination(o, link->page - 1, 0);
    return true;
}

static void put_link(struct output *o, const struct item *item, double height)
{
    size_t from = o->buf.len;
    buf_append_c(&o->buf, "<</Type/Annot/Subtype/Link/Border[0 0 0]/Rect[");
    const double rect[4] = {item->x, height - item->y - item->h, item->x + item->w,
                            height - item->y};
    for (size_t i = 0; i < 4; i++) {
        put_number(&o->buf, rect[i], 2);
        buf_append_char(&o->buf, i < 3 ? ' ' : ']');
    }
    if (put_target(o, item->link)) {
        buf_append_c(&o->buf, ">>");
    } else {
        buf_truncate(&o->buf, from);
    }
}

struct bookmark {
    const struct anchor *anchor;
    uint32_t object, level;
    uint32_t parent, first, last, previous, next; /* indexes + 1; 0: none */
    uint32_t count;                               /* of all below */
};

/* Links bookmarks to a tree by their levels: each belongs to the last one of a lower level. */
static void link_bookmarks(struct bookmark *all, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t parent = i - 1;
        while (parent > 0 && all[parent].level >= all[i].level) {
            parent = all[parent].parent - 1;
        }
        struct bookmark *above = &all[parent], *self = &all[i];
        self->parent = parent + 1;
        self->previous = above->last;
        if (above->last) {
            all[above->last - 1].next = i + 1;
        } else {
            above->first = i + 1;
        }
        above->last = i + 1;
        for (uint32_t p = parent + 1; p > 0; p = all[p - 1].parent) {
            all[p - 1].count++;
        }
    }
}

static void put_bookmark_ref(struct output *o, const struct bookmark *all, const char *name,
                             uint32_t index)
{
    if (index > 0) {
        buf_append_c(&o->buf, name);
        put_ref(&o->buf, all[index - 1].object);
    }
}

static void put_title(struct output *o, const struct node *node)
{
    struct buf title;
    buf_init(&title, 4000);
    for (uint32_t i = 0; node->outline_text.len == 0 && i < node->text.count; i++) {
        buf_append_str(&title, node->text.runs[i].text);
    }
    put_text(&o->buf, node->outline_text.len > 0 ? node->outline_text : buf_view(&title));
    buf_release(&title);
}

static void write_bookmark(struct output *o, const struct bookmark *all, uint32_t index)
{
    const struct bookmark *self = &all[index];
    buf_clear(&o->buf);
    buf_append_c(&o->buf, "<<");
    if (index == 0) {
        buf_append_c(&o->buf, "/Type/Outlines");
    } else {
        buf_append_c(&o->buf, "/Title");
        put_title(o, self->anchor->node);
        buf_append_c(&o->buf, "/Dest");
        put_destination(o, self->anchor->page, self->anchor->y);
    }
    put_bookmark_ref(o, all, "/Parent ", self->parent);
    put_bookmark_ref(o, all, "/Prev ", self->previous);
    put_bookmark_ref(o, all, "/Next ", self->next);
    put_bookmark_ref(o, all, "/First ", self->first);
    put_bookmark_ref(o, all, "/Last ", self->last);
    if (self->count > 0) {
        buf_append_format(&o->buf, "/Count %u", self->count);
    }
    buf_append_c(&o->buf, ">>");
    writer_object(o->writer, self->object, buf_view(&o->buf));
}

/* 0 in *ret_root: there is none. */
static int write_outline(struct output *o, uint32_t *ret_root)
{
    const struct layout *layout = o->layout;
    uint32_t count = 1;
    struct bookmark *all = calloc(layout->anchor_count + 1, sizeof *all);
    if (!all) {
        return HUB_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < layout->anchor_count; i++) {
        const struct anchor *anchor = &layout->anchors[i];
        if (anchor->node->outline && anchor->node->kind == NODE_TEXT) {
            all[count++] =
                (struct bookmark){.anchor = anchor, .level = anchor->node->outline_level};
        }
    }
    for (uint32_t i = 0; count > 1 && i < count; i++) {
        all[i].object = writer_reserve(o->writer);
    }
    link_bookmarks(all, count);
    for (uint32_t i = 0; count > 1 && i < count; i++) {
        write_bookmark(o, all, i);
    }
    *ret_root = count > 1 ? all[0].object : 0;
    free(all);
    return 0;
}

/* --- Pages -------------------------------------------------------------------------------------*/

static void write_page(struct output *o, uint32_t index)
{
    const struct page *page = &o->layout->pages[index];
    uint32_t contents = writer_reserve(o->writer);
    buf_clear(&o->page);
    draw_page(&o->ink, o->layout, page, &o->page);
    writer_stream(o->writer, contents, STR(""), buf_view(&o->page), WRITER_DEFLATE);
    buf_clear(&o->buf);
    buf_append_c(&o->buf, "<</Type/Page/Parent ");
    put_ref(&o->buf, o->tree);
    buf_append_c(&o->buf, "/MediaBox[0 0 ");
    put_number(&o->buf, page->setup.width, 2);
    buf_append_char(&o->buf, ' ');
    put_number(&o->buf, page->setup.height, 2);
    buf_append_c(&o->buf, "]/Resources ");
    put_ref(&o->buf, o->resources);
    buf_append_c(&o->buf, "/Contents ");
    put_ref(&o->buf, contents);
    size_t before = o->buf.len;
    buf_append_c(&o->buf, "/Annots[");
    size_t empty = o->buf.len;
    for (uint32_t i = 0; i < page->count; i++) {
        if (page->items[i].kind == ITEM_LINK) {
            put_link(o, &page->items[i], page->setup.height);
        }
    }
    if (o->buf.len == empty) {
        buf_truncate(&o->buf, before);
    } else {
        buf_append_char(&o->buf, ']');
    }
    buf_append_c(&o->buf, ">>");
    writer_object(o->writer, o->pages[index], buf_view(&o->buf));
}

static void write_tree(struct output *o)
{
    buf_clear(&o->buf);
    buf_append_format(&o->buf, "<</Type/Pages/Count %u/Kids[", o->layout->page_count);
    for (uint32_t i = 0; i < o->layout->page_count; i++) {
        buf_append_c(&o->buf, i ? " " : "");
        put_ref(&o->buf, o->pages[i]);
    }
    buf_append_c(&o->buf, "]>>");
    writer_object(o->writer, o->tree, buf_view(&o->buf));
}

/* --- Attachments -------------------------------------------------------------------------------*/

static const char *relationship_of(struct str name)
{
    static const struct {
        struct str name;
        const char *value;
    } NAMES[] = {{STR_INIT("source"), "Source"},
                 {STR_INIT("data"), "Data"},
                 {STR_INIT("alternative"), "Alternative"},
                 {STR_INIT("supplement"), "Supplement"}};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_eq(name, NAMES[i].name)) {
            return NAMES[i].value;
        }
    }
    return "Unspecified";
}

static uint32_t write_attachment(struct output *o, const struct attachment *attachment)
{
    uint32_t file = writer_reserve(o->writer), spec = writer_reserve(o->writer);
    buf_clear(&o->buf);
    buf_append_c(&o->buf, "/Type/EmbeddedFile");
    if (attachment->media_type.len > 0) {
        buf_append_c(&o->buf, "/Subtype");
        put_name(&o->buf, attachment->media_type);
    }
    buf_append_format(&o->buf, "/Params<</Size %zu/ModDate", attachment->data.len);
    put_date(&o->buf, o->now);
    buf_append_c(&o->buf, ">>");
    writer_stream(o->writer, file, buf_view(&o->buf), attachment->data, WRITER_DEFLATE);
    buf_clear(&o->buf);
    buf_append_c(&o->buf, "<</Type/Filespec/F");
    put_text(&o->buf, attachment->name);
    buf_append_c(&o->buf, "/UF");
    put_text(&o->buf, attachment->name);
    if (attachment->description.len > 0) {
        buf_append_c(&o->buf, "/Desc");
        put_text(&o->buf, attachment->description);
    }
    buf_append_format(&o->buf, "/AFRelationship/%s/EF<</F %u 0 R/UF %u 0 R>>>>",
                      relationship_of(attachment->relationship), file, file);
    writer_object(o->writer, spec, buf_view(&o->buf));
    return spec;
}

static int by_name(const void *a, const void *b)
{
    const struct attachment *const *left = a, *const *right = b;
    return str_cmp((*left)->name, (*right)->name);
}

/* Appends /Names and /AF to the catalogue; names in order (§7.9.6). */
static int write_attachments(struct output *o, struct buf *catalog)
{
    uint32_t count = o->doc->attachment_count;
    const struct attachment **sorted = calloc(count + 1, sizeof(struct attachment *));
    struct buf associated;
    buf_init(&associated, PDF_MAX_OUTPUT);
    if (!sorted) {
        return HUB_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = &o->doc->attachments[i];
    }
    qsort(sorted, count, sizeof *sorted, by_name);
    if (count > 0) {
        buf_append_c(catalog, "/PageMode/UseAttachments/Names<</EmbeddedFiles<</Names[");
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t spec = write_attachment(o, sorted[i]);
        put_text(catalog, sorted[i]->name);
        put_ref(catalog, spec);
        buf_append_format(&associated, "%u 0 R ", spec);
    }
    if (count > 0) {
        buf_append_c(catalog, "]>>>>/AF[");
        buf_append_str(catalog, buf_view(&associated));
        buf_append_char(catalog, ']');
    }
    catalog->failed |= buf_failed(&associated);
    buf_release(&associated);
    free(sorted);
    return 0;
}

/* --- Catalogue and information -----------------------------------------------------------------*/

static void put_info(struct buf *buf, const char *name, struct str text)
{
    if (text.len > 0) {
        buf_append_c(buf, name);
        put_text(buf, text);
    }
}

static uint32_t write_info(struct output *o)
{
    const struct doc_info *info = &o->doc->info;
    uint32_t number = writer_reserve(o->writer);
    buf_clear(&o->buf);
    buf_append_c(&o->buf, "<</Producer(hubd)");
    put_info(&o->buf, "/Title", info->title);
    put_info(&o->buf, "/Author", info->author);
    put_info(&o->buf, "/Subject", info->subject);
    put_info(&o->buf, "/Keywords", info->keywords);
    put_info(&o->buf, "/Creator", info->creator);
    buf_append_c(&o->buf, "/CreationDate");
    put_date(&o->buf, o->now);
    buf_append_c(&o->buf, ">>");
    writer_object(o->writer, number, buf_view(&o->buf));
    return number;
}

static int write_catalog(struct output *o, uint32_t *ret_root)
{
    uint32_t number = writer_reserve(o->writer), outline = 0;
    struct buf catalog;
    buf_init(&catalog, PDF_MAX_OUTPUT);
    buf_append_c(&catalog, "<</Type/Catalog/Pages ");
    put_ref(&catalog, o->tree);
    if (o->doc->language.len > 0) {
        buf_append_c(&catalog, "/Lang");
        put_text(&catalog, o->doc->language);
    }
    if (o->doc->info.title.len > 0) {
        buf_append_c(&catalog, "/ViewerPreferences<</DisplayDocTitle true>>");
    }
    int err = write_outline(o, &outline);
    if (err == 0) {
        err = write_attachments(o, &catalog);
    }
    if (outline) {
        buf_append_c(&catalog, "/Outlines ");
        put_ref(&catalog, outline);
        buf_append_c(&catalog, o->doc->attachment_count ? "" : "/PageMode/UseOutlines");
    }
    buf_append_c(&catalog, ">>");
    writer_object(o->writer, number, buf_view(&catalog));
    err = err == 0 && buf_failed(&catalog) ? HUB_ERR_NOMEM : err;
    buf_release(&catalog);
    *ret_root = number;
    return err;
}

static int reserve(struct output *o)
{
    uint32_t count = o->layout->page_count;
    o->tree = writer_reserve(o->writer);
    o->resources = writer_reserve(o->writer);
    o->pages = calloc(count, sizeof *o->pages);
    if (!o->pages) {
        return HUB_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        o->pages[i] = writer_reserve(o->writer);
    }
    for (uint32_t i = 0; i < o->embed.count; i++) {
        o->embed.fonts[i].object = writer_reserve(o->writer);
    }
    for (uint32_t i = 0; i < o->ink.picture_count; i++) {
        o->ink.pictures[i].object = writer_reserve(o->writer);
    }
    return 0;
}

static int write_all(struct output *o, struct hub_error *error)
{
    int err = reserve(o);
    for (uint32_t i = 0; err == 0 && i < o->layout->page_count; i++) {
        write_page(o, i);
    }
    if (err < 0) {
        return hub_fail(error, err, "out of memory");
    }
    for (uint32_t i = 0; i < o->ink.picture_count; i++) {
        write_picture(o, &o->ink.pictures[i]);
    }
    err = embed_write(&o->embed, o->writer, error);
    write_tree(o);
    write_resources(o);
    struct writer_trailer trailer = {.info = write_info(o)};
    if (err == 0 && write_catalog(o, &trailer.root) < 0) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (err < 0) {
        return err;
    }
    struct sha256_digest digest;
    sha256_of(buf_view(&o->writer->out), &digest);
    memcpy(trailer.id, digest.bytes, sizeof trailer.id);
    err = writer_finish(o->writer, &trailer, error);
    if (err == 0 && (buf_failed(&o->buf) || buf_failed(&o->page))) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    return err;
}

int output_write(const struct layout *layout, struct subset_cache *subsets, int64_t wall_ms,
                 struct writer *writer, struct hub_error *error)
{
    struct output o = {.layout = layout, .doc = layout->doc, .writer = writer};
    o.now = layout->doc->info.created_at ? layout->doc->info.created_at : wall_ms;
    embed_init(&o.embed, subsets);
    ink_init(&o.ink, &o.embed);
    buf_init(&o.buf, PDF_MAX_OUTPUT);
    buf_init(&o.page, PDF_MAX_OUTPUT);
    int err = ink_collect(&o.ink, layout, error);
    if (err == 0) {
        err = embed_subset(&o.embed, error);
    }
    if (err == 0) {
        err = write_all(&o, error);
    }
    free(o.pages);
    buf_release(&o.buf);
    buf_release(&o.page);
    ink_release(&o.ink);
    embed_release(&o.embed);
    return err;
}
