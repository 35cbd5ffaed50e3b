#include "base/json.h"

#include "base/json_string.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/linkhash.h>

/* json-c's array makes room for 32 elements by default; most of ours are short. */
#define ARRAY_FIRST_ROOM 4

/* Longer literals of numbers are copied to the heap for strtod(). */
#define NUMBER_ON_STACK 64

#define DETAIL_NAME_MAX 64

struct reader {
    const char *begin;
    const char *at;
    const char *end;
    int depth_left;
    int containers_left;
    const char *failed_at;
    struct hub_error *error;
};

static int read_value(struct reader *r, struct json_object **ret_value);

/* --- failures --------------------------------------------------------------------------------- */

static int fail_at(struct reader *r, const char *at, const char *why)
{
    r->failed_at = at;
    return hub_fail(r->error, HUB_ERR_INVALID_JSON, "byte %zu: %s", (size_t)(at - r->begin), why);
}

static int fail(struct reader *r, const char *why)
{
    return fail_at(r, r->at, r->at == r->end ? "unexpected end" : why);
}

static int fail_memory(struct reader *r)
{
    r->failed_at = r->at;
    return hub_fail(r->error, HUB_ERR_NOMEM, "no memory for a JSON value");
}

static int fail_duplicate(struct reader *r, const char *at, const char *name)
{
    struct str shown = str_utf8_cut(str_from_c(name), DETAIL_NAME_MAX);

    r->failed_at = at;
    return hub_fail(r->error, HUB_ERR_INVALID_JSON, "byte %zu: duplicate name \"%.*s\"",
                    (size_t)(at - r->begin), STR_ARG(shown));
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) {
        r->at++;
    }
}

static bool next_is(const struct reader *r, char c)
{
    return r->at < r->end && *r->at == c;
}

static bool take(struct reader *r, char c)
{
    if (!next_is(r, c)) {
        return false;
    }
    r->at++;
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */

static int read_raw_string(struct reader *r, struct json_raw_string *ret_raw)
{
    const char *why = json_string_scan(&r->at, r->end, ret_raw);

    return why ? fail(r, why) : 0;
}

static int read_string(struct reader *r, struct json_object **ret_value)
{
    struct json_raw_string raw;
    int err = read_raw_string(r, &raw);
    if (err < 0) {
        return err;
    }
    if (!raw.escaped) {
        *ret_value = json_object_new_string_len(raw.text.ptr, (int)raw.text.len);
    } else {
        size_t len = 0;
        char *bytes = json_string_unescape(&raw, &len);
        *ret_value = bytes ? json_object_new_string_len(bytes, (int)len) : NULL;
        free(bytes);
    }
    return *ret_value ? 0 : fail_memory(r);
}

/* --- numbers ---------------------------------------------------------------------------------- */

struct number {
    const char *first;
    uint64_t magnitude;
    bool negative;
    bool integer; /* has neither fraction nor exponent, and `magnitude` holds it */
};

static bool next_is_digit(const struct reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static int take_digits(struct reader *r)
{
    if (!next_is_digit(r)) {
        return fail(r, "expected a digit");
    }
    while (next_is_digit(r)) {
        r->at++;
    }
    return 0;
}

static int take_integer_part(struct reader *r, struct number *n)
{
    if (take(r, '0')) {
        return next_is_digit(r) ? fail(r, "a number must not begin with 0") : 0;
    }
    const char *first = r->at;
    int err = take_digits(r);
    if (err < 0) {
        return err;
    }
    n->integer = str_to_u64(str_of(first, (size_t)(r->at - first)), UINT64_MAX, &n->magnitude);
    return 0;
}

static int scan_number(struct reader *r, struct number *n)
{
    *n = (struct number){.first = r->at, .negative = take(r, '-'), .integer = true};
    int err = take_integer_part(r, n);

    if (err == 0 && take(r, '.')) {
        n->integer = false;
        err = take_digits(r);
    }
    if (err == 0 && (take(r, 'e') || take(r, 'E'))) {
        n->integer = false;
        if (!take(r, '+')) {
            take(r, '-');
        }
        err = take_digits(r);
    }
    return err;
}

static int new_double(struct reader *r, const struct number *n, struct json_object **ret_value)
{
    char on_stack[NUMBER_ON_STACK];
    size_t len = (size_t)(r->at - n->first);
    char *text = len < sizeof on_stack ? on_stack : malloc(len + 1);
    int err = 0;

    if (!text) {
        return fail_memory(r);
    }
    memcpy(text, n->first, len);
    text[len] = '\0';
    /* The decimal point must be a point even if a library has set another locale. The C locale is
     * static: this allocates nothing and needs no freelocale(). */
    double value = strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
    if (!isfinite(value)) {
        err = fail_at(r, n->first, "the number is too large");
        goto out;
    }
    *ret_value = json_object_new_double_s(value, text);
    if (!*ret_value) {
        err = fail_memory(r);
    }
out:
    if (text != on_stack) {
        free(text);
    }
    return err;
}

static int read_number(struct reader *r, struct json_object **ret_value)
{
    struct number n;
    int err = scan_number(r, &n);
    if (err < 0) {
        return err;
    }
    if (n.integer && !n.negative && n.magnitude <= INT64_MAX) {
        *ret_value = json_object_new_int64((int64_t)n.magnitude);
    } else if (n.integer && !n.negative) {
        *ret_value = json_object_new_uint64(n.magnitude);
    } else if (n.integer && n.magnitude > 0 && n.magnitude <= (uint64_t)INT64_MAX + 1) {
        *ret_value = json_object_new_int64((int64_t)(0 - n.magnitude));
    } else {
        return new_double(r, &n, ret_value);
    }
    return *ret_value ? 0 : fail_memory(r);
}

/* --- arrays and objects ----------------------------------------------------------------------- */

static int enter(struct reader *r)
{
    if (r->depth_left <= 0) {
        return fail(r, "nested too deeply");
    }
    if (r->containers_left == 0) {
        r->failed_at = r->at;
        return hub_fail(r->error, HUB_ERR_TOO_LARGE, "byte %zu: more than %d arrays and objects",
                        (size_t)(r->at - r->begin), JSON_CONTAINERS_MAX);
    }
    r->depth_left--;
    r->containers_left--;
    r->at++;
    skip_blanks(r);
    return 0;
}

static int read_element(struct reader *r, struct json_object *array)
{
    struct json_object *value = NULL;
    int err = read_value(r, &value);

    if (err == 0 && json_object_array_add(array, value) < 0) {
        json_object_put(value);
        err = fail_memory(r);
    }
    return err;
}

/* Reads the value of `name` and puts it into `table`, which then owns `name`. */
static int read_member_value(struct reader *r, struct lh_table *table, char *name,
                             unsigned long hash)
{
    struct json_object *value = NULL;

    skip_blanks(r);
    if (!take(r, ':')) {
        return fail(r, "expected ':'");
    }
    int err = read_value(r, &value);
    if (err == 0 && lh_table_insert_w_hash(table, name, value, hash, 0) < 0) {
        json_object_put(value);
        err = fail_memory(r);
    }
    return err;
}

/* The object's table is used directly: json_object_object_add() would copy and hash the name once
 * more, and loses the copy when the table cannot grow. */
static int read_member(struct reader *r, struct json_object *object)
{
    struct lh_table *table = json_object_get_object(object);
    const char *first = r->at;
    struct json_raw_string raw;
    size_t len;

    if (!next_is(r, '"')) {
        return fail(r, "expected a name");
    }
    int err = read_raw_string(r, &raw);
    if (err < 0) {
        return err;
    }
    char *name = json_string_unescape(&raw, &len);
    if (!name) {
        return fail_memory(r);
    }
    unsigned long hash = lh_get_hash(table, name);
    if (lh_table_lookup_entry_w_hash(table, name, hash)) {
        err = fail_duplicate(r, first, name);
    } else {
        err = read_member_value(r, table, name, hash);
    }
    if (err < 0) {
        free(name);
    }
    return err;
}

/* Reads the elements or members of `container` up to its closing bracket. */
static int read_items(struct reader *r, struct json_object *container, char closing,
                      int (*read_item)(struct reader *, struct json_object *))
{
    if (take(r, closing)) {
        return 0;
    }
    for (;;) {
        int err = read_item(r, container);
        if (err < 0) {
            return err;
        }
        skip_blanks(r);
        if (take(r, closing)) {
            return 0;
        }
        if (!take(r, ',')) {
            return fail(r, closing == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
        }
        skip_blanks(r);
    }
}

static int read_container(struct reader *r, struct json_object **ret_value)
{
    bool is_array = *r->at == '[';
    int err = enter(r);
    if (err < 0) {
        return err;
    }
    struct json_object *container =
        is_array ? json_object_new_array_ext(ARRAY_FIRST_ROOM) : json_object_new_object();
    if (!container) {
        return fail_memory(r);
    }
    err = is_array ? read_items(r, container, ']', read_element)
                   : read_items(r, container, '}', read_member);
    if (err < 0) {
        json_object_put(container);
        return err;
    }
    r->depth_left++;
    *ret_value = container;
    return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static int take_literal(struct reader *r, struct str literal)
{
    for (size_t i = 0; i < literal.len; i++) {
        if (!take(r, literal.ptr[i])) {
            return fail(r, "expected a value");
        }
    }
    return 0;
}

static int read_bool(struct reader *r, bool value, struct json_object **ret_value)
{
    int err = take_literal(r, value ? STR("true") : STR("false"));
    if (err < 0) {
        return err;
    }
    *ret_value = json_object_new_boolean(value);
    return *ret_value ? 0 : fail_memory(r);
}

static int read_value(struct reader *r, struct json_object **ret_value)
{
    skip_blanks(r);
    switch (r->at < r->end ? *r->at : '\0') {
    case '"':
        return read_string(r, ret_value);
    case '{':
    case '[':
        return read_container(r, ret_value);
    case 't':
    case 'f':
        return read_bool(r, *r->at == 't', ret_value);
    case 'n':
        *ret_value = NULL;
        return take_literal(r, STR("null"));
    case '-':
    case '0' ... '9':
        return read_number(r, ret_value);
    default:
        return fail(r, "expected a value");
    }
}

int json_read(struct str text, int depth_max, struct json_object **ret_value, size_t *ret_offset,
              struct hub_error *error)
{
    const char *begin = text.ptr ? text.ptr : "";
    struct reader r = {
        .begin = begin,
        .at = begin,
        .end = begin + text.len,
        .depth_left = depth_max < JSON_DEPTH_MAX ? depth_max : JSON_DEPTH_MAX,
        .containers_left = JSON_CONTAINERS_MAX,
        .error = error,
    };
    struct json_object *value = NULL;
    int err;

    if (text.len > INT_MAX) { /* json-c counts in int */
        r.failed_at = r.begin;
        err = hub_fail(error, HUB_ERR_TOO_LARGE, "a JSON text of more than %d bytes", INT_MAX);
        goto out;
    }
    err = read_value(&r, &value);
    if (err < 0) {
        goto out;
    }
    skip_blanks(&r);
    if (r.at < r.end) {
        err = fail(&r, "something follows the value");
        json_object_put(value);
        goto out;
    }
    *ret_value = value;
out:
    if (err < 0 && ret_offset) {
        *ret_offset = (size_t)(r.failed_at - r.begin);
    }
    return err;
}
