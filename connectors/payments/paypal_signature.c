#include "paypal_signature.h"

#include "base/clock.h"
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

static uint32_t crc32_of(struct str bytes)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
    }
    return ~crc;
}

static struct str header(const struct hook *hook, const char *name)
{
    return hook->header(hook->context, str_from_c(name));
}

/* A certificate counts only if it comes from PayPal's own host: anybody can sign with some. */
static bool certificate_url_is_theirs(const struct account *account, struct str url)
{
    struct str host = account->test ? STR("https://api.sandbox.paypal.com/v1/notifications/certs/")
                                    : STR("https://api.paypal.com/v1/notifications/certs/");
    return str_starts_with(url, host) && url.len <= 512 && !memchr(url.ptr, '?', url.len) &&
           !memchr(url.ptr, '#', url.len) && !memmem(url.ptr, url.len, "..", 2);
}

static bool signature_is_right(const struct account *account, const struct hook *hook,
                               struct str signature)
{
    struct buf data, raw;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    BIO *bio = BIO_new_mem_buf(hook->certificate.ptr, (int)hook->certificate.len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
    time_t now = (time_t)(hook->now_ms / 1000);
    buf_init(&data, 4096);
    buf_init(&raw, 4096);
    buf_append_format(&data, "%.*s|%.*s|%.*s|%u", STR_ARG(header(hook, "paypal-transmission-id")),
                      STR_ARG(header(hook, "paypal-transmission-time")),
                      STR_ARG(account->webhook_id), (unsigned)crc32_of(hook->body));
    bool right = context && key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA &&
                 X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
                 X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0 && !buf_failed(&data) &&
                 base64_decode(signature, &raw) == 0 &&
                 EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(context, (unsigned char *)raw.ptr, raw.len,
                                  (unsigned char *)data.ptr, data.len) == 1;
    EVP_MD_CTX_free(context);
    X509_free(certificate);
    BIO_free(bio);
    buf_release(&data);
    buf_release(&raw);
    return right;
}

int paypal_check_signature(const struct account *account, const struct hook *hook,
                           struct hook_events *events, struct hub_error *error)
{
    struct str url = header(hook, "paypal-cert-url");
    struct str signature = header(hook, "paypal-transmission-sig");
    int64_t sent_ms;
    if (account->webhook_id.len == 0 || signature.len == 0 ||
        !str_eq(header(hook, "paypal-auth-algo"), STR("SHA256withRSA")) ||
        !clock_parse(header(hook, "paypal-transmission-time"), &sent_ms)) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "there is no signature, or no webhook_id");
    }
    if (!certificate_url_is_theirs(account, url)) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "the certificate is not PayPal's own");
    }
    /* PayPal repeats for three days with the first transmission's time: deduplication is what stops
     * a replay, and this only bounds how long ids must be remembered. */
    if (sent_ms > hook->now_ms + HOOK_TOLERANCE_MS || sent_ms < hook->now_ms - 4 * DAY_MS) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "the signature is too old or too new");
    }
    if (hook->certificate.len == 0) {
        events->fetch = url;
        return HUB_ERR_AGAIN;
    }
    return signature_is_right(account, hook, signature)
               ? 0
               : hub_fail(error, HUB_ERR_UNAUTHORIZED, "the signature is wrong");
}
