#include "base/json.h"
#include "fail_alloc.h"
#include "unit.h"

/* Enough members and elements for tables and arrays to grow, and every kind of value. */
#define TEXT                                                                                       \
    "{\"a\":[1,2,3,4,5,6,7,8,9],\"b\":\"plain\",\"c\\n\":\"\\u20ac\",\"d\":1.5,\"e\":true,"        \
    "\"f\":null,\"g\":{\"x\":{}},\"h\":18446744073709551615,\"i\":-1,\"j\":[],\"k\":0,\"l\":0,"    \
    "\"m\":0,\"n\":0,\"o\":0,\"p\":[[[]]],\"q\":0,\"r\":0,\"s\":0,\"t\":0,\"u\":0,\"v\":0,"        \
    "\"w\":0,\"x\":0,\"y\":0,\"z\":"                                                               \
    "1.000000000000000000000000000000000000000000000000000000000000000000000000000000000000001}"

static void reading_survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (size_t good = 0;; good++) {
        struct json_object *value = NULL;
        struct hub_error error;
        fail_alloc_start(good);
        int err = json_read(STR(TEXT), 4, &value, NULL, &error);
        json_object_put(value);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        if (!report.failed) {
            assert_int_equal(err, 0);
            assert_true(good > 60);
            return;
        }
        assert_int_equal(err, HUB_ERR_NOMEM);
        assert_null(value);
    }
}

/* A refusal after much has been built frees all of it. */
static void refusals_leave_nothing(void **state)
{
    (void)state;
    struct str text = STR(TEXT);
    for (size_t len = 0; len < text.len; len++) {
        struct json_object *value = NULL;
        fail_alloc_start(SIZE_MAX);
        int err = json_read(str_slice(text, 0, len), 4, &value, NULL, NULL);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(err, HUB_ERR_INVALID_JSON);
        assert_int_equal(report.live, 0);
    }
}

static void writing_survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (size_t good = 0;; good++) {
        struct json_object *value = NULL;
        struct buf b;
        buf_init(&b, BUF_NO_LIMIT);
        fail_alloc_start(SIZE_MAX);
        assert_int_equal(json_read(STR(TEXT), 4, &value, NULL, NULL), 0);
        struct fail_alloc_report built = fail_alloc_stop();
        fail_alloc_start(good);
        json_append(&b, value);
        bool gave_up = buf_failed(&b);
        buf_release(&b);
        json_object_put(value);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live + built.live, 0);
        assert_int_equal(report.failed, gave_up);
        if (!report.failed) {
            assert_true(good >= 3);
            return;
        }
    }
}

static void looking_up_survives_a_lack_of_memory(void **state)
{
    (void)state;
    struct json_object *root = NULL, *value = NULL;
    assert_int_equal(json_read(STR(TEXT), 4, &root, NULL, NULL), 0);
    fail_alloc_start(0);
    bool found = json_at(root, STR("/g/x"), &value);
    struct fail_alloc_report report = fail_alloc_stop();
    assert_true(report.failed);
    assert_false(found);
    assert_null(value);
    assert_int_equal(report.live, 0);
    assert_true(json_at(root, STR("/g/x"), &value));
    json_object_put(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives_a_lack_of_memory),
        cmocka_unit_test(refusals_leave_nothing),
        cmocka_unit_test(writing_survives_a_lack_of_memory),
        cmocka_unit_test(looking_up_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
