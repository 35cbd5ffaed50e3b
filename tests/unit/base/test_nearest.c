/* "Did you mean": typing errors, and where similarity ends. */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest_to(const char *word)
{
    static const char *const CANDIDATES[] = {"queues", "keys", "connectors", "list", ""};
    struct nearest nearest;

    nearest_init(&nearest, str_from_c(word));
    for (size_t i = 0; i < sizeof CANDIDATES / sizeof CANDIDATES[0]; i++) {
        nearest_offer(&nearest, str_from_c(CANDIDATES[i]));
    }
    return nearest.best.ptr;
}

static void test_typing_errors(void **state)
{
    (void)state;
    assert_string_equal(nearest_to("qeues"), "queues");   /* one too few */
    assert_string_equal(nearest_to("quueues"), "queues"); /* one too many */
    assert_string_equal(nearest_to("lits"), "list");      /* a swap is one error */
    assert_string_equal(nearest_to("conectros"), "connectors");
    assert_string_equal(nearest_to("list"), "list");
}

static void test_where_similarity_ends(void **state)
{
    char endless[NEAREST_WORD_MAX + 2];

    (void)state;
    memset(endless, 'k', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(nearest_to("run"));
    assert_null(nearest_to("li")); /* too short to be a slip */
    assert_null(nearest_to(""));
    assert_null(nearest_to("batches"));
    assert_null(nearest_to(endless));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing_errors),
        cmocka_unit_test(test_where_similarity_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
