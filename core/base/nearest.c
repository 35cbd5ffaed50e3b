#include "base/nearest.h"

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

    *self = (struct nearest){.word = word, .allowed = allowed < 3 ? allowed : 3};
}

void nearest_offer(struct nearest *self, struct str candidate)
{
    size_t errors;

    if (candidate.len == 0 || candidate.len > NEAREST_WORD_MAX ||
        self->word.len > NEAREST_WORD_MAX) {
        return;
    }
    errors = distance(self->word, candidate);
    if (errors < self->allowed + (self->best.ptr == NULL)) {
        self->best = candidate;
        self->allowed = errors;
    }
}
