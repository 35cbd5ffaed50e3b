/*
 * descriptor.h — what a connector says about itself, read from the runner's JSON.
 *
 * The JSON comes from a process that has loaded the connector: it is hostile input, every member is
 * checked for type and bounds. Schemas and examples are JSON here, and kept as the text they came
 * as (a tree takes forty times the memory); whether a schema is a valid one is not this module's
 * business.
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_DESCRIPTOR_H
#define HUB_SUPERVISOR_DESCRIPTOR_H

#include "base/hash.h"
#include "supervisor/supervisor.h"

struct descriptor {
    struct str name; /* all views live as long as the descriptor */
    struct str version;
    struct str licence;
    struct str summary;
    bool async;
    bool network;              /* asks for hosts */
    struct json_object *hosts; /* array of texts, as everything of `root` */
    struct json_object *paths; /* the same: what it asks to read */
    unsigned max_in_flight;    /* 0: none given */
    struct str account_schema; /* JSON; ptr NULL: takes none */
    struct supervisor_operation *operations;
    unsigned operation_count;
    struct sha256_digest digest; /* of the JSON: does another process say the same? */
    struct json_object *root;    /* owns the texts */
};

/* HUB_ERR_INVALID_INPUT, HUB_ERR_NOMEM. The caller frees. */
HUB_MUST_CHECK int descriptor_parse(struct str json, struct descriptor **ret_descriptor,
                                    struct hub_error *error);
void descriptor_free(struct descriptor *self);

/* The operation's index, or -1. */
int descriptor_operation(const struct descriptor *self, struct str name);

#endif
