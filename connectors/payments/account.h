/*
 * account.h — whose money: the account that a job names, read from its JSON.
 *
 * A job without an account goes to the simulator. A live account speaks to the gateway's live
 * hosts with live keys, a test account to its sandbox with test keys: gateway.base_url() refuses
 * any mixture. `base_url` of a test account may lead to a simulator on this machine, and nowhere
 * else.
 *
 *     struct account account;
 *     if (account_read(&account, job->account, &error) < 0) …
 *     account_release(&account);               // wipes the secrets
 *
 * Views live as long as the account. Thread: [any], one at a time.
 */
#ifndef CONNECTORS_PAYMENTS_ACCOUNT_H
#define CONNECTORS_PAYMENTS_ACCOUNT_H

#include "base/error.h"
#include "base/json.h"

#include "connectors/common/entry.h"

#define ACCOUNT_SECRETS_MAX 2 /* of webhooks: the present one, and the next or the last */

struct account {
    struct json_object *json; /* NULL: the simulator's, without any */
    struct str gateway;
    bool test;
    struct str api_key;
    struct str client_id;
    struct str client_secret;
    struct str merchant_account;
    struct str live_prefix;
    struct str base_url;
    struct str webhook_id;
    struct str webhook_secrets[ACCOUNT_SECRETS_MAX];
    unsigned webhook_secret_count;
    char partition[PARTITION_LEN + 1]; /* of connections and tokens: one per account */
};

/* HUB_ERR_INVALID_INPUT, HUB_ERR_NOMEM. `json` empty: the simulator's account. */
HUB_MUST_CHECK int account_read(struct account *self, struct str json, struct hub_error *error);
void account_release(struct account *self);

/* Appends base_url if there is one (1), or nothing (0). HUB_ERR_INVALID_INPUT: it is not one that a
 * test account may have. */
HUB_MUST_CHECK int account_own_url(const struct account *self, struct buf *url,
                                   struct hub_error *error);

/* Does `text` hold one of the secrets? */
bool account_has_secret(const struct account *self, struct str text);

#endif
