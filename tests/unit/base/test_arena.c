#include "base/arena.h"
#include "fail_alloc.h"
#include "unit.h"

#include <stdalign.h>

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a;
    unsigned char *pieces[300];
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        pieces[i] = arena_alloc(&a, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT(pieces); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(pieces[i][j], i & 0xff);
        }
    }
    arena_release(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 10)); /* usable again */
    arena_release(&a);
}

static void the_limit_holds(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    assert_null(arena_alloc(&a, 4097));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 3));
    assert_null(arena_strdup(&a, str_of("x", SIZE_MAX)));
    assert_non_null(arena_alloc(&a, 4096));
    assert_null(arena_alloc(&a, 1));
    assert_int_equal(a.used, 4096);
    arena_release(&a);
    arena_init(&a, 100);
    size_t handed_out = 0;
    while (arena_alloc(&a, 1)) {
        handed_out++;
    }
    assert_int_equal(handed_out, 100 / alignof(max_align_t));
    arena_release(&a);
}

static void copies(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_string_equal(arena_strdup(&a, STR("name")), "name");
    assert_string_equal(arena_strdup(&a, (struct str){NULL, 0}), "");
    assert_str_equal(arena_str(&a, STR("view")), STR("view"));
    assert_non_null(arena_str(&a, STR("")).ptr);
    assert_memory_equal(arena_memdup(&a, "\0\1\2", 3), "\0\1\2", 3);
    char *zeroes = arena_zalloc(&a, 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(zeroes[i], 0);
    }
    arena_release(&a);
    arena_init(&a, 0);
    assert_null(arena_str(&a, STR("x")).ptr);
    assert_int_equal(arena_str(&a, STR("x")).len, 0);
    arena_release(&a);
}

static void survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (size_t good = 0;; good++) {
        struct arena a;
        size_t refused = 0;
        arena_init(&a, 1 << 20);
        fail_alloc_start(good);
        for (int i = 0; i < 100; i++) {
            refused += arena_zalloc(&a, 200) == NULL;
        }
        arena_release(&a);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        assert_int_equal(refused, report.failed ? 1 : 0);
        if (!report.failed) {
            assert_true(good >= 3);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(copies),
        cmocka_unit_test(survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
