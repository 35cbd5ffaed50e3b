/*
 * vault.h — seals what must not be read in the store: AES-256-GCM (NIST SP 800-38D) by libcrypto.
 *
 *     vault_new(state_dir, getenv("CREDENTIALS_DIRECTORY"), &vault, &error);   // before the loop
 *     vault_seal(vault, name, connector, plain, &sealed);
 *     vault_open(vault, name, connector, sealed, &secret, &is_old);
 *     vault_free(vault);
 *
 * THE KEY is 256 random bits as 64 hexadecimal digits on a line. It comes from the service manager
 * (systemd: LoadCredential=hubd-account-key:…) as CREDENTIALS_DIRECTORY/hubd-account-key, else from
 * STATE_DIR/account.key, which is made at the first start, mode 0600. A key that others may read,
 * or that is damaged, is an error: nothing is guessed.
 *
 * ROTATION. The file may have a second line with an older key: what that one sealed can still be
 * opened, and `*ret_old` says that it should be sealed anew. Put the new key first, start hubd, and
 * take the second line away.
 *
 * A SEALED TEXT is a version byte, 4 bytes that name the key, a random nonce of 96 bits, the
 * ciphertext and a tag of 128 bits. Name and connector are authenticated with it: what was sealed
 * for one account cannot be passed off as another's. (With random nonces a key is good for 2^32
 * seals; an account is sealed when it is changed.)
 *
 * Thread: [any], one at a time; vault_new() blocks.
 */
#ifndef HUB_ACCOUNTS_VAULT_H
#define HUB_ACCOUNTS_VAULT_H

#include "accounts/secret.h"
#include "base/buf.h"
#include "base/error.h"

#define VAULT_OVERHEAD (1 + 4 + 12 + 16)

struct vault;

/* `credentials_dir` may be NULL. HUB_ERR_FORBIDDEN (others may read the key), HUB_ERR_CORRUPT (it
 * is damaged), HUB_ERR_IO, HUB_ERR_NOMEM; the detail names the file and says why. */
HUB_MUST_CHECK int vault_new(const char *state_dir, const char *credentials_dir,
                             struct vault **ret_self, struct hub_error *error);
void vault_free(struct vault *self); /* zeroes the keys; NULL does nothing */

/* Are the keys locked in memory? */
bool vault_is_locked(const struct vault *self);

/* Appends. HUB_ERR_NOMEM, HUB_ERR_INTERNAL (libcrypto refused). */
HUB_MUST_CHECK int vault_seal(const struct vault *self, struct str name, struct str connector,
                              struct str plain, struct buf *ret_sealed);

/* Fills `ret_plain`, whose text goes first. `*ret_old` (may be NULL): an older key sealed it.
 * HUB_ERR_NOT_FOUND: sealed with a key that is not here; HUB_ERR_CORRUPT: it was changed, or sealed
 * for another account; HUB_ERR_TOO_LARGE, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int vault_open(const struct vault *self, struct str name, struct str connector,
                              struct str sealed, struct secret *ret_plain, bool *ret_old);

#endif
