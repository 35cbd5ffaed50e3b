#include "http.h"
#include "sign.h"

#include "base/hash.h"

#include <string.h>

#define PAYLOAD_MAX (4u << 20)

typedef int apply_fn(struct exchange *self, struct str token, struct hub_error *error);
static apply_fn apply_bearer, apply_basic, apply_api_key, apply_oauth2, apply_aws, apply_hmac;

static const struct scheme {
    const char *name;
    apply_fn *apply;
    bool signature; /* over the request: another URL needs another one */
    bool hashes_file;
    bool takes_token;
} SCHEMES[] = {
    {"bearer", apply_bearer, false, false, false},
    {"basic", apply_basic, false, false, false},
    {"api_key", apply_api_key, false, false, false},
    {"oauth2_client_credentials", apply_oauth2, false, false, true},
    {"aws_sigv4", apply_aws, true, true, false},
    {"hmac", apply_hmac, true, false, false},
};

static struct str member(const struct exchange *self, const char *name, const char *otherwise)
{
    struct str value = str_from_c(otherwise);
    (void)json_get_str(self->account, name, &value);
    return value;
}

static const struct scheme *scheme_of(const struct exchange *self)
{
    struct str name = member(self, "auth", NULL);
    for (size_t i = 0; self->account && i < sizeof SCHEMES / sizeof SCHEMES[0]; i++) {
        if (str_eq(name, str_from_c(SCHEMES[i].name))) {
            return &SCHEMES[i];
        }
    }
    return NULL;
}

bool auth_needs_file_hash(const struct exchange *self)
{
    const struct scheme *scheme = scheme_of(self);
    return scheme && scheme->hashes_file && self->file;
}

bool auth_needs_token(const struct exchange *self)
{
    const struct scheme *scheme = scheme_of(self);
    return scheme && scheme->takes_token;
}

bool auth_is_signature(const struct exchange *self)
{
    const struct scheme *scheme = scheme_of(self);
    return scheme && scheme->signature;
}

int auth_limit(struct exchange *self, struct hub_error *error)
{
    struct json_object *hosts;
    if (!self->account) {
        return 0;
    }
    if (!scheme_of(self) || !json_get_array(self->account, "hosts", &hosts) ||
        json_object_array_length(hosts) == 0 ||
        json_object_array_length(hosts) > EXCHANGE_HOSTS_MAX) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "The account does not say how to prove who we are, or to which hosts.");
    }
    for (size_t i = 0; i < json_object_array_length(hosts); i++) {
        self->hosts[self->host_count++] = hub_of_str(json_str(json_object_array_get_idx(hosts, i)));
    }
    return 0;
}

int auth_apply(struct exchange *self, struct str token, struct hub_error *error)
{
    const struct scheme *scheme = scheme_of(self);
    return scheme ? scheme->apply(self, token, error) : 0;
}

/* --- Headers -----------------------------------------------------------------------------------*/

/* Sets a header to `text`, which may be a secret and is the exchange's from now on; what the job's
 * input says under this name gives way. */
static int set_header(struct exchange *self, struct str name, struct buf *text,
                      struct hub_error *error)
{
    if (buf_failed(text) || self->secret_count == EXCHANGE_SECRETS_MAX) {
        buf_release(text);
        return HUB_ERR_NOMEM;
    }
    self->secrets[self->secret_count++] = *text;
    for (uint32_t i = 0; i < self->header_count; i++) {
        if (str_eq_nocase(str_of_hub(self->headers[i].name), name)) {
            self->headers[i].value = hub_of_str(buf_view(text));
            return 0;
        }
    }
    return exchange_add_header(self, name, buf_view(text)) < 0
               ? hub_fail(error, HUB_ERR_INVALID_INPUT, "There are too many headers.")
               : 0;
}

static int set_bearer(struct exchange *self, struct str token, struct hub_error *error)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_c(&text, "Bearer ");
    buf_append_str(&text, token);
    return set_header(self, STR("Authorization"), &text, error);
}

static int apply_bearer(struct exchange *self, struct str token, struct hub_error *error)
{
    (void)token;
    return set_bearer(self, member(self, "token", ""), error);
}

static int apply_oauth2(struct exchange *self, struct str token, struct hub_error *error)
{
    return set_bearer(self, token, error);
}

static int apply_basic(struct exchange *self, struct str token, struct hub_error *error)
{
    struct buf pair, text;
    (void)token;
    buf_init(&pair, BUF_NO_LIMIT);
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_str(&pair, member(self, "username", ""));
    buf_append_char(&pair, ':');
    buf_append_str(&pair, member(self, "password", ""));
    buf_append_c(&text, "Basic ");
    base64_append(&text, buf_view(&pair));
    text.failed = text.failed || buf_failed(&pair);
    if (pair.ptr) {
        explicit_bzero(pair.ptr, pair.len);
    }
    buf_release(&pair);
    return set_header(self, STR("Authorization"), &text, error);
}

static int apply_api_key(struct exchange *self, struct str token, struct hub_error *error)
{
    struct buf text;
    (void)token;
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_str(&text, member(self, "key", ""));
    return set_header(self, member(self, "header", "X-API-Key"), &text, error);
}

/* --- AWS Signature Version 4 -------------------------------------------------------------------*/

/* Host is the client's own header; it writes it without the port that the scheme implies. */
static struct str host_header(const struct url_parts *parts)
{
    struct str port = str_eq_nocase(parts->scheme, STR("https")) ? STR(":443") : STR(":80");
    struct str host = parts->authority;
    return str_ends_with(host, port) ? str_slice(host, 0, host.len - port.len) : host;
}

static int set_text(struct exchange *self, const char *name, struct str value,
                    struct hub_error *error)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_str(&text, value);
    return set_header(self, str_from_c(name), &text, error);
}

/* Everything that AWS wants signed: host, content-type and x-amz-… */
static unsigned choose_headers(const struct exchange *self, const struct url_parts *parts,
                               hub_http_header *signed_headers)
{
    unsigned count = 0;
    signed_headers[count++] = (hub_http_header){HUB_STR("host"), hub_of_str(host_header(parts))};
    for (uint32_t i = 0; i < self->header_count; i++) {
        struct str name = str_of_hub(self->headers[i].name);
        if (str_eq_nocase(name, STR("content-type")) ||
            str_eq_nocase(str_slice(name, 0, 6), STR("x-amz-"))) {
            signed_headers[count++] = self->headers[i];
        }
    }
    return count;
}

static int sign_aws(struct exchange *self, const char *hash, struct aws_request *request,
                    const struct url_parts *parts, struct hub_error *error)
{
    hub_http_header signed_headers[EXCHANGE_HEADERS_MAX + 1];
    struct buf value;
    request->access_key_id = member(self, "access_key_id", "");
    request->secret_access_key = member(self, "secret_access_key", "");
    request->region = member(self, "region", "");
    request->service = member(self, "service", "");
    request->method = self->method;
    request->path = parts->path;
    request->query = parts->query;
    request->payload_hash = str_from_c(hash);
    request->headers = signed_headers;
    request->header_count = choose_headers(self, parts, signed_headers);
    buf_init(&value, BUF_NO_LIMIT);
    int err = aws_sign(request, &value);
    if (err < 0) {
        buf_release(&value);
        return HUB_ERR_NOMEM;
    }
    return set_header(self, STR("Authorization"), &value, error);
}

static int apply_aws(struct exchange *self, struct str token, struct hub_error *error)
{
    struct aws_request request = {0};
    struct url_parts parts;
    struct sha256_digest digest;
    char hash[SHA256_HEX_LEN + 1];
    struct str session = member(self, "session_token", "");
    (void)token;
    if (!url_split(buf_view(&self->url), &parts)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "The URL is not well-formed.");
    }
    sha256_of(buf_view(&self->body), &digest);
    sha256_hex(&digest, hash);
    if (self->file) {
        memcpy(hash, self->file_hash, sizeof hash);
    }
    aws_time(self->connector->host->wall_ms(), request.time);
    int err = set_text(self, "X-Amz-Date", str_from_c(request.time), error);
    if (err == 0) {
        err = set_text(self, "X-Amz-Content-Sha256", str_from_c(hash), error);
    }
    if (err == 0 && session.len > 0) {
        err = set_text(self, "X-Amz-Security-Token", session, error);
    }
    return err < 0 ? err : sign_aws(self, hash, &request, &parts, error);
}

/* --- HMAC --------------------------------------------------------------------------------------*/

/* Appends `pattern` with its {names} replaced. */
static void expand(const struct exchange *self, struct str pattern, const struct url_parts *parts,
                   struct str timestamp, struct buf *text)
{
    struct buf path;
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_str(&path, parts->path);
    buf_append_c(&path, parts->query.len > 0 ? "?" : "");
    buf_append_str(&path, parts->query);
    const struct {
        struct str name;
        struct str value;
    } NAMES[] = {
        {STR("{body}"), buf_view(&self->body)},
        {STR("{timestamp}"), timestamp},
        {STR("{method}"), self->method},
        {STR("{path}"), buf_view(&path)},
    };
    for (size_t i = 0; i < pattern.len;) {
        struct str rest = str_slice(pattern, i, pattern.len);
        size_t step = 1;
        for (size_t k = 0; k < sizeof NAMES / sizeof NAMES[0] && step == 1; k++) {
            if (str_starts_with(rest, NAMES[k].name)) {
                buf_append_str(text, NAMES[k].value);
                step = NAMES[k].name.len;
            }
        }
        if (step == 1) {
            buf_append_char(text, rest.ptr[0]);
        }
        i += step;
    }
    text->failed = text->failed || buf_failed(&path);
    buf_release(&path);
}

static int decode_key(struct str text, struct str encoding, struct buf *ret_key)
{
    uint8_t byte;
    if (str_eq(encoding, STR("base64"))) {
        return base64_decode(text, ret_key);
    }
    if (!str_eq(encoding, STR("hex"))) {
        buf_append_str(ret_key, text);
        return 0;
    }
    for (size_t i = 0; i < text.len; i += 2) {
        if (!hex_decode(str_slice(text, i, 2), &byte, 1)) {
            return HUB_ERR_INVALID_INPUT;
        }
        buf_append_char(ret_key, (char)byte);
    }
    return 0;
}

static int compute_hmac(struct exchange *self, struct str payload, struct buf *text,
                        struct hub_error *error)
{
    unsigned char mac[SIGN_MAC_MAX];
    struct buf key;
    buf_init(&key, BUF_NO_LIMIT);
    int err = decode_key(member(self, "key", ""), member(self, "key_encoding", "utf8"), &key);
    size_t len = sign_mac(member(self, "algorithm", "sha256"), buf_view(&key), payload, mac);
    if (key.ptr) {
        explicit_bzero(key.ptr, key.len);
    }
    buf_release(&key);
    if (err < 0 || len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "The account's key is not in key_encoding.");
    }
    if (str_eq(member(self, "encoding", "hex"), STR("base64"))) {
        base64_append(text, str_of((char *)mac, len));
    } else {
        hex_append(text, mac, len);
    }
    return 0;
}

static int apply_hmac(struct exchange *self, struct str token, struct hub_error *error)
{
    struct url_parts parts;
    struct buf payload, text;
    char seconds[24];
    struct str header = member(self, "timestamp_header", NULL);
    struct buf clock;
    (void)token;
    if (self->file) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "An account with hmac signs bodies of json, form or text, not of a file.");
    }
    if (!url_split(buf_view(&self->url), &parts)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "The URL is not well-formed.");
    }
    buf_init_fixed(&clock, seconds, sizeof seconds);
    buf_append_i64(&clock, self->connector->host->wall_ms() / 1000);
    buf_init(&payload, PAYLOAD_MAX);
    buf_init(&text, BUF_NO_LIMIT);
    expand(self, member(self, "payload", "{body}"), &parts, buf_view(&clock), &payload);
    expand(self, member(self, "prefix", ""), &parts, buf_view(&clock), &text);
    int err =
        buf_failed(&payload) ? HUB_ERR_NOMEM : compute_hmac(self, buf_view(&payload), &text, error);
    buf_release(&payload);
    if (err < 0) {
        buf_release(&text);
        return err;
    }
    err = set_header(self, member(self, "header", "X-Signature"), &text, error);
    return err == 0 && header.len > 0 ? set_text(self,
                                                 json_object_get_string(json_object_object_get(
                                                     self->account, "timestamp_header")),
                                                 buf_view(&clock), error)
                                      : err;
}
