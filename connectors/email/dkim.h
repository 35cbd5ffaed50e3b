/*
 * dkim.h — signatures of DomainKeys Identified Mail: RFC 6376, and RFC 8463 for Ed25519.
 *
 * relaxed/relaxed, over all that readers are shown and all that a click acts on (From … Subject,
 * the MIME headers, List-Unsubscribe). From, To, Cc, Subject, Date and Reply-To are named once more
 * than they are there, so that none can be added.
 *
 *     struct dkim_key key;
 *     dkim_key_init(&key, domain, selector, pem, &error);
 *     dkim_sign(&key, 1, &message, now_s, &error);      // puts the header in front
 *     dkim_key_release(&key);
 *
 * Thread: [any]; a key is constant and may be used by many at once.
 */
#ifndef CONNECTORS_EMAIL_DKIM_H
#define CONNECTORS_EMAIL_DKIM_H

#include "message.h"

struct dkim_key {
    char domain[256];
    char selector[128];
    bool ed25519; /* else RSA */
    struct evp_pkey_st *key;
};

#define DKIM_KEYS_MAX 2

/* `pem`: a private key, PKCS #8 or PKCS #1; RSA of 1024 to 4096 bits or Ed25519.
 * HUB_ERR_INVALID_INPUT, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int dkim_key_init(struct dkim_key *self, struct str domain, struct str selector,
                                 struct str pem, struct hub_error *error);
void dkim_key_release(struct dkim_key *self);

/* One signature for each key. HUB_ERR_IO if a file of the message cannot be read, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int dkim_sign(const struct dkim_key *keys, unsigned count, struct message *message,
                             int64_t now_s, struct hub_error *error);

#endif
