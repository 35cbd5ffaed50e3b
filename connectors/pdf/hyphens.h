/*
 * hyphens.h — where a word may be divided: Liang's algorithm with the dictionaries of
 * /usr/share/hyphen, which are libhyphen's.
 *
 *     hyphens_find(hyphens, STR("de"), word, len, points)    // false: no dictionary, no points
 *
 * libhyphen itself takes 4.1 s of CPU time to read the German dictionary, where this takes 40 ms: a
 * runner that has just started would keep its first job waiting. Divisions that change the spelling
 * are left out. Dictionaries are kept; a language without one is remembered too.
 *
 * Source: F. M. Liang, Word Hy-phen-a-tion by Com-put-er, 1983; libhyphen's README.hyphen for the
 * files. Owner: the instance. Thread: [any], one at a time.
 */
#ifndef PDF_HYPHENS_H
#define PDF_HYPHENS_H

#include "base/error.h"
#include "base/str.h"

enum { HYPHENS_WORD_MAX = 64 };

struct hyphens;

HUB_MUST_CHECK int hyphens_new(struct hyphens **ret_hyphens);
void hyphens_free(struct hyphens *self);

/* Is there a dictionary for the language (BCP 47)? */
bool hyphens_has(struct hyphens *self, struct str language);

/* Sets ret_points[i] if a hyphen may stand after character i. Words of 5 to HYPHENS_WORD_MAX
 * letters only. */
bool hyphens_find(struct hyphens *self, struct str language, const uint32_t *word, size_t len,
                  bool ret_points[HYPHENS_WORD_MAX]);

#endif
