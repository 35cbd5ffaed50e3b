/*
 * account_settings.h — the settings of an account, put together from the command line.
 *
 *     --file FILE|-            an object, in place of what is stored
 *     --set PLACE=VALUE        what is no secret
 *     --secret PLACE[=@FILE|=-]   what is; without a source it is asked for
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_ACCOUNT_SETTINGS_H
#define HUB_HUBCTL_ACCOUNT_SETTINGS_H

#include "hubctl/app.h"

/* `settings` is what is there already, with secrets as "***", and may become another object;
 * `schema` is the connector's account schema (NULL: not known). One of enum exits; what went wrong
 * has been reported. */
int account_settings_read(struct app *app, const struct options *options,
                          struct json_object *schema, struct json_object **settings);

#endif
