#include "api/auth.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    uint32_t bit;
    struct str name;
} SCOPES[] = {
    {SCOPE_JOBS_READ, STR_INIT("jobs:read")},
    {SCOPE_JOBS_WRITE, STR_INIT("jobs:write")},
    {SCOPE_ADMIN, STR_INIT("admin")},
};
#define SCOPE_COUNT (sizeof SCOPES / sizeof SCOPES[0])

struct key_entry {
    char id[API_KEY_ID_LEN];
    struct sha256_digest digest;
    uint32_t scopes;
};

struct keyring {
    struct map by_id;
};

int keyring_new(struct keyring **ret_self)
{
    struct keyring *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    map_init(&self->by_id);
    *ret_self = self;
    return 0;
}

void keyring_free(struct keyring *self)
{
    if (self == NULL) {
        return;
    }
    MAP_FOR_EACH(e, &self->by_id) {
        free(e->value);
    }
    map_release(&self->by_id);
    free(self);
}

int keyring_put(struct keyring *self, const struct store_key *key)
{
    struct key_entry *entry;

    if (key->id.len != API_KEY_ID_LEN) {
        return HUB_ERR_CORRUPT;
    }
    entry = malloc(sizeof *entry);
    if (entry == NULL) {
        return HUB_ERR_NOMEM;
    }
    memcpy(entry->id, key->id.ptr, API_KEY_ID_LEN);
    entry->digest = key->digest;
    entry->scopes = key->scopes;
    keyring_remove(self, key->id);
    if (map_put(&self->by_id, str_of(entry->id, API_KEY_ID_LEN), entry) < 0) {
        free(entry);
        return HUB_ERR_NOMEM;
    }
    return 0;
}

void keyring_remove(struct keyring *self, struct str id)
{
    free(map_remove(&self->by_id, id));
}

bool keyring_empty(const struct keyring *self)
{
    return self->by_id.len == 0;
}

void api_key_make(char ret_text[API_KEY_LEN + 1], struct store_key *ret_key)
{
    static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t id[API_KEY_ID_LEN];
    uint8_t secret[32];
    struct buf text;

    hash_random(id, sizeof id);
    hash_random(secret, sizeof secret);
    buf_init(&text, API_KEY_LEN);
    buf_append_c(&text, "hub_");
    for (size_t i = 0; i < sizeof id; i++) {
        buf_append_char(&text, ALPHABET[id[i] % 32]);
    }
    buf_append_char(&text, '_');
    base64url_append(&text, str_of((const char *)secret, sizeof secret));
    memcpy(ret_text, text.ptr, API_KEY_LEN);
    ret_text[API_KEY_LEN] = '\0';
    explicit_bzero(text.ptr, text.len);
    explicit_bzero(secret, sizeof secret);
    buf_release(&text);

    memset(ret_key, 0, sizeof *ret_key);
    ret_key->id = str_of(ret_text + 4, API_KEY_ID_LEN);
    sha256_of(str_of(ret_text, API_KEY_LEN), &ret_key->digest);
}

static const struct key_entry *find_key(const struct keyring *keys, struct str key)
{
    const struct key_entry *entry;
    struct sha256_digest digest;

    if (key.len != API_KEY_LEN || !str_starts_with(key, STR("hub_")) ||
        key.ptr[4 + API_KEY_ID_LEN] != '_') {
        return NULL;
    }
    entry = map_get(&keys->by_id, str_slice(key, 4, API_KEY_ID_LEN));
    if (entry == NULL) {
        return NULL;
    }
    sha256_of(key, &digest);
    return sha256_eq(&digest, &entry->digest) ? entry : NULL;
}

int auth_identify(const struct keyring *keys, const struct http_request *req,
                  struct principal *ret_principal)
{
    struct str value = http_header(req, "authorization");
    const struct key_entry *entry;
    struct str scheme;

    if (value.ptr == NULL) {
        /* Without a key only the local owner is known. */
        if (!req->peer.is_unix || req->peer.uid != geteuid()) {
            return HUB_ERR_UNAUTHORIZED;
        }
        snprintf(ret_principal->name, sizeof ret_principal->name, "uid:%u",
                 (unsigned)req->peer.uid);
        ret_principal->scopes = SCOPE_ADMIN;
        return 0;
    }
    scheme = str_split(&value, ' ');
    if (!str_eq_nocase(scheme, STR("bearer")) || http_header_repeated(req, "authorization")) {
        return HUB_ERR_UNAUTHORIZED;
    }
    entry = find_key(keys, str_trim(value));
    if (entry == NULL) {
        return HUB_ERR_UNAUTHORIZED;
    }
    memcpy(ret_principal->name, entry->id, API_KEY_ID_LEN);
    ret_principal->name[API_KEY_ID_LEN] = '\0';
    ret_principal->scopes = entry->scopes;
    return 0;
}

bool auth_allows(const struct principal *principal, uint32_t scope)
{
    return (principal->scopes & (scope | SCOPE_ADMIN)) != 0;
}

const char *scope_name(uint32_t scope)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (SCOPES[i].bit == scope) {
            return SCOPES[i].name.ptr;
        }
    }
    return "";
}

void scopes_append_json(struct buf *buf, uint32_t scopes)
{
    const char *separator = "";

    buf_append_char(buf, '[');
    for (size_t i = 0; i < SCOPE_COUNT; i++) {
        if (scopes & SCOPES[i].bit) {
            buf_append_c(buf, separator);
            buf_append_json_string(buf, SCOPES[i].name);
            separator = ",";
        }
    }
    buf_append_char(buf, ']');
}

uint32_t scopes_from_json(struct json_object *array)
{
    uint32_t scopes = 0;

    for (size_t n = 0; n < json_object_array_length(array); n++) {
        struct str name = json_str(json_object_array_get_idx(array, n));
        for (size_t i = 0; i < SCOPE_COUNT; i++) {
            if (str_eq(name, SCOPES[i].name)) {
                scopes |= SCOPES[i].bit;
            }
        }
    }
    return scopes;
}
