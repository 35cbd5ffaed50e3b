#include "api/idempotency.h"

#include "base/clock.h"
#include "base/hash.h"

#include <string.h>

#define KEY_MAX     255
#define KEY_KEPT_MS (24LL * 3600 * 1000)

/* Visible ASCII; the draft's quotes of a structured string are part of the key as sent. */
static bool key_is_valid(struct str key)
{
    if (key.len == 0 || key.len > KEY_MAX) {
        return false;
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < 0x21 || key.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static int digest_scope(const struct api_call *call, struct str key,
                        struct sha256_digest *ret_digest)
{
    struct sha256 hash;

    if (sha256_init(&hash) < 0) {
        return HUB_ERR_NOMEM;
    }
    /* No part can contain the separator: names are [a-z0-9:], paths and keys visible ASCII. */
    sha256_update(&hash, call->principal.name, strlen(call->principal.name));
    sha256_update(&hash, "\n", 1);
    sha256_update(&hash, call->req->path.ptr, call->req->path.len);
    sha256_update(&hash, "\n", 1);
    sha256_update(&hash, key.ptr, key.len);
    sha256_final(&hash, ret_digest);
    return 0;
}

int idempotency_read(struct api_call *call, struct store_idempotency *ret_idempotency)
{
    struct str key = http_header(call->req, "idempotency-key");

    memset(ret_idempotency, 0, sizeof *ret_idempotency);
    if (key.ptr == NULL) {
        return 0;
    }
    if (!key_is_valid(key) || http_header_repeated(call->req, "idempotency-key")) {
        api_fail(call, HUB_ERR_BAD_REQUEST,
                 "Idempotency-Key must be one field of 1 to %d visible ASCII characters", KEY_MAX);
        return -1;
    }
    if (digest_scope(call, key, &ret_idempotency->scope) < 0) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return -1;
    }
    ret_idempotency->given = true;
    ret_idempotency->expires_at = clock_wall_ms() + KEY_KEPT_MS;
    return 0;
}

static struct str scope_view(const struct store_idempotency *idempotency)
{
    return str_of((const char *)idempotency->scope.bytes, SHA256_LEN);
}

bool idempotency_begin(struct api_call *call, const struct store_idempotency *idempotency)
{
    struct map *in_flight = &call->api->in_flight;

    if (!idempotency->given) {
        return true;
    }
    if (map_get(in_flight, scope_view(idempotency)) != NULL) {
        api_fail(call, HUB_ERR_IN_FLIGHT, "a request with this Idempotency-Key is being worked on");
        return false;
    }
    if (map_put(in_flight, scope_view(idempotency), (void *)idempotency) < 0) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return false;
    }
    return true;
}

void idempotency_end(struct api *api, const struct store_idempotency *idempotency)
{
    if (idempotency->given) {
        map_remove(&api->in_flight, scope_view(idempotency));
    }
}
