#include "base/id.h"

#include "base/hash.h"

#include <string.h>

#define TIME_MAX_MS ((INT64_C(1) << 48) - 1)

/* The 32 bits of the counter fill rand_a (12 bits) and the top of rand_b (20 bits); the other 42
 * bits of rand_b are random. */
#define COUNTER_LOW_BITS 20

/* The counter starts in its lower half, so that at least 2^31 ids fit into one millisecond. */
#define COUNTER_START_MASK 0x7fffffffu

void id_gen_init(struct id_gen *self)
{
    *self = (struct id_gen){.last_ms = -1};
}

/* No byte is given twice; what is left of a stock and too short is dropped. */
static void draw(struct id_gen *self, void *ret_bytes, uint32_t len)
{
    if (self->entropy_left < len) {
        hash_random(self->entropy, sizeof self->entropy);
        self->entropy_left = sizeof self->entropy;
    }
    self->entropy_left -= len;
    memcpy(ret_bytes, self->entropy + self->entropy_left, len);
}

static void start_ms(struct id_gen *self, int64_t ms)
{
    self->last_ms = ms;
    draw(self, &self->counter, sizeof self->counter);
    self->counter &= COUNTER_START_MASK;
}

struct id id_next(struct id_gen *self, int64_t wall_ms)
{
    struct id id;

    if (wall_ms > self->last_ms && wall_ms <= TIME_MAX_MS) {
        start_ms(self, wall_ms);
    } else if (self->last_ms < 0) {
        start_ms(self, 0);
    } else if (self->counter == UINT32_MAX) {
        start_ms(self, self->last_ms + 1);
    } else {
        self->counter++;
    }
    draw(self, id.bytes + 10, 6);
    for (int i = 0; i < 6; i++) {
        id.bytes[i] = (uint8_t)(self->last_ms >> (40 - 8 * i));
    }
    uint32_t rand_a = self->counter >> COUNTER_LOW_BITS;
    uint32_t low = self->counter & ((1u << COUNTER_LOW_BITS) - 1);
    id.bytes[6] = (uint8_t)(0x70 | rand_a >> 8);
    id.bytes[7] = (uint8_t)rand_a;
    id.bytes[8] = (uint8_t)(0x80 | low >> 14);
    id.bytes[9] = (uint8_t)(low >> 6);
    id.bytes[10] = (uint8_t)(low << 2 | (id.bytes[10] & 3));
    return id;
}

/* A hyphen stands before these bytes. */
static bool hyphen_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void id_format(const struct id *id, char ret_text[ID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *at = ret_text;

    for (size_t i = 0; i < sizeof id->bytes; i++) {
        if (hyphen_before(i)) {
            *at++ = '-';
        }
        *at++ = digits[id->bytes[i] >> 4];
        *at++ = digits[id->bytes[i] & 15];
    }
    *at = '\0';
}

bool id_parse(struct str text, struct id *ret_id)
{
    struct id id;
    const char *at = text.ptr;

    if (text.len != ID_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        if (hyphen_before(i) && *at++ != '-') {
            return false;
        }
        if (!hex_decode(str_of(at, 2), &id.bytes[i], 1)) {
            return false;
        }
        at += 2;
    }
    *ret_id = id;
    return true;
}

bool id_eq(const struct id *a, const struct id *b)
{
    return id_cmp(a, b) == 0;
}

int id_cmp(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool id_is_zero(const struct id *id)
{
    static const struct id zero;

    return id_eq(id, &zero);
}

int64_t id_time_ms(const struct id *id)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | id->bytes[i];
    }
    return ms;
}
