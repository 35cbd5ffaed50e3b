/*
 * accounts.h — named credentials for connectors: the registry in memory, in front of the store and
 * of a folder of files.
 *
 *     vault_new(state_dir, credentials_dir, &vault, &err);
 *     accounts_new(&deps, &accounts, &err);
 *     accounts_load(accounts, done, context);       // once the connectors are known
 *     …
 *     accounts_refresh(accounts);                   // connectors or files may have changed
 *     const struct account *account = accounts_find(accounts, name);
 *     accounts_put(accounts, &put, &errors, &error, done, context);
 *     err = accounts_open(accounts, name, connector, &settings);    // for one attempt:
 *     …hand it over…  accounts_shut(accounts);                      // and forget it
 *     …
 *     accounts_close(accounts);  store_free(store);  accounts_free(accounts);  vault_free(vault);
 *
 * SECRETS. Settings are kept sealed (vault.h), here as in the store; they are opened in locked
 * pages for the moment in which an attempt is handed over. What is shown (`account.shown`) was
 * masked when it was opened last. So a change is in effect with the next attempt.
 *
 * FILES. Each NAME.yaml, NAME.yml or NAME.json in `dir` is the account NAME, with the members of
 * schemas/AccountPut. It must belong to us or to root, and nobody else may read it. It is read on
 * the thread pool. A file that is not acceptable is listed with the reason; what it gave before
 * stays. Such accounts are changed by changing the file.
 *
 * A PROBLEM keeps an account from being used without taking it away: its connector is not here, its
 * settings do not match the connector's schema (any more), or they cannot be opened with the key
 * that hubd has. It is looked at again when the connectors change.
 *
 * Views live until the next call that changes something or the loop's next turn. Thread: [loop].
 */
#ifndef HUB_ACCOUNTS_ACCOUNTS_H
#define HUB_ACCOUNTS_ACCOUNTS_H

#include "accounts/vault.h"
#include "base/log.h"
#include "jobs/store.h"
#include "schemas/schema.h"

#include <uv.h>

#define ACCOUNTS_COUNT_MAX   10000
#define ACCOUNT_NAME_MAX     64
#define ACCOUNT_SETTINGS_MAX (64u << 10) /* bytes of JSON: what a START frame takes */

struct accounts;

struct account_limits {
    uint32_t in_flight; /* attempts at once; 0: no limit */
    uint32_t rate;      /* attempts per rate_period_ms; 0: no limit */
    uint32_t rate_period_ms;
};

struct account {
    struct str name;
    struct str connector;
    bool is_default;
    struct account_limits limits;
    struct str shown; /* JSON: the settings with secrets masked; empty: what is secret is unknown */
    struct str file;  /* that it comes from; empty: the store */
    struct str problem; /* why it cannot be used; empty: it can */
    int64_t created_at;
    int64_t updated_at;
};

/* What a connector asks of its accounts. */
struct account_rules {
    struct json_object *document; /* its account schema */
    const struct schema *schema;  /* the same, compiled */
    uint64_t generation;          /* another one when the schema may be another */
};

/* All borrowed; all outlive the registry, the store up to accounts_close(). */
struct accounts_deps {
    uv_loop_t *loop; /* for its thread pool */
    struct store *store;
    const struct vault *vault;
    const char *dir; /* of files; NULL: none */
    struct log *log;
    void *context; /* of the functions */
    /* False: there is no such connector, or it takes no account. */
    bool (*rules)(void *context, struct str connector, struct account_rules *ret_rules);
    /* All-zero limits when an account is gone. */
    void (*limits)(void *context, struct str name, const struct account_limits *limits);
};

HUB_MUST_CHECK int accounts_new(const struct accounts_deps *deps, struct accounts **ret_self,
                                struct hub_error *error);
/* No answer of the store or of the pool changes anything any more. NULL does nothing. */
void accounts_close(struct accounts *self);
/* After accounts_close(), when the store and the pool have answered all. NULL does nothing. */
void accounts_free(struct accounts *self);

typedef void accounts_done_fn(void *context, int err);
/* Reads the store, then the folder. What an older key sealed is sealed anew. */
void accounts_load(struct accounts *self, accounts_done_fn *done, void *context);
/* Looks at the connectors' schemas again where they changed, and reads the folder again. */
void accounts_refresh(struct accounts *self);

const struct account *accounts_find(const struct accounts *self, struct str name);
/* The connector's default account, or NULL. One from a file goes before one from the store. */
const struct account *accounts_default(const struct accounts *self, struct str connector);
/* By name. */
void accounts_each(const struct accounts *self,
                   void (*visit)(void *context, const struct account *account), void *context);
void accounts_each_refused(const struct accounts *self,
                           void (*visit)(void *context, struct str file, struct str reason),
                           void *context);

/* May an account have this name? As JobCreate's pattern: [a-z0-9][a-z0-9_.-]{0,63}. */
bool account_name_is_valid(struct str name);

/* A whole account, new or in place of the one that is there. `settings` are as they came in; a
 * secret that is "***" is the one that is stored. */
struct account_put {
    struct str name;
    struct str connector;
    struct json_object *settings; /* borrowed; its secrets are zeroed */
    bool is_default;
    struct account_limits limits;
};
/* Checks, seals and stores it; `done` comes with 0 once it is on stable storage and in use, or with
 * the store's error. Not if it returns an error itself: HUB_ERR_CONFLICT (it comes from a file, or
 * belongs to another connector), HUB_ERR_INVALID_INPUT (`ret_errors` has pointers below the
 * settings), HUB_ERR_UNKNOWN_TYPE (the connector is not here or takes no account),
 * HUB_ERR_TOO_LARGE, HUB_ERR_UNAVAILABLE (too many), HUB_ERR_NOMEM. */
HUB_MUST_CHECK int accounts_put(struct accounts *self, const struct account_put *put,
                                struct schema_errors *ret_errors, struct hub_error *error,
                                accounts_done_fn *done, void *context);
/* HUB_ERR_NOT_FOUND, HUB_ERR_CONFLICT (it comes from a file); else `done` comes. */
HUB_MUST_CHECK int accounts_remove(struct accounts *self, struct str name, accounts_done_fn *done,
                                   void *context);

/* Opens an account for an attempt of `connector`: `ret_settings` is JSON in locked pages, until
 * accounts_shut(). One at a time. HUB_ERR_UNKNOWN_ACCOUNT, HUB_ERR_UNUSABLE_ACCOUNT. */
HUB_MUST_CHECK int accounts_open(struct accounts *self, struct str name, struct str connector,
                                 struct str *ret_settings);
void accounts_shut(struct accounts *self);

#endif
