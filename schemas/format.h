/*
 * format.h — the strings that "format" names, each after its RFC.
 *
 *     const struct schema_format *format = schema_format_find(STR("date-time"));
 *     if (!format->valid(text)) … "must be a " format->noun
 *
 * Thread: [any]. Nothing here allocates, except for "regex".
 */
#ifndef HUB_SCHEMAS_FORMAT_H
#define HUB_SCHEMAS_FORMAT_H

#include "base/str.h"

struct schema_format {
    struct str name;
    const char *noun; /* "must be …": "an email address" */
    bool (*valid)(struct str text);
};

/*
 * date-time date time duration   RFC 3339 §5.6 and appendix A
 * email                          RFC 5321 §4.1.2 Mailbox
 * hostname                       RFC 1123 §2.1, at most 253 characters
 * ipv4 ipv6                      RFC 2673 §3.2, RFC 4291 §2.2 (no zone)
 * uri uri-reference              RFC 3986 appendix A
 * uuid                           RFC 9562 §4
 * json-pointer                   RFC 6901 §3
 * regex                          ECMA-262, what "pattern" takes
 *
 * NULL for any other name.
 */
const struct schema_format *schema_format_find(struct str name);

bool schema_is_ipv6(struct str text);

#endif
