#include "accounts/accounts.h"

#include "accounts/files.h"
#include "accounts/marks.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

#define NEVER_CHECKED UINT64_MAX

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
    unsigned pending;     /* answers of store and pool on their way */
    bool closed;
    bool reading;    /* the folder */
    bool read_again; /* it may have changed meanwhile */
    accounts_done_fn *loaded;
    void *loaded_context;
};

/* --- Entries -----------------------------------------------------------------------------------*/

static void entry_free(struct entry *self)
{
    if (self == NULL) {
        return;
    }
    free(self->name);
    free(self->connector);
    free(self->sealed);
    free(self->shown);
    free(self->problem);
    free(self->file);
    free(self);
}

/* `ret_text` and `ret_view` become a copy of `text`; false: out of memory, and both are empty. */
static bool set_text(char **ret_text, struct str *ret_view, struct str text)
{
    free(*ret_text);
    *ret_text = text.len > 0 ? strndup(text.ptr, text.len) : NULL;
    *ret_view = *ret_text != NULL ? str_of(*ret_text, text.len) : (struct str){0};
    return text.len == 0 || *ret_text != NULL;
}

static void set_problem(struct entry *self, const char *why)
{
    if (!set_text(&self->problem, &self->pub.problem, str_from_c(why))) {
        self->pub.problem = STR("out of memory");
    }
}

static struct str sealed_view(const struct entry *self)
{
    return str_of(self->sealed, self->sealed_len);
}

static struct entry *entry_new(const struct store_account *account)
{
    struct entry *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    list_init(&self->link);
    self->sealed = malloc(account->sealed.len + 1);
    if (!set_text(&self->name, &self->pub.name, account->name) ||
        !set_text(&self->connector, &self->pub.connector, account->connector) ||
        self->sealed == NULL) {
        entry_free(self);
        return NULL;
    }
    memcpy(self->sealed, account->sealed.ptr, account->sealed.len);
    self->sealed_len = account->sealed.len;
    self->pub.is_default = account->is_default;
    self->pub.limits =
        (struct account_limits){account->in_flight, account->rate, account->rate_period_ms};
    self->pub.created_at = account->created_at;
    self->pub.updated_at = account->updated_at;
    self->generation = NEVER_CHECKED;
    return self;
}

static struct entry *find(const struct accounts *self, struct str name)
{
    return name.len > 0 ? map_get(&self->by_name, name) : NULL;
}

static struct entry *entry_of(const struct list *link)
{
    return CONTAINER_OF(link, struct entry, link);
}

/* --- Checking: what is shown, and whether it can be used ---------------------------------------*/

/* The settings as a JSON value, for secret_put_json(); NULL: `ret_why` says why not. */
static struct json_object *open_json(struct accounts *self, const struct entry *entry,
                                     struct hub_error *ret_why)
{
    struct json_object *settings = NULL;
    int err = vault_open(self->deps.vault, entry->pub.name, entry->pub.connector,
                         sealed_view(entry), &self->opened, NULL);

    if (err == HUB_ERR_NOT_FOUND) {
        hub_fail(ret_why, err, "it is sealed with a key that hubd does not have");
    } else if (err == 0) {
        err = json_read(buf_view(&self->opened.text), JSON_DEPTH_MAX, &settings, NULL, NULL);
    }
    if (err < 0 && err != HUB_ERR_NOT_FOUND) {
        hub_fail(ret_why, err, "what is stored of it is damaged");
    }
    secret_clear(&self->opened);
    return err < 0 ? NULL : settings;
}

static int show(struct entry *entry, const struct account_rules *rules,
                struct json_object *settings)
{
    struct json_object *masked = NULL;
    struct buf text;
    int err = marks_mask(rules->document, settings, &masked);

    buf_init(&text, ACCOUNT_SETTINGS_MAX);
    if (err == 0) {
        json_append(&text, masked);
        err = buf_failed(&text) || !set_text(&entry->shown, &entry->pub.shown, buf_view(&text))
                  ? HUB_ERR_NOMEM
                  : 0;
    }
    json_object_put(masked);
    buf_release(&text);
    return err;
}

static void check_settings(struct entry *entry, const struct account_rules *rules,
                           struct json_object *settings)
{
    struct schema_errors errors;
    struct hub_error why;

    schema_errors_init(&errors, 1);
    if (show(entry, rules, settings) < 0) {
        set_problem(entry, "its settings could not be looked at");
    } else if (schema_validate(rules->schema, settings, &errors) < 0) {
        const struct schema_error *first = errors.len > 0 ? &errors.items[0] : NULL;
        hub_fail(&why, HUB_ERR_INVALID_INPUT,
                 "its settings do not match the connector's schema: %.*s",
                 first ? (int)first->detail.len : 0, first ? first->detail.ptr : "");
        set_problem(entry, why.detail);
    }
    schema_errors_release(&errors);
}

static void check(struct accounts *self, struct entry *entry)
{
    struct account_rules rules;
    struct json_object *settings;
    struct hub_error why;

    if (!self->deps.rules(self->deps.context, entry->pub.connector, &rules)) {
        entry->generation = NEVER_CHECKED;
        set_text(&entry->shown, &entry->pub.shown, STR(""));
        set_problem(entry, "its connector is not here, or takes no account");
        return;
    }
    if (entry->generation == rules.generation) {
        return;
    }
    entry->generation = rules.generation;
    set_problem(entry, "");
    settings = open_json(self, entry, &why);
    if (settings == NULL) {
        set_text(&entry->shown, &entry->pub.shown, STR(""));
        set_problem(entry, why.detail);
    } else {
        check_settings(entry, &rules, settings);
    }
    secret_put_json(settings);
}

/* --- The registry ------------------------------------------------------------------------------*/

static void tell_limits(struct accounts *self, struct str name, const struct account_limits *limits)
{
    static const struct account_limits NONE;

    self->deps.limits(self->deps.context, name, limits != NULL ? limits : &NONE);
}

/* Of two defaults the one from a file counts. Out of memory: that connector has none. */
static void find_defaults(struct accounts *self)
{
    map_release(&self->defaults);
    map_init(&self->defaults);
    LIST_FOR_EACH(link, &self->order) {
        struct entry *entry = entry_of(link);
        struct entry *other = map_get(&self->defaults, entry->pub.connector);

        if (entry->pub.is_default && (other == NULL || other->pub.file.len == 0) &&
            map_put(&self->defaults, entry->pub.connector, entry) < 0) {
            log_error(self->deps.log, "accounts", "out of memory", NULL);
        }
    }
}

static void insert_in_order(struct accounts *self, struct entry *entry)
{
    struct list *place = &self->order;

    LIST_FOR_EACH(link, &self->order) {
        if (str_cmp(entry_of(link)->pub.name, entry->pub.name) > 0) {
            place = link;
            break;
        }
    }
    list_insert_before(place, &entry->link);
}

static void drop(struct accounts *self, struct entry *entry)
{
    tell_limits(self, entry->pub.name, NULL);
    map_remove(&self->by_name, entry->pub.name);
    list_remove(&entry->link);
    entry_free(entry);
    find_defaults(self);
}

/* Takes the place of what had this name. 0 or HUB_ERR_NOMEM; the entry is taken in any case. */
static int adopt(struct accounts *self, struct entry *entry)
{
    struct entry *old = find(self, entry->pub.name);

    if (old != NULL) { /* the key's bytes are the old one's */
        map_remove(&self->by_name, old->pub.name);
        list_remove(&old->link);
        entry_free(old);
    }
    if (map_put(&self->by_name, entry->pub.name, entry) < 0) {
        entry_free(entry);
        find_defaults(self);
        return HUB_ERR_NOMEM;
    }
    insert_in_order(self, entry);
    if (entry->pub.is_default && entry->pub.file.len == 0) {
        LIST_FOR_EACH(link, &self->order) {
            struct account *other = &entry_of(link)->pub;
            other->is_default &= other == &entry->pub || other->file.len > 0 ||
                                 !str_eq(other->connector, entry->pub.connector);
        }
    }
    check(self, entry);
    find_defaults(self);
    tell_limits(self, entry->pub.name, &entry->pub.limits);
    return 0;
}

static int adopt_stored(struct accounts *self, const struct store_account *account)
{
    struct entry *entry = entry_new(account);

    return entry != NULL ? adopt(self, entry) : HUB_ERR_NOMEM;
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
    self->pending++;
    store_submit(self->deps.store, op);
}

static void on_put(struct store_op *op, void *context)
{
    struct errand *errand = context;
    struct accounts *self = errand->accounts;
    int err = op->err;

    self->pending--;
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
    struct entry *entry = find(self, op->account_delete.name);

    self->pending--;
    if (op->err == 0 && entry != NULL && entry->pub.file.len == 0 && !self->closed) {
        drop(self, entry);
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

static void finish_loading(struct accounts *self, int err)
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

static void read_folder(struct accounts *self);

static void on_listed(struct store_op *op, void *context)
{
    struct errand *errand = context;
    struct accounts *self = errand->accounts;
    int err = op->err;

    self->pending--;
    for (unsigned i = 0; err == 0 && i < op->account_list.ret_count && !self->closed; i++) {
        err = adopt_stored(self, &op->account_list.ret_accounts[i]);
        if (err == 0) {
            seal_anew(self, &op->account_list.ret_accounts[i]);
        }
    }
    if (err < 0 || self->closed) {
        finish_loading(self, err);
    } else {
        read_folder(self);
    }
}

void accounts_load(struct accounts *self, accounts_done_fn *done, void *context)
{
    struct store_op *op = errand_new(self, STORE_ACCOUNT_LIST, on_listed, NULL, NULL);

    ASSERT_THREAD(THREAD_LOOP);
    self->loaded = done;
    self->loaded_context = context;
    if (op == NULL) {
        finish_loading(self, HUB_ERR_NOMEM);
        return;
    }
    errand_submit(self, op);
}

/* --- The folder --------------------------------------------------------------------------------*/

static void forget_refused(struct accounts *self)
{
    LIST_FOR_EACH(link, &self->refused) {
        struct refused *refused = CONTAINER_OF(link, struct refused, link);
        list_remove(link);
        free(refused->file);
        free(refused->reason);
        free(refused);
    }
}

static void refuse(struct accounts *self, const char *file, const char *reason)
{
    struct refused *refused = calloc(1, sizeof *refused);
    char quoted[HUB_ERROR_DETAIL_MAX];

    log_warn(self->deps.log, "accounts", "file refused", "file=%s why=%s", file,
             log_quote(str_from_c(reason), quoted, sizeof quoted));
    if (refused == NULL) {
        return;
    }
    list_init(&refused->link);
    refused->file = strdup(file);
    refused->reason = strdup(reason);
    list_append(&self->refused, &refused->link);
}

static uint32_t number(struct json_object *object, const char *name)
{
    int64_t value = 0;

    return json_get_i64(object, name, &value) ? (uint32_t)value : 0;
}

/* Its settings go into self->opened as text. */
static int take_content(struct accounts *self, struct json_object *content,
                        struct store_account *ret_account)
{
    struct json_object *limits = NULL, *rate = NULL, *settings = NULL;

    json_get_str(content, "connector", &ret_account->connector);
    json_get_bool(content, "default", &ret_account->is_default);
    if (json_get_object(content, "limits", &limits)) {
        ret_account->in_flight = number(limits, "in_flight");
        if (json_get_object(limits, "rate", &rate)) {
            ret_account->rate = number(rate, "limit");
            ret_account->rate_period_ms = number(rate, "period_ms");
        }
    }
    json_get_object(content, "settings", &settings);
    secret_clear(&self->opened);
    json_append(&self->opened.text, settings);
    return buf_failed(&self->opened.text) ? HUB_ERR_TOO_LARGE : 0;
}

static int seal_file(struct accounts *self, struct account_file *file, struct buf *ret_sealed,
                     struct store_account *ret_account)
{
    int err;

    *ret_account = (struct store_account){
        .name = file->name, .created_at = file->changed_at, .updated_at = file->changed_at};
    err = take_content(self, file->content, ret_account);
    if (err == 0) {
        err = vault_seal(self->deps.vault, ret_account->name, ret_account->connector,
                         buf_view(&self->opened.text), ret_sealed);
    }
    secret_clear(&self->opened);
    ret_account->sealed = buf_view(ret_sealed);
    return err < 0 ? hub_fail(&file->why, err, "%s", hub_err_title(err)) : 0;
}

/* The account that the file describes, ready to be taken; NULL: file->why says why not. */
static struct entry *entry_of_file(struct accounts *self, struct account_file *file)
{
    struct store_account account;
    struct entry *entry = NULL;
    struct buf sealed;

    buf_init(&sealed, ACCOUNT_SETTINGS_MAX + VAULT_OVERHEAD);
    if (seal_file(self, file, &sealed, &account) == 0) {
        entry = entry_new(&account);
        if (entry == NULL || !set_text(&entry->file, &entry->pub.file, str_from_c(file->file))) {
            entry_free(entry);
            entry = NULL;
            hub_fail(&file->why, HUB_ERR_NOMEM, "out of memory");
        }
    }
    buf_release(&sealed);
    if (entry == NULL) {
        return NULL;
    }
    entry->seen = true;
    check(self, entry);
    if (entry->pub.shown.len > 0 && entry->pub.problem.len > 0) {
        hub_fail(&file->why, HUB_ERR_INVALID_INPUT, "%.*s", STR_ARG(entry->pub.problem));
        entry_free(entry);
        return NULL;
    }
    return entry;
}

static void take_file(struct accounts *self, struct account_file *file)
{
    struct entry *known = find(self, file->name);
    struct entry *entry = NULL;

    if (known != NULL) {
        known->seen = true;
    }
    if (known != NULL && known->pub.file.len == 0) {
        refuse(self, file->file,
               "an account of this name was made through the API: delete it first");
        return;
    }
    if (known == NULL && self->by_name.len >= ACCOUNTS_COUNT_MAX) {
        refuse(self, file->file, "there are too many accounts");
        return;
    }
    if (file->content != NULL) {
        entry = entry_of_file(self, file);
    }
    if (entry == NULL) {
        refuse(self, file->file, file->why.detail);
    } else if (adopt(self, entry) < 0) {
        refuse(self, file->file, "out of memory");
    }
}

static void forget_gone_files(struct accounts *self)
{
    LIST_FOR_EACH(link, &self->order) {
        struct entry *entry = entry_of(link);

        if (entry->pub.file.len > 0 && !entry->seen) {
            drop(self, entry);
        }
    }
}

static void on_folder(void *context, struct account_file *files, unsigned count, int err,
                      const struct hub_error *error)
{
    struct accounts *self = context;

    self->pending--;
    self->reading = false;
    if (self->closed) {
        finish_loading(self, HUB_ERR_CLOSED);
        return;
    }
    forget_refused(self);
    LIST_FOR_EACH(link, &self->order) {
        entry_of(link)->seen = false;
    }
    for (unsigned i = 0; i < count; i++) {
        take_file(self, &files[i]);
    }
    if (err < 0) {
        refuse(self, self->deps.dir, error->detail);
    } else {
        forget_gone_files(self);
    }
    finish_loading(self, 0);
    if (self->read_again) {
        self->read_again = false;
        read_folder(self);
    }
}

static void read_folder(struct accounts *self)
{
    if (self->deps.dir == NULL) {
        finish_loading(self, 0);
    } else if (self->reading) {
        self->read_again = true;
    } else if (account_files_read(self->deps.loop, self->deps.dir, on_folder, self) < 0) {
        forget_refused(self);
        refuse(self, self->deps.dir, "out of memory");
        finish_loading(self, 0);
    } else {
        self->reading = true;
        self->pending++;
    }
}

void accounts_refresh(struct accounts *self)
{
    ASSERT_THREAD(THREAD_LOOP);
    LIST_FOR_EACH(link, &self->order) {
        check(self, entry_of(link));
    }
    read_folder(self);
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
    forget_refused(self);
    LIST_FOR_EACH(link, &self->order) {
        entry_free(entry_of(link));
    }
    map_release(&self->by_name);
    map_release(&self->defaults);
    secret_release(&self->opened);
    free(self);
}

/* --- Looking -----------------------------------------------------------------------------------*/

bool account_name_is_valid(struct str name)
{
    static const char FIRST[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char REST[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

    if (name.len == 0 || name.len > ACCOUNT_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\0' || strchr(i == 0 ? FIRST : REST, name.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

const struct account *accounts_find(const struct accounts *self, struct str name)
{
    const struct entry *entry = find(self, name);

    return entry != NULL ? &entry->pub : NULL;
}

const struct account *accounts_default(const struct accounts *self, struct str connector)
{
    const struct entry *entry = map_get(&self->defaults, connector);

    return entry != NULL ? &entry->pub : NULL;
}

void accounts_each(const struct accounts *self,
                   void (*visit)(void *context, const struct account *account), void *context)
{
    LIST_FOR_EACH(link, &self->order) {
        visit(context, &entry_of(link)->pub);
    }
}

void accounts_each_refused(const struct accounts *self,
                           void (*visit)(void *context, struct str file, struct str reason),
                           void *context)
{
    LIST_FOR_EACH(link, &self->refused) {
        const struct refused *refused = CONTAINER_OF(link, struct refused, link);
        visit(context, str_from_c(refused->file), str_from_c(refused->reason));
    }
}

int accounts_open(struct accounts *self, struct str name, struct str connector,
                  struct str *ret_settings)
{
    const struct entry *entry = find(self, name);

    if (entry == NULL || !str_eq(entry->pub.connector, connector)) {
        return HUB_ERR_UNKNOWN_ACCOUNT;
    }
    if (entry->pub.problem.len > 0 ||
        vault_open(self->deps.vault, entry->pub.name, entry->pub.connector, sealed_view(entry),
                   &self->opened, NULL) < 0) {
        return HUB_ERR_UNUSABLE_ACCOUNT;
    }
    *ret_settings = buf_view(&self->opened.text);
    return 0;
}

void accounts_shut(struct accounts *self)
{
    secret_clear(&self->opened);
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
    const struct entry *known = find(self, put->name);
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
    stored = known != NULL ? open_json(self, known, &why) : NULL;
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
    const struct entry *entry = find(self, name);
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
