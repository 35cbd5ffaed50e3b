#include "http/decode.h"
#include "http/route.h"

bool http_query_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    while (rest->len > 0) {
        struct str value = str_split(rest, '&');
        if (value.len == 0) {
            continue; /* "a=1&&b=2": the URL Standard §5.1 skips what is empty */
        }
        struct str name = str_split(&value, '=');
        *ret_name = name;
        *ret_value = value;
        return true;
    }
    return false;
}

int http_query_get(struct str query, const char *name, struct arena *arena, struct str *ret_value)
{
    struct str wanted = str_from_c(name);
    struct str found = {NULL, 0};
    struct str raw_name;
    struct str raw_value;
    bool is_there = false;
    while (http_query_next(&query, &raw_name, &raw_value)) {
        struct str decoded = raw_name;
        int err = percent_decode(raw_name, true, arena, &decoded);
        if (err < 0) {
            return err;
        }
        if (!str_eq(decoded, wanted)) {
            continue;
        }
        if (is_there) {
            return HUB_ERR_BAD_REQUEST;
        }
        is_there = true;
        found = raw_value;
    }
    if (!is_there) {
        return 0;
    }
    int err = percent_decode(found, true, arena, ret_value);
    return err < 0 ? err : 1;
}
