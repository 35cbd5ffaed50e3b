/*
 * template.h — logic-less templates for text and for JSON, one engine.
 *
 *     struct text_template *t;
 *     struct template_error error;
 *     if (text_template_compile(STR("Dear {{customer.name}},"), &t, &error) < 0) …  // line, column
 *     struct template_options options = {.locale = locale_find(STR("de"))};
 *     struct buf out;
 *     buf_init(&out, 1 << 20);
 *     if (text_template_render(t, data, &options, &out, &error) < 0) …
 *     text_template_free(t);
 *
 * TEXT. The syntax is Mustache's (the specification's interpolation, sections, inverted and
 * comments, with its rules for tags that stand alone on a line):
 *
 *     {{a.b.0}}          the value; the first name is looked for outwards, the others inside it
 *     {{a.@index.b}}     inside a loop: of the list `a` the element of the same index
 *     {{.}}              the innermost value
 *     {{{a}}} {{&a}}     the same, never escaped
 *     {{#a}}…{{/a}}      once for each element of a list; once if `a` is true otherwise
 *     {{^a}}…{{/a}}      if `a` is false
 *     {{! comment}}
 *     {{total | money: currency}}   filters, with arguments: texts, integers or values
 *
 * False are: missing, null, false, 0, "" and []. Inside a list's section, `@index` counts from 0,
 * `@number` from 1, `@first` and `@last` are true at the ends, and `@root` is all of the data.
 *
 * It deviates from Mustache: there are no partials, no lambdas and no change of delimiters; 0 and
 * "" are false; escaping is the caller's choice; `'` is escaped too; a list or an object in the
 * middle of text is an error; names are of letters, digits, _, -, $ and what is beyond ASCII.
 *
 * FILTERS. Null stays null through all but `default`, `count` and `json`.
 *
 *     money: CURRENCY, STYLE   integer minor units, or {"amount": …, "currency": …};
 *                              STYLE "symbol" (default), "code" or "plain"
 *     number: DECIMALS         without DECIMALS: as many as there are, at most 3
 *     percent: DECIMALS        0.19 → 19 %; at most DECIMALS (default 0)
 *     date: FORMAT             "2026-11-23", an RFC 3339 time, or milliseconds since 1970;
 *                              FORMAT "short", "medium" (default), "long", "full" or a pattern,
 *                              see locale.h
 *     time: FORMAT  datetime: FORMAT   FORMAT of `time`: "short" (default), "medium", a pattern
 *     upper  lower  trim       texts
 *     truncate: N              at most N characters, the last one … if some were cut off
 *     group: N                 blanks after each N characters: "DE89 3704 0044"
 *     join: SEPARATOR          a list of scalars; ", " by default
 *     count                    elements of a list, members of an object, characters of a text
 *     default: VALUE           VALUE if it is null, missing or ""
 *     json                     as JSON text
 *
 * JSON. In a definition every string is a text template (never escaped). A string that is just
 * one placeholder becomes the value itself, with its type; if that is missing, the member or
 * element is left out. Objects with these members are replaced:
 *
 *     {"$for": "items", "$do": X}               X once for each element, as in a section
 *     {"$if": "path", "$then": X, "$else": Y}   one of them ("$else", or "$then", may be missing)
 *     {"$splice": [X, Y]}                       X and Y
 *
 * In an array what comes of them takes their place among the other elements. Elsewhere `$for` and
 * `$splice` become an array, and an `$if` without that branch leaves its member out.
 *
 * OWNERSHIP. A template keeps references to the definition that it was compiled from, and results
 * share values with template and data: treat all of them as read-only. A template and its data are
 * used by one thread at a time. Text and data are not kept.
 */
#ifndef COMMON_TEMPLATE_H
#define COMMON_TEMPLATE_H

#include "locale.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

enum {
    TEMPLATE_SOURCE_MAX = 1 << 20,    /* bytes of a text */
    TEMPLATE_MEMORY_MAX = 32 << 20,   /* bytes that a compiled template may take */
    TEMPLATE_DEPTH_MAX = 32,          /* sections in one another */
    TEMPLATE_TURNS_MAX = 200000,      /* of all loops together */
    TEMPLATE_FILTERED_MAX = 64 << 20, /* bytes and elements that filters read and make */
    TEMPLATE_NODES_MAX = 1000000,     /* values in a JSON result */
};

struct template_options {
    const struct locale *locale;     /* NULL: locale_default() */
    const struct civil_clock *clock; /* that shows times; NULL: the offset they are written with */
    bool escape_html;                /* & < > " ' in values, texts only */
    bool strict;                     /* a missing value in the text is an error */
};

/* What went wrong, and where. */
struct template_error {
    struct hub_error error; /* its detail begins with the place */
    uint32_t line, column;  /* from 1, in characters; 0: not known */
    char pointer[256];      /* JSON Pointer into the definition; "" for texts */
};

struct text_template;
struct json_template;

/* HUB_ERR_INVALID_INPUT, HUB_ERR_TOO_LARGE or HUB_ERR_NOMEM. `error` may be NULL, here and below.
 */
HUB_MUST_CHECK int text_template_compile(struct str source, struct text_template **ret_template,
                                         struct template_error *error);
void text_template_free(struct text_template *self);

/* Appends the text; what was appended before an error stays. `out`'s limit bounds it:
 * HUB_ERR_TOO_LARGE; HUB_ERR_LIMIT after too many turns or too
 * much for the filters to do; HUB_ERR_INVALID_INPUT if the data does not
 * fit. `data` may be NULL (null). */
HUB_MUST_CHECK int text_template_render(const struct text_template *self, struct json_object *data,
                                        const struct template_options *options, struct buf *out,
                                        struct template_error *error);

HUB_MUST_CHECK int json_template_compile(struct json_object *definition,
                                         struct json_template **ret_template,
                                         struct template_error *error);
void json_template_free(struct json_template *self);

/* As above; the caller owns `*ret_value`, which may be NULL (null). `bytes_max` bounds all texts of
 * the result together. */
HUB_MUST_CHECK int json_template_render(const struct json_template *self, struct json_object *data,
                                        const struct template_options *options, size_t bytes_max,
                                        struct json_object **ret_value,
                                        struct template_error *error);

#endif
