/*
 * commands.h — every command of hubctl, in the groups of its help. Thread: [any].
 */
#ifndef HUB_HUBCTL_COMMANDS_H
#define HUB_HUBCTL_COMMANDS_H

#include "hubctl/command.h"

extern const struct command cmd_run;
extern const struct command cmd_get;
extern const struct command cmd_list;
extern const struct command cmd_cancel;
extern const struct command cmd_retry;
extern const struct command cmd_delete;
extern const struct command cmd_tail;
extern const struct command cmd_artifacts;
extern const struct command cmd_callbacks;
extern const struct command cmd_connector;
extern const struct command cmd_connectors;
extern const struct command connector_new; /* of `connector` */
extern const struct command connector_inspect;
extern const struct command connector_check;
extern const struct command connector_install;
extern const struct command cmd_account;
extern const struct command cmd_batch;
extern const struct command cmd_schedule;
extern const struct command batch_run; /* of `batch` */
extern const struct command cmd_flow;
extern const struct command cmd_queues;
extern const struct command cmd_keys;
extern const struct command cmd_ledger;
extern const struct command cmd_payments;
extern const struct command cmd_doctor;
extern const struct command cmd_openapi;
extern const struct command cmd_completion;
extern const struct command cmd_complete;
extern const struct command cmd_help;
extern const struct command cmd_version;

/* Ends with a group without a title. */
extern const struct command_group command_groups[];

/* The options that every command has. */
extern const struct option command_global_options[];

/* The command of this name in any group, or NULL. */
const struct command *commands_find(const char *name);

/* "Did you mean": the name most like `name` among `commands`, or among all of them (NULL). */
const char *commands_nearest(const struct command *const *commands, const char *name);

#endif
