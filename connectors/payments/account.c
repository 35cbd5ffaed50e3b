#include "account.h"

#include <string.h>

static struct str text(const struct account *self, const char *name)
{
    struct str value = {0};
    (void)json_get_str(self->json, name, &value);
    return value;
}

static void read_webhook_secrets(struct account *self)
{
    struct json_object *list;
    if (!json_get_array(self->json, "webhook_secrets", &list)) {
        return;
    }
    size_t count = json_object_array_length(list);
    for (size_t i = 0; i < count && i < ACCOUNT_SECRETS_MAX; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (json_object_is_type(one, json_type_string)) {
            self->webhook_secrets[self->webhook_secret_count++] = json_str(one);
        }
    }
}

int account_read(struct account *self, struct str json, struct hub_error *error)
{
    *self = (struct account){.gateway = STR("simulator"), .test = true};
    if (json.len == 0) {
        return 0;
    }
    int err = json_read(json, JSON_DEPTH_MAX, &self->json, NULL, error);
    if (err < 0) {
        return err == HUB_ERR_NOMEM
                   ? err
                   : hub_fail(error, HUB_ERR_INVALID_INPUT, "the account is not valid JSON");
    }
    self->gateway = text(self, "gateway");
    self->test = false;
    (void)json_get_bool(self->json, "test", &self->test);
    self->api_key = text(self, "api_key");
    self->client_id = text(self, "client_id");
    self->client_secret = text(self, "client_secret");
    self->merchant_account = text(self, "merchant_account");
    self->live_prefix = text(self, "live_prefix");
    self->base_url = text(self, "base_url");
    self->webhook_id = text(self, "webhook_id");
    read_webhook_secrets(self);
    partition_of(json, self->partition);
    return 0;
}

void account_release(struct account *self)
{
    const struct str secrets[] = {self->api_key, self->client_secret, self->webhook_secrets[0],
                                  self->webhook_secrets[1]};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (secrets[i].len > 0) {
            explicit_bzero((char *)secrets[i].ptr, secrets[i].len);
        }
    }
    json_object_put(self->json);
    *self = (struct account){0};
}

/* http[s]://127.0.0.1 or localhost, with a port, and nothing behind it. */
static bool leads_here(struct str url)
{
    static const struct str HEADS[] = {
        STR_INIT("http://127.0.0.1:"),
        STR_INIT("http://localhost:"),
        STR_INIT("https://127.0.0.1:"),
        STR_INIT("https://localhost:"),
    };
    uint64_t port;
    for (size_t i = 0; i < sizeof HEADS / sizeof HEADS[0]; i++) {
        if (str_starts_with(url, HEADS[i]) &&
            str_to_u64(str_slice(url, HEADS[i].len, url.len), 65535, &port)) {
            return true;
        }
    }
    return false;
}

int account_own_url(const struct account *self, struct buf *url, struct hub_error *error)
{
    if (self->base_url.len == 0) {
        return 0;
    }
    if (!self->test || !leads_here(self->base_url)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "base_url is for test accounts and must lead to this machine, such as "
                        "http://127.0.0.1:8080");
    }
    buf_append_str(url, self->base_url);
    return 1;
}

static bool holds(struct str hay, struct str needle)
{
    return needle.len > 0 && hay.len >= needle.len &&
           memmem(hay.ptr, hay.len, needle.ptr, needle.len) != NULL;
}

bool account_has_secret(const struct account *self, struct str text_in)
{
    const struct str secrets[] = {self->api_key, self->client_secret, self->webhook_secrets[0],
                                  self->webhook_secrets[1]};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (holds(text_in, secrets[i])) {
            return true;
        }
    }
    return false;
}
