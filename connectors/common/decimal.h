/*
 * decimal.h — decimal numbers as their digits, so that nothing is lost to binary fractions.
 *
 *     struct decimal d;
 *     if (decimal_parse(&d, STR("-1234.565"))) {
 *         decimal_round(&d, 2);                           // -1234.57
 *
 * Owner: the caller; nothing is allocated. Thread: [any].
 */
#ifndef COMMON_DECIMAL_H
#define COMMON_DECIMAL_H

#include "base/str.h"

enum { DECIMAL_DIGITS = 40, DECIMAL_EXPONENT_MAX = 400 };

/* 0.d₁d₂d₃… × 10^point. No leading and no trailing zeros; zero has no digits and point 0. */
struct decimal {
    bool negative;
    int len;
    int point;
    char digits[DECIMAL_DIGITS]; /* '0' to '9' */
};

/* A number as JSON writes it (RFC 8259 §6). False if it is none or is out of range; digits
 * beyond DECIMAL_DIGITS count as 0. */
bool decimal_parse(struct decimal *self, struct str text);

/* value × 10^-exponent: 1234 and 2 give 12.34. */
void decimal_from_i64(struct decimal *self, int64_t value, int exponent);

/* To at most `fraction` digits after the point, halves away from zero. */
void decimal_round(struct decimal *self, int fraction);

/* × 10^power. */
void decimal_shift(struct decimal *self, int power);

/* Digits before and after the point. */
static inline int decimal_integer_digits(const struct decimal *self)
{
    return self->point > 0 ? self->point : 0;
}

static inline int decimal_fraction_digits(const struct decimal *self)
{
    return self->len > self->point ? self->len - self->point : 0;
}

/* The digit at 10^place; '0' where there is none. */
char decimal_digit(const struct decimal *self, int place);

#endif
