#include "kit/rules.h"

#include <string.h>

static const struct {
    const char *name;
    const char *mend;
} RULES[] = {
#define X(NAME, name, mend) {name, mend},
    RULES_MAP(X)
#undef X
};

const char *rule_name(enum rule rule)
{
    return RULES[rule].name;
}

const char *rule_mend(enum rule rule)
{
    return RULES[rule].mend;
}

enum rule rule_find(const char *name)
{
    unsigned rule = 0;
    while (rule < RULE_COUNT && strcmp(RULES[rule].name, name) != 0) {
        rule++;
    }
    return (enum rule)rule;
}
