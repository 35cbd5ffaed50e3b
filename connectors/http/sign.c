#include "sign.h"

#include "base/clock.h"
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 128
#define PAIRS_MAX   1024

/* --- URLs --------------------------------------------------------------------------------------*/

bool url_split(struct str url, struct url_parts *ret_parts)
{
    struct url_parts parts = {.path = STR("/")};
    const char *mark = memmem(url.ptr, url.len, "://", 3);
    if (!mark) {
        return false;
    }
    parts.scheme = str_of(url.ptr, (size_t)(mark - url.ptr));
    struct str rest = str_slice(url, parts.scheme.len + 3, url.len);
    rest = str_split(&rest, '#');
    struct str query = rest;
    struct str before = str_split(&query, '?');
    const char *slash = memchr(before.ptr, '/', before.len);
    parts.authority = slash ? str_of(before.ptr, (size_t)(slash - before.ptr)) : before;
    if (slash) {
        parts.path = str_slice(before, parts.authority.len, before.len);
    }
    parts.query = query;
    *ret_parts = parts;
    return parts.authority.len > 0;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void append_byte(struct buf *buf, char c)
{
    static const char HEX[] = "0123456789ABCDEF";
    if (is_unreserved(c)) {
        buf_append_char(buf, c);
        return;
    }
    char coded[3] = {'%', HEX[(unsigned char)c >> 4], HEX[(unsigned char)c & 15]};
    buf_append(buf, coded, sizeof coded);
}

void percent_append(struct buf *buf, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        append_byte(buf, text.ptr[i]);
    }
}

/* Appends `text`, which is encoded in some way, encoded in the one way that is signed. */
static void recode_append(struct buf *buf, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte;
        if (text.ptr[i] == '%' && i + 2 < text.len &&
            hex_decode(str_slice(text, i + 1, 2), &byte, 1)) {
            append_byte(buf, (char)byte);
            i += 2;
        } else {
            append_byte(buf, text.ptr[i]);
        }
    }
}

/* --- MACs --------------------------------------------------------------------------------------*/

size_t sign_mac(struct str algorithm, struct str key, struct str data,
                unsigned char ret_mac[SIGN_MAC_MAX])
{
    const EVP_MD *digest = str_eq(algorithm, STR("sha1"))     ? EVP_sha1()
                           : str_eq(algorithm, STR("sha256")) ? EVP_sha256()
                           : str_eq(algorithm, STR("sha512")) ? EVP_sha512()
                                                              : NULL;
    unsigned len = 0;
    if (!digest ||
        !HMAC(digest, key.ptr ? key.ptr : "", (int)key.len,
              (const unsigned char *)(data.ptr ? data.ptr : ""), data.len, ret_mac, &len)) {
        return 0;
    }
    return len;
}

/* --- AWS: the canonical request ----------------------------------------------------------------*/

void aws_time(int64_t wall_ms, char ret_time[AWS_TIME_LEN + 1])
{
    char text[CLOCK_RFC3339_LEN + 1];
    char *at = ret_time;
    clock_format(wall_ms, text); /* "2015-08-30T12:36:00.000Z" */
    for (const char *c = text; *c != '.'; c++) {
        if (*c != '-' && *c != ':') {
            *at++ = *c;
        }
    }
    *at++ = 'Z';
    *at = '\0';
}

/* S3 signs the path as it is sent; the others encode each segment once more. */
static void append_path(const struct aws_request *self, struct buf *text)
{
    if (str_eq(self->service, STR("s3"))) {
        buf_append_str(text, self->path);
        return;
    }
    for (size_t i = 0; i < self->path.len; i++) {
        if (self->path.ptr[i] == '/') {
            buf_append_char(text, '/');
        } else {
            append_byte(text, self->path.ptr[i]);
        }
    }
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct pair {
    struct str name;
    struct str value;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = str_cmp(left->name, right->name);
    return order != 0 ? order : str_cmp(left->value, right->value);
}

/* By name, then by value, both as they are encoded; a name without a value has an empty one. */
static int append_query(const struct aws_request *self, struct buf *text)
{
    struct buf coded;
    struct pair *pairs = calloc(PAIRS_MAX, sizeof *pairs);
    size_t *places = calloc(PAIRS_MAX, 3 * sizeof *places);
    size_t count = 0;
    buf_init(&coded, BUF_NO_LIMIT);
    for (struct str rest = self->query; pairs && places && rest.len > 0 && count < PAIRS_MAX;) {
        struct str value = str_split(&rest, '&');
        struct str name = str_split(&value, '=');
        size_t *place = &places[3 * count++];
        place[0] = coded.len;
        recode_append(&coded, name);
        place[1] = coded.len;
        recode_append(&coded, value);
        place[2] = coded.len;
    }
    bool fine = pairs && places && !buf_failed(&coded);
    for (size_t i = 0; fine && i < count; i++) {
        const size_t *place = &places[3 * i];
        pairs[i].name = str_of(coded.ptr + place[0], place[1] - place[0]);
        pairs[i].value = str_of(coded.ptr + place[1], place[2] - place[1]);
    }
    if (fine && count > 0) {
        qsort(pairs, count, sizeof *pairs, compare_pairs);
    }
    for (size_t i = 0; fine && i < count; i++) {
        buf_append_c(text, i > 0 ? "&" : "");
        buf_append_str(text, pairs[i].name);
        buf_append_char(text, '=');
        buf_append_str(text, pairs[i].value);
    }
    buf_release(&coded);
    free(places);
    free(pairs);
    return fine ? 0 : HUB_ERR_NOMEM;
}

/* Blanks at the ends are gone, and several within become one. */
static void append_value(struct buf *line, struct str value)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != ' ' || i == 0 || value.ptr[i - 1] != ' ') {
            buf_append_char(line, value.ptr[i]);
        }
    }
}

/* The lines "name:value" in order, and the names. */
static void append_headers(const struct aws_request *self, struct buf *text, struct buf *names)
{
    struct buf lines;
    struct str order[HEADERS_MAX];
    size_t ends[HEADERS_MAX];
    buf_init(&lines, BUF_NO_LIMIT);
    for (unsigned i = 0; i < self->header_count; i++) {
        const hub_http_header *header = &self->headers[i];
        for (size_t k = 0; k < header->name.len; k++) {
            char c = header->name.ptr[k];
            buf_append_char(&lines, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
        }
        buf_append_char(&lines, ':');
        append_value(&lines, str_of(header->value.ptr, header->value.len));
        ends[i] = lines.len;
    }
    for (unsigned i = 0; i < self->header_count && !buf_failed(&lines); i++) {
        size_t from = i > 0 ? ends[i - 1] : 0;
        order[i] = str_of(lines.ptr + from, ends[i] - from);
    }
    if (buf_failed(&lines)) {
        text->failed = true;
    } else {
        qsort(order, self->header_count, sizeof order[0], compare_texts);
    }
    for (unsigned i = 0; i < self->header_count && !buf_failed(&lines); i++) {
        struct str rest = order[i];
        buf_append_str(text, order[i]);
        buf_append_char(text, '\n');
        buf_append_c(names, i > 0 ? ";" : "");
        buf_append_str(names, str_split(&rest, ':'));
    }
    buf_release(&lines);
}

static int canonical_digest(const struct aws_request *self, struct buf *names,
                            char ret_hex[SHA256_HEX_LEN + 1])
{
    struct buf text;
    struct sha256_digest digest;
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_str(&text, self->method);
    buf_append_char(&text, '\n');
    append_path(self, &text);
    buf_append_char(&text, '\n');
    int err = append_query(self, &text);
    buf_append_char(&text, '\n');
    append_headers(self, &text, names);
    buf_append_char(&text, '\n');
    buf_append_str(&text, buf_view(names));
    buf_append_char(&text, '\n');
    buf_append_str(&text, self->payload_hash);
    if (err == 0 && (buf_failed(&text) || buf_failed(names))) {
        err = HUB_ERR_NOMEM;
    }
    if (err == 0) {
        sha256_of(buf_view(&text), &digest);
        sha256_hex(&digest, ret_hex);
    }
    buf_release(&text);
    return err;
}

/* --- AWS: the signature ------------------------------------------------------------------------*/

/* A key for this day, region and service, then the signature with it. */
static void derive_and_sign(const struct aws_request *self, struct str text,
                            unsigned char mac[SIGN_MAC_MAX])
{
    const struct str steps[] = {str_of(self->time, 8), self->region, self->service,
                                STR("aws4_request"), text};
    struct buf key;
    buf_init(&key, BUF_NO_LIMIT);
    buf_append_c(&key, "AWS4");
    buf_append_str(&key, self->secret_access_key);
    size_t len = sign_mac(STR("sha256"), buf_view(&key), steps[0], mac);
    for (size_t i = 1; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned char next[SIGN_MAC_MAX];
        len = sign_mac(STR("sha256"), str_of((char *)mac, len), steps[i], next);
        memcpy(mac, next, sizeof next);
    }
    if (key.ptr) {
        explicit_bzero(key.ptr, key.len);
    }
    buf_release(&key);
}

int aws_sign(const struct aws_request *request, struct buf *ret_value)
{
    char hex[SHA256_HEX_LEN + 1];
    unsigned char mac[SIGN_MAC_MAX];
    struct buf names, scope, text;
    if (request->header_count > HEADERS_MAX) {
        return HUB_ERR_LIMIT;
    }
    buf_init(&names, BUF_NO_LIMIT);
    buf_init(&scope, BUF_NO_LIMIT);
    buf_init(&text, BUF_NO_LIMIT);
    int err = canonical_digest(request, &names, hex);
    buf_append_format(&scope, "%.8s/%.*s/%.*s/aws4_request", request->time,
                      STR_ARG(request->region), STR_ARG(request->service));
    buf_append_format(&text, "AWS4-HMAC-SHA256\n%s\n", request->time);
    buf_append_str(&text, buf_view(&scope));
    buf_append_char(&text, '\n');
    buf_append_c(&text, hex);
    if (err == 0 && !buf_failed(&scope) && !buf_failed(&text)) {
        derive_and_sign(request, buf_view(&text), mac);
        buf_append_format(ret_value, "AWS4-HMAC-SHA256 Credential=%.*s/",
                          STR_ARG(request->access_key_id));
        buf_append_str(ret_value, buf_view(&scope));
        buf_append_c(ret_value, ", SignedHeaders=");
        buf_append_str(ret_value, buf_view(&names));
        buf_append_c(ret_value, ", Signature=");
        hex_append(ret_value, mac, SHA256_LEN);
    }
    bool failed = buf_failed(&scope) || buf_failed(&text) || buf_failed(ret_value);
    buf_release(&names);
    buf_release(&scope);
    buf_release(&text);
    return err < 0 ? err : failed ? HUB_ERR_NOMEM : 0;
}
