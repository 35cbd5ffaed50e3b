#include "base/buf.h"
#include "fail_alloc.h"
#include "unit.h"

static void appends_of_every_kind(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_append_c(&b, "x=");
    buf_append_u64(&b, UINT64_MAX);
    buf_append_char(&b, ' ');
    buf_append_u64(&b, 0);
    buf_append_char(&b, ' ');
    buf_append_i64(&b, INT64_MIN);
    buf_append_format(&b, " %s %d", "formatted", 42);
    buf_append(&b, NULL, 0);
    buf_append_str(&b, (struct str){NULL, 0});
    assert_false(buf_failed(&b));
    assert_string_equal(b.ptr, "x=18446744073709551615 0 -9223372036854775808 formatted 42");
    assert_int_equal(b.len, strlen(b.ptr));
    buf_release(&b);
    assert_null(b.ptr);
}

static void a_zeroed_buffer_may_be_released(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_release(&b);
    assert_null(b.ptr);
}

static void the_limit_is_exact_and_failure_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    for (int i = 0; i < 100; i++) {
        buf_append_char(&b, 'a');
    }
    assert_false(buf_failed(&b));
    buf_append_char(&b, 'b');
    assert_true(buf_failed(&b));
    assert_int_equal(b.len, 100);
    buf_truncate(&b, 10);
    buf_append_char(&b, 'c'); /* there would be room again, but the text would have a hole */
    assert_int_equal(b.len, 10);
    assert_null(buf_reserve(&b, 1));
    buf_clear(&b);
    buf_append_c(&b, "again");
    assert_false(buf_failed(&b));
    assert_string_equal(b.ptr, "again");
    buf_release(&b);
}

static void formats_of_every_length_up_to_the_limit(void **state)
{
    (void)state;
    for (int len = 0; len <= 300; len++) {
        struct buf b;
        buf_init(&b, 256);
        buf_append_c(&b, "12345");
        buf_append_format(&b, "%0*d", len, 0);
        size_t formatted = len > 0 ? (size_t)len : 1;
        assert_int_equal(buf_failed(&b), formatted + 5 > 256);
        assert_int_equal(b.len, buf_failed(&b) ? 5 : formatted + 5);
        assert_int_equal(strlen(b.ptr), b.len);
        buf_release(&b);
    }
}

static void a_fixed_buffer_never_leaves_its_bytes(void **state)
{
    (void)state;
    char bytes[9] = "........";
    struct buf b;
    buf_init_fixed(&b, bytes, 8);
    buf_append_c(&b, "1234567");
    assert_false(buf_failed(&b));
    buf_append_char(&b, '8');
    assert_true(buf_failed(&b));
    assert_string_equal(bytes, "1234567");
    buf_clear(&b);
    buf_append_format(&b, "%d", 12345678);
    assert_true(buf_failed(&b));
    assert_ptr_equal(b.ptr, bytes);
    assert_string_equal(bytes, "");
    assert_int_equal(bytes[8], '\0');
}

static void consume_reserve_commit_steal(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, BUF_NO_LIMIT);
    char *room = buf_reserve(&b, 3);
    memcpy(room, "abc", 3);
    buf_commit(&b, 3);
    buf_consume(&b, 1);
    assert_string_equal(b.ptr, "bc");
    size_t len = 99;
    char *bytes = buf_steal(&b, &len);
    assert_string_equal(bytes, "bc");
    assert_int_equal(len, 2);
    assert_null(b.ptr);
    free(bytes);
    bytes = buf_steal(&b, &len); /* an empty buffer gives an empty text, not NULL */
    assert_string_equal(bytes, "");
    assert_int_equal(len, 0);
    free(bytes);
    buf_append_c(&b, "xyz");
    buf_consume(&b, 100);
    assert_int_equal(b.len, 0);
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_null(buf_steal(&b, &len));
    buf_release(&b);
}

static void json_strings_are_always_valid(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        {STR_INIT(""), "\"\""},
        {STR_INIT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {STR_INIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
        {STR_INIT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {STR_INIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {STR_INIT("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR_INIT("\xed\xa0\x80z"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b;
        buf_init(&b, 100);
        buf_append_json_string(&b, cases[i].in);
        assert_string_equal(b.ptr, cases[i].out);
        buf_release(&b);
    }
}

static void survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (size_t good = 0;; good++) {
        struct buf b;
        buf_init(&b, BUF_NO_LIMIT);
        fail_alloc_start(good);
        for (int i = 0; i < 100; i++) {
            buf_append_format(&b, "line %d\n", i);
            buf_append_json_string(&b, STR("a\nb"));
        }
        bool gave_up = buf_failed(&b);
        buf_release(&b);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        assert_int_equal(report.failed, gave_up);
        if (!report.failed) {
            assert_true(good >= 3);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_of_every_kind),
        cmocka_unit_test(a_zeroed_buffer_may_be_released),
        cmocka_unit_test(the_limit_is_exact_and_failure_sticks),
        cmocka_unit_test(formats_of_every_length_up_to_the_limit),
        cmocka_unit_test(a_fixed_buffer_never_leaves_its_bytes),
        cmocka_unit_test(consume_reserve_commit_steal),
        cmocka_unit_test(json_strings_are_always_valid),
        cmocka_unit_test(survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
