#include "base/error.h"
#include "unit.h"

#include <errno.h>

static void every_error_has_facts(void **state)
{
    (void)state;
#define X(name, code, http, retry, title)                                                          \
    assert_string_equal(hub_err_code(HUB_ERR_##name), code);                                       \
    assert_string_equal(hub_err_title(HUB_ERR_##name), title);                                     \
    assert_int_equal(hub_err_http_status(HUB_ERR_##name), http);                                   \
    assert_int_equal(hub_err_retry_class(HUB_ERR_##name), HUB_RETRY_##retry);                      \
    assert_int_equal(hub_err_by_code(code, strlen(code)), HUB_ERR_##name);
    HUB_ERR_MAP(X)
#undef X
}

static void codes_are_unique_identifiers(void **state)
{
    (void)state;
    for (int err = -1; err > -(int)HUB_ERR_ORDINAL_END; err--) {
        const char *code = hub_err_code(err);
        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
        for (int other = err - 1; other > -(int)HUB_ERR_ORDINAL_END; other--) {
            assert_string_not_equal(code, hub_err_code(other));
        }
    }
}

static void unknown_values_are_internal_errors(void **state)
{
    (void)state;
    static const int unknown[] = {0, 1, -(int)HUB_ERR_ORDINAL_END, -100000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_string_equal(hub_err_code(unknown[i]), "internal");
        assert_int_equal(hub_err_http_status(unknown[i]), 500);
    }
    assert_int_equal(hub_err_by_code("nonsense", 8), 0);
    assert_int_equal(hub_err_by_code("not_foun", 8), 0);
    assert_int_equal(hub_err_by_code(NULL, 0), 0);
}

static void fail_fills_the_error(void **state)
{
    (void)state;
    struct hub_error error;
    assert_int_equal(hub_fail(&error, HUB_ERR_CONFLICT, "job %d is %s", 7, "running"),
                     HUB_ERR_CONFLICT);
    assert_int_equal(error.err, HUB_ERR_CONFLICT);
    assert_string_equal(error.detail, "job 7 is running");
    assert_int_equal(hub_fail(NULL, HUB_ERR_GONE, "%s", "nobody reads this"), HUB_ERR_GONE);
}

static void fail_may_wrap_its_own_detail(void **state)
{
    (void)state;
    struct hub_error error;
    hub_fail(&error, HUB_ERR_IO, "inner");
    hub_fail(&error, HUB_ERR_CORRUPT, "outer: %s", error.detail);
    assert_string_equal(error.detail, "outer: inner");
    assert_int_equal(error.err, HUB_ERR_CORRUPT);
}

static void long_details_are_cut_between_characters(void **state)
{
    (void)state;
    struct hub_error error;
    char text[400];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        }
        hub_fail(&error, HUB_ERR_IO, "%s", text);
        struct str detail = str_from_c(error.detail);
        assert_int_equal(str_utf8_valid_prefix(detail), detail.len);
        assert_in_range(detail.len, HUB_ERROR_DETAIL_MAX - 4, HUB_ERROR_DETAIL_MAX - 1);
        assert_memory_equal(detail.ptr, text, detail.len);
    }
}

static void a_detail_that_just_fits_is_kept(void **state)
{
    (void)state;
    struct hub_error error;
    char text[HUB_ERROR_DETAIL_MAX + 1];
    memset(text, 'x', sizeof text);
    text[HUB_ERROR_DETAIL_MAX - 3] = '\xc3';
    text[HUB_ERROR_DETAIL_MAX - 2] = '\xa9';
    text[HUB_ERROR_DETAIL_MAX - 1] = '\0';
    hub_fail(&error, HUB_ERR_IO, "%s", text);
    assert_string_equal(error.detail, text);
    text[HUB_ERROR_DETAIL_MAX - 1] = 'x';
    text[HUB_ERROR_DETAIL_MAX] = '\0';
    hub_fail(&error, HUB_ERR_IO, "%s", text);
    assert_int_equal(strlen(error.detail), HUB_ERROR_DETAIL_MAX - 1);
}

static void errno_becomes_an_error(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        int err;
    } cases[] = {
        {ENOMEM, HUB_ERR_NOMEM},
        {ENOSPC, HUB_ERR_STORAGE_FULL},
        {EDQUOT, HUB_ERR_STORAGE_FULL},
        {ENOENT, HUB_ERR_NOT_FOUND},
        {EIO, HUB_ERR_IO},
        {EACCES, HUB_ERR_IO},
    };
    struct hub_error error;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(hub_fail_errno(&error, cases[i].errnum, "opening %s", "f"), cases[i].err);
        assert_int_equal(hub_fail_errno(NULL, cases[i].errnum, "x"), cases[i].err);
        assert_int_equal(error.err, cases[i].err);
    }
    hub_fail_errno(&error, ENOENT, "opening %s", "f");
    assert_string_equal(error.detail, "opening f: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_facts),
        cmocka_unit_test(codes_are_unique_identifiers),
        cmocka_unit_test(unknown_values_are_internal_errors),
        cmocka_unit_test(fail_fills_the_error),
        cmocka_unit_test(fail_may_wrap_its_own_detail),
        cmocka_unit_test(long_details_are_cut_between_characters),
        cmocka_unit_test(a_detail_that_just_fits_is_kept),
        cmocka_unit_test(errno_becomes_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
