/*
 * Files in connector directories: which are taken, which are refused and why, and what happens when
 * they change while attempts run.
 */
#include "fixture.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONG_MS 20000

/* Puts a copy of a flawed connector (or any file) into the connector directory, as cp and mv do. */
static void put(struct fixture *self, const char *from, const char *name)
{
    char command[512];
    snprintf(command, sizeof command, "cp '%s' '%s/.new' && mv '%s/.new' '%s/%s'", from, self->dir,
             self->dir, self->dir, name);
    assert_int_equal(system(command), 0);
}

static void put_flawed(struct fixture *self, const char *flaw, const char *name)
{
    char from[256];
    snprintf(from, sizeof from, "%s/%s.so", HUB_TEST_FLAWED, flaw);
    put(self, from, name);
}

static void remove_file(struct fixture *self, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", self->dir, name);
    assert_int_equal(unlink(path), 0);
}

struct search {
    const char *name;
    unsigned count;
    bool refused;
    char reason[HUB_ERROR_DETAIL_MAX];
};

static void look(void *context, const struct supervisor_connector *connector)
{
    struct search *search = context;
    search->count++;
    if (str_eq(connector->name, str_from_c(search->name))) {
        search->refused = connector->health == CONNECTOR_REFUSED;
        snprintf(search->reason, sizeof search->reason, "%.*s", STR_ARG(connector->reason));
    }
}

static struct search list(struct fixture *self, const char *name)
{
    struct search search = {.name = name};
    supervisor_each(self->supervisor, look, &search);
    return search;
}

static void assert_refused(struct fixture *self, const char *name, const char *reason)
{
    struct search search = list(self, name);
    assert_true(search.refused);
    if (!strstr(search.reason, reason)) {
        fail_msg("%s was refused because \"%s\", not \"%s\"", name, search.reason, reason);
    }
}

static void flaws_are_named(void **state)
{
    static const struct {
        const char *flaw;
        const char *reason;
    } FLAWS[] = {
        {"abi", "built for ABI 2.3, this host has ABI 1.0"},
        {"entry_null", "refuses this host, whose ABI is 1.0"},
        {"entry_crash", "killed by signal 11"},
        {"name", "name: it must be"},
        {"schema", "input_schema is not JSON: byte 8"},
        {"schema_array", "input_schema is not a JSON object"},
        {"twice", "run: there are two of it"},
        {"start_null", "run: start is NULL"},
        {"no_symbol", "does not export hub_connector_entry"},
        {"size", "smaller than ABI 1.0"},
    };
    struct fixture *self = *state;
    for (size_t i = 0; i < sizeof FLAWS / sizeof FLAWS[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.so", FLAWS[i].flaw);
        put_flawed(self, FLAWS[i].flaw, name);
    }
    fixture_scan(self);
    for (size_t i = 0; i < sizeof FLAWS / sizeof FLAWS[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.so", FLAWS[i].flaw);
        assert_refused(self, name, FLAWS[i].reason);
    }
    assert_int_equal(list(self, "").count, sizeof FLAWS / sizeof FLAWS[0]);
}

static void files_that_are_no_connectors(void **state)
{
    struct fixture *self = *state;
    char path[256];
    put(self, "/etc/hostname", "text.so");
    put(self, "/dev/null", "empty.so");
    put_flawed(self, "none", "ignored.txt");
    put_flawed(self, "none", "writable.so");
    snprintf(path, sizeof path, "%s/writable.so", self->dir);
    assert_int_equal(chmod(path, 0666), 0);
    snprintf(path, sizeof path, "%s/dir.so", self->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/fifo.so", self->dir);
    assert_int_equal(mkfifo(path, 0644), 0);
    snprintf(path, sizeof path, "%s/dangling.so", self->dir);
    assert_int_equal(symlink("/nowhere", path), 0);
    fixture_scan(self);
    assert_refused(self, "text.so", "it cannot be loaded: ");
    assert_refused(self, "empty.so", "it cannot be loaded: file too short");
    assert_refused(self, "writable.so", "world-writable (mode 0666)");
    assert_refused(self, "dir.so", "not a regular file");
    assert_refused(self, "fifo.so", "not a regular file");
    assert_refused(self, "dangling.so", "cannot be opened");
    assert_int_equal(list(self, "").count, 6);
}

static void foreign_files_are_refused(void **state)
{
    struct fixture *self = *state;
    char path[256];
    if (geteuid() != 0) {
        skip();
    }
    put_flawed(self, "none", "foreign.so");
    snprintf(path, sizeof path, "%s/foreign.so", self->dir);
    assert_int_equal(chown(path, 12345, 12345), 0);
    fixture_scan(self);
    assert_refused(self, "foreign.so", "belongs to uid 12345");
}

static void one_that_never_loads_is_given_up(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "load_hang", "hang.so");
    self->config.hello_timeout_ms = 500;
    self->config.connector_dirs = self->dirs;
    fixture_restart(self);
    assert_refused(self, "hang.so", "loading the connector took too long");
}

/* Files are looked at side by side: those that hang take their time together. */
static void several_that_hang_are_waited_for_once(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "load_hang", "hang1.so");
    put_flawed(self, "load_hang", "hang2.so");
    put_flawed(self, "load_hang", "hang3.so");
    put_flawed(self, "none", "small.so");
    self->config.hello_timeout_ms = 2000;
    self->config.connector_dirs = self->dirs;
    int64_t began = clock_mono_ms();
    fixture_restart(self);
    assert_true(clock_mono_ms() - began < 4000);
    assert_refused(self, "hang1.so", "loading the connector took too long");
    assert_refused(self, "hang3.so", "loading the connector took too long");
    assert_int_equal(fixture_connector(self, "small").health, CONNECTOR_READY);
}

static void descriptors_are_read(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "none", "a.so");
    fixture_scan(self);
    struct supervisor_connector small = fixture_connector(self, "small");
    assert_int_equal(small.health, CONNECTOR_READY);
    assert_false(small.async);
    assert_int_equal(small.operation_count, 1);
    assert_int_equal(small.operations[0].name.len, 3);
    assert_non_null(small.operations[0].input_schema.ptr);
    assert_null(small.operations[0].result_schema.ptr);
    assert_null(small.operations[0].example.ptr);
    assert_int_equal(small.runners, 0);
}

static void a_new_version_takes_over(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "none", "small.so");
    fixture_scan(self);
    uint64_t generation = fixture_connector(self, "small").generation;
    uint64_t old = fixture_start(self, "small", "{\"slow\":true}", LONG_MS);
    fixture_run_for(self, 200);
    put_flawed(self, "version2", "small.so");
    fixture_scan(self);
    assert_true(fixture_connector(self, "small").generation > generation);
    const struct end *end = fixture_run(self, "small", "{}", LONG_MS);
    assert_string_equal(end->result, "{\"version\":\"2.0.0\"}");
    assert_string_equal(end->version, "2.0.0");
    fixture_until(self, has_ended, old);
    assert_string_equal(fixture_end(self, old)->result, "{\"version\":\"1.0.0\"}");
    assert_string_equal(fixture_end(self, old)->version, "1.0.0");
    assert_int_equal(fixture_connector(self, "small").runners_crashed, 0);
}

static void a_scan_without_changes_changes_nothing(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "none", "small.so");
    fixture_scan(self);
    pid_t pid = fixture_run(self, "small", "{}", LONG_MS)->pid;
    uint64_t generation = fixture_connector(self, "small").generation;
    fixture_scan(self);
    assert_int_equal(fixture_connector(self, "small").generation, generation);
    assert_int_equal(fixture_run(self, "small", "{}", LONG_MS)->pid, pid);
}

static void a_bad_version_changes_nothing(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "none", "small.so");
    fixture_scan(self);
    put_flawed(self, "abi", "small.so");
    fixture_scan(self);
    assert_refused(self, "small.so", "ABI 2.3");
    assert_int_equal(fixture_connector(self, "small").health, CONNECTOR_READY);
    assert_string_equal(fixture_run(self, "small", "{}", LONG_MS)->version, "1.0.0");
}

static bool no_runners(struct fixture *self, uint64_t argument)
{
    (void)argument;
    return fixture_connector(self, "small").runners == 0;
}

static void removal_lets_attempts_end(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "none", "small.so");
    fixture_scan(self);
    uint64_t token = fixture_start(self, "small", "{\"slow\":true}", LONG_MS);
    fixture_run_for(self, 200);
    remove_file(self, "small.so");
    fixture_scan(self);
    assert_int_equal(fixture_connector(self, "small").health, CONNECTOR_REMOVED);
    struct supervisor_request request = {
        .token = 77, .connector = STR("small"), .operation = STR("run"), .timeout_ms = LONG_MS};
    assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_UNKNOWN_TYPE);
    assert_int_equal(supervisor_room(self->supervisor, STR("small")), 0);
    fixture_until(self, has_ended, token);
    assert_int_equal(fixture_end(self, token)->kind, SUPERVISOR_OK);
    fixture_until(self, no_runners, 0);
    put_flawed(self, "version2", "small.so");
    fixture_scan(self);
    assert_int_equal(fixture_connector(self, "small").health, CONNECTOR_READY);
    assert_string_equal(fixture_run(self, "small", "{}", LONG_MS)->version, "2.0.0");
}

static void the_first_of_a_name_wins(void **state)
{
    struct fixture *self = *state;
    put_flawed(self, "none", "a.so");
    put_flawed(self, "version2", "b.so");
    fixture_scan(self);
    assert_string_equal(fixture_run(self, "small", "{}", LONG_MS)->version, "1.0.0");
    assert_refused(self, "b.so", "the name small is taken by ");
}

static bool has_capacity(struct fixture *self, uint64_t count)
{
    return self->capacity_count > count;
}

static void start_failures_back_off(struct fixture *self, const char *flaw, const char *reason)
{
    put_flawed(self, flaw, "small.so");
    fixture_scan(self);
    for (unsigned i = 0; i < 3; i++) {
        const struct end *end = fixture_run(self, "small", "{}", LONG_MS);
        assert_int_equal(end->kind, SUPERVISOR_DIED);
        assert_int_equal(end->cause, SUPERVISOR_CAUSE_SIBLING);
        struct supervisor_connector small = fixture_connector(self, "small");
        assert_int_equal(small.health, CONNECTOR_BACKING_OFF);
        assert_int_equal(small.runners_crashed, i + 1);
        char text[256];
        snprintf(text, sizeof text, "%.*s", STR_ARG(small.reason));
        assert_non_null(strstr(text, reason));
        struct supervisor_request request = {
            .token = 77, .connector = STR("small"), .operation = STR("run"), .timeout_ms = LONG_MS};
        assert_int_equal(supervisor_room(self->supervisor, STR("small")), 0);
        assert_int_equal(supervisor_start(self->supervisor, &request), HUB_ERR_AGAIN);
        fixture_until(self, has_capacity, i);
        assert_int_equal(supervisor_room(self->supervisor, STR("small")), 3);
    }
}

static void create_that_refuses_backs_off(void **state)
{
    start_failures_back_off(*state, "create_null", "create() returned NULL");
}

static void create_that_crashes_backs_off(void **state)
{
    start_failures_back_off(*state, "create_crash", "killed by signal 11");
}

static void the_program_must_be_there(void **state)
{
    struct fixture *self = *state;
    struct supervisor_config config = self->config;
    struct supervisor_events events = {0};
    struct supervisor *supervisor;
    struct hub_error error;
    config.runner_path = "/nowhere/hub-runner";
    assert_int_equal(
        supervisor_new(&self->loop, &config, &events, NULL, &self->log, &supervisor, &error),
        HUB_ERR_NOT_FOUND);
    assert_non_null(strstr(error.detail, "/nowhere/hub-runner"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_empty, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(flaws_are_named),
        TEST(files_that_are_no_connectors),
        TEST(foreign_files_are_refused),
        TEST(one_that_never_loads_is_given_up),
        TEST(several_that_hang_are_waited_for_once),
        TEST(descriptors_are_read),
        TEST(a_new_version_takes_over),
        TEST(a_scan_without_changes_changes_nothing),
        TEST(a_bad_version_changes_nothing),
        TEST(removal_lets_attempts_end),
        TEST(the_first_of_a_name_wins),
        TEST(create_that_refuses_backs_off),
        TEST(create_that_crashes_backs_off),
        TEST(the_program_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
