#include "account.h"

#include <arpa/inet.h>
#include <string.h>

#define ARENA_MAX (256u << 10)

static const unsigned SCHEDULE[] = {60, 300, 900, 1800, 3600, 7200, 14400, 28800};

struct reading {
    struct account *account;
    struct json_object *json;
    struct hub_error *error;
    int err;
};

/* --- Members -----------------------------------------------------------------------------------*/

/* A text that can stand in a command: secrets may hold anything but NUL and line ends. */
static const char *text(struct reading *self, struct json_object *object, const char *name)
{
    struct str value;
    if (self->err < 0 || !json_get_str(object, name, &value)) {
        return NULL;
    }
    const char *copy = arena_strdup(&self->account->arena, value);
    if (!copy) {
        self->err = hub_fail(self->error, HUB_ERR_NOMEM, "out of memory");
    }
    return copy;
}

static const char *line(struct reading *self, struct json_object *object, const char *name)
{
    const char *value = text(self, object, name);
    for (const char *at = value; at && *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            self->err = hub_fail(self->error, HUB_ERR_INVALID_INPUT,
                                 "the account's %s holds control characters", name);
            return NULL;
        }
    }
    return value;
}

static unsigned number(struct json_object *object, const char *name, unsigned otherwise)
{
    int64_t value;
    return json_get_i64(object, name, &value) && value >= 0 && value <= UINT32_MAX ? (unsigned)value
                                                                                   : otherwise;
}

static double real(struct json_object *object, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) ? json_object_get_double(value) : 0;
}

static unsigned choice(struct json_object *object, const char *name, const char *const *names,
                       unsigned count, unsigned otherwise)
{
    struct str value;
    if (json_get_str(object, name, &value)) {
        for (unsigned i = 0; i < count; i++) {
            if (str_eq(value, str_from_c(names[i]))) {
                return i;
            }
        }
    }
    return otherwise;
}

/* --- Parts -------------------------------------------------------------------------------------*/

static bool is_host(const char *host)
{
    size_t len = strlen(host);
    return len > 0 && len < 254 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
                        "YZ0123456789.-_:") == len;
}

/* Without TLS everybody on the way reads along, so it must be said that this is meant. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    return strcmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

static void read_place(struct reading *self)
{
    static const char *const MODES[] = {"starttls", "implicit", "none"};
    static const unsigned PORTS[] = {587, 465, 25};
    struct account *account = self->account;
    bool plain_allowed = false;
    account->host = line(self, self->json, "host");
    account->tls = choice(self->json, "tls", MODES, 3, TLS_STARTTLS);
    account->port = number(self->json, "port", PORTS[account->tls]);
    account->server_name = line(self, self->json, "server_name");
    account->ca = text(self, self->json, "ca");
    account->helo = line(self, self->json, "helo");
    (void)json_get_bool(self->json, "allow_plaintext", &plain_allowed);
    if (self->err < 0) {
        return;
    }
    if (!account->host || !is_host(account->host) || account->port == 0 || account->port > 65535 ||
        (account->helo && strpbrk(account->helo, " <>"))) {
        self->err = hub_fail(self->error, HUB_ERR_INVALID_INPUT,
                             "the account's host, port or helo is none");
        return;
    }
    account->server_name = account->server_name ? account->server_name : account->host;
    if (account->tls == TLS_NONE && !plain_allowed && !is_loopback(account->host)) {
        self->err = hub_fail(self->error, HUB_ERR_INVALID_INPUT,
                             "tls \"none\" to another machine needs allow_plaintext");
    }
}

static void read_auth(struct reading *self)
{
    static const char *const METHODS[] = {"none", "auto", "plain", "login", "cram_md5", "xoauth2"};
    struct account *account = self->account;
    struct json_object *auth;
    if (!json_get_object(self->json, "auth", &auth)) {
        return;
    }
    account->auth = choice(auth, "method", METHODS, 6, AUTH_AUTO);
    account->username = line(self, auth, "username");
    account->password = line(self, auth, "password");
    account->access_token = line(self, auth, "access_token");
    account->token_url = line(self, auth, "token_url");
    account->client_id = line(self, auth, "client_id");
    account->client_secret = line(self, auth, "client_secret");
    account->refresh_token = line(self, auth, "refresh_token");
    account->scope = line(self, auth, "scope");
    bool token = account->access_token || (account->token_url && account->refresh_token);
    bool whole =
        account->auth == AUTH_NONE ||
        (account->username && (account->auth == AUTH_XOAUTH2 ? token : account->password != NULL));
    if (self->err == 0 && !whole) {
        self->err = hub_fail(self->error, HUB_ERR_INVALID_INPUT,
                             "the account's auth lacks a username, a password or a token");
    }
}

static void read_dkim(struct reading *self)
{
    struct json_object *keys;
    struct hub_error why;
    if (!json_get_array(self->json, "dkim", &keys)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(keys) && i < DKIM_KEYS_MAX && self->err == 0;
         i++) {
        struct json_object *key = json_object_array_get_idx(keys, i);
        struct str domain = {0}, selector = {0}, pem = {0};
        (void)json_get_str(key, "domain", &domain);
        (void)json_get_str(key, "selector", &selector);
        (void)json_get_str(key, "private_key", &pem);
        int err = dkim_key_init(&self->account->dkim[i], domain, selector, pem, &why);
        if (err < 0) {
            self->err = hub_fail(self->error, err, "the account's dkim/%zu: %s", i, why.detail);
        } else {
            self->account->dkim_count++;
        }
    }
}

static void read_limits(struct reading *self)
{
    struct account *account = self->account;
    struct json_object *limits = NULL, *timeouts = NULL, *schedule = NULL;
    struct str on_unknown = {0};
    (void)json_get_object(self->json, "limits", &limits);
    (void)json_get_object(self->json, "timeouts", &timeouts);
    unsigned connections = number(limits, "connections", 4);
    account->connections = connections < 1                 ? 1
                           : connections > CONNECTIONS_MAX ? CONNECTIONS_MAX
                                                           : connections;
    account->messages_per_connection = number(limits, "messages_per_connection", 500);
    account->messages_per_second = real(limits, "messages_per_second");
    account->domain_messages_per_second = real(limits, "domain_messages_per_second");
    account->domain_backoff_ms = number(limits, "domain_backoff_ms", 5000);
    account->domain_backoff_max_ms = number(limits, "domain_backoff_max_ms", 900000);
    account->connect_ms = number(timeouts, "connect_ms", 10000);
    account->command_ms = number(timeouts, "command_ms", 30000);
    account->final_ms = number(timeouts, "final_ms", 120000);
    account->idle_ms = number(timeouts, "idle_ms", 15000);
    account->hold =
        json_get_str(self->json, "on_unknown", &on_unknown) && str_eq(on_unknown, STR("hold"));
    account->suppress = true;
    (void)json_get_bool(self->json, "suppression", &account->suppress);
    if (json_get_array(self->json, "retry_schedule_s", &schedule)) {
        for (size_t i = 0; i < json_object_array_length(schedule) && i < SCHEDULE_MAX; i++) {
            account->schedule_s[account->schedule_count++] =
                (unsigned)json_object_get_int(json_object_array_get_idx(schedule, i));
        }
    }
}

/* --- All of it ---------------------------------------------------------------------------------*/

int account_init(struct account *self, struct json_object *json, struct hub_error *error)
{
    struct reading reading = {.account = self, .json = json, .error = error};
    *self = (struct account){0};
    arena_init(&self->arena, ARENA_MAX);
    read_place(&reading);
    if (reading.err == 0) {
        read_auth(&reading);
    }
    if (reading.err == 0) {
        read_dkim(&reading);
    }
    if (reading.err == 0) {
        read_limits(&reading);
    }
    if (reading.err < 0) {
        account_release(self);
    }
    return reading.err;
}

static void wipe(const char *secret)
{
    if (secret) {
        explicit_bzero((char *)secret, strlen(secret));
    }
}

void account_release(struct account *self)
{
    wipe(self->password);
    wipe(self->access_token);
    wipe(self->client_secret);
    wipe(self->refresh_token);
    for (unsigned i = 0; i < DKIM_KEYS_MAX; i++) {
        dkim_key_release(&self->dkim[i]);
    }
    arena_release(&self->arena);
}

uint64_t account_delay_ms(const struct account *self, unsigned attempt)
{
    const unsigned *steps = self->schedule_count ? self->schedule_s : SCHEDULE;
    unsigned count =
        self->schedule_count ? self->schedule_count : sizeof SCHEDULE / sizeof SCHEDULE[0];
    unsigned at = attempt > 0 ? attempt - 1 : 0;
    uint64_t delay = (uint64_t)steps[at < count ? at : count - 1] * 1000;
    return delay > 0 ? delay : 1;
}
