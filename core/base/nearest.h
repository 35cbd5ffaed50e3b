/*
 * nearest.h — "did you mean …?": the candidate that is fewest typing errors away.
 *
 *     struct nearest n;
 *     nearest_init(&n, STR("qeues"));
 *     nearest_offer(&n, STR("queues"));  nearest_offer(&n, STR("keys"));
 *     n.best                                            // "queues"; ptr NULL: nothing is near
 *
 * A typing error is a letter too many, too few, wrong, or two neighbours swapped (the optimal
 * string alignment distance). A third of the word may be wrong, at most three letters.
 *
 * Thread: [any]. Nothing is allocated; words over NEAREST_WORD_MAX bytes are never similar.
 */
#ifndef HUB_BASE_NEAREST_H
#define HUB_BASE_NEAREST_H

#include "base/str.h"

#define NEAREST_WORD_MAX 63

struct nearest {
    struct str word;
    struct str best; /* borrowed from nearest_offer() */
    size_t allowed;  /* errors; something nearer than this is looked for */
};

void nearest_init(struct nearest *self, struct str word);
void nearest_offer(struct nearest *self, struct str candidate);

#endif
