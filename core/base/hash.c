/* The low-level SHA256_…() calls are marked deprecated in favour of EVP, but they alone need no
 * memory and cannot fail, and cost 70 ns for an API key where EVP costs 170 to 540. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* --- SHA-256 ------------------------------------------------------------------------------- */

int sha256_init(struct sha256 *self)
{
    SHA256_CTX *ctx = malloc(sizeof *ctx);

    if (!ctx) {
        return HUB_ERR_NOMEM;
    }
    SHA256_Init(ctx);
    self->ctx = ctx;
    return 0;
}

void sha256_update(struct sha256 *self, const void *bytes, size_t len)
{
    SHA256_Update(self->ctx, bytes, len);
}

void sha256_final(struct sha256 *self, struct sha256_digest *ret_digest)
{
    SHA256_Final(ret_digest->bytes, self->ctx);
    sha256_release(self);
}

void sha256_peek(const struct sha256 *self, struct sha256_digest *ret_digest)
{
    SHA256_CTX copy = *(const SHA256_CTX *)self->ctx;

    SHA256_Final(ret_digest->bytes, &copy);
}

void sha256_release(struct sha256 *self)
{
    free(self->ctx);
    self->ctx = NULL;
}

void sha256_of(struct str data, struct sha256_digest *ret_digest)
{
    SHA256_CTX ctx;

    SHA256_Init(&ctx);
    SHA256_Update(&ctx, data.ptr, data.len);
    SHA256_Final(ret_digest->bytes, &ctx);
}

void sha256_hex(const struct sha256_digest *digest, char ret_hex[SHA256_HEX_LEN + 1])
{
    struct buf hex;

    buf_init_fixed(&hex, ret_hex, SHA256_HEX_LEN + 1);
    hex_append(&hex, digest->bytes, sizeof digest->bytes);
}

bool sha256_eq(const struct sha256_digest *a, const struct sha256_digest *b)
{
    return hash_equal_constant_time(a->bytes, b->bytes, sizeof a->bytes);
}

bool hash_equal_constant_time(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* --- SipHash-1-3: one round a word, three at the end ------------------------------------------ */

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Up to eight bytes as a little-endian word, whatever the machine's order is. */
static uint64_t load_word(const char *bytes, size_t len)
{
    uint64_t word = 0;

    if (len > 0) { /* an empty string may be at NULL */
        memcpy(&word, bytes, len);
    }
    return le64toh(word);
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t hash_sip13(const uint64_t key[2], struct str data)
{
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    const char *at = data.ptr;
    size_t left = data.len;

    for (; left >= 8; left -= 8) {
        sip_absorb(v, load_word(at, 8));
        at += 8;
    }
    sip_absorb(v, load_word(at, left) | (uint64_t)data.len << 56);
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- random bytes ----------------------------------------------------------------------------- */

void hash_random(void *ret_bytes, size_t len)
{
    char *at = ret_bytes;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno != EINTR) {
            abort();
        }
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

/* --- hexadecimal and base64 ------------------------------------------------------------------- */

void hex_append(struct buf *buf, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    char *at = buf_reserve(buf, 2 * len);

    if (!at) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        *at++ = digits[from[i] >> 4];
        *at++ = digits[from[i] & 15];
    }
    buf_commit(buf, 2 * len);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20; /* lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct str hex, uint8_t *ret_bytes, size_t len)
{
    if (hex.len / 2 != len || hex.len % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < hex.len; i++) {
        if (hex_digit(hex.ptr[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < len; i++) {
        ret_bytes[i] = (uint8_t)(hex_digit(hex.ptr[2 * i]) << 4 | hex_digit(hex.ptr[2 * i + 1]));
    }
    return true;
}

static const char base64_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void append_base64(struct buf *buf, struct str data, const char *alphabet, bool padded)
{
    const unsigned char *from = (const unsigned char *)data.ptr;
    size_t rest = data.len % 3;
    size_t len = data.len / 3 * 4 + (rest ? (padded ? 4 : rest + 1) : 0);
    char *at = buf_reserve(buf, len);

    if (!at) {
        return;
    }
    for (size_t i = 0; i < data.len; i += 3) {
        size_t count = data.len - i < 3 ? data.len - i : 3;
        uint32_t bits = (uint32_t)from[i] << 16;
        bits |= count > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        bits |= count > 2 ? from[i + 2] : 0;
        for (size_t digit = 0; digit <= count; digit++) {
            *at++ = alphabet[bits >> (18 - 6 * digit) & 63];
        }
        for (size_t digit = count; padded && digit < 3; digit++) {
            *at++ = '=';
        }
    }
    buf_commit(buf, len);
}

void base64_append(struct buf *buf, struct str data)
{
    append_base64(buf, data, base64_standard, true);
}

void base64url_append(struct buf *buf, struct str data)
{
    append_base64(buf, data, base64_url, false);
}

/* 64 marks what is not a digit. */
static uint32_t base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a' + 26);
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0' + 52);
    }
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Four digits, of which the last `padding` are '=', to 3 - padding bytes. */
static bool decode_group(const char *digits, size_t padding, char *ret_bytes)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        uint32_t digit = i < 4 - padding ? base64_digit(digits[i]) : 0;
        if (digit > 63) {
            return false;
        }
        bits = bits << 6 | digit;
    }
    for (size_t i = 0; i < 3 - padding; i++) {
        ret_bytes[i] = (char)(bits >> (16 - 8 * i));
    }
    /* Bits that belong to no byte must be zero, or one value would have several texts. */
    return (bits & ((1u << 8 * padding) - 1)) == 0;
}

int base64_decode(struct str text, struct buf *ret_data)
{
    if (text.len == 0) {
        return 0;
    }
    if (text.len % 4 != 0) {
        return HUB_ERR_INVALID_INPUT;
    }
    size_t padding = text.ptr[text.len - 1] != '=' ? 0 : text.ptr[text.len - 2] != '=' ? 1 : 2;
    size_t len = text.len / 4 * 3 - padding;
    if (len > ret_data->limit - ret_data->len) {
        return HUB_ERR_LIMIT;
    }
    char *at = buf_reserve(ret_data, len);
    if (!at) {
        return HUB_ERR_NOMEM;
    }
    for (size_t i = 0; i < text.len; i += 4) {
        if (!decode_group(text.ptr + i, i + 4 == text.len ? padding : 0, at + i / 4 * 3)) {
            buf_commit(ret_data, 0);
            return HUB_ERR_INVALID_INPUT;
        }
    }
    buf_commit(ret_data, len);
    return 0;
}
