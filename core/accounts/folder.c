#include "accounts/registry.h"

#include "accounts/files.h"

#include <stdlib.h>
#include <string.h>

void folder_forget_refused(struct accounts *self)
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
        if (entry == NULL ||
            !entry_set_text(&entry->file, &entry->pub.file, str_from_c(file->file))) {
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
    registry_check(self, entry);
    if (entry->pub.shown.len > 0 && entry->pub.problem.len > 0) {
        hub_fail(&file->why, HUB_ERR_INVALID_INPUT, "%.*s", STR_ARG(entry->pub.problem));
        entry_free(entry);
        return NULL;
    }
    return entry;
}

static void take_file(struct accounts *self, struct account_file *file)
{
    struct entry *known = registry_find(self, file->name);
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
    } else if (registry_adopt(self, entry) < 0) {
        refuse(self, file->file, "out of memory");
    }
}

static void forget_gone_files(struct accounts *self)
{
    LIST_FOR_EACH(link, &self->order) {
        struct entry *entry = entry_of(link);

        if (entry->pub.file.len > 0 && !entry->seen) {
            registry_drop(self, entry);
        }
    }
}

static void on_folder(void *context, struct account_file *files, unsigned count, int err,
                      const struct hub_error *error)
{
    struct accounts *self = context;

    self->reading = false;
    if (self->closed) {
        accounts_loaded(self, HUB_ERR_CLOSED);
        return;
    }
    folder_forget_refused(self);
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
    accounts_loaded(self, 0);
    if (self->read_again) {
        self->read_again = false;
        folder_read(self);
    }
}

void folder_read(struct accounts *self)
{
    if (self->deps.dir == NULL) {
        accounts_loaded(self, 0);
    } else if (self->reading) {
        self->read_again = true;
    } else if (account_files_read(self->deps.loop, self->deps.dir, on_folder, self) < 0) {
        folder_forget_refused(self);
        refuse(self, self->deps.dir, "out of memory");
        accounts_loaded(self, 0);
    } else {
        self->reading = true;
    }
}
