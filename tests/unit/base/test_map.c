#include "base/map.h"
#include "fail_alloc.h"
#include "unit.h"

enum { N = 2000 };

struct pair {
    char text[16];
    bool in_map;
};

static struct pair pairs[N];

static struct str key_of(struct pair *pair)
{
    return str_from_c(pair->text);
}

static int make_pairs(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        snprintf(pairs[i].text, sizeof pairs[i].text, "key-%d", i);
        pairs[i].in_map = false;
    }
    return 0;
}

static void empty_maps(void **state)
{
    (void)state;
    struct map m;
    map_init(&m);
    assert_null(map_get(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_null(map_next(&m, NULL));
    map_release(&m);
}

static void puts_gets_and_replaces(void **state)
{
    (void)state;
    struct map m;
    char old_key[] = "key", one[] = "one", two[] = "two", empty[] = "empty";
    map_init(&m);
    assert_int_equal(map_put(&m, str_from_c(old_key), one), 0);
    assert_int_equal(map_put(&m, STR(""), empty), 0);
    assert_int_equal(map_put(&m, STR("key"), two), 0);
    memset(old_key, 'x', sizeof old_key); /* the replaced entry's key is no longer looked at */
    assert_int_equal(m.len, 2);
    assert_string_equal(map_get(&m, STR("key")), "two");
    assert_string_equal(map_get(&m, STR("")), "empty");
    assert_null(map_get(&m, STR("ke")));
    assert_string_equal(map_remove(&m, STR("key")), "two");
    assert_null(map_get(&m, STR("key")));
    map_release(&m);
    assert_int_equal(m.len, 0);
    assert_null(map_get(&m, STR("")));
}

static void keeps_track_under_random_changes(void **state)
{
    (void)state;
    struct map m;
    uint32_t random = 7;
    size_t len = 0;
    map_init(&m);
    for (int round = 0; round < 100000; round++) {
        random = random * 1664525 + 1013904223;
        struct pair *p = &pairs[(random >> 16) % N];
        if (p->in_map) {
            assert_ptr_equal(map_get(&m, key_of(p)), p);
            assert_ptr_equal(map_remove(&m, key_of(p)), p);
            len--;
        } else {
            assert_null(map_get(&m, key_of(p)));
            assert_int_equal(map_put(&m, key_of(p), p), 0);
            len++;
        }
        p->in_map = !p->in_map;
        assert_int_equal(m.len, len);
    }
    size_t visited = 0;
    MAP_FOR_EACH(entry, &m) {
        struct pair *p = entry->value;
        assert_true(p->in_map);
        assert_true(str_eq(entry->key, key_of(p)));
        visited++;
    }
    assert_int_equal(visited, len);
    for (int i = 0; i < N; i++) {
        assert_ptr_equal(map_get(&m, key_of(&pairs[i])), pairs[i].in_map ? &pairs[i] : NULL);
    }
    map_release(&m);
}

static void tables_have_secrets_of_their_own(void **state)
{
    (void)state;
    struct map a, b;
    map_init(&a);
    map_init(&b);
    assert_memory_not_equal(a.secret, b.secret, sizeof a.secret);
    map_release(&a);
    map_release(&b);
}

static void survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (size_t good = 0;; good++) {
        struct map m;
        size_t refused = 0;
        map_init(&m);
        fail_alloc_start(good);
        for (int i = 0; i < N; i++) {
            refused += map_put(&m, key_of(&pairs[i]), &pairs[i]) == HUB_ERR_NOMEM;
        }
        size_t present = 0;
        for (int i = 0; i < N; i++) {
            present += map_get(&m, key_of(&pairs[i])) == &pairs[i];
        }
        map_release(&m);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        assert_int_equal(refused, report.failed ? 1 : 0);
        assert_int_equal(present, N - refused);
        if (!report.failed) {
            assert_true(good >= 7);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_maps),
        cmocka_unit_test(puts_gets_and_replaces),
        cmocka_unit_test_setup(keeps_track_under_random_changes, make_pairs),
        cmocka_unit_test(tables_have_secrets_of_their_own),
        cmocka_unit_test_setup(survives_a_lack_of_memory, make_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
