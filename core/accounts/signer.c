#include "accounts/signer.h"

#include "base/hash.h"

#include <endian.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define VERSION       1
#define SECRET_LEN    32
#define SEED_LEN      32 /* of Ed25519 */
#define PUBLIC_LEN    32
#define SIGNATURE_LEN 64
/* What they are sealed for, so that nothing else can be passed off as them. */
#define SEAL_NAME    STR("callback signing keys")
#define SEAL_PURPOSE STR("hubd")

/* As it is sealed: numbers big-endian. */
struct keys {
    uint8_t version; /* 0: there are none */
    uint8_t count;
    uint8_t secrets[SIGNER_SECRETS_MAX][SECRET_LEN]; /* the newest first */
    uint64_t created[SIGNER_SECRETS_MAX];
    uint8_t seed[SEED_LEN];
} __attribute__((packed));

struct signer {
    struct secret memory; /* of the keys */
};

static struct keys *keys_of(const struct signer *self)
{
    return (struct keys *)self->memory.text.ptr;
}

/* --- Life --------------------------------------------------------------------------------------*/

int signer_new(struct signer **ret_self)
{
    struct signer *self = calloc(1, sizeof *self);

    if (self == NULL || secret_init(&self->memory, sizeof(struct keys)) < 0) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    *ret_self = self;
    return 0;
}

void signer_free(struct signer *self)
{
    if (self != NULL) {
        secret_release(&self->memory);
        free(self);
    }
}

bool signer_ready(const struct signer *self)
{
    return keys_of(self)->version == VERSION;
}

void signer_make(struct signer *self, int64_t now)
{
    struct keys *keys = keys_of(self);

    keys->version = VERSION;
    keys->count = 1;
    keys->created[0] = htobe64((uint64_t)now);
    hash_random(keys->secrets[0], SECRET_LEN);
    hash_random(keys->seed, SEED_LEN);
}

int signer_open(struct signer *self, const struct vault *vault, struct str sealed)
{
    struct secret plain;
    int err = secret_init(&plain, sizeof(struct keys));

    if (err < 0) {
        return err;
    }
    err = vault_open(vault, SEAL_NAME, SEAL_PURPOSE, sealed, &plain, NULL);
    if (err == 0) {
        const struct keys *keys = (const struct keys *)plain.text.ptr;
        bool sound = plain.text.len == sizeof *keys && keys->version == VERSION &&
                     keys->count > 0 && keys->count <= SIGNER_SECRETS_MAX;
        if (sound) {
            memcpy(keys_of(self), keys, sizeof *keys);
        }
        err = sound ? 0 : HUB_ERR_CORRUPT;
    }
    secret_release(&plain);
    return err;
}

int signer_seal(const struct signer *self, const struct vault *vault, struct buf *ret_sealed)
{
    return vault_seal(vault, SEAL_NAME, SEAL_PURPOSE,
                      str_of(self->memory.text.ptr, sizeof(struct keys)), ret_sealed);
}

void signer_rotate(struct signer *self, int64_t now)
{
    struct keys *keys = keys_of(self);

    memcpy(keys->secrets[1], keys->secrets[0], SECRET_LEN);
    keys->created[1] = keys->created[0];
    keys->created[0] = htobe64((uint64_t)now);
    hash_random(keys->secrets[0], SECRET_LEN);
    keys->count = SIGNER_SECRETS_MAX;
}

void signer_copy(struct signer *self, const struct signer *from)
{
    memcpy(keys_of(self), keys_of(from), sizeof(struct keys));
}

/* --- Signing -----------------------------------------------------------------------------------*/

static void append_signature(struct buf *out, const char *version, const void *bytes, size_t len)
{
    if (out->len > 0) {
        buf_append_char(out, ' ');
    }
    buf_append_c(out, version);
    base64_append(out, str_of(bytes, len));
}

static EVP_PKEY *open_pair(const struct signer *self)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, keys_of(self)->seed, SEED_LEN);
}

static int sign_ed25519(const struct signer *self, struct str text, struct buf *out)
{
    uint8_t signature[SIGNATURE_LEN];
    size_t len = sizeof signature;
    EVP_PKEY *pair = open_pair(self);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = pair != NULL && context != NULL &&
              EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
              EVP_DigestSign(context, signature, &len, (const uint8_t *)text.ptr, text.len) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    if (ok) {
        append_signature(out, "v1a,", signature, len);
    }
    return ok ? 0 : HUB_ERR_INTERNAL;
}

static int sign_hmac(const uint8_t secret[SECRET_LEN], struct str text, struct buf *out)
{
    uint8_t signature[SHA256_LEN];
    unsigned len = sizeof signature;

    if (HMAC(EVP_sha256(), secret, SECRET_LEN, (const uint8_t *)text.ptr, text.len, signature,
             &len) == NULL) {
        return HUB_ERR_INTERNAL;
    }
    append_signature(out, "v1,", signature, len);
    return 0;
}

int signer_sign(const struct signer *self, struct str id, int64_t seconds, struct str body,
                int64_t now, struct buf *ret_signatures)
{
    struct buf text;
    int err = HUB_ERR_NOMEM;

    buf_init(&text, id.len + body.len + 64);
    buf_append_str(&text, id);
    buf_append_format(&text, ".%lld.", (long long)seconds);
    buf_append_str(&text, body);
    if (!buf_failed(&text)) {
        err = 0;
    }
    for (unsigned i = 0; i < signer_secrets(self, now) && err == 0; i++) {
        err = sign_hmac(keys_of(self)->secrets[i], buf_view(&text), ret_signatures);
    }
    if (err == 0) {
        err = sign_ed25519(self, buf_view(&text), ret_signatures);
    }
    buf_release(&text);
    return err == 0 && buf_failed(ret_signatures) ? HUB_ERR_NOMEM : err;
}

/* --- Showing -----------------------------------------------------------------------------------*/

int64_t signer_secret_created(const struct signer *self, unsigned index)
{
    return (int64_t)be64toh(keys_of(self)->created[index]);
}

int64_t signer_secret_until(const struct signer *self, unsigned index)
{
    return index == 0 ? 0 : signer_secret_created(self, 0) + SIGNER_OVERLAP_MS;
}

unsigned signer_secrets(const struct signer *self, int64_t now)
{
    const struct keys *keys = keys_of(self);

    return keys->count == SIGNER_SECRETS_MAX && now >= signer_secret_until(self, 1) ? 1
                                                                                    : keys->count;
}

void signer_secret_append(const struct signer *self, unsigned index, struct buf *out)
{
    buf_append_c(out, "whsec_");
    base64_append(out, str_of((const char *)keys_of(self)->secrets[index], SECRET_LEN));
}

int signer_public_append(const struct signer *self, struct buf *out)
{
    uint8_t bytes[PUBLIC_LEN];
    size_t len = sizeof bytes;
    EVP_PKEY *pair = open_pair(self);
    bool ok = pair != NULL && EVP_PKEY_get_raw_public_key(pair, bytes, &len) == 1;

    EVP_PKEY_free(pair);
    if (ok) {
        buf_append_c(out, "whpk_");
        base64_append(out, str_of((const char *)bytes, len));
    }
    return ok ? 0 : HUB_ERR_INTERNAL;
}
