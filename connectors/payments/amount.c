#include "amount.h"

#include "connectors/common/money.h"

#include <string.h>

const struct digits_rule DIGITS_ISO[] = {{"", 0, 0}};

/* https://docs.stripe.com/currencies: "Zero-decimal currencies", "Three-decimal currencies" (the
 * last digit must be 0) and "Special cases" (ISK is written with two digits, both 0). */
const struct digits_rule DIGITS_STRIPE[] = {
    {"BIF", 0, 0},  {"CLP", 0, 0},  {"DJF", 0, 0},  {"GNF", 0, 0},  {"JPY", 0, 0},   {"KMF", 0, 0},
    {"KRW", 0, 0},  {"MGA", 0, 0},  {"PYG", 0, 0},  {"RWF", 0, 0},  {"UGX", 0, 0},   {"VND", 0, 0},
    {"VUV", 0, 0},  {"XAF", 0, 0},  {"XOF", 0, 0},  {"XPF", 0, 0},  {"ISK", 2, 100}, {"BHD", 3, 10},
    {"JOD", 3, 10}, {"KWD", 3, 10}, {"OMR", 3, 10}, {"TND", 3, 10}, {"", 0, 0},
};

/* https://docs.adyen.com/development-resources/currency-codes: those that differ from ISO. */
const struct digits_rule DIGITS_ADYEN[] = {
    {"CLP", 2, 0}, {"CVE", 0, 0}, {"IDR", 0, 0}, {"ISK", 2, 0}, {"", 0, 0},
};

/* https://developer.paypal.com/docs/reports/reference/paypal-supported-currencies: no decimals. */
const struct digits_rule DIGITS_PAYPAL[] = {
    {"HUF", 0, 0},
    {"JPY", 0, 0},
    {"TWD", 0, 0},
    {"", 0, 0},
};

static const struct digits_rule *rule_of(const struct digits_rule *rules, struct str currency)
{
    for (; rules->code[0]; rules++) {
        if (str_eq_nocase(currency, str_of(rules->code, 3))) {
            return rules;
        }
    }
    return NULL;
}

/* The digits on both sides; false if there is no such currency. */
static bool both_digits(const struct digits_rule *rules, struct str code, int *ret_ours,
                        int *ret_theirs, int64_t *ret_step)
{
    const struct currency *currency = currency_find(code);
    if (!currency) {
        return false;
    }
    const struct digits_rule *rule = rule_of(rules, code);
    *ret_ours = currency->exponent;
    *ret_theirs = rule ? rule->digits : currency->exponent;
    *ret_step = rule && rule->step > 0 ? rule->step : 1;
    return true;
}

/* `value` with `from` digits behind the point, written with `to`; false if not exact. */
static bool rescale(int64_t value, int from, int to, int64_t *ret_value)
{
    for (; from < to; from++) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    for (; from > to; from--) {
        if (value % 10 != 0) {
            return false;
        }
        value /= 10;
    }
    *ret_value = value;
    return true;
}

int amount_to(const struct digits_rule *rules, struct str currency, int64_t amount,
              int64_t *ret_units, struct hub_error *error)
{
    int ours, theirs;
    int64_t units, step;
    if (!both_digits(rules, currency, &ours, &theirs, &step)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "%.*s is not a currency of ISO 4217",
                        STR_ARG(currency));
    }
    if (!rescale(amount, ours, theirs, &units) || units % step != 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "this gateway cannot take an amount of %lld minor units of %.*s: it writes "
                        "that currency with %d digits behind the point, in steps of %lld",
                        (long long)amount, STR_ARG(currency), theirs, (long long)step);
    }
    *ret_units = units;
    return 0;
}

bool amount_from(const struct digits_rule *rules, struct str currency, int64_t units,
                 int64_t *ret_amount)
{
    int ours, theirs;
    int64_t step;
    return both_digits(rules, currency, &ours, &theirs, &step) &&
           rescale(units, theirs, ours, ret_amount);
}

int amount_append_decimal(const struct digits_rule *rules, struct str currency, int64_t amount,
                          struct buf *text, struct hub_error *error)
{
    int ours, theirs;
    int64_t units, step;
    int err = amount_to(rules, currency, amount, &units, error);
    if (err == 0 && both_digits(rules, currency, &ours, &theirs, &step)) {
        money_append(text, units, theirs);
    }
    return err;
}

/* "5.00" of a currency without decimals is 5. */
static struct str without_zeros(struct str text)
{
    if (!text.ptr || !memchr(text.ptr, '.', text.len)) {
        return text;
    }
    while (text.ptr[text.len - 1] == '0') {
        text.len--;
    }
    text.len -= text.ptr[text.len - 1] == '.';
    return text;
}

bool amount_from_decimal(struct str currency, struct str text, int64_t *ret_amount)
{
    const struct currency *known = currency_find(currency);
    return known && money_parse(without_zeros(text), known->exponent, ret_amount) == 0;
}
