/*
 * pattern.h — regular expressions that cannot run away.
 *
 * A pattern is compiled once (ECMA-262 through PCRE2, with its JIT where the system allows it) and
 * matched by any number of threads. Each thread brings a `struct schema_matcher`, which lives on
 * its stack, holds PCRE2's working memory and the budget:
 *
 *     struct schema_matcher matcher;
 *     schema_matcher_init(&matcher);                      // costs nothing
 *     switch (schema_pattern_match(pattern, subject, &matcher)) …
 *     schema_matcher_release(&matcher);
 *
 * Against catastrophic backtracking: PCRE2's match limit counts from each start position anew, so
 * every expression is anchored (a lazy prefix stands for the search); then one match has one count.
 * The limit falls with the length of the subject, since one step may run along all of it: above
 * some 16 KiB an expression that has to search, rather than one that begins with ^, may be given
 * up. On top the time spent in all matches of one matcher is bounded by SCHEMA_PATTERN_TIME_MS; the
 * one match that passes this bound was seen to take up to a tenth of a second more.
 *
 * Owner: a pattern belongs to whoever compiled it. Thread: [any].
 */
#ifndef HUB_SCHEMAS_PATTERN_H
#define HUB_SCHEMAS_PATTERN_H

#include "base/error.h"
#include "base/str.h"

struct schema_pattern;

/* `*ret_bytes` is the memory that it takes. HUB_ERR_INVALID_INPUT with what is wrong,
 * HUB_ERR_LIMIT, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int schema_pattern_compile(struct str source, struct schema_pattern **ret_pattern,
                                          size_t *ret_bytes, struct hub_error *error);
void schema_pattern_free(struct schema_pattern *self);

struct schema_matcher {
    void *general; /* PCRE2's contexts and match data, made at the first match */
    void *context;
    void *data;
    size_t matches;
    int64_t spent_ns;
    size_t used;
    _Alignas(16) char memory[1024]; /* where they live, so that a match needs no heap */
};

void schema_matcher_init(struct schema_matcher *self);
void schema_matcher_release(struct schema_matcher *self);

/* 1 if the pattern matches somewhere in `subject`, 0 if not (or it is not UTF-8), HUB_ERR_LIMIT if
 * that would take too long, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int schema_pattern_match(const struct schema_pattern *self, struct str subject,
                                        struct schema_matcher *matcher);

#endif
