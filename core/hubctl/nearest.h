/*
 * nearest.h — "did you mean …?": the candidate that is fewest typing errors away.
 *
 *     struct nearest n;
 *     nearest_init(&n, STR("qeues"));
 *     nearest_offer(&n, "queues");  nearest_offer(&n, "keys");
 *     nearest_found(&n);                                       // "queues"
 *
 * A typing error is a letter too many, too few, wrong, or two neighbours swapped (the optimal
 * string alignment distance). A third of the word may be wrong, at least one letter, at most three.
 *
 * Thread: [any]. Nothing is allocated; words over NEAREST_WORD_MAX bytes are never similar.
 */
#ifndef HUB_HUBCTL_NEAREST_H
#define HUB_HUBCTL_NEAREST_H

#include "base/str.h"

#define NEAREST_WORD_MAX 63

struct nearest {
    struct str word;
    const char *best; /* borrowed from nearest_offer() */
    size_t best_distance;
};

void nearest_init(struct nearest *self, struct str word);
void nearest_offer(struct nearest *self, const char *candidate); /* must outlive `self` */
const char *nearest_found(const struct nearest *self);           /* NULL: nothing is similar */

#endif
