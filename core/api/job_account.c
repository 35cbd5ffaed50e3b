#include "api/job_account.h"

int job_account(const struct types *types, const struct accounts *accounts,
                struct json_object *json, const struct job_type *type, struct str *ret_name,
                struct hub_error *error)
{
    const struct account *account;
    struct str name = {0};
    bool named = json_get_str(json, "account", &name);

    *ret_name = (struct str){0};
    if (types_account(types, type->connector) == NULL) {
        return named ? hub_fail(error, HUB_ERR_UNKNOWN_ACCOUNT,
                                "the connector %.*s takes no account", STR_ARG(type->connector))
                     : 0;
    }
    account = named ? accounts_find(accounts, name) : accounts_default(accounts, type->connector);
    if (account == NULL && !named) {
        return 0;
    }
    if (account == NULL || !str_eq(account->connector, type->connector)) {
        return hub_fail(error, HUB_ERR_UNKNOWN_ACCOUNT,
                        "there is no account \"%.*s\" for the connector %.*s", STR_ARG(name),
                        STR_ARG(type->connector));
    }
    if (account->problem.len > 0) {
        return hub_fail(error, HUB_ERR_UNUSABLE_ACCOUNT,
                        "the account \"%.*s\" cannot be used: %.*s", STR_ARG(account->name),
                        STR_ARG(account->problem));
    }
    *ret_name = account->name;
    return 0;
}
