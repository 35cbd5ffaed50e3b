/*
 * registry.h — the inside of accounts.h: what is kept of an account, and the parts that share it.
 *
 *     registry.c   the accounts in memory: made, checked against their connector, looked up
 *     folder.c     those that come from files
 *     accounts.c   those that come from the store; loading and changing; the public face
 *
 * Thread: [loop]. Private to core/accounts.
 */
#ifndef HUB_ACCOUNTS_REGISTRY_H
#define HUB_ACCOUNTS_REGISTRY_H

#include "accounts/accounts.h"
#include "base/list.h"
#include "base/map.h"

/* An account as it is kept: each text one allocation. */
struct entry {
    struct account pub;
    struct list link; /* in accounts.order */
    char *name;
    char *connector;
    char *sealed;
    size_t sealed_len;
    char *shown;
    char *problem;
    char *file;
    uint64_t generation; /* of the rules that it was checked against */
    bool seen;           /* its file was there when the folder was read */
};

struct refused {
    struct list link;
    char *file;
    char *reason;
};

struct accounts {
    struct accounts_deps deps;
    struct map by_name;
    struct map defaults; /* connector → entry */
    struct list order;   /* by name */
    struct list refused;
    struct secret opened; /* for accounts_open(): one at a time */
    bool closed;
    bool reading;    /* the folder */
    bool read_again; /* it may have changed meanwhile */
    accounts_done_fn *loaded;
    void *loaded_context;
};

static inline struct entry *entry_of(const struct list *link)
{
    return CONTAINER_OF(link, struct entry, link);
}

/* --- registry.c --------------------------------------------------------------------------------*/

/* A copy, not yet known to anybody nor checked. NULL: out of memory. */
struct entry *entry_new(const struct store_account *account);
void entry_free(struct entry *self); /* NULL does nothing */
/* `ret_text` and `ret_view` become a copy of `text`; false: out of memory, and both are empty. */
bool entry_set_text(char **ret_text, struct str *ret_view, struct str text);

struct entry *registry_find(const struct accounts *self, struct str name); /* or NULL */
/* What is shown of it, and whether it can be used; nothing if its connector has not changed. */
void registry_check(struct accounts *self, struct entry *entry);
/* The settings as a JSON value, for secret_put_json(); NULL: `ret_why` says why not. */
struct json_object *registry_open(struct accounts *self, const struct entry *entry,
                                  struct hub_error *ret_why);
/* Takes the place of what had this name. 0 or HUB_ERR_NOMEM; the entry is taken in any case. */
HUB_MUST_CHECK int registry_adopt(struct accounts *self, struct entry *entry);
void registry_drop(struct accounts *self, struct entry *entry);

/* --- folder.c ----------------------------------------------------------------------------------*/

/* Reads the folder, if there is one, now or once more when it has been read; then
 * accounts_loaded(). */
void folder_read(struct accounts *self);
void folder_forget_refused(struct accounts *self);

/* --- accounts.c --------------------------------------------------------------------------------*/

/* Tells whoever waits for accounts_load(), if anybody does. */
void accounts_loaded(struct accounts *self, int err);

#endif
