/* Sealing: what comes back, what does not, and which keys are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/vault.h"
#include "base/file.h"

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

struct place {
    char state[64];
    char credentials[64];
    struct vault *vault;
    struct hub_error error;
    struct buf sealed;
    struct secret plain;
};

static void open_place(struct place *self)
{
    memset(self, 0, sizeof *self);
    strcpy(self->state, "/tmp/hubd-vault-XXXXXX");
    strcpy(self->credentials, "/tmp/hubd-creds-XXXXXX");
    assert_non_null(mkdtemp(self->state));
    assert_non_null(mkdtemp(self->credentials));
    buf_init(&self->sealed, BUF_NO_LIMIT);
    assert_int_equal(secret_init(&self->plain, 4096), 0);
}

static void close_place(struct place *self)
{
    char path[128];

    vault_free(self->vault);
    buf_release(&self->sealed);
    secret_release(&self->plain);
    snprintf(path, sizeof path, "%s/account.key", self->state);
    unlink(path);
    snprintf(path, sizeof path, "%s/hubd-account-key", self->credentials);
    unlink(path);
    rmdir(self->state);
    rmdir(self->credentials);
}

static void write_key(const char *dir, const char *name, const char *text, mode_t mode)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
    assert_int_equal(file_write_durable(path, str_from_c(text), mode, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int start(struct place *self)
{
    vault_free(self->vault);
    self->vault = NULL;
    return vault_new(self->state, self->credentials, &self->vault, &self->error);
}

static void seal(struct place *self, const char *text)
{
    buf_clear(&self->sealed);
    assert_int_equal(
        vault_seal(self->vault, STR("name"), STR("http"), str_from_c(text), &self->sealed), 0);
    assert_int_equal(self->sealed.len, strlen(text) + VAULT_OVERHEAD);
}

static int unseal(struct place *self, const char *name, const char *connector, bool *ret_old)
{
    return vault_open(self->vault, str_from_c(name), str_from_c(connector), buf_view(&self->sealed),
                      &self->plain, ret_old);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct place place;
    struct stat info;
    char path[128];
    bool old = true;

    open_place(&place);
    assert_int_equal(start(&place), 0);
    snprintf(path, sizeof path, "%s/account.key", place.state);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 65);

    seal(&place, "{\"token\":\"secret\"}");
    assert_null(memmem(place.sealed.ptr, place.sealed.len, "secret", 6));
    assert_int_equal(unseal(&place, "name", "http", &old), 0);
    assert_false(old);
    assert_int_equal(place.plain.text.len, 18);
    assert_memory_equal(place.plain.text.ptr, "{\"token\":\"secret\"}", 18);
    secret_clear(&place.plain);
    for (size_t i = 0; i < place.plain.size; i++) {
        assert_int_equal(place.plain.text.ptr[i], 0);
    }
    assert_int_equal(start(&place), 0); /* the same key again */
    assert_int_equal(unseal(&place, "name", "http", NULL), 0);
    seal(&place, "");
    assert_int_equal(unseal(&place, "name", "http", NULL), 0);
    assert_int_equal(place.plain.text.len, 0);
    close_place(&place);
}

static void test_nonces_differ(void **state)
{
    (void)state;
    struct place place;
    char first[64];

    open_place(&place);
    assert_int_equal(start(&place), 0);
    seal(&place, "the same");
    memcpy(first, place.sealed.ptr, place.sealed.len);
    seal(&place, "the same");
    assert_memory_equal(first, place.sealed.ptr, 5); /* version and key */
    assert_memory_not_equal(first + 5, place.sealed.ptr + 5, 12);
    assert_memory_not_equal(first + 17, place.sealed.ptr + 17, 8);
    close_place(&place);
}

/* Any bit, any other name: nothing comes out. */
static void test_what_was_changed_is_refused(void **state)
{
    (void)state;
    struct place place;

    open_place(&place);
    assert_int_equal(start(&place), 0);
    seal(&place, "a secret");
    for (size_t i = 0; i < place.sealed.len * 8; i++) {
        place.sealed.ptr[i / 8] ^= (char)(1 << i % 8);
        int err = unseal(&place, "name", "http", NULL);
        assert_true(err == HUB_ERR_CORRUPT ||
                    (err == HUB_ERR_NOT_FOUND && i / 8 >= 1 && i / 8 < 5));
        assert_int_equal(place.plain.text.len, 0);
        assert_int_equal(place.plain.text.ptr[0], 0);
        place.sealed.ptr[i / 8] ^= (char)(1 << i % 8);
    }
    assert_int_equal(unseal(&place, "other", "http", NULL), HUB_ERR_CORRUPT);
    assert_int_equal(unseal(&place, "name", "mail", NULL), HUB_ERR_CORRUPT);
    assert_int_equal(unseal(&place, "nam", "ehttp", NULL), HUB_ERR_CORRUPT);
    assert_int_equal(unseal(&place, "name", "http", NULL), 0);
    for (size_t len = place.sealed.len; len-- > 0;) {
        buf_truncate(&place.sealed, len);
        assert_true(unseal(&place, "name", "http", NULL) < 0);
    }
    close_place(&place);
}

static void test_too_large_for_its_room(void **state)
{
    (void)state;
    struct place place;
    static char text[8000];

    open_place(&place);
    assert_int_equal(start(&place), 0);
    memset(text, 'x', sizeof text - 1);
    seal(&place, text);
    assert_int_equal(unseal(&place, "name", "http", NULL), HUB_ERR_TOO_LARGE);
    seal(&place, "small");
    assert_int_equal(unseal(&place, "name", "http", NULL), 0);
    close_place(&place);
}

static void test_rotation(void **state)
{
    (void)state;
    struct place place;
    bool old = true;

    open_place(&place);
    write_key(place.state, "account.key", KEY_A "\n", 0600);
    assert_int_equal(start(&place), 0);
    seal(&place, "sealed by A");
    write_key(place.state, "account.key", KEY_B "\n" KEY_A "\n", 0600);
    assert_int_equal(start(&place), 0);
    assert_int_equal(unseal(&place, "name", "http", &old), 0);
    assert_true(old);
    write_key(place.state, "account.key", KEY_B, 0600);
    assert_int_equal(start(&place), 0);
    assert_int_equal(unseal(&place, "name", "http", &old), HUB_ERR_NOT_FOUND);
    seal(&place, "sealed by B");
    assert_int_equal(unseal(&place, "name", "http", &old), 0);
    assert_false(old);
    close_place(&place);
}

static void test_credential_goes_first(void **state)
{
    (void)state;
    struct place place;

    open_place(&place);
    write_key(place.credentials, "hubd-account-key", KEY_A "\n", 0440); /* as systemd does */
    write_key(place.state, "account.key", KEY_B "\n", 0600);
    assert_int_equal(start(&place), 0);
    seal(&place, "by A");
    write_key(place.state, "account.key", KEY_A "\n", 0600);
    char path[128];
    snprintf(path, sizeof path, "%s/hubd-account-key", place.credentials);
    unlink(path);
    assert_int_equal(start(&place), 0);
    assert_int_equal(unseal(&place, "name", "http", NULL), 0);
    write_key(place.credentials, "hubd-account-key", KEY_A "\n", 0444);
    assert_int_equal(start(&place), HUB_ERR_FORBIDDEN);
    close_place(&place);
}

static void test_bad_keys_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        int err;
        const char *why;
    } cases[] = {
        {KEY_A "\n", 0640, HUB_ERR_FORBIDDEN, "mode 0640"},
        {KEY_A "\n", 0604, HUB_ERR_FORBIDDEN, "chmod 600"},
        {"", 0600, HUB_ERR_CORRUPT, "no key"},
        {KEY_A "0\n", 0600, HUB_ERR_CORRUPT, "line 1 is damaged"},
        {"0123\n", 0600, HUB_ERR_CORRUPT, "line 1 is damaged"},
        {KEY_A "\nnot a key\n", 0600, HUB_ERR_CORRUPT, "line 2 is damaged"},
        {KEY_A "\n\n" KEY_B "\n", 0600, HUB_ERR_CORRUPT, "line 2 is damaged"},
        {KEY_A "\n" KEY_B "\n" KEY_A "\n", 0600, HUB_ERR_CORRUPT, "more than two"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place place;
        open_place(&place);
        write_key(place.state, "account.key", cases[i].text, cases[i].mode);
        assert_int_equal(start(&place), cases[i].err);
        assert_non_null(strstr(place.error.detail, "account.key"));
        if (!strstr(place.error.detail, cases[i].why)) {
            fail_msg("%s", place.error.detail);
        }
        assert_null(strstr(place.error.detail, "00112233"));
        close_place(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_nonces_differ),
        cmocka_unit_test(test_what_was_changed_is_refused),
        cmocka_unit_test(test_too_large_for_its_room),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_credential_goes_first),
        cmocka_unit_test(test_bad_keys_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
