#include "accounts/vault.h"

#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_LEN      32
#define KEY_DIGITS   (2 * KEY_LEN)
#define KEYS_MAX     2
#define KEY_FILE_MAX 256
#define PATH_LEN     4200

#define VERSION      1
#define ID_LEN       4
#define NONCE_LEN    12
#define TAG_LEN      16
#define HEAD_LEN     (1 + ID_LEN + NONCE_LEN)

static const char CREDENTIAL[] = "hubd-account-key";
static const char KEY_FILE[] = "account.key";

struct vault {
    struct secret keys; /* KEY_LEN bytes each, the present one first */
    unsigned count;
    uint8_t ids[KEYS_MAX][ID_LEN];
};

static const uint8_t *key_at(const struct vault *self, unsigned index)
{
    return (const uint8_t *)self->keys.text.ptr + (size_t)index * KEY_LEN;
}

/* --- Keys --------------------------------------------------------------------------------------*/

/* A name for the key that says nothing about it: of a digest with a purpose of its own. */
static int name_key(struct vault *self, unsigned index)
{
    static const char PURPOSE[] = "hubd account key";
    struct sha256_digest digest;
    struct sha256 sha;
    int err = sha256_init(&sha);

    if (err < 0) {
        return err;
    }
    sha256_update(&sha, PURPOSE, sizeof PURPOSE);
    sha256_update(&sha, key_at(self, index), KEY_LEN);
    sha256_final(&sha, &digest);
    memcpy(self->ids[index], digest.bytes, ID_LEN);
    return 0;
}

/* One key a line. */
static int take_keys(struct vault *self, struct str text, const char *path, struct hub_error *error)
{
    struct str rest = text;

    while (rest.len > 0) {
        struct str line = str_split(&rest, '\n');
        char *room = self->count < KEYS_MAX ? buf_reserve(&self->keys.text, KEY_LEN) : NULL;

        if (line.len == 0 && rest.len == 0) {
            break;
        }
        if (room == NULL) {
            return hub_fail(error, HUB_ERR_CORRUPT, "%s: more than two keys", path);
        }
        if (line.len != KEY_DIGITS || !hex_decode(line, (uint8_t *)room, KEY_LEN)) {
            return hub_fail(error, HUB_ERR_CORRUPT,
                            "%s: line %u is damaged: a key is 64 hexadecimal digits", path,
                            self->count + 1);
        }
        buf_commit(&self->keys.text, KEY_LEN);
        int err = name_key(self, self->count++);
        if (err < 0) {
            return hub_fail(error, err, "out of memory");
        }
    }
    if (self->count == 0) {
        return hub_fail(error, HUB_ERR_CORRUPT, "%s: there is no key in it", path);
    }
    return 0;
}

/* `others` are the mode bits that must not be set. */
static int check_file(int fd, const char *path, mode_t others, struct hub_error *error)
{
    struct stat info;

    if (fstat(fd, &info) < 0) {
        return hub_fail_errno(error, errno, "%s", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return hub_fail(error, HUB_ERR_CORRUPT, "%s: is not a file", path);
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        return hub_fail(error, HUB_ERR_FORBIDDEN, "%s: belongs to user %u, not to us", path,
                        (unsigned)info.st_uid);
    }
    if ((info.st_mode & others) != 0) {
        return hub_fail(error, HUB_ERR_FORBIDDEN,
                        "%s: has mode %04o, so that others may read or change the key: chmod 600",
                        path, (unsigned)(info.st_mode & 07777));
    }
    return 0;
}

static int read_keys(struct vault *self, int fd, const char *path, mode_t others,
                     struct hub_error *error)
{
    struct secret text;
    int err = check_file(fd, path, others, error);

    if (err < 0) {
        return err;
    }
    if (secret_init(&text, KEY_FILE_MAX) < 0) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    err = file_read_fd(fd, &text.text, error);
    if (err == 0) {
        err = take_keys(self, buf_view(&text.text), path, error);
    }
    secret_release(&text);
    return err;
}

static int make_key_file(const char *path, struct hub_error *error)
{
    uint8_t key[KEY_LEN];
    char room[KEY_DIGITS + 2];
    struct buf text;

    hash_random(key, sizeof key);
    buf_init_fixed(&text, room, sizeof room);
    hex_append(&text, key, sizeof key);
    buf_append_char(&text, '\n');
    int err = file_write_durable(path, buf_view(&text), 0600, error);
    explicit_bzero(key, sizeof key);
    explicit_bzero(room, sizeof room);
    return err;
}

/* 1 if there is such a file and its keys were taken, 0 if there is none. */
static int try_file(struct vault *self, const char *path, mode_t others, struct hub_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    if (fd < 0) {
        return hub_fail_errno(error, errno, "%s", path);
    }
    int err = read_keys(self, fd, path, others, error);
    close(fd);
    return err < 0 ? err : 1;
}

static int load_keys(struct vault *self, const char *state_dir, const char *credentials_dir,
                     struct hub_error *error)
{
    char path[PATH_LEN];
    int got = 0;

    if (credentials_dir != NULL) {
        snprintf(path, sizeof path, "%s/%s", credentials_dir, CREDENTIAL);
        /* systemd lets the service's user in by an ACL, which shows as rights of the group. */
        got = try_file(self, path, S_IWGRP | S_IRWXO, error);
    }
    if (got != 0) {
        return got < 0 ? got : 0;
    }
    snprintf(path, sizeof path, "%s/%s", state_dir, KEY_FILE);
    got = try_file(self, path, S_IRWXG | S_IRWXO, error);
    if (got == 0) {
        got = make_key_file(path, error);
        got = got < 0 ? got : try_file(self, path, S_IRWXG | S_IRWXO, error);
    }
    return got < 0 ? got : 0;
}

int vault_new(const char *state_dir, const char *credentials_dir, struct vault **ret_self,
              struct hub_error *error)
{
    struct vault *self = calloc(1, sizeof *self);
    int err;

    if (self == NULL || secret_init(&self->keys, KEYS_MAX * KEY_LEN + 1) < 0) {
        free(self);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    err = load_keys(self, state_dir, credentials_dir, error);
    if (err < 0) {
        vault_free(self);
        return err;
    }
    *ret_self = self;
    return 0;
}

void vault_free(struct vault *self)
{
    if (self != NULL) {
        secret_release(&self->keys);
        free(self);
    }
}

bool vault_is_locked(const struct vault *self)
{
    return self->keys.locked;
}

/* --- Sealing -----------------------------------------------------------------------------------*/

/* What is authenticated with the text; NUL cannot be part of either name. */
static bool add_names(EVP_CIPHER_CTX *ctx, struct str name, struct str connector)
{
    static const uint8_t SEPARATOR = 0;
    int len;

    return EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)name.ptr, (int)name.len) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, &SEPARATOR, 1) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)connector.ptr, (int)connector.len) ==
               1;
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct str name,
                    struct str connector, struct str plain, uint8_t *ret_text, uint8_t *ret_tag)
{
    int len = 0, last = 0;

    return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           add_names(ctx, name, connector) &&
           EVP_EncryptUpdate(ctx, ret_text, &len, (const uint8_t *)plain.ptr, (int)plain.len) ==
               1 &&
           EVP_EncryptFinal_ex(ctx, ret_text + len, &last) == 1 &&
           (size_t)(len + last) == plain.len &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, ret_tag) == 1;
}

int vault_seal(const struct vault *self, struct str name, struct str connector, struct str plain,
               struct buf *ret_sealed)
{
    size_t len = plain.len + VAULT_OVERHEAD;
    char *room = len <= INT32_MAX ? buf_reserve(ret_sealed, len) : NULL;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int err = HUB_ERR_NOMEM;

    if (room != NULL && ctx != NULL) {
        uint8_t *head = (uint8_t *)room;
        head[0] = VERSION;
        memcpy(head + 1, self->ids[0], ID_LEN);
        hash_random(head + 1 + ID_LEN, NONCE_LEN);
        err = encrypt(ctx, key_at(self, 0), head + 1 + ID_LEN, name, connector, plain,
                      head + HEAD_LEN, head + HEAD_LEN + plain.len)
                  ? 0
                  : HUB_ERR_INTERNAL;
    }
    if (err == 0) {
        buf_commit(ret_sealed, len);
    }
    EVP_CIPHER_CTX_free(ctx); /* zeroes the key's schedule */
    return err;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, struct str name, struct str connector,
                    struct str sealed, uint8_t *ret_text)
{
    const uint8_t *head = (const uint8_t *)sealed.ptr;
    size_t text_len = sealed.len - VAULT_OVERHEAD;
    int len = 0, last = 0;

    return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, head + 1 + ID_LEN) == 1 &&
           add_names(ctx, name, connector) &&
           EVP_DecryptUpdate(ctx, ret_text, &len, head + HEAD_LEN, (int)text_len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN,
                               (void *)(head + HEAD_LEN + text_len)) == 1 &&
           EVP_DecryptFinal_ex(ctx, ret_text + len, &last) == 1;
}

/* Index of the key with this name, or -1. */
static int find_key(const struct vault *self, const char *id)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (memcmp(self->ids[i], id, ID_LEN) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int vault_open(const struct vault *self, struct str name, struct str connector, struct str sealed,
               struct secret *ret_plain, bool *ret_old)
{
    secret_clear(ret_plain);
    if (sealed.len < VAULT_OVERHEAD || sealed.len > INT32_MAX || sealed.ptr[0] != VERSION) {
        return HUB_ERR_CORRUPT;
    }
    int index = find_key(self, sealed.ptr + 1);
    if (index < 0) {
        return HUB_ERR_NOT_FOUND;
    }
    size_t len = sealed.len - VAULT_OVERHEAD;
    char *room = buf_reserve(&ret_plain->text, len);
    if (room == NULL) {
        buf_clear(&ret_plain->text);
        return HUB_ERR_TOO_LARGE;
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return HUB_ERR_NOMEM;
    }
    bool ok = decrypt(ctx, key_at(self, (unsigned)index), name, connector, sealed, (uint8_t *)room);
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        secret_clear(ret_plain); /* what was not authentic is nobody's business */
        return HUB_ERR_CORRUPT;
    }
    buf_commit(&ret_plain->text, len);
    if (ret_old != NULL) {
        *ret_old = index > 0;
    }
    return 0;
}
