#include "base/file.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int enter_directory(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hub-test-file-XXXXXX");
    return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
    (void)state;
    static const char *const made[] = {"file", "big", "a/b/c", "a/b", "a"};
    for (size_t i = 0; i < COUNT(made); i++) {
        remove(made[i]);
    }
    return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0; /* fails if anything else is left over */
}

static void check_content(const char *path, struct str expected)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(file_read(path, &b, NULL), 0);
    assert_str_equal(buf_view(&b), expected);
    buf_release(&b);
}

static void writes_and_replaces(void **state)
{
    (void)state;
    struct hub_error error;
    struct stat facts;
    mode_t mask = umask(077);
    assert_int_equal(file_write_durable("file", STR("one"), 0644, &error), 0);
    check_content("file", STR("one"));
    assert_int_equal(file_write_durable("file", STR("two\0three"), 0600, &error), 0);
    umask(mask);
    check_content("file", STR("two\0three"));
    assert_int_equal(stat("file", &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_int_equal(file_write_durable("file", STR(""), 0644, NULL), 0);
    check_content("file", STR(""));
    char absolute[128];
    snprintf(absolute, sizeof absolute, "%s/file", dir);
    assert_int_equal(file_write_durable(absolute, STR("three"), 0644, &error), 0);
    check_content("file", STR("three"));
}

static void a_write_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct hub_error error;
    assert_int_equal(file_write_durable("no/such/file", STR("x"), 0644, &error), HUB_ERR_NOT_FOUND);
    assert_non_null(strstr(error.detail, "no/such/file"));
    assert_int_equal(mkdir("a", 0700), 0);
    assert_int_equal(file_write_durable("a", STR("x"), 0644, &error), HUB_ERR_IO);
    char long_path[5000];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(file_write_durable(long_path, STR("x"), 0644, &error), HUB_ERR_IO);
    /* leave_directory() finds out whether a temporary file is left. */
}

static void reads_up_to_the_limit(void **state)
{
    (void)state;
    struct hub_error error;
    struct buf content, b;
    buf_init(&content, BUF_NO_LIMIT);
    for (int i = 0; i < 40000; i++) {
        buf_append_format(&content, "%d\n", i);
    }
    assert_int_equal(file_write_durable("big", buf_view(&content), 0600, NULL), 0);
    buf_init(&b, content.len + 4);
    buf_append_c(&b, "pre:");
    assert_int_equal(file_read("big", &b, &error), 0);
    assert_int_equal(b.len, content.len + 4);
    assert_memory_equal(b.ptr + 4, content.ptr, content.len);
    buf_release(&b);
    buf_init(&b, content.len + 3);
    buf_append_c(&b, "pre:");
    assert_int_equal(file_read("big", &b, &error), HUB_ERR_TOO_LARGE);
    assert_string_equal(b.ptr, "pre:");
    assert_non_null(strstr(error.detail, "big: "));
    buf_release(&b);
    buf_release(&content);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    struct hub_error error;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(file_read("missing", &b, &error), HUB_ERR_NOT_FOUND);
    assert_int_equal(file_read(".", &b, &error), HUB_ERR_IO);
    assert_int_equal(file_read_fd(-1, &b, NULL), HUB_ERR_IO);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void write_all_goes_on_after_short_writes(void **state)
{
    (void)state;
    int ends[2];
    static char sent[300000];
    struct buf b;
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (char)(i * 31);
    }
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        _exit(file_write_all(ends[1], sent, sizeof sent) == 0 ? 0 : 1);
    }
    close(ends[1]);
    buf_init(&b, sizeof sent);
    assert_int_equal(file_read_fd(ends[0], &b, NULL), 0);
    assert_int_equal(b.len, sizeof sent);
    assert_memory_equal(b.ptr, sent, sizeof sent);
    buf_release(&b);
    close(ends[0]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(file_write_all(full, "x", 1), -ENOSPC);
    close(full);
}

static void makes_directories(void **state)
{
    (void)state;
    struct hub_error error;
    struct stat facts;
    assert_int_equal(file_make_dirs("a/b//c/", 0700, &error), 0);
    assert_int_equal(file_make_dirs("a/b/c", 0700, &error), 0);
    assert_int_equal(stat("a/b/c", &facts), 0);
    assert_true(S_ISDIR(facts.st_mode));
    assert_int_equal(file_make_dirs("/", 0700, &error), 0);
    assert_int_equal(file_write_durable("file", STR("x"), 0600, &error), 0);
    assert_int_equal(file_make_dirs("file/d", 0700, &error), HUB_ERR_IO);
    assert_int_equal(file_make_dirs("file", 0700, &error), HUB_ERR_IO);
    assert_int_equal(file_make_dirs("", 0700, &error), HUB_ERR_NOT_FOUND);
}

static void syncs_the_parent(void **state)
{
    (void)state;
    assert_int_equal(file_sync_parent("anything", NULL), 0);
    assert_int_equal(file_sync_parent("/anything", NULL), 0);
    assert_int_equal(file_sync_parent("no/such", NULL), HUB_ERR_NOT_FOUND);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(writes_and_replaces),
        IN_DIRECTORY(a_write_that_fails_leaves_nothing),
        IN_DIRECTORY(reads_up_to_the_limit),
        IN_DIRECTORY(what_cannot_be_read),
        IN_DIRECTORY(write_all_goes_on_after_short_writes),
        IN_DIRECTORY(makes_directories),
        IN_DIRECTORY(syncs_the_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
