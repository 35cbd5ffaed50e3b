/*
 * id.h — UUID version 7 (RFC 9562 §5.7): names that sort by the time they were made.
 *
 * A generator gives strictly rising ids within its process: the millisecond in front, then a
 * counter in rand_a and the top of rand_b that starts at a random value (RFC 9562 §6.2, method 1),
 * then random bits. If the clock goes back the last millisecond is kept.
 *
 * Thread: [any], one at a time per generator.
 */
#ifndef HUB_BASE_ID_H
#define HUB_BASE_ID_H

#include "base/str.h"

#define ID_TEXT_LEN 36 /* 8-4-4-4-12, lower case */
#define ID_ENTROPY  240

struct id {
    uint8_t bytes[16];
};

struct id_gen {
    int64_t last_ms;
    uint32_t counter;
    uint32_t entropy_left;
    uint8_t entropy[ID_ENTROPY]; /* random bytes in stock: the kernel is asked for many at once */
};

void id_gen_init(struct id_gen *self);
struct id id_next(struct id_gen *self, int64_t wall_ms);

void id_format(const struct id *id, char ret_text[ID_TEXT_LEN + 1]);
bool id_parse(struct str text, struct id *ret_id); /* any UUID; upper case is accepted */
bool id_eq(const struct id *a, const struct id *b);
int id_cmp(const struct id *a, const struct id *b);
bool id_is_zero(const struct id *id);
int64_t id_time_ms(const struct id *id);

static inline struct str id_view(const struct id *id)
{
    return (struct str){(const char *)id->bytes, sizeof id->bytes};
}

#endif
