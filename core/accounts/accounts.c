#include "accounts/registry.h"

#include "accounts/marks.h"
#include "base/clock.h"
#include "base/thread.h"

#include <stdlib.h>

static int adopt_stored(struct accounts *self, const struct store_account *account)
{
    struct entry *entry = entry_new(account);

    return entry != NULL ? registry_adopt(self, entry) : HUB_ERR_NOMEM;
}

/* --- The store ---------------------------------------------------------------------------------*/

struct errand {
    struct accounts *accounts;
    accounts_done_fn *done;
    void *context;
};

static struct store_op *errand_new(struct accounts *self, enum store_op_kind kind,
                                   store_done_fn *answered, accounts_done_fn *done, void *context)
{
    struct store_op *op = store_op_new(kind);
    struct errand *errand = op != NULL ? arena_alloc(&op->arena, sizeof *errand) : NULL;

    if (errand == NULL) {
        store_op_free(op);
        return NULL;
    }
    *errand = (struct errand){self, done, context};
    op->done = answered;
    op->context = errand;
    return op;
}

static void errand_submit(struct accounts *self, struct store_op *op)
{
    store_submit(self->deps.store, op);
}

static void on_put(struct store_op *op, void *context)
{
    struct errand *errand = context;
    struct accounts *self = errand->accounts;
    int err = op->err;

    if (err == 0 && !self->closed) {
        err = adopt_stored(self, &op->account_put.account);
    }
    if (errand->done != NULL) {
        errand->done(errand->context, err);
    }
}

static void on_deleted(struct store_op *op, void *context)
{
    struct errand *errand = context;
    struct accounts *self = errand->accounts;
    struct entry *entry = registry_find(self, op->account_delete.name);

    if (op->err == 0 && entry != NULL && entry->pub.file.len == 0 && !self->closed) {
        registry_drop(self, entry);
    }
    errand->done(errand->context, op->err);
}

/* Seals what is in `self->opened` into the operation. */
static int seal(struct accounts *self, struct store_op *op)
{
    struct store_account *account = &op->account_put.account;
    struct buf sealed;
    int err;

    buf_init(&sealed, ACCOUNT_SETTINGS_MAX + VAULT_OVERHEAD);
    err = vault_seal(self->deps.vault, account->name, account->connector,
                     buf_view(&self->opened.text), &sealed);
    if (err == 0) {
        account->sealed = arena_str(&op->arena, buf_view(&sealed));
        err = account->sealed.ptr != NULL ? 0 : HUB_ERR_NOMEM;
    }
    buf_release(&sealed);
    return err;
}

/* --- Loading -----------------------------------------------------------------------------------*/

/* What an older key has sealed gets the present one's seal. */
static void seal_anew(struct accounts *self, const struct store_account *account)
{
    struct store_op *op;
    bool old = false;
    int err = vault_open(self->deps.vault, account->name, account->connector, account->sealed,
                         &self->opened, &old);

    if (err == 0 && old) {
        op = errand_new(self, STORE_ACCOUNT_PUT, on_put, NULL, NULL);
        if (op != NULL) {
            op->account_put.account = *account;
            op->account_put.account.name = arena_str(&op->arena, account->name);
            op->account_put.account.connector = arena_str(&op->arena, account->connector);
            if (seal(self, op) == 0) {
                log_info(self->deps.log, "accounts", "sealed with the new key", "account=%.*s",
                         STR_ARG(account->name));
                errand_submit(self, op);
            } else {
                store_op_free(op);
            }
        }
    }
    secret_clear(&self->opened);
}

void accounts_loaded(struct accounts *self, int err)
{
    accounts_done_fn *loaded = self->loaded;

    self->loaded = NULL;
    if (loaded != NULL) {
        if (err == 0) {
            log_info(self->deps.log, "accounts", "loaded", "accounts=%zu locked=%s",
                     self->by_name.len, self->opened.locked ? "true" : "false");
        }
        loaded(self->loaded_context, err);
    }
}

static void on_listed(struct store_op *op, void *context)
{
    struct errand *errand = context;
    struct accounts *self = errand->accounts;
    int err = op->err;

    for (unsigned i = 0; err == 0 && i < op->account_list.ret_count && !self->closed; i++) {
        err = adopt_stored(self, &op->account_list.ret_accounts[i]);
        if (err == 0) {
            seal_anew(self, &op->account_list.ret_accounts[i]);
        }
    }
    if (err < 0 || self->closed) {
        accounts_loaded(self, err);
    } else {
        folder_read(self);
    }
}

void accounts_load(struct accounts *self, accounts_done_fn *done, void *context)
{
    struct store_op *op = errand_new(self, STORE_ACCOUNT_LIST, on_listed, NULL, NULL);

    ASSERT_THREAD(THREAD_LOOP);
    self->loaded = done;
    self->loaded_context = context;
    if (op == NULL) {
        accounts_loaded(self, HUB_ERR_NOMEM);
        return;
    }
    errand_submit(self, op);
}

void accounts_refresh(struct accounts *self)
{
    ASSERT_THREAD(THREAD_LOOP);
    LIST_FOR_EACH(link, &self->order) {
        registry_check(self, entry_of(link));
    }
    folder_read(self);
}

/* --- Life --------------------------------------------------------------------------------------*/

int accounts_new(const struct accounts_deps *deps, struct accounts **ret_self,
                 struct hub_error *error)
{
    struct accounts *self = calloc(1, sizeof *self);

    if (self == NULL || secret_init(&self->opened, ACCOUNT_SETTINGS_MAX + 1) < 0) {
        free(self);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->deps = *deps;
    map_init(&self->by_name);
    map_init(&self->defaults);
    list_init(&self->order);
    list_init(&self->refused);
    *ret_self = self;
    return 0;
}

void accounts_close(struct accounts *self)
{
    if (self != NULL) {
        self->closed = true;
    }
}

void accounts_free(struct accounts *self)
{
    if (self == NULL) {
        return;
    }
    folder_forget_refused(self);
    LIST_FOR_EACH(link, &self->order) {
        entry_free(entry_of(link));
    }
    map_release(&self->by_name);
    map_release(&self->defaults);
    secret_release(&self->opened);
    free(self);
}

/* --- Changing ----------------------------------------------------------------------------------*/

static int check_put(const struct accounts *self, const struct account_put *put,
                     const struct entry *known, struct hub_error *error)
{
    const struct account *other = accounts_default(self, put->connector);

    if (known != NULL && known->pub.file.len > 0) {
        return hub_fail(error, HUB_ERR_CONFLICT,
                        "the account comes from the file %.*s: change that",
                        STR_ARG(known->pub.file));
    }
    if (known != NULL && !str_eq(known->pub.connector, put->connector)) {
        return hub_fail(error, HUB_ERR_CONFLICT,
                        "the account belongs to the connector %.*s: delete it first",
                        STR_ARG(known->pub.connector));
    }
    if (put->is_default && other != NULL && other->file.len > 0) {
        return hub_fail(error, HUB_ERR_CONFLICT,
                        "the file %.*s says which account is this connector's default",
                        STR_ARG(other->file));
    }
    if (known == NULL && self->by_name.len >= ACCOUNTS_COUNT_MAX) {
        return hub_fail(error, HUB_ERR_UNAVAILABLE, "there are %d accounts, which is the limit",
                        ACCOUNTS_COUNT_MAX);
    }
    return 0;
}

static int say_no_secret(struct schema_errors *errors, struct str pointer)
{
    struct schema_error *item = &errors->items[0];

    *item = (struct schema_error){
        .pointer = arena_str(&errors->arena, pointer),
        .keyword = STR("writeOnly"),
        .detail = STR("\"" MARKS_MASK "\" keeps the secret that is stored, and none is"),
    };
    errors->len = 1;
    return HUB_ERR_INVALID_INPUT;
}

/* What the settings are with the secrets that stay as they were. */
static int merge(const struct account_put *put, const struct account_rules *rules,
                 struct json_object *stored, struct schema_errors *ret_errors,
                 struct json_object **ret_merged)
{
    struct buf pointer;
    int err;

    buf_init(&pointer, BUF_NO_LIMIT);
    err = marks_merge(rules->document, put->settings, stored, ret_merged, &pointer);
    if (err == HUB_ERR_NOT_FOUND) {
        err = say_no_secret(ret_errors, buf_view(&pointer));
    }
    buf_release(&pointer);
    return err;
}

static int fill_put(struct accounts *self, const struct account_put *put, struct store_op *op)
{
    struct store_account *account = &op->account_put.account;

    *account = (struct store_account){
        .name = arena_str(&op->arena, put->name),
        .connector = arena_str(&op->arena, put->connector),
        .is_default = put->is_default,
        .in_flight = put->limits.in_flight,
        .rate = put->limits.rate,
        .rate_period_ms = put->limits.rate_period_ms,
        .created_at = clock_wall_ms(),
    };
    account->updated_at = account->created_at;
    return account->name.ptr != NULL && account->connector.ptr != NULL ? seal(self, op)
                                                                       : HUB_ERR_NOMEM;
}

static int submit_put(struct accounts *self, const struct account_put *put,
                      struct json_object *settings, accounts_done_fn *done, void *context,
                      struct hub_error *error)
{
    struct store_op *op = errand_new(self, STORE_ACCOUNT_PUT, on_put, done, context);
    int err = op != NULL ? 0 : HUB_ERR_NOMEM;

    secret_clear(&self->opened);
    json_append(&self->opened.text, settings);
    if (buf_failed(&self->opened.text)) {
        err = HUB_ERR_TOO_LARGE;
    }
    if (err == 0) {
        err = fill_put(self, put, op);
    }
    secret_clear(&self->opened);
    if (err < 0) {
        store_op_free(op);
        return hub_fail(error, err, "%s",
                        err == HUB_ERR_TOO_LARGE ? "the settings are larger than 64 KiB"
                                                 : hub_err_title(err));
    }
    errand_submit(self, op);
    return 0;
}

int accounts_put(struct accounts *self, const struct account_put *put,
                 struct schema_errors *ret_errors, struct hub_error *error, accounts_done_fn *done,
                 void *context)
{
    const struct entry *known = registry_find(self, put->name);
    struct json_object *stored = NULL, *merged = NULL;
    struct account_rules rules;
    struct hub_error why;
    int err;

    ASSERT_THREAD(THREAD_LOOP);
    err = check_put(self, put, known, error);
    if (err < 0) {
        return err;
    }
    if (!self->deps.rules(self->deps.context, put->connector, &rules)) {
        return hub_fail(error, HUB_ERR_UNKNOWN_TYPE,
                        "there is no connector %.*s that takes an account",
                        STR_ARG(str_utf8_cut(put->connector, 64)));
    }
    stored = known != NULL ? registry_open(self, known, &why) : NULL;
    err = merge(put, &rules, stored, ret_errors, &merged);
    if (err == 0) {
        err = schema_validate(rules.schema, merged, ret_errors);
    }
    if (err < 0) {
        hub_fail(error, err, "%s", hub_err_title(err));
    } else {
        err = submit_put(self, put, merged, done, context, error);
    }
    secret_put_json(merged); /* with what it shares with the two others */
    secret_put_json(stored);
    return err;
}

int accounts_remove(struct accounts *self, struct str name, accounts_done_fn *done, void *context)
{
    const struct entry *entry = registry_find(self, name);
    struct store_op *op;

    ASSERT_THREAD(THREAD_LOOP);
    if (entry == NULL || entry->pub.file.len > 0) {
        return entry == NULL ? HUB_ERR_NOT_FOUND : HUB_ERR_CONFLICT;
    }
    op = errand_new(self, STORE_ACCOUNT_DELETE, on_deleted, done, context);
    if (op != NULL) {
        op->account_delete.name = arena_str(&op->arena, name);
    }
    if (op == NULL || op->account_delete.name.ptr == NULL) {
        store_op_free(op);
        return HUB_ERR_NOMEM;
    }
    errand_submit(self, op);
    return 0;
}
