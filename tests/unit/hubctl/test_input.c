/* input.h: a job's input from the command line; complete.h: what may stand at a line's end. */
#include "base/json.h"
#include "hubctl/commands.h"
#include "hubctl/complete.h"
#include "hubctl/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_json(struct json_object *value, const char *expected)
{
    struct buf buf;

    buf_init(&buf, BUF_NO_LIMIT);
    json_append(&buf, value);
    assert_string_equal(buf.ptr, expected);
    buf_release(&buf);
}

static void sets_members_at_places(void **state)
{
    static const struct {
        const char *sets[4];
        const char *input;
    } cases[] = {
        {{"a=1"}, "{\"a\":1}"},
        {{"a=text"}, "{\"a\":\"text\"}"},
        {{"a=\"1\""}, "{\"a\":\"1\"}"},
        {{"a="}, "{\"a\":\"\"}"},
        {{"a=b=c"}, "{\"a\":\"b=c\"}"},
        {{"a=null", "b=[1,{}]"}, "{\"a\":null,\"b\":[1,{}]}"},
        {{"a=0.10"}, "{\"a\":0.10}"},
        {{"a=1", "a=2"}, "{\"a\":2}"},
        {{"a.b.c=true", "a.d=false"}, "{\"a\":{\"b\":{\"c\":true},\"d\":false}}"},
        {{"o.0.w=1", "o.0.h=2", "o.1.w=3", "o.-.w=4"},
         "{\"o\":[{\"w\":1,\"h\":2},{\"w\":3},{\"w\":4}]}"},
        {{"/a~1b/c~0d=1"}, "{\"a/b\":{\"c~d\":1}}"},
        {{"/a.b=1"}, "{\"a.b\":1}"},
        {{"/list/-=a", "/list/-=b"}, "{\"list\":[\"a\",\"b\"]}"},
        {{"a=null", "a.b=1"}, "{\"a\":{\"b\":1}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_object *input = json_object_new_object();

        for (size_t s = 0; s < 4 && cases[i].sets[s]; s++) {
            assert_int_equal(input_set(input, str_from_c(cases[i].sets[s]), NULL), 0);
        }
        assert_json(input, cases[i].input);
        json_object_put(input);
    }
}

static void refuses_impossible_places(void **state)
{
    static const char *const cases[] = {"a", "=1", "n.b=1", "l.5=1", "l.x=1", "l.x.y=1", "a=\xff"};
    struct hub_error error;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_object *input;
        struct str text = STR("{\"n\":1,\"l\":[1,2]}");

        assert_int_equal(input_read_object(text, "--input", &input, NULL), 0);
        assert_int_equal(input_set(input, str_from_c(cases[i]), &error), HUB_ERR_BAD_REQUEST);
        assert_true(strlen(error.detail) > 0);
        assert_json(input, "{\"n\":1,\"l\":[1,2]}");
        json_object_put(input);
    }
}

static void input_must_be_an_object(void **state)
{
    struct json_object *input;
    struct hub_error error;

    (void)state;
    assert_int_equal(input_read_object(STR("[1]"), "--input", &input, &error), HUB_ERR_BAD_REQUEST);
    assert_string_equal(error.detail, "--input must be a JSON object: {…}");
    assert_int_equal(input_read_object(STR("{\"a\":1,\"a\":2}"), "--input", &input, &error),
                     HUB_ERR_BAD_REQUEST);
    assert_non_null(strstr(error.detail, "byte 7"));
}

/* --- completion ------------------------------------------------------------------------------- */

static void completes_by_the_table(void **state)
{
    static const struct {
        const char *line;
        const char *command; /* NULL: none yet */
        bool commands;
        bool options;
        int kind; /* -1: none */
        const char *word;
        size_t keep;
    } cases[] = {
        {"hubctl ", NULL, true, false, -1, "", 0},
        {"hubctl qu", NULL, true, false, -1, "qu", 0},
        {"hubctl queues pa", "queues", true, false, -1, "pa", 0},
        {"hubctl queues pause m", "pause", false, false, WORD_QUEUE, "m", 0},
        {"hubctl run ", "run", false, false, WORD_JOB_TYPE, "", 0},
        {"hubctl run --qu", "run", false, true, -1, "--qu", 0},
        {"hubctl run noop.run --queue ", "run", false, false, WORD_QUEUE, "", 0},
        {"hubctl run --queue=ma", "run", false, false, WORD_QUEUE, "ma", 0},
        {"hubctl run -i @da", "run", false, false, WORD_FILE, "da", 0},
        {"hubctl run --file image=pho", "run", false, false, WORD_FILE, "pho", 0},
        {"hubctl run -o ", "run", false, false, WORD_DIR, "", 0},
        {"hubctl --socket /s list --state ", "list", false, false, WORD_JOB_STATE, "", 0},
        {"hubctl keys create x --scope jobs:r", "create", false, false, WORD_SCOPE, "jobs:r", 5},
        {"hubctl run 'a b' --label x\\ y --queue \"q", "run", false, false, WORD_QUEUE, "q", 0},
        {"hubctl queues mail pa", "queues", false, false, -1, "pa", 0},
        {"hubctl run --set queue ", "run", false, false, WORD_JOB_TYPE, "", 0},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct complete at;

        complete_line(&at, &arena, str_from_c(cases[i].line));
        if (cases[i].command) {
            assert_non_null(at.command);
            assert_string_equal(at.command->name, cases[i].command);
        } else {
            assert_null(at.command);
        }
        assert_int_equal(at.wants_command, cases[i].commands);
        assert_int_equal(at.wants_option, cases[i].options);
        assert_int_equal(at.wants_kind ? (int)at.kind : -1, cases[i].kind);
        assert_true(str_eq(at.word, str_from_c(cases[i].word)));
        assert_int_equal(at.keep, cases[i].keep);
    }
    arena_release(&arena);
}

/* --- the command table ------------------------------------------------------------------------ */

static void check_options(const struct option *options)
{
    for (const struct option *o = options; o && o->name; o++) {
        assert_non_null(o->help);
        for (const struct option *other = o + 1; other->name; other++) {
            assert_string_not_equal(o->name, other->name);
            assert_true(!o->letter || o->letter != other->letter);
        }
        for (const struct option *g = command_global_options; g->name; g++) {
            assert_true(g == o || strcmp(g->name, o->name) != 0);
            assert_true(g == o || !o->letter || g->letter != o->letter);
        }
    }
}

static void check_command(const struct command *command)
{
    assert_non_null(command->name);
    assert_non_null(command->summary);
    assert_non_null(command->usage);
    assert_true(command->run || command->subcommands);
    assert_true(command->words_min <= command->words_max);
    check_options(command->options);
    for (const struct command *const *sub = command->subcommands; sub && *sub; sub++) {
        check_command(*sub);
    }
}

static void every_command_is_complete(void **state)
{
    (void)state;
    check_options(command_global_options);
    for (const struct command_group *group = command_groups; group->title; group++) {
        for (const struct command *const *command = group->commands; *command; command++) {
            check_command(*command);
            assert_ptr_equal(commands_find((*command)->name), *command);
        }
    }
    assert_string_equal(commands_nearest(NULL, "qeues"), "queues");
    assert_null(commands_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_members_at_places),    cmocka_unit_test(refuses_impossible_places),
        cmocka_unit_test(input_must_be_an_object),   cmocka_unit_test(completes_by_the_table),
        cmocka_unit_test(every_command_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
