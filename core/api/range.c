#include "api/range.h"

static struct range part(uint64_t offset, uint64_t len)
{
    return (struct range){RANGE_PART, offset, len};
}

struct range range_parse(struct str header, uint64_t size)
{
    const struct range all = {RANGE_ALL, 0, size};
    const struct range none = {RANGE_UNSATISFIABLE, 0, 0};
    struct str last = header;
    struct str unit = str_split(&last, '=');
    struct str first;
    uint64_t from, to;

    if (last.ptr == NULL || !str_eq_nocase(unit, STR("bytes"))) {
        return all;
    }
    last = str_trim(last);
    first = str_split(&last, '-');
    if (last.ptr == NULL) {
        return all;
    }
    if (first.len == 0) { /* the last N bytes */
        if (!str_to_u64(last, UINT64_MAX, &to)) {
            return all;
        }
        to = to < size ? to : size;
        return to == 0 ? none : part(size - to, to);
    }
    if (!str_to_u64(first, UINT64_MAX, &from)) {
        return all;
    }
    to = UINT64_MAX;
    if (last.len > 0 && (!str_to_u64(last, UINT64_MAX, &to) || to < from)) {
        return all;
    }
    if (from >= size) {
        return none;
    }
    return part(from, (to < size - 1 ? to : size - 1) - from + 1);
}

bool etag_list_contains(struct str header, struct str etag, bool weak)
{
    if (str_eq(str_trim(header), STR("*"))) {
        return true;
    }
    while (header.ptr != NULL) {
        struct str tag = str_trim(str_split(&header, ','));
        if (weak && str_starts_with(tag, STR("W/"))) {
            tag = str_slice(tag, 2, tag.len);
        }
        if (str_eq(tag, etag)) {
            return true;
        }
    }
    return false;
}
