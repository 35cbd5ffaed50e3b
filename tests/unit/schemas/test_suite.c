/*
 * The official JSON Schema test suite, draft 2020-12, every required file: whatever lies in the
 * folder is run, and what was run is compared with what the files hold. The suite's remotes are
 * registered where it expects them, below http://localhost:1234/.
 */
#include "base/file.h"
#include "schemas/schema.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the headers above first. */
#include <cmocka.h>

#define SUITE   HUB_TEST_DATA "/json-schema-test-suite"
#define TESTS   SUITE "/tests/draft2020-12"
#define REMOTES SUITE "/remotes"
#define BASE    "http://localhost:1234/"

/* What the suite held when this was written: a smaller number means that files went missing. */
#define FILES_MIN 40
#define CASES_MIN 1250

struct totals {
    size_t files;
    size_t cases;
    size_t held; /* cases found by counting, independent of running them */
    size_t failures;
};

/* json_read() refuses U+0000 in strings, which two files of the suite use; those are read with
 * json-c's own parser. */
static struct json_object *read_json(const char *path)
{
    struct buf text;
    struct json_object *value;
    struct hub_error error;
    buf_init(&text, 4 << 20);
    if (file_read(path, &text, &error) < 0) {
        fail_msg("%s: %s", path, error.detail);
    }
    if (json_read(buf_view(&text), JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        assert_non_null(strstr(text.ptr, "\\u0000"));
        value = json_tokener_parse(text.ptr);
        assert_non_null(value);
    }
    buf_release(&text);
    return value;
}

static bool is_json_file(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".json") == 0;
}

/* Drafts that this suite's schemas do not refer to, and whose dialects nobody here speaks. */
static bool is_other_draft(const char *name)
{
    return (strncmp(name, "draft", 5) == 0 && strcmp(name, "draft2020-12") != 0) ||
           strcmp(name, "v1") == 0;
}

static void add_remotes(struct schema_registry *registry, const char *folder, const char *base)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[1024], uri[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && !is_other_draft(entry->d_name)) {
            snprintf(uri, sizeof uri, "%s%s/", base, entry->d_name);
            add_remotes(registry, path, uri);
        } else if (is_json_file(entry->d_name)) {
            struct hub_error error;
            struct json_object *document = read_json(path);
            snprintf(uri, sizeof uri, "%s%s", base, entry->d_name);
            if (schema_registry_add(registry, str_from_c(uri), document, &error) < 0) {
                fail_msg("%s: %s", path, error.detail);
            }
            json_object_put(document);
        }
    }
    closedir(dir);
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(object, name, &value);
    return value;
}

static void run_case(const struct schema *schema, struct json_object *group,
                     struct json_object *test, const char *file, struct totals *totals)
{
    struct schema_errors errors;
    bool expected = json_object_get_boolean(member(test, "valid"));
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    int with = schema_validate(schema, member(test, "data"), &errors);
    int without = schema_validate(schema, member(test, "data"), NULL);
    bool consistent = with == without && (with == 0) == (errors.len == 0);
    if ((with == 0) != expected || (with < 0 && with != HUB_ERR_INVALID_INPUT) || !consistent) {
        print_error("%s: %s: %s: result %d, %zu errors\n", file,
                    json_object_get_string(member(group, "description")),
                    json_object_get_string(member(test, "description")), with, errors.len);
        totals->failures++;
    }
    totals->cases++;
    schema_errors_release(&errors);
}

static void run_group(struct json_object *group, const char *file, struct totals *totals)
{
    struct schema_registry *registry = schema_registry_new();
    struct json_object *tests = member(group, "tests");
    struct schema *schema = NULL;
    struct hub_error error;

    assert_non_null(registry);
    add_remotes(registry, REMOTES, BASE);
    int err = schema_registry_add(registry, STR("test:case"), member(group, "schema"), &error);
    if (err == 0) {
        err = schema_compile(registry, STR("test:case"), 0, &schema, &error);
    }
    schema_registry_free(registry); /* the compiled schema must do without it */
    totals->held += json_object_array_length(tests);
    if (err < 0) {
        print_error("%s: %s: does not compile: %s\n", file,
                    json_object_get_string(member(group, "description")), error.detail);
        totals->failures++;
        return;
    }
    for (size_t i = 0; i < json_object_array_length(tests); i++) {
        run_case(schema, group, json_object_array_get_idx(tests, i), file, totals);
    }
    schema_free(schema);
}

static void test_suite(void **state)
{
    (void)state;
    struct totals totals = {0};
    size_t listed = 0;
    DIR *dir = opendir(TESTS);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[1024];
        if (!is_json_file(entry->d_name)) {
            continue;
        }
        listed++;
        snprintf(path, sizeof path, "%s/%s", TESTS, entry->d_name);
        struct json_object *groups = read_json(path);
        assert_true(json_object_array_length(groups) > 0);
        for (size_t i = 0; i < json_object_array_length(groups); i++) {
            run_group(json_object_array_get_idx(groups, i), entry->d_name, &totals);
        }
        totals.files++;
        json_object_put(groups);
    }
    closedir(dir);
    print_message("suite: %zu files, %zu of %zu cases run, %zu failures\n", totals.files,
                  totals.cases, totals.held, totals.failures);
    assert_int_equal(totals.failures, 0);
    assert_int_equal(totals.files, listed);
    assert_int_equal(totals.cases, totals.held);
    assert_true(totals.files >= FILES_MIN);
    assert_true(totals.cases >= CASES_MIN);
}

/* Every schema of the suite is valid against the meta-schema (none uses one that is not). */
static void test_schemas_of_the_suite_are_valid(void **state)
{
    (void)state;
    size_t checked = 0;
    DIR *dir = opendir(TESTS);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[1024];
        if (!is_json_file(entry->d_name)) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", TESTS, entry->d_name);
        struct json_object *groups = read_json(path);
        for (size_t i = 0; i < json_object_array_length(groups); i++) {
            struct schema_errors errors;
            struct json_object *group = json_object_array_get_idx(groups, i);
            schema_errors_init(&errors, 1);
            if (schema_check(member(group, "schema"), &errors) < 0) {
                fail_msg("%s: %s: %.*s: %.*s", entry->d_name,
                         json_object_get_string(member(group, "description")),
                         STR_ARG(errors.items[0].pointer), STR_ARG(errors.items[0].detail));
            }
            checked++;
            schema_errors_release(&errors);
        }
        json_object_put(groups);
    }
    closedir(dir);
    assert_true(checked > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_schemas_of_the_suite_are_valid),
    };
    return cmocka_run_group_tests_name("schemas/suite", tests, NULL, NULL);
}
