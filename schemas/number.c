#include "schemas/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TWO_TO_63 9223372036854775808.0
#define TWO_TO_64 18446744073709551616.0

struct schema_number schema_number_from_double(double d)
{
    if (d >= -TWO_TO_63 && d < TWO_TO_64 && d == trunc(d)) {
        if (d < TWO_TO_63) {
            return (struct schema_number){.kind = NUMBER_INT, .i = (int64_t)d};
        }
        return (struct schema_number){.kind = NUMBER_UINT, .u = (uint64_t)d};
    }
    return (struct schema_number){.kind = NUMBER_REAL, .d = d};
}

struct schema_number schema_number_of(struct json_object *number)
{
    if (json_object_is_type(number, json_type_double)) {
        return schema_number_from_double(json_object_get_double(number));
    }
    int64_t i = json_object_get_int64(number);
    if (i == INT64_MAX && json_object_get_uint64(number) > INT64_MAX) {
        return (struct schema_number){.kind = NUMBER_UINT, .u = json_object_get_uint64(number)};
    }
    return (struct schema_number){.kind = NUMBER_INT, .i = i};
}

bool schema_number_is_integer(struct schema_number self)
{
    return self.kind != NUMBER_REAL || (isfinite(self.d) && self.d == trunc(self.d));
}

static int cmp_doubles(double a, double b)
{
    return (a > b) - (a < b);
}

/* A double that is left as one lies beyond all integers, or has a fraction. In the latter case it
 * is below 2^52, so rounding the integer to a double does not move it past. */
static int cmp_integer_with_real(struct schema_number integer, double d)
{
    if (d >= TWO_TO_64) {
        return -1;
    }
    if (d < -TWO_TO_63) {
        return 1;
    }
    return cmp_doubles(integer.kind == NUMBER_UINT ? (double)integer.u : (double)integer.i, d);
}

int schema_number_cmp(struct schema_number a, struct schema_number b)
{
    if (a.kind == NUMBER_REAL) {
        return b.kind == NUMBER_REAL ? cmp_doubles(a.d, b.d) : -cmp_integer_with_real(b, a.d);
    }
    if (b.kind == NUMBER_REAL) {
        return cmp_integer_with_real(a, b.d);
    }
    if (a.kind != b.kind) {
        return a.kind == NUMBER_UINT ? 1 : -1;
    }
    if (a.kind == NUMBER_UINT) {
        return (a.u > b.u) - (a.u < b.u);
    }
    return (a.i > b.i) - (a.i < b.i);
}

/* Significant digits needed so that the text reads back as `d`. */
static int digits_needed(double d)
{
    char text[SCHEMA_NUMBER_TEXT];
    for (int digits = 15; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, d);
        if (strtod(text, NULL) == d) {
            return digits;
        }
    }
    return 17;
}

const char *schema_number_text(struct schema_number self, char ret_text[SCHEMA_NUMBER_TEXT])
{
    switch (self.kind) {
    case NUMBER_INT:
        snprintf(ret_text, SCHEMA_NUMBER_TEXT, "%lld", (long long)self.i);
        break;
    case NUMBER_UINT:
        snprintf(ret_text, SCHEMA_NUMBER_TEXT, "%llu", (unsigned long long)self.u);
        break;
    default:
        snprintf(ret_text, SCHEMA_NUMBER_TEXT, "%.*g", digits_needed(self.d), self.d);
    }
    return ret_text;
}

static struct schema_decimal decimal_of_double(double d)
{
    char text[SCHEMA_NUMBER_TEXT];
    int digits = digits_needed(d);
    snprintf(text, sizeof text, "%.*e", digits - 1, d);

    struct schema_decimal decimal = {0, 0};
    const char *p = text;
    for (; *p != 'e' && *p != '\0'; p++) {
        if (*p >= '0' && *p <= '9') { /* the decimal point depends on the locale */
            decimal.digits = decimal.digits * 10 + (uint64_t)(*p - '0');
        }
    }
    if (*p == 'e') {
        decimal.exponent = atoi(p + 1) - (digits - 1);
    }
    while (decimal.digits != 0 && decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    return decimal;
}

struct schema_decimal schema_number_decimal(struct schema_number self)
{
    switch (self.kind) {
    case NUMBER_INT:
        return (struct schema_decimal){self.i < 0 ? 0 - (uint64_t)self.i : (uint64_t)self.i, 0};
    case NUMBER_UINT:
        return (struct schema_decimal){self.u, 0};
    default:
        return isfinite(self.d) ? decimal_of_double(fabs(self.d)) : (struct schema_decimal){0, 0};
    }
}

static uint64_t multiply_modulo(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((unsigned __int128)a * b % modulus);
}

bool schema_decimal_is_multiple(struct schema_decimal a, struct schema_decimal b)
{
    int shift = a.exponent - b.exponent;
    if (shift < 0) {
        /* a.digits must be a multiple of b.digits × 10^-shift, which is larger from 20 on */
        unsigned __int128 divisor = b.digits;
        if (shift < -19) {
            return a.digits == 0;
        }
        for (; shift < 0; shift++) {
            divisor *= 10;
        }
        return a.digits % divisor == 0;
    }
    uint64_t rest = a.digits % b.digits;
    for (uint64_t power = 10 % b.digits; shift > 0 && rest != 0; shift >>= 1) {
        if (shift & 1) {
            rest = multiply_modulo(rest, power, b.digits);
        }
        power = multiply_modulo(power, power, b.digits);
    }
    return rest == 0;
}
