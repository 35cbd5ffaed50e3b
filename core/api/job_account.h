/*
 * job_account.h — whose credentials a new job will use: the account that it names, or else its
 * connector's default one, if there is one; and with whose a file of its input is fetched.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_JOB_ACCOUNT_H
#define HUB_API_JOB_ACCOUNT_H

#include "accounts/accounts.h"
#include "api/types.h"

/* `json` is valid against JobCreate. `*ret_name` is empty for none, and lives as long as the
 * account's view. HUB_ERR_UNKNOWN_ACCOUNT, HUB_ERR_UNUSABLE_ACCOUNT: it is about "/account", and
 * the detail says what. */
HUB_MUST_CHECK int job_account(const struct types *types, const struct accounts *accounts,
                               struct json_object *json, const struct job_type *type,
                               struct str *ret_name, struct hub_error *error);

/* The account of this name, to be used for `connector`. Errors as above, not about a place. */
HUB_MUST_CHECK int job_account_named(const struct accounts *accounts, struct str connector,
                                     struct str name, const struct account **ret_account,
                                     struct hub_error *error);

#endif
