#include "render.h"

#include "hyphens.h"
#include "output.h"
#include "templates.h"

#include <linebreak.h>
#include <stdlib.h>

struct render_cache {
    struct fontbook *fonts;
    struct pictures *pictures;
    struct subset_cache *subsets;
    struct hyphens *hyphens;
};

int render_cache_new(struct render_cache **ret_cache)
{
    struct render_cache *self = calloc(1, sizeof *self);
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    init_linebreak();
    if (fontbook_new(&self->fonts) < 0 || pictures_new(&self->pictures) < 0 ||
        subset_cache_new(&self->subsets) < 0 || hyphens_new(&self->hyphens) < 0) {
        render_cache_free(self);
        return HUB_ERR_NOMEM;
    }
    *ret_cache = self;
    return 0;
}

void render_cache_free(struct render_cache *self)
{
    if (!self) {
        return;
    }
    fontbook_free(self->fonts);
    pictures_free(self->pictures);
    subset_cache_free(self->subsets);
    hyphens_free(self->hyphens);
    free(self);
}

static void put_warnings(struct buf *buf, const struct document *doc)
{
    struct buf pointer;
    buf_init(&pointer, BUF_NO_LIMIT);
    buf_append_char(buf, '[');
    for (uint32_t i = 0; i < doc->warning_count; i++) {
        const struct warning *warning = &doc->warnings[i];
        buf_clear(&pointer);
        place_append(&pointer, warning->place);
        buf_append_c(buf, i ? ",{\"pointer\":" : "{\"pointer\":");
        buf_append_json_string(buf, buf_view(&pointer));
        buf_append_format(buf, ",\"code\":\"%s\",\"detail\":", warning->code);
        buf_append_json_string(buf, str_from_c(warning->detail));
        buf_append_char(buf, '}');
    }
    buf_append_char(buf, ']');
    buf->failed |= buf_failed(&pointer);
    buf_release(&pointer);
}

static int make(struct render *self, struct document *doc, struct hub_error *error)
{
    struct layout layout;
    struct writer writer;
    layout_init(&layout, doc);
    writer_init(&writer, PDF_MAX_OUTPUT);
    int err = layout_run(&layout);
    if (err == 0) {
        err = output_write(&layout, self->cache->subsets, self->wall_ms, &writer, error);
    }
    if (err == 0) {
        self->file = writer.out;
        writer.out = (struct buf){0};
        self->pages = layout.page_count;
        put_warnings(&self->warnings, doc);
        err = buf_failed(&self->warnings) ? hub_fail(error, HUB_ERR_NOMEM, "out of memory") : 0;
    }
    writer_release(&writer);
    layout_release(&layout);
    return err;
}

int render_run(struct render *self, struct hub_error *error)
{
    struct render_cache *cache = self->cache;
    struct sources sources = *self->sources;
    struct document *doc = calloc(1, sizeof *doc);
    if (!doc) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    sources.pictures = cache->pictures;
    buf_init(&self->file, PDF_MAX_OUTPUT);
    buf_init(&self->warnings, 1 << 20);
    buf_init(&self->pointer, 1 << 16);
    arena_init(&doc->arena, PDF_MAX_MEMORY);
    map_init(&doc->anchors);
    doc->error = error;
    doc->fonts = cache->fonts;
    doc->hyphens = cache->hyphens;
    doc->cancelled = self->cancelled;
    doc->cancel_context = self->cancel_context;
    fontbook_begin(cache->fonts);
    struct json_object *definition = NULL; /* its texts are viewed until the end */
    int err = template_definition(self->input, &sources, &definition, &self->pointer, error);
    if (err == 0) {
        err = document_parse(doc, definition, &sources);
    }
    if (err == 0) {
        err = make(self, doc, error);
    }
    if (err < 0 && doc->fault_place) {
        place_append(&self->pointer, doc->fault_place);
    }
    map_release(&doc->anchors);
    arena_release(&doc->arena);
    free(doc);
    json_object_put(definition);
    fontbook_end(cache->fonts);
    pictures_trim(cache->pictures);
    subset_cache_trim(cache->subsets);
    return err;
}

void render_release(struct render *self)
{
    buf_release(&self->file);
    buf_release(&self->warnings);
    buf_release(&self->pointer);
}
