/*
 * money.h — currencies (ISO 4217) and amounts in integer minor units, never through a double.
 *
 *     const struct currency *eur = currency_find(STR("EUR"));
 *     money_append(&buf, -123456, eur->exponent);              // -1234.56
 *     int64_t cents;
 *     int err = money_parse(STR("1234.56"), eur->exponent, &cents);
 *
 * A payment provider may count otherwise than ISO 4217 does; it passes its own exponent. How people
 * write amounts is locale.h's. Thread: [any].
 */
#ifndef COMMON_MONEY_H
#define COMMON_MONEY_H

#include "base/buf.h"
#include "base/error.h"

struct currency {
    char code[4];     /* "EUR" */
    uint8_t exponent; /* decimals of the minor unit: 0 to 4 */
};

/* By its code, in capitals or not; NULL if ISO 4217 knows none of it (or only as a metal, a fund
 * or for tests). */
const struct currency *currency_find(struct str code);

/* The amount as a plain decimal with exactly `exponent` decimals: "0.05", "-1234.560", "500". */
void money_append(struct buf *buf, int64_t minor, int exponent);

/* The reverse: optional '-', digits, and at most `exponent` decimals (those that are missing are
 * zeros). HUB_ERR_INVALID_INPUT if it is none, has more decimals, or does not fit. */
HUB_MUST_CHECK int money_parse(struct str text, int exponent, int64_t *ret_minor);

#endif
