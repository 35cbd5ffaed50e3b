/*
 * signer.h — signs callbacks as Standard Webhooks 1.0 says, under two kinds of key.
 *
 *     signer_new(&signer);
 *     signer_open(signer, vault, sealed)  or  signer_make(signer, now);
 *     signer_seal(signer, vault, &sealed);                    // for the store
 *     signer_sign(signer, id, seconds, body, now, &value);    // of webhook-signature
 *     signer_rotate(signer, now);
 *     signer_free(signer);
 *
 * What is signed is `ID.SECONDS.BODY`. Signatures, separated by a blank: one "v1," (HMAC-SHA256)
 * for each secret that is live, the newest first, and a "v1a," (Ed25519, RFC 8032). All Base64.
 *
 * KEYS. The symmetric secret is 32 random bytes, shown as "whsec_" and Base64 to who may see it.
 * After a rotation the one before lives on for SIGNER_OVERLAP_MS, so that receivers can change
 * over. The Ed25519 key pair is never rotated by hubd; its public half is shown as "whpk_" and
 * Base64.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_ACCOUNTS_SIGNER_H
#define HUB_ACCOUNTS_SIGNER_H

#include "accounts/vault.h"

#define SIGNER_OVERLAP_MS  (24 * 3600 * INT64_C(1000))
#define SIGNER_SECRETS_MAX 2

struct signer;

HUB_MUST_CHECK int signer_new(struct signer **ret_self);
void signer_free(struct signer *self);        /* zeroes the keys; NULL does nothing */
bool signer_ready(const struct signer *self); /* it has keys */

void signer_make(struct signer *self, int64_t now); /* new keys */
/* What signer_seal() gave. HUB_ERR_CORRUPT and the errors of vault_open(). */
HUB_MUST_CHECK int signer_open(struct signer *self, const struct vault *vault, struct str sealed);
HUB_MUST_CHECK int signer_seal(const struct signer *self, const struct vault *vault,
                               struct buf *ret_sealed);

/* The newest secret becomes the one before; that one goes. */
void signer_rotate(struct signer *self, int64_t now);
void signer_copy(struct signer *self, const struct signer *from); /* its keys */

/* Appends. HUB_ERR_NOMEM, HUB_ERR_INTERNAL (libcrypto refused). */
HUB_MUST_CHECK int signer_sign(const struct signer *self, struct str id, int64_t seconds,
                               struct str body, int64_t now, struct buf *ret_signatures);

/* How many are live at `now`; index 0 is the newest. */
unsigned signer_secrets(const struct signer *self, int64_t now);
void signer_secret_append(const struct signer *self, unsigned index, struct buf *out);
int64_t signer_secret_created(const struct signer *self, unsigned index);
int64_t signer_secret_until(const struct signer *self, unsigned index); /* 0: no end is set */
/* HUB_ERR_INTERNAL. */
HUB_MUST_CHECK int signer_public_append(const struct signer *self, struct buf *out);

#endif
