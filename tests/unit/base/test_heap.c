#include "base/heap.h"
#include "base/list.h"
#include "fail_alloc.h"
#include "unit.h"

struct timer {
    struct heap_node node;
    int due;
};

static bool timer_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct timer, node)->due < CONTAINER_OF(b, struct timer, node)->due;
}

static void check_order(const struct heap *heap)
{
    for (uint32_t i = 0; i < heap->len; i++) {
        assert_int_equal(heap->nodes[i]->index, i);
        assert_false(i > 0 && timer_before(heap->nodes[i], heap->nodes[(i - 1) / 2]));
    }
}

static void empty_heaps(void **state)
{
    (void)state;
    struct heap heap;
    struct timer t;
    heap_init(&heap, timer_before);
    heap_node_init(&t.node);
    assert_null(heap_first(&heap));
    assert_null(heap_pop(&heap));
    heap_remove(&heap, &t.node);
    heap_update(&heap, &t.node);
    assert_false(heap_contains(&t.node));
    heap_release(&heap);
}

static void pops_in_order(void **state)
{
    (void)state;
    enum { N = 1000 };
    static struct timer timers[N];
    struct heap heap;
    heap_init(&heap, timer_before);
    for (int i = 0; i < N; i++) {
        timers[i].due = i * 7919 % N;
        heap_node_init(&timers[i].node);
        assert_int_equal(heap_push(&heap, &timers[i].node), 0);
    }
    check_order(&heap);
    for (int i = 0; i < N; i++) {
        struct heap_node *first = heap_pop(&heap);
        assert_int_equal(CONTAINER_OF(first, struct timer, node)->due, i);
        assert_false(heap_contains(first));
    }
    assert_null(heap_pop(&heap));
    heap_release(&heap);
}

static void stays_in_order_under_random_changes(void **state)
{
    (void)state;
    enum { N = 200, ROUNDS = 20000 };
    static struct timer timers[N];
    struct heap heap;
    uint32_t random = 1;
    heap_init(&heap, timer_before);
    for (int i = 0; i < N; i++) {
        heap_node_init(&timers[i].node);
    }
    for (int round = 0; round < ROUNDS; round++) {
        random = random * 1664525 + 1013904223;
        struct timer *t = &timers[(random >> 16) % N];
        bool was_in = heap_contains(&t->node);
        t->due = (int)(random >> 8 & 0xff);
        if (!was_in) {
            assert_int_equal(heap_push(&heap, &t->node), 0);
        } else if (random & 0x80) {
            heap_remove(&heap, &t->node);
        } else {
            heap_update(&heap, &t->node);
        }
        assert_int_equal(heap_contains(&t->node), !was_in || !(random & 0x80));
        if (round % 16 == 0) {
            check_order(&heap);
        }
    }
    check_order(&heap);
    heap_release(&heap);
    assert_false(heap_contains(&timers[0].node));
}

static void survives_a_lack_of_memory(void **state)
{
    (void)state;
    static struct timer timers[100];
    for (size_t good = 0;; good++) {
        struct heap heap;
        int refused = 0;
        heap_init(&heap, timer_before);
        fail_alloc_start(good);
        for (size_t i = 0; i < COUNT(timers); i++) {
            heap_node_init(&timers[i].node);
            int err = heap_push(&heap, &timers[i].node);
            refused += err == HUB_ERR_NOMEM && !heap_contains(&timers[i].node);
        }
        uint32_t len = heap.len;
        heap_release(&heap);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        assert_int_equal(refused, report.failed ? 1 : 0);
        assert_int_equal(len, COUNT(timers) - (size_t)refused);
        if (!report.failed) {
            assert_true(good >= 3);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_heaps),
        cmocka_unit_test(pops_in_order),
        cmocka_unit_test(stays_in_order_under_random_changes),
        cmocka_unit_test(survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
