#include "base/thread.h"
#include "unit.h"

#include <pthread.h>

static void *in_the_store(void *name)
{
    thread_set_role(THREAD_STORE, "a name of more than fifteen");
    pthread_getname_np(pthread_self(), name, 16);
    bool right = thread_has_role(THREAD_STORE) && !thread_has_role(THREAD_LOOP) &&
                 thread_has_role(THREAD_ANY);
    return right ? name : NULL;
}

static void roles_belong_to_threads(void **state)
{
    (void)state;
    char name[16] = "";
    pthread_t thread;
    void *result = NULL;
    assert_true(thread_has_role(THREAD_LOOP)); /* no role passes every check */
    assert_true(thread_has_role(THREAD_STORE));
    assert_int_equal(pthread_create(&thread, NULL, in_the_store, name), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, name);
    assert_string_equal(name, "a name of more ");
    assert_true(thread_has_role(THREAD_LOOP));
    ASSERT_THREAD(THREAD_LOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(roles_belong_to_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
