#include "base/id.h"
#include "unit.h"

#define NOW INT64_C(1795435200000)

static struct str text_of(const struct id *id, char text[ID_TEXT_LEN + 1])
{
    id_format(id, text);
    return str_of(text, strlen(text));
}

static void the_vector_of_the_rfc(void **state)
{
    (void)state;
    /* RFC 9562 appendix A.6: 2022-02-22T19:22:22Z */
    struct id id;
    char text[ID_TEXT_LEN + 1];
    assert_true(id_parse(STR("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &id));
    assert_true(id_time_ms(&id) == 1645557742000);
    assert_str_equal(text_of(&id, text), STR("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
    assert_int_equal(id.bytes[0], 0x01);
    assert_int_equal(id.bytes[15], 0x8f);
}

static void made_ids_have_version_variant_and_time(void **state)
{
    (void)state;
    struct id_gen gen;
    char text[ID_TEXT_LEN + 1];
    id_gen_init(&gen);
    for (int i = 0; i < 1000; i++) {
        struct id id = id_next(&gen, NOW + i);
        struct id back;
        assert_true(id_time_ms(&id) == NOW + i);
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        assert_true(id_parse(text_of(&id, text), &back));
        assert_true(id_eq(&id, &back));
        assert_false(id_is_zero(&id));
    }
}

static void ids_rise_in_every_case(void **state)
{
    (void)state;
    struct id_gen gen;
    id_gen_init(&gen);
    struct id last = id_next(&gen, NOW);
    for (int i = 0; i < 100000; i++) {
        /* the same millisecond, forwards, and the clock going back */
        int64_t now = i % 100 == 0 ? NOW - i : NOW + i / 7;
        struct id id = id_next(&gen, now);
        assert_true(id_cmp(&last, &id) < 0);
        assert_true(id_time_ms(&id) >= id_time_ms(&last));
        last = id;
    }
}

static void a_full_counter_borrows_the_next_millisecond(void **state)
{
    (void)state;
    struct id_gen gen;
    id_gen_init(&gen);
    (void)id_next(&gen, NOW);
    gen.counter = UINT32_MAX - 1;
    struct id full = id_next(&gen, NOW);
    struct id next = id_next(&gen, NOW);
    assert_true(id_time_ms(&full) == NOW);
    assert_int_equal(full.bytes[7], 0xff);
    assert_true(id_time_ms(&next) == NOW + 1);
    assert_true(id_cmp(&full, &next) < 0);
}

static void impossible_times_do_no_harm(void **state)
{
    (void)state;
    struct id_gen gen;
    id_gen_init(&gen);
    struct id a = id_next(&gen, INT64_MIN);
    struct id b = id_next(&gen, INT64_MAX);
    assert_true(id_time_ms(&a) == 0);
    assert_true(id_time_ms(&b) == 0);
    assert_true(id_cmp(&a, &b) < 0);
}

static void every_counter_bit_has_its_place(void **state)
{
    (void)state;
    struct id_gen gen;
    id_gen_init(&gen);
    struct id last = id_next(&gen, NOW);
    for (int bit = 0; bit < 32; bit++) {
        gen.counter = (UINT32_C(1) << bit) - 1;
        struct id id = id_next(&gen, NOW);
        assert_true(bit == 0 || id_cmp(&last, &id) < 0);
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        last = id;
    }
    assert_int_equal(last.bytes[6], 0x78); /* bit 31 is the top of rand_a */
}

static void what_is_no_uuid_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f-",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739 f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
    };
    struct id id = {{42}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(id_parse(str_from_c(bad[i]), &id));
    }
    assert_int_equal(id.bytes[0], 42);
}

static void zero_and_order(void **state)
{
    (void)state;
    struct id zero = {{0}}, one = {{0}};
    one.bytes[15] = 1;
    assert_true(id_is_zero(&zero));
    assert_false(id_is_zero(&one));
    assert_true(id_cmp(&zero, &one) < 0);
    assert_true(id_cmp(&one, &zero) > 0);
    assert_int_equal(id_view(&one).len, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_the_rfc),
        cmocka_unit_test(made_ids_have_version_variant_and_time),
        cmocka_unit_test(ids_rise_in_every_case),
        cmocka_unit_test(a_full_counter_borrows_the_next_millisecond),
        cmocka_unit_test(impossible_times_do_no_harm),
        cmocka_unit_test(every_counter_bit_has_its_place),
        cmocka_unit_test(what_is_no_uuid_is_refused),
        cmocka_unit_test(zero_and_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
