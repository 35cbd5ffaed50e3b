/*
 * Attempts in real runners: every way in which one can end.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONG_MS 20000 /* a deadline that does not matter */

/* Both modes are held to the same. */
static const char *const PROBES[] = {"probe", "aprobe"};
#define FOR_EACH_PROBE(name)                                                                       \
    for (const char *name, *const *name##_at = PROBES;                                             \
         name##_at < PROBES + 2 && (name = *name##_at, true); name##_at++)

static void noop_succeeds(void **state)
{
    const struct end *end = fixture_run(*state, "noop", "{}", LONG_MS);
    assert_int_equal(end->kind, SUPERVISOR_OK);
    assert_string_equal(end->result, "{}");
    assert_string_equal(end->version, "1.0.0");
    assert_true(end->pid > 0);
    assert_int_equal(end->artifact_count, 0);
}

static void completions_arrive(void **state)
{
    FOR_EACH_PROBE(probe)
    {
        const struct end *end =
            fixture_run(*state, probe, "{\"do\":\"succeed\",\"result\":[1]}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_OK);
        assert_non_null(strchr(end->result, '1'));

        end = fixture_run(*state, probe, "{\"do\":\"fail\",\"code\":\"c1\",\"message\":\"m\"}",
                          LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_FAIL);
        assert_string_equal(end->code, "c1");
        assert_string_equal(end->message, "m");
        assert_string_equal(end->details, "{\"probe\":true}");

        end = fixture_run(*state, probe, "{\"do\":\"retry\",\"delay_ms\":1234}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_RETRY);
        assert_int_equal(end->delay_ms, 1234);
        assert_string_equal(end->code, "probe_retry");

        end = fixture_run(*state, probe, "{\"do\":\"unknown\"}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_UNKNOWN);
        assert_string_equal(end->code, "probe_unknown");
    }
}

static void a_code_that_is_no_name_is_replaced(void **state)
{
    FOR_EACH_PROBE(probe)
    {
        const struct end *end =
            fixture_run(*state, probe, "{\"do\":\"fail\",\"code\":\"Not a name!\"}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_FAIL);
        assert_string_equal(end->code, "connector_failed");
    }
}

static void progress_arrives(void **state)
{
    struct fixture *self = *state;
    FOR_EACH_PROBE(probe)
    {
        self->progress_count = 0;
        const struct end *end =
            fixture_run(self, probe, "{\"do\":\"progress\",\"ms\":70,\"times\":4}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_OK);
        assert_in_range(self->progress_count, 3, 4); /* the last may be overtaken by the result */
        assert_true(self->last_permille >= 750);
        assert_memory_equal(self->last_message, "step ", 5);
    }
}

static void progress_is_thinned_out(void **state)
{
    struct fixture *self = *state;
    FOR_EACH_PROBE(probe)
    {
        self->progress_count = 0;
        fixture_run(self, probe, "{\"do\":\"progress\",\"ms\":0,\"times\":100000}", LONG_MS);
        assert_true(self->progress_count < 1000);
    }
}

static void cancel_is_advice_first(void **state)
{
    struct fixture *self = *state;
    FOR_EACH_PROBE(probe)
    {
        uint64_t token = fixture_start(self, probe, "{\"do\":\"sleep\",\"ms\":10000}", LONG_MS);
        fixture_run_for(self, 300);
        assert_false(has_ended(self, token));
        supervisor_cancel(self->supervisor, token);
        assert_false(has_ended(self, token)); /* never within the call */
        fixture_until(self, has_ended, token);
        const struct end *end = fixture_end(self, token);
        assert_int_equal(end->kind, SUPERVISOR_DIED); /* a failure after a cancel is the cancel */
        assert_int_equal(end->cause, SUPERVISOR_CAUSE_CANCELLED);
        assert_int_equal(fixture_connector(self, probe).runners_crashed, 0);
    }
}

static void cancel_is_force_then(void **state)
{
    struct fixture *self = *state;
    FOR_EACH_PROBE(probe)
    {
        uint64_t token = fixture_start(self, probe, "{\"do\":\"hang\"}", LONG_MS);
        fixture_run_for(self, 300);
        supervisor_cancel(self->supervisor, token);
        fixture_until(self, has_ended, token);
        assert_int_equal(fixture_end(self, token)->cause, SUPERVISOR_CAUSE_CANCELLED);
        assert_int_equal(fixture_connector(self, probe).runners_crashed, 1);
        assert_int_equal(fixture_run(self, probe, "{\"do\":\"succeed\"}", LONG_MS)->kind,
                         SUPERVISOR_OK);
    }
}

static void a_success_after_cancel_counts(void **state)
{
    struct fixture *self = *state;
    FOR_EACH_PROBE(probe)
    {
        fixture_run(self, probe, "{\"do\":\"succeed\"}", LONG_MS); /* the runner is there */
        uint64_t token =
            fixture_start(self, probe, "{\"do\":\"sleep\",\"ms\":150,\"deaf\":true}", LONG_MS);
        fixture_run_for(self, 60);
        supervisor_cancel(self->supervisor, token);
        fixture_until(self, has_ended, token);
        assert_int_equal(fixture_end(self, token)->kind, SUPERVISOR_OK);
    }
}

static void cancel_before_the_runner_is_there(void **state)
{
    struct fixture *self = *state;
    uint64_t token = fixture_start(self, "probe", "{\"do\":\"succeed\"}", LONG_MS);
    supervisor_cancel(self->supervisor, token);
    supervisor_cancel(self->supervisor, token); /* twice is once */
    assert_false(has_ended(self, token));
    fixture_until(self, has_ended, token);
    assert_int_equal(fixture_end(self, token)->cause, SUPERVISOR_CAUSE_CANCELLED);
    supervisor_cancel(self->supervisor, token); /* unknown: nothing */
}

static void the_deadline_is_the_law(void **state)
{
    FOR_EACH_PROBE(probe)
    {
        /* One that listens, one that does not, one that computes: all end at the deadline. */
        const char *const INPUTS[] = {
            "{\"do\":\"sleep\",\"ms\":10000}", "{\"do\":\"sleep\",\"ms\":10000,\"deaf\":true}",
            "{\"do\":\"spin\"}",
            "{\"do\":\"sleep\",\"ms\":390,\"deaf\":true}", /* succeeds, but too late */
        };
        for (size_t i = 0; i < 4; i++) {
            fixture_run(*state, probe, "{\"do\":\"succeed\"}", LONG_MS);
            const struct end *end = fixture_run(*state, probe, INPUTS[i], 300);
            assert_int_equal(end->kind, SUPERVISOR_DIED);
            assert_int_equal(end->cause, SUPERVISOR_CAUSE_DEADLINE);
        }
    }
}

static void deaths_have_their_cause(void **state)
{
    static const struct {
        const char *input;
        enum supervisor_cause cause;
        int number;
    } DEATHS[] = {
        {"{\"do\":\"crash\"}", SUPERVISOR_CAUSE_SIGNAL, SIGSEGV},
        {"{\"do\":\"abort\"}", SUPERVISOR_CAUSE_SIGNAL, SIGABRT},
        {"{\"do\":\"exit\",\"exit_code\":7}", SUPERVISOR_CAUSE_EXIT, 7},
        {"{\"do\":\"exit\",\"exit_code\":0}", SUPERVISOR_CAUSE_EXIT, 0},
        {"{\"do\":\"close_channel\"}", SUPERVISOR_CAUSE_EXIT, 0},
        {"{\"do\":\"garbage\",\"bytes\":4096}", SUPERVISOR_CAUSE_PROTOCOL, 0},
        {"{\"do\":\"garbage\",\"bytes\":10000000}", SUPERVISOR_CAUSE_PROTOCOL, 0},
    };
    FOR_EACH_PROBE(probe)
    {
        for (size_t i = 0; i < sizeof DEATHS / sizeof DEATHS[0]; i++) {
            const struct end *end = fixture_run(*state, probe, DEATHS[i].input, LONG_MS);
            assert_int_equal(end->kind, SUPERVISOR_DIED);
            assert_int_equal(end->cause, DEATHS[i].cause);
            assert_int_equal(end->cause_number, DEATHS[i].number);
            end = fixture_run(*state, probe, "{\"do\":\"succeed\"}", LONG_MS);
            assert_int_equal(end->kind, SUPERVISOR_OK);
        }
    }
}

static bool has_crashed(struct fixture *self, uint64_t async)
{
    return fixture_connector(self, PROBES[async]).runners_crashed == 1;
}

static void a_second_completion_ends_the_runner(void **state)
{
    for (uint64_t async = 0; async < 2; async++) {
        const struct end *end =
            fixture_run(*state, PROBES[async], "{\"do\":\"double_complete\"}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_OK); /* the first one counts */
        fixture_until(*state, has_crashed, async);
    }
}

static void a_forgotten_job_fails(void **state)
{
    const struct end *end = fixture_run(*state, "probe", "{\"do\":\"never_complete\"}", LONG_MS);
    assert_int_equal(end->kind, SUPERVISOR_FAIL);
    assert_string_equal(end->code, "protocol_error");
    /* An async one may complete later, so its deadline must tell. */
    end = fixture_run(*state, "aprobe", "{\"do\":\"never_complete\"}", 300);
    assert_int_equal(end->cause, SUPERVISOR_CAUSE_DEADLINE);
}

static void siblings_are_not_to_blame(void **state)
{
    struct fixture *self = *state;
    uint64_t sibling = fixture_start(self, "aprobe", "{\"do\":\"sleep\",\"ms\":10000}", LONG_MS);
    const struct end *end =
        fixture_run(self, "aprobe", "{\"do\":\"sleep\",\"ms\":10000,\"deaf\":true}", 300);
    assert_int_equal(end->cause, SUPERVISOR_CAUSE_DEADLINE);
    fixture_until(self, has_ended, sibling);
    assert_int_equal(fixture_end(self, sibling)->cause, SUPERVISOR_CAUSE_SIBLING);
}

/* The runner says at which attempt it works, also in the callbacks of a timer. */
static void a_crash_is_laid_at_the_right_door(void **state)
{
    static const char *const CRASHES[] = {
        "{\"do\":\"crash\"}",
        "{\"do\":\"crash\",\"ms\":50}",
        "{\"do\":\"exit\",\"ms\":50}",
    };
    static const char WAITS[] = "{\"do\":\"sleep\",\"ms\":9000}";
    struct fixture *self = *state;
    for (size_t i = 0; i < sizeof CRASHES / sizeof CRASHES[0]; i++) {
        uint64_t before = fixture_start(self, "aprobe", WAITS, LONG_MS);
        uint64_t crash = fixture_start(self, "aprobe", CRASHES[i], LONG_MS);
        uint64_t after = fixture_start(self, "aprobe", WAITS, LONG_MS);
        fixture_until(self, has_ended, before);
        fixture_until(self, has_ended, after);
        assert_int_equal(fixture_end(self, crash)->cause,
                         i == 2 ? SUPERVISOR_CAUSE_EXIT : SUPERVISOR_CAUSE_SIGNAL);
        assert_int_equal(fixture_end(self, before)->cause, SUPERVISOR_CAUSE_SIBLING);
        assert_int_equal(fixture_end(self, after)->cause, SUPERVISOR_CAUSE_SIBLING);
    }
}

static void artifacts_come_out(void **state)
{
    FOR_EACH_PROBE(probe)
    {
        const struct end *end = fixture_run(
            *state, probe, "{\"do\":\"artifact\",\"times\":3,\"bytes\":70000,\"name\":\"a.txt\"}",
            LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_OK);
        assert_int_equal(end->artifact_count, 3);
        for (unsigned i = 0; i < 3; i++) {
            char expected[16];
            char bytes[70001];
            snprintf(expected, sizeof expected, "a.txt-%u", i + 1);
            assert_string_equal(end->artifact_name[i], expected);
            assert_string_equal(end->artifact_type[i], "application/octet-stream");
            assert_int_equal(pread(end->artifact_fd[i], bytes, sizeof bytes, 0), 70000);
            for (size_t k = 0; k < 70000; k++) {
                assert_int_equal(bytes[k], 'a' + k % 13312 % 26);
            }
            close(end->artifact_fd[i]);
        }
    }
}

static void the_stock_of_files_is_refilled(void **state)
{
    /* A blocking connector waits for more; 64 is the limit of one attempt. */
    for (int i = 0; i < 3; i++) {
        const struct end *end =
            fixture_run(*state, "probe", "{\"do\":\"artifact\",\"times\":64,\"bytes\":1}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_OK);
        assert_int_equal(end->artifact_count, 64);
        for (unsigned k = 0; k < 8; k++) {
            close(end->artifact_fd[k]);
        }
    }
    const struct end *end =
        fixture_run(*state, "probe", "{\"do\":\"artifact\",\"times\":65,\"bytes\":1}", LONG_MS);
    assert_string_equal(end->code, "artifact_refused");
    assert_int_equal(end->artifact_count, 0);
}

static void an_artifact_needs_a_plain_name(void **state)
{
    const struct end *end =
        fixture_run(*state, "probe", "{\"do\":\"artifact\",\"name\":\"../x\"}", LONG_MS);
    assert_string_equal(end->code, "artifact_refused");
}

static void an_artifact_has_a_largest_size(void **state)
{
    struct fixture *self = *state;
    self->config.artifact_bytes_max = 100000;
    fixture_restart(self);
    const struct end *end =
        fixture_run(self, "probe", "{\"do\":\"artifact\",\"bytes\":100001}", LONG_MS);
    assert_int_equal(end->kind, SUPERVISOR_FAIL);
    assert_string_equal(end->code, "write_failed");
}

static void files_go_in(void **state)
{
    struct fixture *self = *state;
    FOR_EACH_PROBE(probe)
    {
        char path[128];
        snprintf(path, sizeof path, "%s/input", self->scratch);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "photograph", 10), 10);
        lseek(fd, 0, SEEK_SET);
        struct supervisor_file file = {STR("/file"), STR("p.jpg"), STR("image/jpeg"),
                                       STR("id"),    10,           fd};
        struct supervisor_request request = {
            .token = self->next_token++,
            .connector = str_from_c(probe),
            .operation = STR("run"),
            .attempt = 2,
            .input = STR("{\"do\":\"echo_file\"}"),
            .timeout_ms = LONG_MS,
            .files = &file,
            .file_count = 1,
        };
        assert_int_equal(supervisor_start(self->supervisor, &request), 0);
        fixture_until(self, has_ended, request.token);
        const struct end *end = fixture_end(self, request.token);
        assert_int_equal(end->kind, SUPERVISOR_OK);
        assert_non_null(strstr(end->result, "\"bytes\":10,\"announced\":10,\"attempt\":2"));
        assert_int_equal(end->artifact_count, 1);
        assert_string_equal(end->artifact_name[0], "p.jpg");
        assert_string_equal(end->artifact_type[0], "image/jpeg");
        char bytes[16];
        assert_int_equal(pread(end->artifact_fd[0], bytes, sizeof bytes, 0), 10);
        assert_memory_equal(bytes, "photograph", 10);
        close(end->artifact_fd[0]);
        assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the supervisor's */
    }
}

static void refusals_say_why(void **state)
{
    struct fixture *self = *state;
    char *large = malloc(3u << 20);
    memset(large, ' ', 3u << 20);
    struct supervisor_request request = {
        .token = 1, .connector = STR("nobody"), .operation = STR("run"), .timeout_ms = LONG_MS};
    assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_UNKNOWN_TYPE);
    request.connector = STR("noop");
    request.operation = STR("walk");
    assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_UNKNOWN_TYPE);
    request.operation = STR("run");
    request.input = str_of(large, 3u << 20);
    assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_LIMIT);
    request.input = STR("{}");
    assert_int_equal(supervisor_start(self->supervisor, &request), 0);
    assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_CONFLICT);
    fixture_until(self, has_ended, 1);
    free(large);
}

static bool has_capacity(struct fixture *self, uint64_t count)
{
    return self->capacity_count > count;
}

static void room_is_told(void **state)
{
    struct fixture *self = *state;
    assert_int_equal(supervisor_room(self->supervisor, STR("probe")), 3);
    assert_int_equal(supervisor_room(self->supervisor, STR("aprobe")), 64);
    assert_int_equal(supervisor_room(self->supervisor, STR("nobody")), 0);
    for (int i = 0; i < 3; i++) {
        fixture_start(self, "probe", "{\"do\":\"sleep\",\"ms\":300}", LONG_MS);
    }
    assert_int_equal(supervisor_room(self->supervisor, STR("probe")), 0);
    struct supervisor_request request = {.token = 99,
                                         .connector = STR("probe"),
                                         .operation = STR("run"),
                                         .input = STR("{}"),
                                         .timeout_ms = LONG_MS};
    assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_AGAIN);
    assert_int_equal(self->capacity_count, 0);
    fixture_until(self, has_capacity, 0);
    assert_true(supervisor_room(self->supervisor, STR("probe")) > 0);
    assert_int_equal(fixture_connector(self, "probe").runners, 3);
}

static bool one_runner(struct fixture *self, uint64_t argument)
{
    (void)argument;
    return fixture_connector(self, "probe").runners == 1;
}

static void idle_runners_retire(void **state)
{
    struct fixture *self = *state;
    self->config.idle_ms = 200;
    fixture_restart(self);
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        last = fixture_start(self, "probe", "{\"do\":\"sleep\",\"ms\":100}", LONG_MS);
    }
    fixture_until(self, has_ended, last);
    assert_int_equal(fixture_connector(self, "probe").runners, 3);
    fixture_until(self, one_runner, 0);
    fixture_run_for(self, 500);
    assert_int_equal(fixture_connector(self, "probe").runners, 1);
    assert_int_equal(fixture_connector(self, "probe").runners_crashed, 0);
}

static void many_at_once(void **state)
{
    struct fixture *self = *state;
    for (int i = 0; i < 1000; i++) {
        fixture_start(self, "noop", "{\"a\":[1,2,3]}", LONG_MS);
    }
    for (uint64_t token = 1; token <= 1000; token++) {
        fixture_until(self, has_ended, token);
        assert_int_equal(fixture_end(self, token)->kind, SUPERVISOR_OK);
    }
    assert_int_equal(fixture_connector(self, "noop").in_flight, 0);
    assert_int_equal(fixture_connector(self, "noop").runners_started, 1);
}

static void stopping_ends_all(void **state)
{
    struct fixture *self = *state;
    uint64_t running = fixture_start(self, "probe", "{\"do\":\"hang\"}", LONG_MS);
    fixture_run_for(self, 300);
    uint64_t pending = fixture_start(self, "aprobe", "{\"do\":\"hang\"}", LONG_MS);
    fixture_restart(self);
    assert_int_equal(fixture_end(self, running)->cause, SUPERVISOR_CAUSE_SIBLING);
    assert_int_equal(fixture_end(self, pending)->cause, SUPERVISOR_CAUSE_SIBLING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(noop_succeeds),
        TEST(completions_arrive),
        TEST(a_code_that_is_no_name_is_replaced),
        TEST(progress_arrives),
        TEST(progress_is_thinned_out),
        TEST(cancel_is_advice_first),
        TEST(cancel_is_force_then),
        TEST(a_success_after_cancel_counts),
        TEST(cancel_before_the_runner_is_there),
        TEST(the_deadline_is_the_law),
        TEST(deaths_have_their_cause),
        TEST(a_second_completion_ends_the_runner),
        TEST(a_forgotten_job_fails),
        TEST(siblings_are_not_to_blame),
        TEST(a_crash_is_laid_at_the_right_door),
        TEST(artifacts_come_out),
        TEST(the_stock_of_files_is_refilled),
        TEST(an_artifact_needs_a_plain_name),
        TEST(an_artifact_has_a_largest_size),
        TEST(files_go_in),
        TEST(refusals_say_why),
        TEST(room_is_told),
        TEST(idle_runners_retire),
        TEST(many_at_once),
        TEST(stopping_ends_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
