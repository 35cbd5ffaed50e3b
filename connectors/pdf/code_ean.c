/*
 * EAN-13 (ISO/IEC 15420): a first digit told by parity, six digits left, six right, three guards.
 */
#include "code_kinds.h"

enum { EAN_DIGITS = 13, EAN_BARS = 30, EAN_QUIET_LEFT = 11, EAN_QUIET_RIGHT = 7 };

/* Set A as widths, space first. Set C has the same widths with the bar first, set B is A read
 * backwards (§4.3.2). */
static const uint8_t DIGITS[10][4] = {{3, 2, 1, 1}, {2, 2, 2, 1}, {2, 1, 2, 2}, {1, 4, 1, 1},
                                      {1, 1, 3, 2}, {1, 2, 3, 1}, {1, 1, 1, 4}, {1, 3, 1, 2},
                                      {1, 2, 1, 3}, {3, 1, 1, 2}};

/* Which of the six left digits are of set B, by the first digit; the leftmost is bit 5. */
static const uint8_t PARITY[10] = {0x00, 0x0b, 0x0d, 0x0e, 0x13, 0x19, 0x1c, 0x15, 0x16, 0x1a};

static const uint8_t GUARD[5] = {1, 1, 1, 1, 1};

static char check_digit(const char *digits)
{
    unsigned sum = 0;
    for (size_t i = 0; i < EAN_DIGITS - 1; i++) {
        sum += (unsigned)(digits[i] - '0') * (i % 2 ? 3 : 1);
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

static int read_digits(struct str text, char ret_digits[EAN_DIGITS], struct hub_error *error)
{
    bool right = text.len == EAN_DIGITS || text.len == EAN_DIGITS - 1;
    for (size_t i = 0; right && i < text.len; i++) {
        right = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        ret_digits[i] = text.ptr[i];
    }
    if (!right) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "an EAN-13 has 12 or 13 digits");
    }
    char check = check_digit(ret_digits);
    if (text.len == EAN_DIGITS && text.ptr[EAN_DIGITS - 1] != check) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the check digit of this EAN-13 is %c",
                        check);
    }
    ret_digits[EAN_DIGITS - 1] = check;
    return 0;
}

static void add_left(struct code_bars *bars, unsigned digit, bool set_b)
{
    const uint8_t *a = DIGITS[digit];
    const uint8_t b[4] = {a[3], a[2], a[1], a[0]};
    code_bars_add(bars, set_b ? b : a, 4, false, false);
}

int code_encode_ean_13(struct str text, const struct code_options *options, struct arena *arena,
                       struct code *ret_code, struct hub_error *error)
{
    (void)options;
    char digits[EAN_DIGITS];
    int err = read_digits(text, digits, error);
    if (err < 0) {
        return err;
    }
    struct code_bars bars = {.rects = arena_alloc(arena, EAN_BARS * sizeof(struct code_rect))};
    ret_code->label = arena_str(arena, str_of(digits, EAN_DIGITS));
    if (!bars.rects || !ret_code->label.ptr) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for a bar code");
    }
    uint8_t parity = PARITY[digits[0] - '0'];
    code_bars_add(&bars, GUARD, 3, true, true);
    for (size_t i = 1; i <= 6; i++) {
        add_left(&bars, (unsigned)(digits[i] - '0'), parity >> (6 - i) & 1);
    }
    code_bars_add(&bars, GUARD, 5, false, true);
    for (size_t i = 7; i < EAN_DIGITS; i++) {
        code_bars_add(&bars, DIGITS[digits[i] - '0'], 4, true, false);
    }
    code_bars_add(&bars, GUARD, 3, true, true);
    ret_code->width = bars.width;
    ret_code->height = 1;
    ret_code->quiet_left = EAN_QUIET_LEFT;
    ret_code->quiet_right = EAN_QUIET_RIGHT;
    ret_code->rects = bars.rects;
    ret_code->rect_count = bars.rect_count;
    return 0;
}
