/*
 * draw.h — pages as content streams (ISO 32000-1 §8, §9): how items become operators.
 *
 *     struct ink ink;
 *     ink_init(&ink, &embed);
 *     ink_collect(&ink, &layout);                    // which fonts, pictures, opacities are used
 *     embed_subset(…);
 *     draw_page(&ink, &layout, page, &buf);          // any number of times
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef PDF_DRAW_H
#define PDF_DRAW_H

#include "embed.h"
#include "layout.h"

enum { INK_MAX_OPACITIES = 32 };

struct ink_picture {
    const struct picture *picture;
    uint32_t object;
};

/* What content streams refer to: by /F1, /I1, /G1. */
struct ink {
    struct embed *embed;
    struct ink_picture *pictures; /* malloc'ed */
    uint32_t picture_count, picture_cap;
    double opacities[INK_MAX_OPACITIES];
    uint32_t opacity_count;
};

void ink_init(struct ink *self, struct embed *embed);
void ink_release(struct ink *self);
HUB_MUST_CHECK int ink_collect(struct ink *self, const struct layout *layout,
                               struct hub_error *error);

/* Appends the operators of a page. */
void draw_page(struct ink *self, const struct layout *layout, const struct page *page,
               struct buf *buf);

#endif
