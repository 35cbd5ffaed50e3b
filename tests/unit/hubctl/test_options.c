#include "hubctl/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct option globals[] = {
    {"json", 0, NULL, "", WORD_ANY},
    {"quiet", 'q', NULL, "", WORD_ANY},
    {"socket", 0, "PATH", "", WORD_FILE},
    {0},
};

static const struct option own[] = {
    {"label", 'l', "NAME=VALUE", "", WORD_ANY},
    {"limit", 'n', "N", "", WORD_ANY},
    {"verbose", 'v', NULL, "", WORD_ANY},
    {0},
};

#define ARGV_MAX 16

/* Parses the words of `argv` (ends with NULL) with both tables. */
static int parse(struct options *options, const char *const *argv, struct hub_error *error)
{
    int argc = 0;

    while (argv[argc]) {
        argc++;
    }
    assert_int_equal(options_init(options, argc, argv), 0);
    options_use(options, globals);
    options_use(options, own);
    return options_parse(options, OPTIONS_TO_END, error);
}

#define PARSE(options, error, ...)                                                                 \
    parse(options, (const char *[ARGV_MAX]){__VA_ARGS__, NULL}, error)

static void reads_every_form(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(PARSE(&o, NULL, "one", "--json", "--limit=5", "--socket", "/s", "-qv", "-la=b",
                           "-l", "c=d", "two", "--", "--json", "-x"),
                     0);
    assert_true(options_has(&o, "json"));
    assert_true(options_has(&o, "quiet"));
    assert_true(options_has(&o, "verbose"));
    assert_string_equal(options_get(&o, "limit"), "5");
    assert_string_equal(options_get(&o, "socket"), "/s");
    size_t at = 0;
    assert_string_equal(options_next(&o, "label", &at), "a=b");
    assert_string_equal(options_next(&o, "label", &at), "c=d");
    assert_null(options_next(&o, "label", &at));
    assert_int_equal(o.words_len, 4);
    assert_string_equal(o.words[0], "one");
    assert_string_equal(o.words[1], "two");
    assert_string_equal(o.words[2], "--json");
    assert_string_equal(o.words[3], "-x");
    options_release(&o);
}

static void a_value_may_begin_with_a_dash(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(PARSE(&o, NULL, "--limit", "-5", "-n", "-", "-"), 0);
    size_t at = 0;
    assert_string_equal(options_next(&o, "limit", &at), "-5");
    assert_string_equal(options_next(&o, "limit", &at), "-");
    assert_string_equal(options_get(&o, "limit"), "-"); /* the last one wins */
    assert_int_equal(o.words_len, 1);
    assert_string_equal(o.words[0], "-");
    options_release(&o);
}

static void an_empty_value_is_one(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(PARSE(&o, NULL, "--limit=", "--socket", ""), 0);
    assert_string_equal(options_get(&o, "limit"), "");
    assert_string_equal(options_get(&o, "socket"), "");
    assert_null(options_get(&o, "label"));
    options_release(&o);
}

static void refuses_with_a_sentence(void **state)
{
    static const struct {
        const char *argv[4];
        const char *says;
    } cases[] = {
        {{"--limmit", "3"}, "there is no option --limmit; did you mean --limit?"},
        {{"--zzzzzzzz"}, "there is no option --zzzzzzzz"},
        {{"-z"}, "there is no option -z"},
        {{"-qz"}, "there is no option -z"},
        {{"--json=yes"}, "--json takes no value"},
        {{"--limit"}, "--limit needs a value: N"},
        {{"-n"}, "-n needs a value: N"},
        {{"--lim", "3"}, "there is no option --lim"}, /* names are not abbreviated */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hub_error error;
        struct options o;
        const char *argv[ARGV_MAX] = {cases[i].argv[0], cases[i].argv[1]};

        assert_int_equal(parse(&o, argv, &error), HUB_ERR_BAD_REQUEST);
        assert_string_equal(error.detail, cases[i].says);
        options_release(&o);
    }
}

static void stops_before_the_second_word(void **state)
{
    const char *argv[] = {"--json", "run", "--limit", "3", "x"};
    struct options o;

    (void)state;
    assert_int_equal(options_init(&o, 5, argv), 0);
    options_use(&o, globals);
    assert_int_equal(options_parse(&o, OPTIONS_TO_WORD, NULL), 0);
    assert_int_equal(o.argc, 3);
    assert_string_equal(options_shift(&o), "run");
    assert_null(options_shift(&o));
    options_use(&o, own); /* only now is --limit known */
    assert_int_equal(options_parse(&o, OPTIONS_TO_END, NULL), 0);
    assert_string_equal(options_get(&o, "limit"), "3");
    assert_string_equal(o.words[0], "x");
    options_release(&o);
}

static void reads_whole_numbers(void **state)
{
    struct hub_error error;
    struct options o;
    int64_t value = 7;

    (void)state;
    assert_int_equal(PARSE(&o, NULL, "--limit", "-12"), 0);
    assert_int_equal(options_i64(&o, "limit", -100, 100, &value, NULL), 0);
    assert_int_equal(value, -12);
    assert_int_equal(options_i64(&o, "limit", 1, 100, &value, &error), HUB_ERR_BAD_REQUEST);
    assert_string_equal(error.detail, "--limit must be a whole number from 1 to 100, not '-12'");
    assert_int_equal(options_i64(&o, "socket", 1, 2, &value, NULL), 0); /* absent: untouched */
    assert_int_equal(value, -12);
    options_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(a_value_may_begin_with_a_dash),
        cmocka_unit_test(an_empty_value_is_one),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(stops_before_the_second_word),
        cmocka_unit_test(reads_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
