/* File names in Content-Disposition, both ways. */
#include "base/disposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_str(struct str got, const char *want)
{
    if (want == NULL) {
        assert_null(got.ptr);
        return;
    }
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_file_names(void **state)
{
    static const struct {
        const char *header, *want;
    } CASES[] = {
        {"attachment; filename=\"photo.jpg\"", "photo.jpg"},
        {"attachment; filename=photo.jpg", "photo.jpg"},
        {"attachment; FileName=\"a b.jpg\" ; x=y", "a b.jpg"},
        {"attachment; filename=\"a\\\"b.jpg\"", "a\"b.jpg"},
        {"attachment; filename=\"x\"; filename*=UTF-8''%E2%82%AC.png", "\xe2\x82\xac.png"},
        {"attachment; filename*=UTF-8'en'caf%C3%A9", "caf\xc3\xa9"},
        {"attachment; filename*=latin1''x; filename=ok", "ok"},
        {"attachment; filename=\"../../etc/passwd\"", "passwd"},
        {"attachment; filename=\"C:\\\\dir\\\\f.txt\"", "f.txt"},
        {"attachment; filename*=UTF-8''..%2F..%2Fx", "x"},
        {"attachment; filename=\"..\"", NULL},
        {"attachment; filename*=UTF-8''%00a", NULL},
        {"attachment; filename*=UTF-8''%ff", NULL},
        {"attachment; filename*=UTF-8''%4", NULL},
        {"attachment; filename=plain.txt ; x=y", "plain.txt"},
        {"attachment; filename=\"unfinished", "unfinished"},
        {"attachment;;;=;filename", NULL},
        {"attachment", NULL},
        {"", NULL},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct str name = disposition_file_name(str_from_c(CASES[i].header), &arena);
        assert_str(name.len > 0 ? name : (struct str){0}, CASES[i].want);
    }
    arena_release(&arena);
}

static void test_a_plain_name_needs_no_second_form(void **state)
{
    struct buf header;

    (void)state;
    buf_init(&header, 4096);
    disposition_append(&header, STR("a;b=\"c\".txt"));
    assert_string_equal(header.ptr, "attachment; filename=\"a;b=\\\"c\\\".txt\"");
    buf_clear(&header);
    disposition_append(&header, STR("Gr\xc3\xb6\xc3\x9f"
                                    "e.pdf"));
    assert_string_equal(
        header.ptr, "attachment; filename=\"Gr____e.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf");
    buf_release(&header);
}

static void test_a_name_survives_the_way_out_and_in(void **state)
{
    static const char *const NAMES[] = {"a.txt", "caf\xc3\xa9 \"x\".png", "100% sicher;.pdf",
                                        "\xe6\x97\xa5\xe6\x9c\xac.jpg"};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct buf header;
        buf_init(&header, 4096);
        disposition_append(&header, str_from_c(NAMES[i]));
        assert_str(disposition_file_name(buf_view(&header), &arena), NAMES[i]);
        buf_release(&header);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_names),
        cmocka_unit_test(test_a_plain_name_needs_no_second_form),
        cmocka_unit_test(test_a_name_survives_the_way_out_and_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
