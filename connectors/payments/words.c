/*
 * words.c — the two vocabularies: status.h and decline.h.
 */
#include "decline.h"
#include "status.h"

const char *status_text(enum status status)
{
    static const char *const TEXTS[] = {
#define X(name, text) [STATUS_##name] = text,
        STATUSES(X)
#undef X
    };
    return TEXTS[status];
}

enum status status_of(const struct status_word *table, struct str word)
{
    for (; table->word; table++) {
        if (str_eq(word, str_from_c(table->word))) {
            return table->status;
        }
    }
    return STATUS_PROCESSING;
}

const struct decline *decline_get(enum decline_code code)
{
    static const struct decline DECLINE[] = {
#define X(name, text, advice) [DECLINE_##name] = {text, advice},
        DECLINES(X)
#undef X
    };
    return &DECLINE[code];
}

const struct decline *decline_of(const struct decline_word *table, struct str word)
{
    for (; table->word; table++) {
        if (str_eq(word, str_from_c(table->word))) {
            return decline_get(table->code);
        }
    }
    return decline_get(DECLINE_DECLINED);
}
