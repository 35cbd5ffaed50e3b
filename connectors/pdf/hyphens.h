/*
 * hyphens.h — where a word may be divided: libhyphen with the dictionaries of /usr/share/hyphen.
 *
 *     hyphens_find(hyphens, STR("de"), word, len, points)    // false: no dictionary, no points
 *
 * Dictionaries are kept; a language without one is remembered too. Owner: the instance.
 * Thread: [any], one at a time.
 */
#ifndef PDF_HYPHENS_H
#define PDF_HYPHENS_H

#include "base/error.h"
#include "base/str.h"

enum { HYPHENS_WORD_MAX = 64 };

struct hyphens;

HUB_MUST_CHECK int hyphens_new(struct hyphens **ret_hyphens);
void hyphens_free(struct hyphens *self);

/* Sets ret_points[i] if a hyphen may stand after character i. Words of 5 to HYPHENS_WORD_MAX
 * letters only. `language`: BCP 47. */
bool hyphens_find(struct hyphens *self, struct str language, const uint32_t *word, size_t len,
                  bool ret_points[HYPHENS_WORD_MAX]);

#endif
