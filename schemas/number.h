/*
 * number.h — JSON numbers compared and divided exactly.
 *
 * json-c keeps a number as int64, uint64 or double. Here it is brought into one normal form, in
 * which equal numbers are equal field by field: 1.0 and 1 are the same, -0.0 is 0, and a double
 * stays a double only if it has a fraction or is beyond 64 bits.
 *
 * Thread: [any]. Nothing here allocates.
 */
#ifndef HUB_SCHEMAS_NUMBER_H
#define HUB_SCHEMAS_NUMBER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct schema_number {
    enum { NUMBER_INT, NUMBER_UINT /* > INT64_MAX */, NUMBER_REAL } kind;
    union {
        int64_t i;
        uint64_t u;
        double d;
    };
};

#define SCHEMA_NUMBER_TEXT 40

struct schema_number schema_number_of(struct json_object *number); /* an int or a double */
struct schema_number schema_number_from_double(double d);

/* Has it no fraction? 1e300 has none. */
bool schema_number_is_integer(struct schema_number self);

/* Negative, 0 or positive, exact for every mixture of kinds. */
int schema_number_cmp(struct schema_number a, struct schema_number b);

/* The shortest text that reads back as the same number. Returns `ret_text`. */
const char *schema_number_text(struct schema_number self, char ret_text[SCHEMA_NUMBER_TEXT]);

/*
 * |number| as digits × 10^exponent. For a double these are the fewest decimal digits that give the
 * same double, so 0.0075 is 75 × 10^-4, what its author meant, and is a multiple of 0.0001.
 */
struct schema_decimal {
    uint64_t digits;
    int exponent;
};

struct schema_decimal schema_number_decimal(struct schema_number self);

/* Is `a` a multiple of `b`, which is not 0? */
bool schema_decimal_is_multiple(struct schema_decimal a, struct schema_decimal b);

#endif
