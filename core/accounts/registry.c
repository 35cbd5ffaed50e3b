#include "accounts/registry.h"

#include "accounts/marks.h"

#include <stdlib.h>
#include <string.h>

#define NEVER_CHECKED UINT64_MAX

/* --- Entries -----------------------------------------------------------------------------------*/

void entry_free(struct entry *self)
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
bool entry_set_text(char **ret_text, struct str *ret_view, struct str text)
{
    free(*ret_text);
    *ret_text = text.len > 0 ? strndup(text.ptr, text.len) : NULL;
    *ret_view = *ret_text != NULL ? str_of(*ret_text, text.len) : (struct str){0};
    return text.len == 0 || *ret_text != NULL;
}

static void set_problem(struct entry *self, const char *why)
{
    if (!entry_set_text(&self->problem, &self->pub.problem, str_from_c(why))) {
        self->pub.problem = STR("out of memory");
    }
}

static struct str sealed_view(const struct entry *self)
{
    return str_of(self->sealed, self->sealed_len);
}

struct entry *entry_new(const struct store_account *account)
{
    struct entry *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    list_init(&self->link);
    self->sealed = malloc(account->sealed.len + 1);
    if (!entry_set_text(&self->name, &self->pub.name, account->name) ||
        !entry_set_text(&self->connector, &self->pub.connector, account->connector) ||
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

struct entry *registry_find(const struct accounts *self, struct str name)
{
    return name.len > 0 ? map_get(&self->by_name, name) : NULL;
}

/* --- Checking: what is shown, and whether it can be used ---------------------------------------*/

/* The settings as a JSON value, for secret_put_json(); NULL: `ret_why` says why not. */
struct json_object *registry_open(struct accounts *self, const struct entry *entry,
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
        err =
            buf_failed(&text) || !entry_set_text(&entry->shown, &entry->pub.shown, buf_view(&text))
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

void registry_check(struct accounts *self, struct entry *entry)
{
    struct account_rules rules;
    struct json_object *settings;
    struct hub_error why;

    if (!self->deps.rules(self->deps.context, entry->pub.connector, &rules)) {
        entry->generation = NEVER_CHECKED;
        entry_set_text(&entry->shown, &entry->pub.shown, STR(""));
        set_problem(entry, "its connector is not here, or takes no account");
        return;
    }
    if (entry->generation == rules.generation) {
        return;
    }
    entry->generation = rules.generation;
    set_problem(entry, "");
    settings = registry_open(self, entry, &why);
    if (settings == NULL) {
        entry_set_text(&entry->shown, &entry->pub.shown, STR(""));
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

void registry_drop(struct accounts *self, struct entry *entry)
{
    tell_limits(self, entry->pub.name, NULL);
    map_remove(&self->by_name, entry->pub.name);
    list_remove(&entry->link);
    entry_free(entry);
    find_defaults(self);
}

/* Takes the place of what had this name. 0 or HUB_ERR_NOMEM; the entry is taken in any case. */
int registry_adopt(struct accounts *self, struct entry *entry)
{
    struct entry *old = registry_find(self, entry->pub.name);

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
    registry_check(self, entry);
    find_defaults(self);
    tell_limits(self, entry->pub.name, &entry->pub.limits);
    return 0;
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
    const struct entry *entry = registry_find(self, name);

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
    const struct entry *entry = registry_find(self, name);

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
