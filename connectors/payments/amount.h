/*
 * amount.h — amounts as each gateway writes them.
 *
 * Ours are int64 in the minor unit after ISO 4217 (connectors/common/money.h). A gateway writes
 * some currencies with another number of digits than ISO does; the tables of these exceptions are
 * in amount.c, with their sources. An amount that cannot be written exactly is refused, never
 * rounded. No floating-point number is involved anywhere.
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_PAYMENTS_AMOUNT_H
#define CONNECTORS_PAYMENTS_AMOUNT_H

#include "base/buf.h"
#include "base/error.h"

/* Where a gateway's digits are not ISO's. Ends with an empty code. */
struct digits_rule {
    char code[4];
    unsigned char digits;
    unsigned char step; /* the amount must be a multiple of it; 0: any */
};
extern const struct digits_rule DIGITS_ISO[]; /* no exceptions */
extern const struct digits_rule DIGITS_STRIPE[];
extern const struct digits_rule DIGITS_ADYEN[];
extern const struct digits_rule DIGITS_PAYPAL[];

/* From our unit to the gateway's. HUB_ERR_INVALID_INPUT with a sentence: not exact, too large, no
 * such currency. */
HUB_MUST_CHECK int amount_to(const struct digits_rule *rules, struct str currency, int64_t amount,
                             int64_t *ret_units, struct hub_error *error);
/* And back. False if it is not exact. `currency` in either case. */
bool amount_from(const struct digits_rule *rules, struct str currency, int64_t units,
                 int64_t *ret_amount);

/* The gateway's unit as a decimal, "12.34", as PayPal and Mollie want it; and back. */
HUB_MUST_CHECK int amount_append_decimal(const struct digits_rule *rules, struct str currency,
                                         int64_t amount, struct buf *text, struct hub_error *error);
bool amount_from_decimal(struct str currency, struct str text, int64_t *ret_amount);

#endif
