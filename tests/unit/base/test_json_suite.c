/* The JSON Parsing Test Suite: y_ files must be accepted, n_ files refused, and what becomes of the
 * i_ files, which RFC 8259 leaves open, is written down here. */

#include "base/file.h"
#include "base/json.h"
#include "unit.h"

#include <dirent.h>

struct decision {
    const char *file;
    bool accepted;
};

static const struct decision decisions[] = {
    /* Valid for RFC 8259, but refused on purpose: json.h says why. */
    {"y_object_duplicated_key.json", false},
    {"y_object_duplicated_key_and_value.json", false},
    {"y_object_escaped_null_in_key.json", false},
    {"y_string_null_escape.json", false},
    /* A double that is infinite is refused; one that becomes 0 is not, and keeps its digits. */
    {"i_number_double_huge_neg_exp.json", true},
    {"i_number_huge_exp.json", false},
    {"i_number_neg_int_huge_exp.json", false},
    {"i_number_pos_double_huge_exp.json", false},
    {"i_number_real_neg_overflow.json", false},
    {"i_number_real_pos_overflow.json", false},
    {"i_number_real_underflow.json", true},
    /* Integers beyond 64 bits become doubles that keep their digits. */
    {"i_number_too_big_neg_int.json", true},
    {"i_number_too_big_pos_int.json", true},
    {"i_number_very_big_negative_int.json", true},
    /* Half surrogate pairs. */
    {"i_object_key_lone_2nd_surrogate.json", false},
    {"i_string_1st_surrogate_but_2nd_missing.json", false},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", false},
    {"i_string_incomplete_surrogate_and_escape_valid.json", false},
    {"i_string_incomplete_surrogate_pair.json", false},
    {"i_string_incomplete_surrogates_escape_valid.json", false},
    {"i_string_invalid_lonely_surrogate.json", false},
    {"i_string_invalid_surrogate.json", false},
    {"i_string_inverted_surrogates_U+1D11E.json", false},
    {"i_string_lone_second_surrogate.json", false},
    /* Not UTF-8. */
    {"i_string_UTF-16LE_with_BOM.json", false},
    {"i_string_UTF-8_invalid_sequence.json", false},
    {"i_string_UTF8_surrogate_U+D800.json", false},
    {"i_string_invalid_utf-8.json", false},
    {"i_string_iso_latin_1.json", false},
    {"i_string_lone_utf8_continuation_byte.json", false},
    {"i_string_not_in_unicode_range.json", false},
    {"i_string_overlong_sequence_2_bytes.json", false},
    {"i_string_overlong_sequence_6_bytes.json", false},
    {"i_string_overlong_sequence_6_bytes_null.json", false},
    {"i_string_truncated-utf-8.json", false},
    {"i_string_utf16BE_no_BOM.json", false},
    {"i_string_utf16LE_no_BOM.json", false},
    /* Beyond JSON_DEPTH_MAX. */
    {"i_structure_500_nested_arrays.json", false},
    /* A byte order mark. */
    {"i_structure_UTF-8_BOM_empty_object.json", false},
};

static bool expected(const char *file)
{
    for (size_t i = 0; i < COUNT(decisions); i++) {
        if (strcmp(decisions[i].file, file) == 0) {
            return decisions[i].accepted;
        }
    }
    if (file[0] != 'y' && file[0] != 'n') {
        fail_msg("%s is not in the table of decisions", file);
    }
    return file[0] == 'y';
}

static bool accepted(const char *file)
{
    char path[4096];
    struct buf text;
    struct hub_error error = {0};
    struct json_object *value = NULL;
    snprintf(path, sizeof path, "%s/%s", JSON_SUITE, file);
    buf_init(&text, 1 << 20);
    if (file_read(path, &text, &error) < 0) {
        fail_msg("%s", error.detail);
    }
    int err = json_read(buf_view(&text), JSON_DEPTH_MAX, &value, NULL, &error);
    if (err < 0) {
        assert_int_equal(err, HUB_ERR_INVALID_JSON);
    }
    json_object_put(value);
    buf_release(&text);
    return err == 0;
}

static void every_file_meets_its_expectation(void **state)
{
    (void)state;
    size_t counts[128] = {0};
    size_t wrong = 0;
    struct dirent *entry;
    DIR *folder = opendir(JSON_SUITE);
    if (!folder) {
        fail_msg("the test suite is not in %s", JSON_SUITE);
    }
    while ((entry = readdir(folder))) {
        const char *file = entry->d_name;
        if (!str_ends_with(str_from_c(file), STR(".json"))) {
            continue;
        }
        counts[file[0] & 0x7f]++;
        if (accepted(file) != expected(file)) {
            print_error("%s was %s\n", file, expected(file) ? "refused" : "accepted");
            wrong++;
        }
    }
    closedir(folder);
    print_message("%zu y_ files, %zu n_ files, %zu i_ files\n", counts['y'], counts['n'],
                  counts['i']);
    assert_int_equal(wrong, 0);
    assert_true(counts['y'] >= 95);
    assert_true(counts['n'] >= 188);
    assert_true(counts['i'] >= 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_meets_its_expectation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
