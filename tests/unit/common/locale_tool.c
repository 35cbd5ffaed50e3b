/*
 * What locale.h writes, for tests/e2e/locales.test.mjs, which compares it with Intl: a line of
 * input is a locale's tag, what is asked for and a value, with tabs between; a line of output is
 * the answer.
 *
 *     printf 'de\tEUR\t123450\n' | locale_tool       # 1.234,50 €
 */
#include "connectors/common/locale.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 200, FRACTION_MAX = 3 };

static int append(const struct locale *locale, const char *what, const char *value, struct buf *buf)
{
    const struct currency *currency = currency_find(str_from_c(what));
    struct decimal number;
    struct civil_time time;
    if (currency) {
        long long minor;
        if (sscanf(value, "%lld", &minor) != 1) {
            return HUB_ERR_INVALID_INPUT;
        }
        locale_append_money(locale, minor, currency, MONEY_SYMBOL, buf);
        return 0;
    }
    if (strcmp(what, "number") == 0 && decimal_parse(&number, str_from_c(value))) {
        locale_append_number(locale, &number, 0, FRACTION_MAX, buf);
        return 0;
    }
    if (strcmp(what, "percent") == 0 && decimal_parse(&number, str_from_c(value))) {
        locale_append_percent(locale, &number, FRACTION_MAX, buf);
        return 0;
    }
    return civil_time_parse(str_from_c(value), NULL, &time)
               ? locale_append_date(locale, &time, str_from_c(what), buf)
               : HUB_ERR_INVALID_INPUT;
}

int main(void)
{
    char line[LINE_MAX_BYTES], tag[20], what[20], value[60];
    int status = 0;
    while (status == 0 && fgets(line, sizeof line, stdin)) {
        struct buf buf;
        buf_init(&buf, BUF_NO_LIMIT);
        int fields = sscanf(line, "%19[^\t]\t%19[^\t]\t%59[^\n]", tag, what, value);
        const struct locale *locale = fields == 3 ? locale_find(str_from_c(tag)) : NULL;
        if (!locale || append(locale, what, value, &buf) < 0) {
            fprintf(stderr, "not understood: %s", line);
            status = 1;
        } else {
            printf("%.*s\n", STR_ARG(buf_view(&buf)));
        }
        buf_release(&buf);
    }
    return status;
}
