/*
 * What the pages of a document use: fonts, pictures, opacities.
 */
#include "draw_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ink_init(struct ink *self, struct embed *embed)
{
    *self = (struct ink){.embed = embed};
}

void ink_release(struct ink *self)
{
    free(self->pictures);
    *self = (struct ink){0};
}

static int collect_picture(struct ink *self, const struct picture *picture, struct hub_error *error)
{
    for (uint32_t i = 0; i < self->picture_count; i++) {
        if (self->pictures[i].picture == picture) {
            return 0;
        }
    }
    if (self->picture_count == self->picture_cap) {
        uint32_t cap = self->picture_cap ? self->picture_cap * 2 : 8;
        struct ink_picture *pictures = realloc(self->pictures, cap * sizeof *pictures);
        if (!pictures) {
            return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        }
        self->pictures = pictures;
        self->picture_cap = cap;
    }
    self->pictures[self->picture_count++] = (struct ink_picture){.picture = picture};
    return 0;
}

/* Opacities in hundredths: there are few of them. */
uint32_t ink_opacity(struct ink *self, double opacity)
{
    opacity = round(opacity * 100) / 100;
    for (uint32_t i = 0; i < self->opacity_count; i++) {
        if (self->opacities[i] == opacity) {
            return i + 1;
        }
    }
    if (self->opacity_count == INK_MAX_OPACITIES) {
        return INK_MAX_OPACITIES;
    }
    self->opacities[self->opacity_count++] = opacity;
    return self->opacity_count;
}

static int collect_piece(struct ink *self, const struct piece *piece, bool spaces,
                         struct hub_error *error)
{
    static const uint32_t SPACE = ' ';
    struct font *font;
    int err = embed_use(self->embed, piece->face, &font, error);
    if (err == 0) {
        err = embed_mark(self->embed, font, &piece->glyphs, piece->text, piece->len, error);
    }
    if (err == 0 && spaces) {
        struct arena scratch;
        struct run run;
        arena_init(&scratch, 4096);
        err = face_shape(piece->face, &SPACE, 1, &(struct shape_options){0}, &scratch, &run);
        if (err == 0) {
            err = embed_mark(self->embed, font, &run, &SPACE, 1, error);
        }
        arena_release(&scratch);
    }
    return err;
}

static int collect_item(struct ink *self, const struct item *item, struct hub_error *error)
{
    if (item->kind == ITEM_TEXT) {
        return collect_piece(self, item->text.piece, item->text.spaces > 0, error);
    }
    if (item->kind == ITEM_IMAGE) {
        if (item->image->image.opacity < 1) {
            (void)ink_opacity(self, item->image->image.opacity);
        }
        return collect_picture(self, item->image->image.picture, error);
    }
    return 0;
}

static int collect_watermark(struct ink *self, const struct layout *layout, struct hub_error *error)
{
    const struct prepared *prepared = layout->doc->watermark.text.prepared;
    for (uint32_t i = 0; prepared && i < prepared->count; i++) {
        int err = collect_piece(self, &prepared->pieces[i], true, error);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int ink_collect(struct ink *self, const struct layout *layout, struct hub_error *error)
{
    for (uint32_t i = 0; i < layout->page_count; i++) {
        const struct page *page = &layout->pages[i];
        for (uint32_t k = 0; k < page->count; k++) {
            int err = collect_item(self, &page->items[k], error);
            if (err < 0) {
                return err;
            }
        }
    }
    return collect_watermark(self, layout, error);
}
