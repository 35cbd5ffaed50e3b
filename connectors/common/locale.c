/*
 * Finding a locale; numbers and money. Dates are in locale_date.c.
 */
#include "locale.h"

#include "locale_table.h"

#include <string.h>

#define NO_BREAK_SPACE "\xc2\xa0"

enum { TAG_MAX = 35, GROUP = 3 };

/* Tags that are not just a language with a country of which we know nothing special. */
static const struct {
    const char *tag;
    const char *locale;
} ALIASES[] = {
    {"no", "nb"},         {"iw", "he"},         {"in", "id"},       {"zh-tw", "zh-Hant"},
    {"zh-hk", "zh-Hant"}, {"zh-mo", "zh-Hant"}, {"en-ie", "en-GB"}, {"en-nz", "en-AU"},
    {"en-za", "en-GB"},   {"es-us", "es-MX"},   {"pt-ao", "pt-PT"}, {"pt-mz", "pt-PT"},
    {"de-li", "de-CH"},   {"sh", "hr"},         {"bs", "hr"},       {"fil", "en"},
};

static const struct locale *find_exact(struct str tag)
{
    for (size_t i = 0; i < sizeof ALIASES / sizeof ALIASES[0]; i++) {
        if (str_eq_nocase(tag, str_from_c(ALIASES[i].tag))) {
            tag = str_from_c(ALIASES[i].locale);
            break;
        }
    }
    for (size_t i = 0; i < LOCALE_COUNT; i++) {
        if (str_eq_nocase(tag, str_from_c(LOCALE_TABLE[i].tag))) {
            return &LOCALE_TABLE[i];
        }
    }
    return NULL;
}

const struct locale *locale_find(struct str tag)
{
    char room[TAG_MAX];
    if (tag.len == 0 || tag.len > sizeof room) {
        return NULL;
    }
    for (size_t i = 0; i < tag.len; i++) {
        room[i] = tag.ptr[i] == '_' ? '-' : tag.ptr[i];
    }
    struct str shorter = str_of(room, tag.len);
    for (;;) {
        const struct locale *found = find_exact(shorter);
        const char *dash = memrchr(shorter.ptr, '-', shorter.len);
        if (found || !dash) {
            return found;
        }
        shorter.len = (size_t)(dash - shorter.ptr);
    }
}

const struct locale *locale_default(void)
{
    return find_exact(STR("en"));
}

struct str locale_tag(const struct locale *self)
{
    return str_from_c(self->tag);
}

bool locale_is_rtl(const struct locale *self)
{
    return self->rtl;
}

/* --- Numbers -----------------------------------------------------------------------------------*/

/* The locale's digit; its ten follow one another in Unicode and in the last byte of UTF-8. */
static void append_digit(const struct locale *self, char digit, struct buf *buf)
{
    size_t len = strlen(self->zero);
    buf_append(buf, self->zero, len - 1);
    buf_append_char(buf, (char)(self->zero[len - 1] + (digit - '0')));
}

/* Is there a separator before the digit that has `after` digits behind it? */
static bool group_ends(const struct locale *self, int after)
{
    if (after < GROUP) {
        return false;
    }
    return (after - GROUP) % self->secondary == 0;
}

static void append_unsigned(const struct locale *self, const struct decimal *number,
                            int fraction_min, const char *point, const char *separator,
                            struct buf *buf)
{
    int integers = decimal_integer_digits(number);
    bool grouped = integers >= GROUP + self->least_group;
    for (int place = integers > 0 ? integers - 1 : 0; place >= 0; place--) {
        append_digit(self, decimal_digit(number, place), buf);
        if (grouped && place > 0 && group_ends(self, place)) {
            buf_append_c(buf, separator);
        }
    }
    int fractions = decimal_fraction_digits(number);
    fractions = fractions > fraction_min ? fractions : fraction_min;
    if (fractions > 0) {
        buf_append_c(buf, point);
    }
    for (int place = 1; place <= fractions; place++) {
        append_digit(self, decimal_digit(number, -place), buf);
    }
}

void locale_append_number(const struct locale *self, const struct decimal *number, int fraction_min,
                          int fraction_max, struct buf *buf)
{
    struct decimal rounded = *number;
    decimal_round(&rounded, fraction_max);
    if (rounded.negative) {
        buf_append_c(buf, self->minus);
    }
    append_unsigned(self, &rounded, fraction_min, self->decimal, self->group, buf);
}

void locale_append_percent(const struct locale *self, const struct decimal *number,
                           int fraction_max, struct buf *buf)
{
    struct decimal percent = *number;
    decimal_shift(&percent, 2);
    decimal_round(&percent, fraction_max);
    buf_append_c(buf, percent.negative ? self->minus : ""); /* before the sign: -%50 in Turkish */
    for (const char *at = self->percent; *at; at++) {
        if (*at == '#') {
            append_unsigned(self, &percent, 0, self->decimal, self->group, buf);
        } else if (*at == '%') {
            buf_append_c(buf, self->percent_sign);
        } else {
            buf_append_char(buf, *at);
        }
    }
}

/* --- Money -------------------------------------------------------------------------------------*/

/* The symbol of `code` in a list like "USD$|AUDA$"; empty if it has none. */
static struct str symbol_in(const char *list, const char *code)
{
    struct str rest = str_from_c(list);
    while (rest.ptr) {
        struct str entry = str_split(&rest, '|');
        if (str_starts_with(entry, str_from_c(code))) {
            return str_slice(entry, strlen(code), SIZE_MAX);
        }
    }
    return str_of(NULL, 0);
}

static struct str symbol_of(const struct locale *self, const struct currency *currency,
                            enum money_style style)
{
    struct str symbol = {NULL, 0};
    if (style == MONEY_SYMBOL) {
        symbol = symbol_in(self->symbols, currency->code);
        if (!symbol.ptr) {
            symbol = symbol_in(LOCALE_ROOT_SYMBOLS, currency->code);
        }
    }
    return symbol.ptr ? symbol : str_from_c(currency->code);
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void append_amount(const struct locale *self, int64_t minor, const struct currency *currency,
                          struct buf *buf)
{
    struct decimal amount;
    decimal_from_i64(&amount, minor, currency->exponent);
    append_unsigned(self, &amount, currency->exponent, self->money_decimal, self->money_group, buf);
}

/* CLDR's patterns show where number, sign and symbol stand. A symbol that meets the number with a
 * letter is set apart from it (UTS #35 part 3, currencySpacing). */
void locale_append_money(const struct locale *self, int64_t minor, const struct currency *currency,
                         enum money_style style, struct buf *buf)
{
    if (style == MONEY_PLAIN) {
        buf_append_c(buf, minor < 0 ? self->minus : "");
        append_amount(self, minor, currency, buf);
        return;
    }
    struct str symbol = symbol_of(self, currency, style);
    struct str rest = str_from_c(minor < 0 ? self->money_negative : self->money);
    struct str sign = STR("¤");
    char before = 0;
    for (; rest.len > 0; before = rest.ptr[-1]) {
        if (str_starts_with(rest, sign)) {
            buf_append_c(buf, before == '#' && is_letter(symbol.ptr[0]) ? NO_BREAK_SPACE : "");
            buf_append_str(buf, symbol);
            rest = str_slice(rest, sign.len, SIZE_MAX);
            bool meets = rest.len > 0 && rest.ptr[0] == '#';
            buf_append_c(buf, meets && is_letter(symbol.ptr[symbol.len - 1]) ? NO_BREAK_SPACE : "");
            continue;
        }
        if (rest.ptr[0] == '#') {
            append_amount(self, minor, currency, buf);
        } else if (rest.ptr[0] == '-') {
            buf_append_c(buf, self->minus);
        } else {
            buf_append_char(buf, rest.ptr[0]);
        }
        rest = str_slice(rest, 1, SIZE_MAX);
    }
}
