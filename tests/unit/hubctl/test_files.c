/* filename.h, outfile.h and url.h: names that strangers give, and files that appear whole. */
#include "hubctl/filename.h"
#include "hubctl/outfile.h"
#include "hubctl/url.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *text_of(struct buf *buf)
{
    buf_append_char(buf, '\0');
    assert_false(buf_failed(buf));
    buf->len = 0; /* the bytes stay, to be compared */
    return buf->ptr;
}

static void hostile_names_become_harmless(void **state)
{
    static const struct {
        struct str name;
        const char *safe;
    } cases[] = {
        {STR_INIT("cat.jpg"), "cat.jpg"},
        {STR_INIT("Größe 1.pdf"), "Größe 1.pdf"},
        {STR_INIT("../../etc/passwd"), "passwd"},
        {STR_INIT("/etc/passwd"), "passwd"},
        {STR_INIT("a/b/"), "b"},
        {STR_INIT(".."), "_."},
        {STR_INIT("."), "_"},
        {STR_INIT("/"), "FALLBACK"},
        {STR_INIT(""), "FALLBACK"},
        {STR_INIT("  "), "FALLBACK"},
        {STR_INIT(".bashrc"), "_bashrc"},
        {STR_INIT("..\\..\\boot.ini"), "_._.._boot.ini"},
        {STR_INIT("a\nb\x1b[2J\x7f.txt"), "a_b_[2J_.txt"},
        {STR_INIT("a\0b"), "a_b"},
        {STR_INIT("\xff\xfe"), "__"},
        {STR_INIT("gpj.\xe2\x80\xae"
                  "exe"),
         "gpj._exe"},
    };
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        filename_append_safe(&buf, cases[i].name, STR("FALLBACK"));
        assert_null(memchr(buf.ptr, '/', buf.len));
        assert_string_equal(text_of(&buf), cases[i].safe);
    }
    buf_release(&buf);
}

static void long_names_keep_their_extension(void **state)
{
    char name[600];
    struct buf buf;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof name; i += 2) {
        memcpy(name + i, "\xc3\xa4", 2);
    }
    memcpy(name + 590, ".tar.gz", 7);
    buf_init(&buf, BUF_NO_LIMIT);
    filename_append_safe(&buf, str_of(name, 597), STR("x"));
    assert_true(buf.len <= FILENAME_MAX_LEN && buf.len > FILENAME_MAX_LEN - 4);
    assert_true(str_ends_with(buf_view(&buf), STR(".tar.gz")));
    assert_int_equal(str_utf8_valid_prefix(buf_view(&buf)), buf.len);
    buf_release(&buf);
}

static void numbers_stand_before_the_extension(void **state)
{
    static const struct {
        struct str name;
        const char *second;
    } cases[] = {{STR_INIT("a.jpg"), "a-2.jpg"},
                 {STR_INIT("a.tar.gz"), "a-2.tar.gz"},
                 {STR_INIT("a"), "a-2"},
                 {STR_INIT(".x"), ".x-2"},
                 {STR_INIT("a.b.c"), "a.b-2.c"},
                 {STR_INIT("v1. a sentence of many words"), "v1. a sentence of many words-2"}};
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        filename_append_numbered(&buf, cases[i].name, 2);
        assert_string_equal(text_of(&buf), cases[i].second);
    }
    buf_release(&buf);
}

static void guesses_media_types(void **state)
{
    (void)state;
    assert_string_equal(filename_media_type(STR("a.JPG")), "image/jpeg");
    assert_string_equal(filename_media_type(STR("a.tar.gz")), "application/gzip");
    assert_string_equal(filename_media_type(STR("a")), "application/octet-stream");
    assert_string_equal(filename_media_type(STR("")), "application/octet-stream");
    assert_string_equal(filename_media_type(STR("a.")), "application/octet-stream");
}

static void builds_targets(void **state)
{
    struct buf url;

    (void)state;
    buf_init(&url, BUF_NO_LIMIT);
    buf_append_c(&url, "/v1/queues/");
    url_append_segment(&url, STR("a/b ?#%ä"));
    url_append_query(&url, "x", str_of(NULL, 0));
    url_append_query(&url, "label", STR("team:a&b"));
    url_append_query(&url, "y", STR(""));
    assert_string_equal(text_of(&url), "/v1/queues/a%2Fb%20%3F%23%25%C3%A4?label=team%3Aa%26b&y=");
    url_append_segment(&url, STR(".."));
    assert_string_equal(text_of(&url), "%2E%2E");
    url_append_segment(&url, STR("a..b"));
    assert_string_equal(text_of(&url), "a..b");
    buf_release(&url);
}

/* --- files ------------------------------------------------------------------------------------ */

struct folder {
    char path[64];
    int fd;
};

static void folder_make(struct folder *self)
{
    strcpy(self->path, "/tmp/hubctl-test-XXXXXX");
    assert_non_null(mkdtemp(self->path));
    self->fd = open(self->path, O_RDONLY | O_DIRECTORY);
    assert_true(self->fd >= 0);
}

static int folder_count(const struct folder *self)
{
    DIR *dir = opendir(self->path);
    int count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return count;
}

static void folder_remove(struct folder *self)
{
    DIR *dir = opendir(self->path);

    for (struct dirent *entry; (entry = readdir(dir));) {
        unlinkat(self->fd, entry->d_name, 0);
    }
    closedir(dir);
    close(self->fd);
    assert_int_equal(rmdir(self->path), 0);
}

static void assert_holds(const struct folder *folder, const char *name, const char *text)
{
    char bytes[64] = {0};
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW);

    assert_true(fd >= 0);
    assert_true(read(fd, bytes, sizeof bytes - 1) >= 0);
    assert_string_equal(bytes, text);
    close(fd);
}

static int put(const struct folder *folder, const char *name, const char *text,
               enum outfile_how how, struct buf *ret_name)
{
    struct outfile file;
    int err;

    assert_int_equal(outfile_open(&file, folder->fd, NULL), 0);
    assert_int_equal(outfile_write(&file, str_from_c(text), NULL), 0);
    err = outfile_publish(&file, str_from_c(name), how, ret_name, NULL);
    outfile_release(&file);
    return err;
}

static void files_appear_whole_and_replace_nothing(void **state)
{
    struct folder folder;
    struct outfile file;
    struct buf name;

    (void)state;
    folder_make(&folder);
    buf_init(&name, BUF_NO_LIMIT);
    assert_int_equal(outfile_open(&file, folder.fd, NULL), 0);
    assert_int_equal(outfile_write(&file, STR("half"), NULL), 0);
    outfile_release(&file); /* given up */
    assert_int_equal(folder_count(&folder), 0);

    assert_int_equal(put(&folder, "a.txt", "one", OUTFILE_NEW, &name), 0);
    assert_string_equal(text_of(&name), "a.txt");
    assert_int_equal(put(&folder, "a.txt", "two", OUTFILE_NEW, &name), HUB_ERR_CONFLICT);
    assert_int_equal(put(&folder, "a.txt", "two", OUTFILE_FREE_NAME, &name), 0);
    assert_string_equal(text_of(&name), "a-2.txt");
    assert_int_equal(put(&folder, "a.txt", "three", OUTFILE_FREE_NAME, &name), 0);
    assert_string_equal(text_of(&name), "a-3.txt");
    assert_holds(&folder, "a.txt", "one");
    assert_holds(&folder, "a-2.txt", "two");
    assert_int_equal(put(&folder, "a.txt", "four", OUTFILE_REPLACE, &name), 0);
    assert_holds(&folder, "a.txt", "four");
    assert_int_equal(folder_count(&folder), 3);
    buf_release(&name);
    folder_remove(&folder);
}

static void links_are_not_followed(void **state)
{
    struct folder folder;
    struct folder elsewhere;
    char target[128];
    struct buf name;

    (void)state;
    folder_make(&folder);
    folder_make(&elsewhere);
    buf_init(&name, BUF_NO_LIMIT);
    snprintf(target, sizeof target, "%s/victim", elsewhere.path);
    assert_int_equal(symlinkat(target, folder.fd, "a.txt"), 0);
    assert_int_equal(put(&folder, "a.txt", "x", OUTFILE_FREE_NAME, &name), 0);
    assert_string_equal(text_of(&name), "a-2.txt");
    assert_int_equal(put(&folder, "a.txt", "y", OUTFILE_REPLACE, &name), 0);
    assert_holds(&folder, "a.txt", "y"); /* the link was replaced, not its target */
    assert_int_equal(folder_count(&elsewhere), 0);
    buf_release(&name);
    folder_remove(&folder);
    folder_remove(&elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_names_become_harmless),
        cmocka_unit_test(long_names_keep_their_extension),
        cmocka_unit_test(numbers_stand_before_the_extension),
        cmocka_unit_test(guesses_media_types),
        cmocka_unit_test(builds_targets),
        cmocka_unit_test(files_appear_whole_and_replace_nothing),
        cmocka_unit_test(links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
