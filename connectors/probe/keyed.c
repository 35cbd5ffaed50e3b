/*
 * The connector that has a secret: says how long its account's token is and what its bytes add up
 * to, so that a test can tell which one it got without the token being in any result.
 */
#include <hub/connector.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyed_schemas.h"

struct hub_instance {
    const hub_host *host;
};

static json_object *parse(hub_str text)
{
    json_tokener *tokener = json_tokener_new();
    json_object *value = NULL;

    if (tokener && text.len > 0) {
        value = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
    }
    json_tokener_free(tokener);
    return value;
}

static const char *token_of(json_object *account)
{
    json_object *token = json_object_object_get(account, "token");

    return token ? json_object_get_string(token) : "";
}

static void tell(hub_instance *self, hub_job *job)
{
    json_object *account = parse(job->account);
    json_object *input = parse(job->input);
    const char *token = token_of(account);
    char result[128];
    unsigned sum = 0;

    for (const char *c = token; *c; c++) {
        sum += (unsigned char)*c;
    }
    usleep((useconds_t)json_object_get_int(json_object_object_get(input, "ms")) * 1000);
    snprintf(result, sizeof result, "{\"attempt\":%u,\"length\":%zu,\"sum\":%u}", job->attempt,
             strlen(token), sum);
    if (job->attempt <= (uint32_t)json_object_get_int(json_object_object_get(input, "retries"))) {
        self->host->retry(job, HUB_STR("again"), HUB_STR("Asked to."), 0);
    } else {
        self->host->succeed(job, (hub_str){result, strlen(result)});
    }
    json_object_put(input);
    json_object_put(account);
}

static void verify(hub_instance *self, hub_job *job)
{
    json_object *account = parse(job->account);

    if (strncmp(token_of(account), "bad", 3) == 0) {
        self->host->fail(job, HUB_STR("bad_token"), HUB_STR("The provider refuses the token."),
                         HUB_STR(""));
    } else {
        self->host->succeed(job, HUB_STR("{}"));
    }
    json_object_put(account);
}

static hub_instance *create(const hub_host *host)
{
    hub_instance *self = malloc(sizeof *self);

    if (self) {
        self->host = host;
    }
    return self;
}

static void destroy(hub_instance *self)
{
    free(self);
}

static const hub_operation TELL = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("tell"),
    .summary = HUB_STR_INIT("Tells about the token without telling it."),
    .input_schema = HUB_STR_INIT(TELL_SCHEMA),
    .example = HUB_STR_INIT("{}"),
    .start = tell,
};

static const hub_operation VERIFY = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("verify_account"),
    .summary = HUB_STR_INIT("Says whether the token is good."),
    .input_schema = HUB_STR_INIT("{\"type\":\"object\",\"maxProperties\":0}"),
    .example = HUB_STR_INIT("{}"),
    .start = verify,
};

static const hub_operation *const OPERATIONS[] = {&TELL, &VERIFY};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("keyed"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Has an account with a secret; for tests."),
    .mode = HUB_MODE_BLOCKING,
    .account_schema = HUB_STR_INIT(KEYED_ACCOUNT_SCHEMA),
    .operation_count = sizeof(OPERATIONS) / sizeof(OPERATIONS[0]),
    .operations = OPERATIONS,
    .create = create,
    .destroy = destroy,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
}
