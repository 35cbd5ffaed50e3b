/* Contents on disk: jobs/blob.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "jobs/blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ABC_HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct fixture {
    char dir[64];
    struct blob_store *blobs;
};

static void open_store(struct fixture *f)
{
    char path[128];

    snprintf(path, sizeof path, "%s/blobs", f->dir);
    assert_int_equal(blob_store_new(path, &f->blobs, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    snprintf(f->dir, sizeof f->dir, "/tmp/hub_blob.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    open_store(f);
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    blob_store_free(f->blobs);
    nftw(f->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static unsigned tmp_files(const struct fixture *f)
{
    DIR *dir = opendir(blob_store_tmp_dir(f->blobs));
    unsigned count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

static struct blob_pending write_blob(struct fixture *f, const char *content)
{
    struct blob_writer writer;
    struct blob_pending pending;

    assert_int_equal(blob_writer_open(f->blobs, 1000, &writer, NULL), 0);
    assert_int_equal(blob_writer_write(&writer, content, strlen(content), NULL), 0);
    assert_int_equal(blob_writer_finish(&writer, &pending, NULL), 0);
    return pending;
}

static bool exists(struct fixture *f, const char *hex)
{
    int fd;

    if (blob_open(f->blobs, str_from_c(hex), &fd, NULL) < 0) {
        return false;
    }
    close(fd);
    return true;
}

static void test_publish(void **state)
{
    struct fixture *f = *state;
    struct blob_pending pending = write_blob(f, "abc");
    char hex[SHA256_HEX_LEN + 1];
    struct buf data;
    int fd;

    sha256_hex(&pending.digest, hex);
    assert_string_equal(hex, ABC_HEX);
    assert_int_equal(pending.size, 3);
    assert_false(exists(f, ABC_HEX));
    assert_int_equal(blob_publish(f->blobs, &pending, NULL), 0);
    assert_int_equal(blob_sync(f->blobs, NULL), 0);
    assert_int_equal(tmp_files(f), 1);
    blob_discard(f->blobs, &pending);
    assert_int_equal(tmp_files(f), 0);
    assert_int_equal(blob_open(f->blobs, STR(ABC_HEX), &fd, NULL), 0);
    buf_init(&data, 100);
    assert_int_equal(file_read_fd(fd, &data, NULL), 0);
    assert_true(str_eq(buf_view(&data), STR("abc")));
    buf_release(&data);
    close(fd);
}

static void test_publishing_again_does_no_harm(void **state)
{
    struct fixture *f = *state;
    struct blob_pending a = write_blob(f, "abc");
    struct blob_pending b = write_blob(f, "abc");

    assert_int_equal(blob_publish(f->blobs, &a, NULL), 0);
    assert_int_equal(blob_publish(f->blobs, &a, NULL), 0); /* after a failed commit */
    assert_int_equal(blob_publish(f->blobs, &b, NULL), 0); /* the same content */
    blob_discard(f->blobs, &a);
    blob_discard(f->blobs, &a);
    assert_int_equal(blob_publish(f->blobs, &a, NULL), 0); /* its temporary name has gone */
    assert_true(exists(f, ABC_HEX));
    blob_remove(f->blobs, STR(ABC_HEX));
    assert_false(exists(f, ABC_HEX));
    assert_int_equal(blob_publish(f->blobs, &a, NULL), HUB_ERR_NOT_FOUND);
    assert_int_equal(blob_publish(f->blobs, &b, NULL), 0);
    assert_true(exists(f, ABC_HEX));
}

static void test_limit(void **state)
{
    struct fixture *f = *state;
    struct blob_writer writer;
    struct hub_error error;

    assert_int_equal(blob_writer_open(f->blobs, 5, &writer, NULL), 0);
    assert_int_equal(blob_writer_write(&writer, "abc", 3, NULL), 0);
    assert_int_equal(blob_writer_write(&writer, "def", 3, &error), HUB_ERR_TOO_LARGE);
    assert_int_equal(error.err, HUB_ERR_TOO_LARGE);
    assert_int_equal(blob_writer_write(&writer, "de", 2, NULL), 0);
    blob_writer_abort(&writer);
    blob_writer_abort(&writer);
    assert_int_equal(tmp_files(f), 0);
    struct blob_writer none = {0};
    blob_writer_abort(&none);
}

static void test_copy(void **state)
{
    struct fixture *f = *state;
    size_t len = 200001;
    char *bytes = malloc(len);
    struct blob_pending pending;
    struct sha256_digest digest;
    int fd = memfd_create("source", MFD_CLOEXEC);

    memset(bytes, 'q', len);
    sha256_of(str_of(bytes, len), &digest);
    assert_int_equal(file_write_all(fd, bytes, len), 0);
    assert_int_equal(blob_copy(f->blobs, fd, len, &pending, NULL), 0); /* offset at the end */
    assert_int_equal(pending.size, len);
    assert_true(sha256_eq(&pending.digest, &digest));
    assert_int_equal(blob_copy(f->blobs, fd, len - 1, &pending, NULL), HUB_ERR_TOO_LARGE);
    assert_int_equal(tmp_files(f), 1);
    close(fd);
    free(bytes);
}

static void test_copy_of_what_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct blob_pending pending;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(blob_copy(f->blobs, fds[0], 10, &pending, NULL), HUB_ERR_IO);
    assert_int_equal(tmp_files(f), 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_only_digests_are_names(void **state)
{
    static const char *const names[] = {
        "",
        "ab",
        "../../../../../../etc/passwd",
        ABC_HEX "0",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
        "/..",
        ABC_HEX};
    struct fixture *f = *state;
    int fd;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(blob_open(f->blobs, str_from_c(names[i]), &fd, NULL), HUB_ERR_NOT_FOUND);
        blob_remove(f->blobs, str_from_c(names[i]));
    }
}

static void test_temporary_files_of_an_earlier_life_go(void **state)
{
    struct fixture *f = *state;
    struct blob_pending kept = write_blob(f, "abc");

    write_blob(f, "left");
    assert_int_equal(blob_publish(f->blobs, &kept, NULL), 0);
    assert_int_equal(tmp_files(f), 2);
    blob_store_free(f->blobs);
    open_store(f);
    assert_int_equal(tmp_files(f), 0);
    assert_true(exists(f, ABC_HEX));
}

static bool is_abc(void *context, const struct sha256_digest *digest)
{
    char hex[SHA256_HEX_LEN + 1];

    ++*(unsigned *)context;
    sha256_hex(digest, hex);
    return strcmp(hex, ABC_HEX) == 0;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    const struct blob_pending all[] = {write_blob(f, "abc"), write_blob(f, "x"),
                                       write_blob(f, "y")};
    char foreign[200];
    unsigned asked = 0;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(blob_publish(f->blobs, &all[i], NULL), 0);
    }
    snprintf(foreign, sizeof foreign, "%s/blobs/ba/notes.txt", f->dir);
    assert_int_equal(file_write_durable(foreign, STR("not ours"), 0600, NULL), 0);
    for (unsigned folder = 0; folder < BLOB_FOLDERS; folder++) {
        blob_sweep(f->blobs, folder, is_abc, &asked);
    }
    assert_int_equal(asked, 3);
    assert_true(exists(f, ABC_HEX));
    for (size_t i = 1; i < 3; i++) {
        char hex[SHA256_HEX_LEN + 1];
        sha256_hex(&all[i].digest, hex);
        assert_false(exists(f, hex));
    }
    assert_int_equal(access(foreign, F_OK), 0);
}

static void test_contents_are_private(void **state)
{
    struct fixture *f = *state;
    struct blob_pending pending = write_blob(f, "abc");
    struct stat st;
    int fd;

    assert_int_equal(blob_publish(f->blobs, &pending, NULL), 0);
    assert_int_equal(blob_open(f->blobs, STR(ABC_HEX), &fd, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    assert_int_equal(stat(blob_store_tmp_dir(f->blobs), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(blob_free_bytes(f->blobs) > 0);
    assert_true(blob_free_bytes(f->blobs) < UINT64_MAX);
}

static void test_folder_that_cannot_be_made(void **state)
{
    struct fixture *f = *state;
    struct blob_store *blobs;
    char path[128];

    snprintf(path, sizeof path, "%s/file", f->dir);
    assert_int_equal(file_write_durable(path, STR("x"), 0600, NULL), 0);
    strcat(path, "/blobs");
    assert_true(blob_store_new(path, &blobs, NULL) < 0);
    blob_store_free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_publish),
        TEST(test_publishing_again_does_no_harm),
        TEST(test_limit),
        TEST(test_copy),
        TEST(test_copy_of_what_cannot_be_read),
        TEST(test_only_digests_are_names),
        TEST(test_temporary_files_of_an_earlier_life_go),
        TEST(test_sweep),
        TEST(test_contents_are_private),
        TEST(test_folder_that_cannot_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
