/*
 * Runners that lie: each lie ends that runner or that attempt, and nothing else.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS 20000

static unsigned open_fds(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* An attempt that is told this lie. The "connector" is an empty file of that name. */
static const struct end *tell(struct fixture *self, const char *lie)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.so", self->dir, lie);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    fixture_scan(self);
    const struct end *end = fixture_run(self, lie, "{}", LONG_MS);
    return end;
}

static void broken_frames_end_the_runner(void **state)
{
    static const char *const LIES[] = {
        "unknown_type",        "huge_frame",           "frame_of_hubd",
        "malformed_result",    "foreign_token",        "ready_again",
        "sends_descriptors",   "unknown_artifact",     "artifact_count_lies",
        "same_artifact_twice", "progress_not_utf8",    "keep_for_foreign_token",
        "keep_without_key",    "keep_key_not_utf8",    "keep_same_number",
        "keep_too_many",       "keep_removes_a_value", "keep_list_of_none",
        "entry_not_an_object", "entry_of_no_kind",
    };
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        const struct end *end = tell(*state, LIES[i]);
        if (end->kind != SUPERVISOR_DIED || end->cause != SUPERVISOR_CAUSE_PROTOCOL) {
            fail_msg("%s: kind %d, cause %d", LIES[i], end->kind, end->cause);
        }
        assert_int_equal(fixture_connector(*state, LIES[i]).runners_crashed, 1);
    }
}

static const char *const AFTER_THE_END[] = {"two_results", "keep_after_result"};

static bool has_crashed(struct fixture *self, uint64_t argument)
{
    return fixture_connector(self, AFTER_THE_END[argument]).runners_crashed == 1;
}

static void what_comes_for_an_ended_attempt_ends_the_runner(void **state)
{
    for (size_t i = 0; i < sizeof AFTER_THE_END / sizeof AFTER_THE_END[0]; i++) {
        assert_int_equal(tell(*state, AFTER_THE_END[i])->kind, SUPERVISOR_OK);
        fixture_until(*state, has_crashed, i);
    }
}

/* Calls that nobody waits for any more are answered into the void, when the fixture closes. */
static void a_runner_that_dies_leaves_its_calls(void **state)
{
    struct fixture *self = *state;
    const struct end *end = tell(self, "keep_and_death");
    assert_int_equal(end->cause, SUPERVISOR_CAUSE_SIGNAL);
    assert_int_equal(self->call_count, 256);
}

static void unacceptable_content_fails_the_attempt(void **state)
{
    static const struct {
        const char *lie;
        const char *code;
        const char *message;
    } LIES[] = {
        {"same_artifact_name", "protocol_error", "the same name"},
        {"artifact_with_path", "protocol_error", "as no file may be named"},
        {"result_not_json", "protocol_error", "duplicate name"},
        {"result_too_large", "output_too_large", "too large"},
        {"code_not_a_name", "protocol_error", "no name"},
        {"message_not_utf8", "protocol_error", "not UTF-8"},
        {"details_not_an_object", "protocol_error", "no JSON object"},
    };
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        const struct end *end = tell(*state, LIES[i].lie);
        assert_int_equal(end->kind, SUPERVISOR_FAIL);
        assert_string_equal(end->code, LIES[i].code);
        assert_non_null(strstr(end->message, LIES[i].message));
        assert_int_equal(end->artifact_count, 0);
        assert_int_equal(fixture_connector(*state, LIES[i].lie).runners_crashed, 0);
    }
}

static void a_result_before_the_death_counts(void **state)
{
    const struct end *end = tell(*state, "result_and_death");
    assert_int_equal(end->kind, SUPERVISOR_OK);
    assert_string_equal(end->result, "{\"last\":true}");
}

static void a_flood_of_lines_is_cut(void **state)
{
    struct fixture *self = *state;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    self->log.fd = null;
    assert_int_equal(tell(self, "endless_log")->kind, SUPERVISOR_OK);
    self->log.fd = STDERR_FILENO;
    close(null);
}

static void an_innocent_neighbour_is_not_harmed(void **state)
{
    struct fixture *self = *state;
    tell(self, "code_not_a_name");
    pid_t pid = fixture_run(self, "code_not_a_name", "{}", LONG_MS)->pid;
    tell(self, "huge_frame");
    assert_int_equal(fixture_run(self, "code_not_a_name", "{}", LONG_MS)->pid, pid);
}

static void nothing_is_left_behind(void **state)
{
    struct fixture *self = *state;
    tell(self, "sends_descriptors");
    fixture_run_for(self, 100);
    unsigned before = open_fds();
    for (int i = 0; i < 5; i++) {
        fixture_run(self, "sends_descriptors", "{}", LONG_MS);
    }
    fixture_run_for(self, 300);
    assert_int_equal(open_fds(), before);
}

static void use_runner(struct fixture *self, const char *path)
{
    char file[128];
    snprintf(file, sizeof file, "%s/x.so", self->dir);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    self->config.runner_path = path;
    self->config.hello_timeout_ms = 500;
    fixture_restart(self);
}

static void get_reason(void *context, const struct supervisor_connector *connector)
{
    snprintf(context, HUB_ERROR_DETAIL_MAX, "%.*s", STR_ARG(connector->reason));
}

static void assert_reason(struct fixture *self, const char *expected)
{
    char reason[HUB_ERROR_DETAIL_MAX] = "";
    supervisor_each(self->supervisor, get_reason, reason);
    if (!strstr(reason, expected)) {
        fail_msg("\"%s\", not \"%s\"", reason, expected);
    }
}

static void a_mute_runner_is_given_up(void **state)
{
    use_runner(*state, HUB_TEST_FAKE_RUNNER "_mute");
    assert_reason(*state, "saying hello took too long");
}

static void a_runner_of_another_version_is_refused(void **state)
{
    use_runner(*state, HUB_TEST_FAKE_RUNNER "_hello");
    assert_reason(*state, "speaks protocol 99 and ABI 1.0, hubd speaks 2 and 1.0");
}

static void a_program_that_is_no_runner_is_refused(void **state)
{
    use_runner(*state, "/bin/false");
    assert_reason(*state, "it exited with code 1");
}

static int setup(void **state)
{
    fixture_setup_empty(state);
    struct fixture *self = *state;
    self->config.runner_path = HUB_TEST_FAKE_RUNNER;
    fixture_restart(self);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(broken_frames_end_the_runner),
        TEST(what_comes_for_an_ended_attempt_ends_the_runner),
        TEST(a_runner_that_dies_leaves_its_calls),
        TEST(unacceptable_content_fails_the_attempt),
        TEST(a_result_before_the_death_counts),
        TEST(a_flood_of_lines_is_cut),
        TEST(an_innocent_neighbour_is_not_harmed),
        TEST(nothing_is_left_behind),
        TEST(a_mute_runner_is_given_up),
        TEST(a_runner_of_another_version_is_refused),
        TEST(a_program_that_is_no_runner_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
