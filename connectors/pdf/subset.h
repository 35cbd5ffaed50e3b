/*
 * subset.h — parts of fonts, ready to be embedded, kept between documents.
 *
 * Owner: the cache; a subset lives at least until subset_cache_trim(). Thread: [any], one at a
 * time.
 */
#ifndef PDF_SUBSET_H
#define PDF_SUBSET_H

#include "embed.h"

struct subset_glyph {
    uint16_t code, glyph;
};

struct subset {
    char *key;
    char tag[7];        /* six capitals that name it (§9.6.4) */
    char *entries;      /* of the stream's dictionary */
    struct str program; /* compressed; malloc'ed */
    uint16_t *codes;    /* by glyph of the face */
    struct subset_glyph *by_code;
    uint32_t count;
    size_t bytes;
    uint64_t last_use;
};

/* The part of the face that has the glyphs whose bits are set, and glyph 0.
 * HUB_ERR_UNSUPPORTED_FORMAT, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int subset_get(struct subset_cache *cache, struct face *face, const uint8_t *used,
                              const struct subset **ret_subset, struct hub_error *error);

#endif
