#include "base/list.h"
#include "unit.h"

struct item {
    struct list link;
    char name;
};

static void check(struct list *list, const char *expected)
{
    char names[16];
    size_t n = 0;
    LIST_FOR_EACH(link, list) {
        names[n++] = CONTAINER_OF(link, struct item, link)->name;
        assert_ptr_equal(link->next->prev, link);
    }
    names[n] = '\0';
    assert_string_equal(names, expected);
}

static void links_and_unlinks(void **state)
{
    (void)state;
    struct list list;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_init(&list);
    list_init(&c.link);
    assert_null(list_first(&list));
    list_append(&list, &b.link);
    list_prepend(&list, &a.link);
    assert_false(list_linked(&c.link));
    list_remove(&c.link);
    list_insert_before(&b.link, &c.link);
    check(&list, "acb");
    list_remove(&c.link);
    assert_false(list_linked(&c.link));
    check(&list, "ab");
    assert_ptr_equal(list_first(&list), &a.link);
}

static void the_current_element_may_be_removed(void **state)
{
    (void)state;
    struct list list;
    struct item items[4];
    list_init(&list);
    for (size_t i = 0; i < COUNT(items); i++) {
        items[i].name = (char)('a' + i);
        list_append(&list, &items[i].link);
    }
    LIST_FOR_EACH(link, &list) {
        list_remove(link);
    }
    assert_true(list_empty(&list));
}

static void splice_moves_all(void **state)
{
    (void)state;
    struct list to, from;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_init(&to);
    list_init(&from);
    list_append(&to, &a.link);
    list_append(&from, &b.link);
    list_append(&from, &c.link);
    list_splice(&to, &from);
    check(&to, "abc");
    assert_true(list_empty(&from));
    list_splice(&to, &from);
    check(&to, "abc");
    list_splice(&from, &to);
    check(&from, "abc");
    check(&to, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_unlinks),
        cmocka_unit_test(the_current_element_may_be_removed),
        cmocka_unit_test(splice_moves_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
