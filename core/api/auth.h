/*
 * auth.h — who calls, and what they may do.
 *
 * An API key is `hub_<id>_<secret>`: id is 12 of a–z2–7, secret is 256 random bits in base64url
 * (43 characters). hubd keeps the SHA-256 of the whole key; since the secret is random and long no
 * slow hash is needed. The key is found by its id and compared in constant time.
 *
 * A Unix socket's peer that has hubd's own uid is trusted with everything (SO_PEERCRED).
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_AUTH_H
#define HUB_API_AUTH_H

#include "base/json.h"
#include "http/server.h"
#include "jobs/store.h"

#define SCOPE_JOBS_READ    1u
#define SCOPE_JOBS_WRITE   2u
#define SCOPE_ADMIN        4u /* contains the others */

#define PRINCIPAL_NAME_MAX 32
#define API_KEY_ID_LEN     12
#define API_KEY_LEN        (4 + API_KEY_ID_LEN + 1 + 43)

struct principal {
    char name[PRINCIPAL_NAME_MAX]; /* the key's id, or "uid:1000" */
    uint32_t scopes;
};

struct keyring;
HUB_MUST_CHECK int keyring_new(struct keyring **ret_self);
void keyring_free(struct keyring *self);
HUB_MUST_CHECK int keyring_put(struct keyring *self, const struct store_key *key); /* copies */
void keyring_remove(struct keyring *self, struct str id);
bool keyring_empty(const struct keyring *self);

/* A new random key: its text and its record (views into `ret_text`). */
void api_key_make(char ret_text[API_KEY_LEN + 1], struct store_key *ret_key);

/* Who sent this request? 0, or HUB_ERR_UNAUTHORIZED. */
HUB_MUST_CHECK int auth_identify(const struct keyring *keys, const struct http_request *req,
                                 struct principal *ret_principal);

bool auth_allows(const struct principal *principal, uint32_t scope);

/* Scopes as text and back. */
const char *scope_name(uint32_t scope);
void scopes_append_json(struct buf *buf, uint32_t scopes);
uint32_t scopes_from_json(struct json_object *array); /* valid by schema */

#endif
