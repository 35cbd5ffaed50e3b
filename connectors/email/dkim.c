#include "dkim.h"

#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN  1024
#define RSA_BITS_MAX  4096
#define SIGNATURE_MAX (RSA_BITS_MAX / 8)

/* --- Keys --------------------------------------------------------------------------------------*/

static bool is_name(struct str text, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.' || c == '_')) {
            return false;
        }
    }
    return text.len > 0 && text.len < max;
}

int dkim_key_init(struct dkim_key *self, struct str domain, struct str selector, struct str pem,
                  struct hub_error *error)
{
    *self = (struct dkim_key){0};
    if (!is_name(domain, sizeof self->domain) || !is_name(selector, sizeof self->selector)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "domain or selector is no name");
    }
    memcpy(self->domain, domain.ptr, domain.len);
    memcpy(self->selector, selector.ptr, selector.len);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    self->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!self->key) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the private key cannot be read");
    }
    int type = EVP_PKEY_get_base_id(self->key), bits = EVP_PKEY_get_bits(self->key);
    self->ed25519 = type == EVP_PKEY_ED25519;
    if (!self->ed25519 && (type != EVP_PKEY_RSA || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
        dkim_key_release(self);
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "the private key is neither RSA of 1024 to 4096 bits nor Ed25519");
    }
    return 0;
}

void dkim_key_release(struct dkim_key *self)
{
    EVP_PKEY_free(self->key);
    self->key = NULL;
}

/* --- Body: RFC 6376 §3.4.4 ---------------------------------------------------------------------*/

/* What has been seen but may turn out to be nothing: blanks at an end of line, empty lines at the
 * end of the body. */
struct body_hash {
    struct sha256 hash;
    struct buf out; /* for the hash, in larger pieces */
    bool blank, any;
    size_t lines; /* empty ones, not yet hashed */
    bool line_has_text;
};

static void flush(struct body_hash *self)
{
    sha256_update(&self->hash, self->out.ptr, self->out.len);
    buf_clear(&self->out);
}

static void take_char(struct body_hash *self, char c)
{
    if (c == '\r') {
        return; /* we write CRLF only */
    }
    if (c == '\n') {
        self->blank = false;
        self->lines++;
        self->line_has_text = false;
        return;
    }
    if (c == ' ' || c == '\t') {
        self->blank = true;
        return;
    }
    for (; self->lines > 0; self->lines--) {
        buf_append(&self->out, "\r\n", 2);
    }
    if (self->blank) {
        buf_append_char(&self->out, ' ');
        self->blank = false;
    }
    buf_append_char(&self->out, c);
    self->any = true;
}

static void take_chunk(struct body_hash *self, struct str chunk)
{
    for (size_t i = 0; i < chunk.len; i++) {
        take_char(self, chunk.ptr[i]);
        if (self->out.len >= 4096) {
            flush(self);
        }
    }
}

/* The body begins behind the headers and the empty line. */
static int hash_body(const struct message *message, struct buf *ret_base64)
{
    struct message_reader *reader = malloc(sizeof *reader);
    struct body_hash self = {0};
    struct sha256_digest digest;
    struct str chunk = {0};
    uint64_t skip = message->headers_len + 2;
    int err = reader && sha256_init(&self.hash) == 0 ? 0 : HUB_ERR_NOMEM;
    if (err < 0) {
        free(reader);
        return err;
    }
    buf_init(&self.out, BUF_NO_LIMIT);
    message_reader_init(reader, message);
    while ((err = message_read(reader, &chunk)) == 0 && chunk.len > 0) {
        size_t cut = skip < chunk.len ? (size_t)skip : chunk.len;
        skip -= cut;
        take_chunk(&self, str_slice(chunk, cut, chunk.len));
    }
    if (self.any) { /* an empty body is nothing at all */
        buf_append(&self.out, "\r\n", 2);
    }
    flush(&self);
    if (err == 0 && buf_failed(&self.out)) {
        err = HUB_ERR_NOMEM;
    }
    sha256_final(&self.hash, &digest);
    base64_append(ret_base64, str_of((const char *)&digest, sizeof digest));
    buf_release(&self.out);
    free(reader);
    return err;
}

/* --- Headers: RFC 6376 §3.4.2 ------------------------------------------------------------------*/

static const struct signed_header {
    struct str name;
    bool sealed; /* none may be added */
} SIGNED[] = {
    {STR_INIT("From"), true},
    {STR_INIT("Sender"), false},
    {STR_INIT("Reply-To"), true},
    {STR_INIT("To"), true},
    {STR_INIT("Cc"), true},
    {STR_INIT("Subject"), true},
    {STR_INIT("Date"), true},
    {STR_INIT("Message-ID"), false},
    {STR_INIT("In-Reply-To"), false},
    {STR_INIT("References"), false},
    {STR_INIT("MIME-Version"), false},
    {STR_INIT("Content-Type"), false},
    {STR_INIT("Content-Transfer-Encoding"), false},
    {STR_INIT("List-Unsubscribe"), false},
    {STR_INIT("List-Unsubscribe-Post"), false},
    {STR_INIT("List-Id"), false},
    {STR_INIT("Auto-Submitted"), false},
    {STR_INIT("Feedback-ID"), false},
};

/* The field of this name, folds and all, without its last CRLF; empty if there is none. We write
 * each of them once at most. */
static struct str find_header(struct str headers, struct str name)
{
    while (headers.len > 0) {
        size_t len = 0;
        const char *end;
        do {
            end = memchr(headers.ptr + len, '\n', headers.len - len);
            len = end ? (size_t)(end + 1 - headers.ptr) : headers.len;
        } while (len < headers.len && (headers.ptr[len] == ' ' || headers.ptr[len] == '\t'));
        struct str field = str_slice(headers, 0, len);
        if (field.len > name.len && field.ptr[name.len] == ':' &&
            str_eq_nocase(str_slice(field, 0, name.len), name)) {
            return str_ends_with(field, STR("\r\n")) ? str_slice(field, 0, len - 2) : field;
        }
        headers = str_slice(headers, len, headers.len);
    }
    return (struct str){0};
}

static void append_relaxed(struct buf *out, struct str field)
{
    const char *colon = memchr(field.ptr, ':', field.len);
    size_t name = (size_t)(colon - field.ptr);
    bool blank = false, any = false;
    for (size_t i = 0; i < name; i++) {
        char c = field.ptr[i];
        buf_append_char(out, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    buf_append_char(out, ':');
    for (size_t i = name + 1; i < field.len; i++) {
        char c = field.ptr[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            blank = true;
            continue;
        }
        if (blank && any) {
            buf_append_char(out, ' ');
        }
        buf_append_char(out, c);
        blank = false;
        any = true;
    }
}

/* The names for h=, and what is signed of each. */
static void collect(struct str headers, struct buf *names, struct buf *canonical)
{
    size_t column = 4;
    for (size_t i = 0; i < sizeof SIGNED / sizeof SIGNED[0]; i++) {
        struct str field = find_header(headers, SIGNED[i].name);
        unsigned times = (field.len > 0) + SIGNED[i].sealed;
        if (field.len > 0) {
            append_relaxed(canonical, field);
            buf_append(canonical, "\r\n", 2);
        }
        for (; times > 0; times--) {
            buf_append_c(names, names->len > 0 ? ":" : "");
            column += SIGNED[i].name.len + 1;
            if (column > 72) {
                buf_append_c(names, "\r\n\t");
                column = SIGNED[i].name.len + 9;
            }
            buf_append_str(names, SIGNED[i].name);
        }
    }
}

/* --- Signing -----------------------------------------------------------------------------------*/

/* Ed25519 signs the SHA-256 of the text (RFC 8463 §3), RSA hashes by itself. */
static int sign(const struct dkim_key *key, struct str text, unsigned char *ret, size_t *ret_len)
{
    struct sha256_digest digest;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *ret_len = SIGNATURE_MAX;
    bool fine = context != NULL;
    if (key->ed25519) {
        sha256_of(text, &digest);
        text = str_of((const char *)&digest, sizeof digest);
    }
    fine = fine &&
           EVP_DigestSignInit(context, NULL, key->ed25519 ? NULL : EVP_sha256(), NULL, key->key) ==
               1 &&
           EVP_DigestSign(context, ret, ret_len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    return fine ? 0 : HUB_ERR_NOMEM;
}

static void append_wrapped(struct buf *out, struct str base64)
{
    while (base64.len > 0) {
        buf_append_c(out, "\r\n\t");
        buf_append_str(out, str_slice(base64, 0, 72));
        base64 = str_slice(base64, 72, base64.len);
    }
}

struct signing {
    struct buf names, canonical, body, field, base64;
};

static int sign_one(const struct dkim_key *key, struct signing *self, int64_t now_s)
{
    unsigned char bytes[SIGNATURE_MAX];
    size_t len;
    size_t before = self->canonical.len;
    buf_clear(&self->field);
    buf_clear(&self->base64);
    buf_append_format(&self->field,
                      "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%s; s=%s; t=%lld;\r\n\t"
                      "h=%.*s;\r\n\tbh=%.*s;\r\n\tb=",
                      key->ed25519 ? "ed25519-sha256" : "rsa-sha256", key->domain, key->selector,
                      (long long)now_s, STR_ARG(buf_view(&self->names)),
                      STR_ARG(buf_view(&self->body)));
    if (buf_failed(&self->field)) {
        return HUB_ERR_NOMEM;
    }
    append_relaxed(&self->canonical, buf_view(&self->field));
    int err = buf_failed(&self->canonical) ? HUB_ERR_NOMEM
                                           : sign(key, buf_view(&self->canonical), bytes, &len);
    buf_truncate(&self->canonical, before);
    if (err < 0) {
        return err;
    }
    base64_append(&self->base64, str_of((const char *)bytes, len));
    append_wrapped(&self->field, buf_view(&self->base64));
    buf_append_c(&self->field, "\r\n");
    return buf_failed(&self->field) ? HUB_ERR_NOMEM : 0;
}

int dkim_sign(const struct dkim_key *keys, unsigned count, struct message *message, int64_t now_s,
              struct hub_error *error)
{
    struct signing self = {0};
    struct buf *const bufs[] = {&self.names, &self.canonical, &self.body, &self.field,
                                &self.base64};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        buf_init(bufs[i], MESSAGE_TEXT_MAX);
    }
    collect(str_slice(buf_view(&message->text), 0, message->headers_len), &self.names,
            &self.canonical);
    int err = hash_body(message, &self.body);
    for (unsigned i = 0; i < count && err == 0; i++) {
        err = sign_one(&keys[i], &self, now_s);
        if (err == 0) {
            err = message_prepend(message, buf_view(&self.field));
        }
    }
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        buf_release(bufs[i]);
    }
    return err < 0 ? hub_fail(error, err, "%s",
                              err == HUB_ERR_IO ? "an attachment cannot be read" : "out of memory")
                   : 0;
}
