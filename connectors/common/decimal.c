#include "decimal.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void normalize(struct decimal *self)
{
    int zeros = 0;
    while (zeros < self->len && self->digits[zeros] == '0') {
        zeros++;
    }
    memmove(self->digits, self->digits + zeros, (size_t)(self->len - zeros));
    self->len -= zeros;
    self->point -= zeros;
    while (self->len > 0 && self->digits[self->len - 1] == '0') {
        self->len--;
    }
    if (self->len == 0) {
        self->point = 0;
        self->negative = false;
    }
}

/* Keeps the first `keep` digits; -1 means that the number is below half of the last place. */
static void keep_digits(struct decimal *self, int keep)
{
    if (keep >= self->len) {
        return;
    }
    bool up = keep >= 0 && self->digits[keep] >= '5';
    self->len = keep < 0 ? 0 : keep;
    if (up) {
        int at = self->len;
        while (at > 0 && self->digits[at - 1] == '9') {
            at--;
        }
        self->len = at;
        if (at > 0) {
            self->digits[at - 1]++;
        } else {
            self->digits[self->len++] = '1';
            self->point++;
        }
    }
    normalize(self);
}

void decimal_round(struct decimal *self, int fraction)
{
    keep_digits(self, self->point + fraction);
}

void decimal_shift(struct decimal *self, int power)
{
    if (self->len > 0) {
        self->point += power;
    }
}

char decimal_digit(const struct decimal *self, int place)
{
    int at = self->point - 1 - place;
    return at >= 0 && at < self->len ? self->digits[at] : '0';
}

void decimal_from_i64(struct decimal *self, int64_t value, int exponent)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[20];
    int len = 0;
    for (; rest > 0; rest /= 10) {
        digits[len++] = (char)('0' + rest % 10);
    }
    *self = (struct decimal){.negative = value < 0, .len = len, .point = len - exponent};
    for (int i = 0; i < len; i++) {
        self->digits[i] = digits[len - 1 - i];
    }
    normalize(self);
}

/* Takes the digits at `*at` into the number, as far as there is room. False if there is not one. */
static bool take_digits(struct decimal *self, struct str text, size_t *at, bool fraction)
{
    size_t from = *at;
    for (; *at < text.len && is_digit(text.ptr[*at]); (*at)++) {
        bool leading = self->len == 0 && text.ptr[*at] == '0';
        if (!leading && self->len < DECIMAL_DIGITS) {
            self->digits[self->len++] = text.ptr[*at];
        }
        if (fraction ? leading : !leading) {
            self->point += fraction ? -1 : 1;
        }
    }
    return *at > from;
}

static bool take_exponent(struct decimal *self, struct str text, size_t *at)
{
    (*at)++;
    bool negative = *at < text.len && text.ptr[*at] == '-';
    if (*at < text.len && (text.ptr[*at] == '-' || text.ptr[*at] == '+')) {
        (*at)++;
    }
    size_t from = *at;
    int exponent = 0;
    for (; *at < text.len && is_digit(text.ptr[*at]); (*at)++) {
        exponent = exponent * 10 + (text.ptr[*at] - '0');
        if (exponent > DECIMAL_EXPONENT_MAX) {
            return false;
        }
    }
    self->point += negative ? -exponent : exponent;
    return *at > from;
}

bool decimal_parse(struct decimal *self, struct str text)
{
    struct decimal number = {0};
    size_t at = 0;
    if (at < text.len && text.ptr[at] == '-') {
        number.negative = true;
        at++;
    }
    if (text.len > DECIMAL_EXPONENT_MAX || !take_digits(&number, text, &at, false)) {
        return false;
    }
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        if (!take_digits(&number, text, &at, true)) {
            return false;
        }
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E') &&
        !take_exponent(&number, text, &at)) {
        return false;
    }
    if (at < text.len) {
        return false;
    }
    normalize(&number);
    *self = number;
    return true;
}
