#include "hubctl/nearest.h"

#include <string.h>

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Both words have at most NEAREST_WORD_MAX bytes. */
static size_t distance(struct str a, struct str b)
{
    /* Three rows of the table are enough: a swap looks two rows back. */
    size_t rows[3][NEAREST_WORD_MAX + 1];

    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t wrong = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;

            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + wrong);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                two_above[j - 2] + 1 < row[j]) {
                row[j] = two_above[j - 2] + 1;
            }
        }
    }
    return rows[a.len % 3][b.len];
}

void nearest_init(struct nearest *self, struct str word)
{
    size_t allowed = word.len / 3;

    allowed = allowed < 1 ? 1 : allowed > 3 ? 3 : allowed;
    *self = (struct nearest){.word = word, .best_distance = allowed + 1};
}

void nearest_offer(struct nearest *self, const char *candidate)
{
    struct str text = str_from_c(candidate);

    if (text.len > NEAREST_WORD_MAX || self->word.len > NEAREST_WORD_MAX) {
        return;
    }
    size_t d = distance(self->word, text);
    if (d < self->best_distance) {
        self->best = candidate;
        self->best_distance = d;
    }
}

const char *nearest_found(const struct nearest *self)
{
    return self->best;
}
