/* CSV files as lines of a batch: RFC 4180, and what files of the world do beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/csv.h"

#include <sys/mman.h>
#include <unistd.h>

static int file_of(struct str text)
{
    int fd = memfd_create("csv", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), (ssize_t)text.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* All lines of a file, or the error that ended them behind those before it. */
static char *read_all(struct str text, char delimiter, const struct csv_mapping *mapping,
                      struct hub_error *error)
{
    int fd = file_of(text);
    struct csv csv;
    struct buf lines;
    int got = 1;

    *error = (struct hub_error){0};
    buf_init(&lines, BUF_NO_LIMIT);
    int err = csv_open(&csv, fd, delimiter, mapping, error);
    while (err == 0 && got > 0) {
        got = csv_next(&csv, &lines, error);
    }
    if (err == 0) {
        csv_release(&csv);
    }
    close(fd);
    char *copy = strndup(lines.len > 0 ? lines.ptr : "", lines.len);
    buf_release(&lines);
    return copy;
}

static void expect_with(struct str text, char delimiter, const struct csv_mapping *mapping,
                        const char *expected)
{
    struct hub_error error;
    char *lines = read_all(text, delimiter, mapping, &error);

    assert_int_equal(error.err, 0);
    assert_string_equal(lines, expected);
    free(lines);
}

#define EXPECT(text, expected) expect_with(STR(text), ',', &(struct csv_mapping){0}, expected)

static void expect_bad(struct str text, const char *words)
{
    const struct csv_mapping mapping = {0};
    struct hub_error error;
    char *lines = read_all(text, ',', &mapping, &error);

    assert_int_equal(error.err, HUB_ERR_BAD_REQUEST);
    if (!strstr(error.detail, words)) {
        fail_msg("\"%s\" does not say \"%s\"", error.detail, words);
    }
    free(lines);
}

static void test_plain(void **state)
{
    (void)state;
    EXPECT("a,b\n1,2\n3,4\n",
           "\n{\"input\":{\"a\":\"1\",\"b\":\"2\"}}\n{\"input\":{\"a\":\"3\",\"b\":\"4\"}}\n");
    EXPECT("a,b\n1,2", "\n{\"input\":{\"a\":\"1\",\"b\":\"2\"}}\n"); /* no last line break */
    EXPECT("a\n", "\n");
    EXPECT("a,b\n,\n", "\n{\"input\":{\"a\":\"\",\"b\":\"\"}}\n");
    EXPECT("a,b\n1,\n", "\n{\"input\":{\"a\":\"1\",\"b\":\"\"}}\n");
}

static void test_line_breaks(void **state)
{
    (void)state;
    EXPECT("a,b\r\n1,2\r\n", "\n{\"input\":{\"a\":\"1\",\"b\":\"2\"}}\n");
    EXPECT("\xef\xbb\xbf"
           "a\r\n1\r\n",
           "\n{\"input\":{\"a\":\"1\"}}\n");
    EXPECT("a\n1\n\n2\n", "\n{\"input\":{\"a\":\"1\"}}\n\n{\"input\":{\"a\":\"2\"}}\n");
}

static void test_quotes(void **state)
{
    (void)state;
    EXPECT("a,b\n\"1,5\",\"say \"\"hi\"\"\"\n",
           "\n{\"input\":{\"a\":\"1,5\",\"b\":\"say \\\"hi\\\"\"}}\n");
    EXPECT("a,b\r\n\"one\r\ntwo\",x\r\n", "\n{\"input\":{\"a\":\"one\\r\\ntwo\",\"b\":\"x\"}}\n");
    EXPECT("\"a,b\"\n\"\"\n", "\n\n"); /* one empty field is a blank row */
    EXPECT("\"a \"\"x\"\"\"\n1\n", "\n{\"input\":{\"a \\\"x\\\"\":\"1\"}}\n");
}

static void test_bad_quotes(void **state)
{
    (void)state;
    expect_bad(STR("a,b\n1,2\n\"x\"y,2\n"), "row 3: a quoted field does not end where it should");
    expect_bad(STR("a\n1\n2\n\"open\n3\n"), "row 4: a quoted field does not end");
    expect_bad(STR("\"a\n"), "row 1: ");
    expect_bad(STR(""), "there is no header row");
}

static void test_a_row_of_another_length_is_a_bad_line(void **state)
{
    (void)state;
    EXPECT("a,b\n1\n1,2,3\n1,2\n",
           "\n{\"1 fields where the header has 2\":true}\n"
           "{\"3 fields where the header has 2\":true}\n{\"input\":{\"a\":\"1\",\"b\":\"2\"}}\n");
}

static void test_delimiters(void **state)
{
    const struct csv_mapping none = {0};

    (void)state;
    expect_with(STR("a;b\n1,5;\"x;y\"\n"), ';', &none,
                "\n{\"input\":{\"a\":\"1,5\",\"b\":\"x;y\"}}\n");
    expect_with(STR("a\tb\n1\t2\n"), '\t', &none, "\n{\"input\":{\"a\":\"1\",\"b\":\"2\"}}\n");
}

static void test_maps(void **state)
{
    struct csv_map maps[4];
    struct hub_error error;

    (void)state;
    assert_int_equal(csv_parse_map(STR("mail=to"), &maps[0], &error), 0);
    assert_int_equal(csv_parse_map(STR("n=items.0.count:number"), &maps[1], &error), 0);
    assert_int_equal(csv_parse_map(STR("ok=flag:bool"), &maps[2], &error), 0);
    maps[3] = (struct csv_map){.column = STR("seg"), .place = STR("seg"), .is_label = true};
    const struct csv_mapping mapping = {maps, 4};
    expect_with(STR("mail,n,ok,seg,left out\na@b.c,7,TRUE,x,1\nd@e.f,,no,y,2\n"), ',', &mapping,
                "\n{\"input\":{\"to\":\"a@b.c\",\"items\":[{\"count\":7}],\"flag\":true},"
                "\"labels\":{\"seg\":\"x\"}}\n"
                "{\"input\":{\"to\":\"d@e.f\",\"flag\":\"no\"},\"labels\":{\"seg\":\"y\"}}\n");
    char *lines = read_all(STR("mail\nx\n"), ',', &mapping, &error);
    assert_int_equal(error.err, HUB_ERR_BAD_REQUEST);
    assert_non_null(strstr(error.detail, "no column 'n'"));
    free(lines);
    assert_int_equal(csv_parse_map(STR("=to"), &maps[0], &error), HUB_ERR_BAD_REQUEST);
    assert_int_equal(csv_parse_map(STR("mail"), &maps[0], &error), HUB_ERR_BAD_REQUEST);
}

/* Read in pieces of 64 KiB: fields, quotes and line breaks that fall on their borders. */
static void test_borders(void **state)
{
    const struct csv_mapping mapping = {0};
    struct hub_error error;
    struct buf text;

    (void)state;
    for (size_t pad = 65520; pad < 65544; pad++) {
        buf_init(&text, BUF_NO_LIMIT);
        buf_append_c(&text, "a,b\r\n");
        for (size_t i = 0; i < pad; i++) {
            buf_append_char(&text, 'x');
        }
        buf_append_c(&text, ",\"1\"\"\r\n2\"\r\n3,4\r\n");
        char *lines = read_all(buf_view(&text), ',', &mapping, &error);
        assert_int_equal(error.err, 0);
        const char *end = strstr(lines, "\",\"b\":");
        assert_non_null(end);
        assert_int_equal(end - lines, (ptrdiff_t)(pad + strlen("\n{\"input\":{\"a\":\"")));
        assert_string_equal(end,
                            "\",\"b\":\"1\\\"\\r\\n2\"}}\n{\"input\":{\"a\":\"3\",\"b\":\"4\"}}\n");
        free(lines);
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_line_breaks),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_bad_quotes),
        cmocka_unit_test(test_a_row_of_another_length_is_a_bad_line),
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_borders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
