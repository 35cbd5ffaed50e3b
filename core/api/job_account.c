#include "api/job_account.h"

static int check_usable(const struct account *account, struct hub_error *error)
{
    return account->problem.len == 0 ? 0
                                     : hub_fail(error, HUB_ERR_UNUSABLE_ACCOUNT,
                                                "the account \"%.*s\" cannot be used: %.*s",
                                                STR_ARG(account->name), STR_ARG(account->problem));
}

int job_account_named(const struct accounts *accounts, struct str connector, struct str name,
                      const struct account **ret_account, struct hub_error *error)
{
    const struct account *account = accounts_find(accounts, name);
    int err;

    if (account == NULL || !str_eq(account->connector, connector)) {
        return hub_fail(error, HUB_ERR_UNKNOWN_ACCOUNT,
                        "there is no account \"%.*s\" for the connector %.*s", STR_ARG(name),
                        STR_ARG(connector));
    }
    err = check_usable(account, error);
    if (err == 0) {
        *ret_account = account;
    }
    return err;
}

int job_account(const struct types *types, const struct accounts *accounts,
                struct json_object *json, const struct job_type *type, struct str *ret_name,
                struct hub_error *error)
{
    const struct account *account;
    struct str name = {0};
    bool named = json_get_str(json, "account", &name);
    int err = 0;

    *ret_name = (struct str){0};
    if (types_account(types, type->connector) == NULL) {
        return named ? hub_fail(error, HUB_ERR_UNKNOWN_ACCOUNT,
                                "the connector %.*s takes no account", STR_ARG(type->connector))
                     : 0;
    }
    if (named) {
        err = job_account_named(accounts, type->connector, name, &account, error);
    } else if ((account = accounts_default(accounts, type->connector)) != NULL) {
        err = check_usable(account, error);
    } else {
        return 0;
    }
    if (err == 0) {
        *ret_name = account->name;
    }
    return err;
}
