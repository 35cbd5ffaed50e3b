/* Settings: file, environment, flags, their order, and what is said when they are wrong. */
#include "base/file.h"
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char config_path[64];

static void write_config(const char *text)
{
    struct hub_error error = {0};

    snprintf(config_path, sizeof config_path, "/tmp/hubd-test-config-%d", (int)getpid());
    assert_int_equal(file_write_durable(config_path, str_from_c(text), 0600, &error), 0);
}

/* hubd with the flags up to NULL. */
static enum config_outcome load(struct config *config, struct hub_error *error, ...)
{
    char program[] = "hubd";
    char *argv[32] = {program};
    int argc = 1;
    va_list args;

    va_start(args, error);
    while (argc < 31 && (argv[argc] = va_arg(args, char *)) != NULL) {
        argc++;
    }
    va_end(args);
    memset(error, 0, sizeof *error);
    return config_load(config, argc, argv, error);
}

static void assert_refused(const char *expected, const char *flag, const char *value)
{
    struct config config;
    struct hub_error error;

    assert_int_equal(load(&config, &error, flag, value, NULL), CONFIG_BAD);
    if (strstr(error.detail, expected) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.detail, expected);
    }
    config_release(&config);
}

static void test_defaults(void **state)
{
    struct config config;
    struct hub_error error;

    (void)state;
    assert_int_equal(load(&config, &error, NULL), CONFIG_RUN);
    assert_string_equal(config.listen_address, "127.0.0.1");
    assert_int_equal(config.listen_port, 7480);
    assert_int_equal(config.artifact_max_bytes, 1 << 30);
    assert_int_equal(config.artifact_retention_ms, 7LL * 24 * 3600 * 1000);
    assert_string_equal(config.synchronous, "FULL");
    assert_null(config.connector_dirs[0]);
    config_release(&config);
}

static void test_a_flag_wins_over_the_environment_over_the_file(void **state)
{
    struct config config;
    struct hub_error error;

    (void)state;
    write_config("# a comment\nwait_max_s: 10\nlog_level: warn\nretry_base_ms: 5\n"
                 "connector_dirs: [/from/file]\nlisten: '[::1]:99'\n");
    setenv("HUBD_WAIT_MAX_S", "20", 1);
    setenv("HUBD_LOG_LEVEL", "error", 1);
    assert_int_equal(load(&config, &error, "--config", config_path, "--wait-max-s=30",
                          "--connector-dir", "/a", "--connector-dir", "/b", "--state-dir", "/s",
                          NULL),
                     CONFIG_RUN);
    unsetenv("HUBD_WAIT_MAX_S");
    unsetenv("HUBD_LOG_LEVEL");
    assert_int_equal(config.wait_max_s, 30);
    assert_int_equal(config.log_level, LOG_ERROR);
    assert_int_equal(config.retry_base_ms, 5);
    assert_string_equal(config.connector_dirs[0], "/a");
    assert_string_equal(config.connector_dirs[1], "/b");
    assert_null(config.connector_dirs[2]);
    assert_string_equal(config.listen_address, "::1");
    assert_int_equal(config.listen_port, 99);
    assert_string_equal(config.socket, "/s/hubd.sock");
    config_release(&config);
    unlink(config_path);
}

static void test_json_is_yaml_enough(void **state)
{
    struct config config;
    struct hub_error error;

    (void)state;
    write_config("{\"wait_max_s\": 7, \"log_format\": \"json\"}");
    assert_int_equal(load(&config, &error, "--config", config_path, "--check", NULL),
                     CONFIG_CHECKED);
    assert_int_equal(config.wait_max_s, 7);
    assert_int_equal(config.log_format, LOG_JSON);
    config_release(&config);
    unlink(config_path);
}

static void test_what_is_wrong_is_said_with_its_line(void **state)
{
    static const struct {
        const char *text, *expected;
    } CASES[] = {
        {"wait_max_s: 7\nretry_base_ms: many\n", "line 2"},
        {"wait_max_s: 7\n\nwiat_max_s: 8\n", "line 3"},
        {"a: 1\na: 2\n", "line 2"},
        {"wait_max_s: [1\n", "line 2"},
        {"- 1\n", "must be a mapping"},
        {"connector_dirs:\n  - /a\n  - 5\n", "line 3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        write_config(CASES[i].text);
        assert_refused(CASES[i].expected, "--config", config_path);
    }
    unlink(config_path);
}

static void test_bad_flags(void **state)
{
    (void)state;
    assert_refused("no such flag", "--colour", "blue");
    assert_refused("needs a value", "--listen", NULL);
    assert_refused("not a flag", "start", NULL);
    assert_refused("listen", "--listen", "localhost");
    assert_refused("port", "--listen", "127.0.0.1:70000");
    assert_refused("wait_max_s", "--wait-max-s", "61");
    assert_refused("/nowhere.yaml", "--config", "/nowhere.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_a_flag_wins_over_the_environment_over_the_file),
        cmocka_unit_test(test_json_is_yaml_enough),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(test_bad_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
