/*
 * embed.h — the fonts of a file: which glyphs are used, and the parts of fonts that have them.
 *
 *     embed_init(&e, cache);
 *     embed_use(&e, face, &font);                  // for every piece of text …
 *     embed_mark(font, piece text and glyphs);     // … before any of it is drawn
 *     embed_subset(&e, &err);                      // now font->codes is known
 *     …draw…
 *     embed_write(&e, &writer, &err);              // the objects, at font->object
 *     embed_release(&e);
 *
 * Glyphs get new, dense numbers (HarfBuzz's subsetter), so that an embedded font has what is drawn
 * and nothing else. What a character code stands for is told by a ToUnicode map (ISO 32000-1
 * §9.10.3), so that text can be searched for and copied. Subsets are kept between documents: the
 * second invoice of a kind finds the fonts of the first.
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef PDF_EMBED_H
#define PDF_EMBED_H

#include "face.h"
#include "limits.h"
#include "writer.h"

struct subset; /* of the cache */
struct subset_cache;

struct font {
    struct face *face;
    uint32_t object; /* number of the font dictionary; 0: not reserved yet */
    uint32_t index;  /* it is /F1 of the resources if this is 1 */
    uint8_t *used;   /* bits by glyph */
    uint32_t
        *unicode; /* by glyph: a character, or an index into `sequences` with the top bit set */
    int16_t *advances; /* by glyph, as the font's table has them; INT16_MIN: not asked for yet */
    const struct subset *subset;
    const uint16_t *codes; /* by glyph: the code in a content stream */
};

struct embed {
    struct font fonts[PDF_MAX_FONTS];
    uint32_t count;
    struct font *last; /* that was used */
    struct subset_cache *cache;
    struct buf sequences; /* of characters that one glyph stands for: count, then each */
};

HUB_MUST_CHECK int subset_cache_new(struct subset_cache **ret_cache);
void subset_cache_free(struct subset_cache *self);
void subset_cache_trim(struct subset_cache *self); /* between documents */

void embed_init(struct embed *self, struct subset_cache *cache);
void embed_release(struct embed *self);

/* HUB_ERR_LIMIT, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int embed_use(struct embed *self, struct face *face, struct font **ret_font,
                             struct hub_error *error);
HUB_MUST_CHECK int embed_mark(struct embed *self, struct font *font, const struct run *run,
                              const uint32_t *text, uint32_t len, struct hub_error *error);
HUB_MUST_CHECK int embed_subset(struct embed *self, struct hub_error *error);
HUB_MUST_CHECK int embed_write(struct embed *self, struct writer *writer, struct hub_error *error);

/* A glyph's own advance, without kerning. */
int32_t font_advance(struct font *self, uint32_t glyph);

#endif
