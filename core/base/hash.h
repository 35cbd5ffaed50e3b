/*
 * hash.h — digests, encodings and random bytes. A thin layer over OpenSSL's libcrypto.
 *
 * Thread: [any]; a `struct sha256` by one thread at a time.
 */
#ifndef HUB_BASE_HASH_H
#define HUB_BASE_HASH_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define SHA256_LEN     32
#define SHA256_HEX_LEN 64

struct sha256_digest {
    uint8_t bytes[SHA256_LEN];
};

/* Incremental: sha256_init, any number of sha256_update, then sha256_final or sha256_release. */
struct sha256 {
    void *ctx;
};
HUB_MUST_CHECK int sha256_init(struct sha256 *self); /* 0 or HUB_ERR_NOMEM */
void sha256_update(struct sha256 *self, const void *bytes, size_t len);
void sha256_final(struct sha256 *self, struct sha256_digest *ret_digest); /* releases too */
/* The digest of what came so far; more may follow. */
void sha256_peek(const struct sha256 *self, struct sha256_digest *ret_digest);
void sha256_release(struct sha256 *self);

void sha256_of(struct str data, struct sha256_digest *ret_digest);
void sha256_hex(const struct sha256_digest *digest, char ret_hex[SHA256_HEX_LEN + 1]);
bool sha256_eq(const struct sha256_digest *a, const struct sha256_digest *b); /* constant time */

/* Compares in a time that depends on `len` only. */
bool hash_equal_constant_time(const void *a, const void *b, size_t len);

/* SipHash-1-3 of `data` under a 128-bit key: for tables, not for signatures. */
uint64_t hash_sip13(const uint64_t key[2], struct str data);

/* Fills from the kernel's generator; aborts if it has none, since nothing is safe then. */
void hash_random(void *ret_bytes, size_t len);

void hex_append(struct buf *buf, const void *bytes, size_t len); /* lower case */
bool hex_decode(struct str hex, uint8_t *ret_bytes, size_t len); /* exactly 2 × len digits */

void base64_append(struct buf *buf, struct str data);    /* RFC 4648 §4, padded */
void base64url_append(struct buf *buf, struct str data); /* RFC 4648 §5, not padded */
/* Strict decoding of the standard alphabet: padded, no blanks, no stray bits. 0,
 * HUB_ERR_INVALID_INPUT, HUB_ERR_LIMIT if the buffer's limit is too small, or HUB_ERR_NOMEM; the
 * buffer keeps what it had. */
HUB_MUST_CHECK int base64_decode(struct str text, struct buf *ret_data);

#endif
