#include "connectors/common/decimal.h"
#include "connectors/common/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void writes(int64_t minor, int exponent, const char *expected)
{
    char room[64];
    struct buf buf;
    buf_init_fixed(&buf, room, sizeof room);
    money_append(&buf, minor, exponent);
    assert_string_equal(room, expected);
    int64_t back;
    assert_int_equal(money_parse(buf_view(&buf), exponent, &back), 0);
    assert_true(back == minor);
}

static void amounts_are_written_and_read(void **state)
{
    (void)state;
    writes(0, 2, "0.00");
    writes(5, 2, "0.05");
    writes(-5, 2, "-0.05");
    writes(123450, 2, "1234.50");
    writes(500, 0, "500");
    writes(0, 0, "0");
    writes(1234, 3, "1.234");
    writes(INT64_MAX, 2, "92233720368547758.07");
    writes(INT64_MIN, 2, "-92233720368547758.08");
    writes(INT64_MIN, 0, "-9223372036854775808");
}

static void what_is_no_amount_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"",
                                        "-",
                                        ".",
                                        "1.",
                                        ".5",
                                        "1.234",
                                        "1,00",
                                        "1 ",
                                        " 1",
                                        "+1",
                                        "1e3",
                                        "--1",
                                        "1.2.3",
                                        "0x10",
                                        "92233720368547758.08",
                                        "99999999999999999999",
                                        "-92233720368547758.09"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        int64_t minor = 77;
        assert_int_equal(money_parse(str_from_c(WRONG[i]), 2, &minor), HUB_ERR_INVALID_INPUT);
        assert_int_equal(minor, 77);
    }
    int64_t minor;
    assert_int_equal(money_parse(STR("12"), 2, &minor), 0);
    assert_int_equal(minor, 1200);
    assert_int_equal(money_parse(STR("12.3"), 2, &minor), 0);
    assert_int_equal(minor, 1230);
    assert_int_equal(money_parse(STR("12.3"), 0, &minor), HUB_ERR_INVALID_INPUT);
}

static void currencies_have_their_exponents(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int exponent;
    } KNOWN[] = {{"EUR", 2}, {"usd", 2}, {"JPY", 0}, {"KWD", 3}, {"CLF", 4},
                 {"ISK", 0}, {"AED", 2}, {"ZWG", 2}, {"TND", 3}, {"MGA", 2}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        const struct currency *currency = currency_find(str_from_c(KNOWN[i].code));
        assert_non_null(currency);
        assert_int_equal(currency->exponent, KNOWN[i].exponent);
    }
    assert_null(currency_find(STR("XXX")));
    assert_null(currency_find(STR("EU")));
    assert_null(currency_find(STR("")));
    assert_null(currency_find(STR("EURO")));
}

static void rounds(const char *text, int fraction, const char *digits, int point, bool negative)
{
    struct decimal d;
    assert_true(decimal_parse(&d, str_from_c(text)));
    decimal_round(&d, fraction);
    assert_int_equal(d.len, strlen(digits));
    assert_memory_equal(d.digits, digits, strlen(digits));
    assert_int_equal(d.point, point);
    assert_int_equal(d.negative, negative);
}

static void decimals_round_half_away_from_zero(void **state)
{
    (void)state;
    rounds("2.675", 2, "268", 1, false);
    rounds("-2.675", 2, "268", 1, true);
    rounds("1.005", 2, "101", 1, false);
    rounds("0.5", 0, "1", 1, false);
    rounds("0.49", 0, "", 0, false);
    rounds("-0.04", 1, "", 0, false);
    rounds("9.999", 2, "1", 2, false);
    rounds("0.05", 1, "1", 0, false);
    rounds("1e3", 2, "1", 4, false);
    rounds("12.50e-1", 3, "125", 1, false);
    rounds("0.000", 2, "", 0, false);
    rounds("100", 0, "1", 3, false);
    struct decimal d;
    static const char *const WRONG[] = {"", "-", "1.", ".5", "1e", "1e+", "abc", "1 ", "1e999"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        assert_false(decimal_parse(&d, str_from_c(WRONG[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_written_and_read),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(currencies_have_their_exponents),
        cmocka_unit_test(decimals_round_half_away_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
