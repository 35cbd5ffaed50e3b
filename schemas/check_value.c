/* Rules that look at one value. */
#include "schemas/check.h"
#include "schemas/equal.h"
#include "schemas/run.h"

#include <stdio.h>

/*
 * Numbers
 */

static bool fail_number(struct schema_run *run, const struct schema_rule *rule,
                        const struct schema_instance *at, const char *relation)
{
    char text[SCHEMA_NUMBER_TEXT];
    if (run->errors == NULL) {
        return false;
    }
    return schema_fail(run, at, rule->keyword, "must be %s %s", relation,
                       schema_number_text(rule->as.number, text));
}

bool schema_check_minimum(struct schema_run *run, const struct schema_rule *rule,
                          const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    return schema_number_cmp(at->number, rule->as.number) >= 0 ||
           fail_number(run, rule, at, "at least");
}

bool schema_check_maximum(struct schema_run *run, const struct schema_rule *rule,
                          const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    return schema_number_cmp(at->number, rule->as.number) <= 0 ||
           fail_number(run, rule, at, "at most");
}

bool schema_check_exclusive_minimum(struct schema_run *run, const struct schema_rule *rule,
                                    const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    return schema_number_cmp(at->number, rule->as.number) > 0 ||
           fail_number(run, rule, at, "greater than");
}

bool schema_check_exclusive_maximum(struct schema_run *run, const struct schema_rule *rule,
                                    const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    return schema_number_cmp(at->number, rule->as.number) < 0 ||
           fail_number(run, rule, at, "less than");
}

bool schema_check_multiple_of(struct schema_run *run, const struct schema_rule *rule,
                              const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    char text[SCHEMA_NUMBER_TEXT];
    const struct schema_multiple *multiple = &rule->as.multiple;
    if (schema_decimal_is_multiple(schema_number_decimal(at->number), multiple->decimal)) {
        return true;
    }
    if (run->errors == NULL) {
        return false;
    }
    return schema_fail(run, at, rule->keyword, "must be a multiple of %s",
                       schema_number_text(multiple->number, text));
}

/*
 * Strings
 */

/* Bytes that do not continue a character (RFC 3629 §3). */
static uint64_t count_characters(struct str text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

bool schema_check_min_length(struct schema_run *run, const struct schema_rule *rule,
                             const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    uint64_t min = rule->as.count;
    /* A character has 1 to 4 bytes: often the length in bytes decides. */
    if (at->string.len / 4 >= min ||
        (at->string.len >= min && count_characters(at->string) >= min)) {
        return true;
    }
    if (min == 1) {
        return schema_fail(run, at, rule->keyword, "must not be empty");
    }
    return schema_fail(run, at, rule->keyword, "must be at least %llu characters long",
                       (unsigned long long)min);
}

bool schema_check_max_length(struct schema_run *run, const struct schema_rule *rule,
                             const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    uint64_t max = rule->as.count;
    if (at->string.len <= max || count_characters(at->string) <= max) {
        return true;
    }
    return schema_fail(run, at, rule->keyword, "must be at most %llu character%s long",
                       (unsigned long long)max, plural(max));
}

bool schema_check_pattern(struct schema_run *run, const struct schema_rule *rule,
                          const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    int found = schema_pattern_match(rule->as.pattern.pattern, at->string, &run->matcher);
    if (found < 0) {
        return schema_run_abort(run, found);
    }
    return found > 0 || schema_fail(run, at, rule->keyword, "must match the pattern %.*s",
                                    STR_ARG(rule->as.pattern.source));
}

bool schema_check_format(struct schema_run *run, const struct schema_rule *rule,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    return rule->as.format->valid(at->string) ||
           schema_fail(run, at, rule->keyword, "must be %s", rule->as.format->noun);
}

/*
 * "const" and "enum"
 */

static bool is_among(struct schema_run *run, const struct schema_values *values,
                     const struct schema_instance *at)
{
    if (at->type == TYPE_STRING) {
        return schema_names_find(&values->strings, at->string) != SCHEMA_NAMES_NONE;
    }
    for (size_t i = 0; i < values->others_len; i++) {
        if (schema_equal(values->others[i], at->json, &run->steps)) {
            return true;
        }
    }
    if (run->steps == 0) {
        schema_run_abort(run, HUB_ERR_LIMIT);
    }
    return false;
}

bool schema_check_values(struct schema_run *run, const struct schema_rule *rule,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    const struct schema_values *values = rule->as.values;
    if (is_among(run, values, at)) {
        return true;
    }
    if (run->errors == NULL) {
        return false;
    }
    struct str meant = {0};
    if (at->type == TYPE_STRING && values->strings.len > 1) {
        meant = schema_suggest(&values->strings, at->string);
    }
    bool single = values->strings.len + values->others_len == 1;
    const char *verb = single ? "must be" : "must be one of";
    if (meant.ptr != NULL) {
        return schema_fail(run, at, rule->keyword, "%s %.*s, did you mean \"%.*s\"?", verb,
                           STR_ARG(values->text), STR_ARG(meant));
    }
    return schema_fail(run, at, rule->keyword, "%s %.*s", verb, STR_ARG(values->text));
}

/*
 * Sizes
 */

static bool check_size(struct schema_run *run, const struct schema_rule *rule,
                       const struct schema_instance *at, bool ok, const char *bound,
                       const char *noun)
{
    return ok || schema_fail(run, at, rule->keyword, "must have %s %llu %s", bound,
                             (unsigned long long)rule->as.count, noun);
}

bool schema_check_min_items(struct schema_run *run, const struct schema_rule *rule,
                            const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    uint64_t min = rule->as.count;
    return check_size(run, rule, at, json_object_array_length(at->json) >= min, "at least",
                      min == 1 ? "item" : "items");
}

bool schema_check_max_items(struct schema_run *run, const struct schema_rule *rule,
                            const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    uint64_t max = rule->as.count;
    return check_size(run, rule, at, json_object_array_length(at->json) <= max, "at most",
                      max == 1 ? "item" : "items");
}

bool schema_check_min_properties(struct schema_run *run, const struct schema_rule *rule,
                                 const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    uint64_t min = rule->as.count;
    return check_size(run, rule, at, (uint64_t)json_object_object_length(at->json) >= min,
                      "at least", min == 1 ? "property" : "properties");
}

bool schema_check_max_properties(struct schema_run *run, const struct schema_rule *rule,
                                 const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    uint64_t max = rule->as.count;
    return check_size(run, rule, at, (uint64_t)json_object_object_length(at->json) <= max,
                      "at most", max == 1 ? "property" : "properties");
}
