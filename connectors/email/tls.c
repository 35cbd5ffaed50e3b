/*
 * tls.c — whom we believe. Contexts are made for one connection, so that what a handshake finds
 * wrong is known afterwards; the certificates behind them are read once.
 */
#include "email.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static const char *const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

/* --- Certificates ------------------------------------------------------------------------------*/

static X509_STORE *read_store(const char *pem_text)
{
    X509_STORE *store = X509_STORE_new();
    BIO *pem = pem_text ? BIO_new_mem_buf(pem_text, -1) : NULL;
    X509 *certificate;
    if (store) {
        (void)X509_STORE_load_file(store, BUNDLE);
    }
    while (store && pem && (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        (void)X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
    }
    BIO_free(pem);
    ERR_clear_error();
    return store;
}

/* The system's authorities, and beside them the account's: read once, which takes 20 ms. */
static X509_STORE *store_of(struct relay *relay)
{
    struct email *email = relay->email;
    X509_STORE **place = relay->account.ca ? &relay->trusted : &email->trusted;
    pthread_mutex_lock(&email->lock);
    X509_STORE *store = *place;
    pthread_mutex_unlock(&email->lock);
    if (store) {
        return store;
    }
    X509_STORE *read = read_store(relay->account.ca);
    pthread_mutex_lock(&email->lock);
    store = *place = *place ? *place : read;
    pthread_mutex_unlock(&email->lock);
    if (store != read) {
        X509_STORE_free(read);
    }
    return store;
}

void tls_release(X509_STORE *store)
{
    X509_STORE_free(store);
}

/* --- Contexts ----------------------------------------------------------------------------------*/

static int note_verification(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_state *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!good && self && self->verify_error == X509_V_OK) {
        self->verify_error = X509_STORE_CTX_get_error(store);
    }
    return good;
}

/* libesmtp knows no SNI: the name is set as the handshake begins. */
static void note_handshake(const SSL *ssl, int where, int value)
{
    struct tls_state *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    unsigned char address[16];
    (void)value;
    if (where & SSL_CB_HANDSHAKE_START && self && self->server_name[0] &&
        inet_pton(AF_INET, self->server_name, address) != 1 &&
        inet_pton(AF_INET6, self->server_name, address) != 1) {
        SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, self->server_name);
    }
}

int tls_state_apply(struct tls_state *self, struct relay *relay, SSL_CTX *context)
{
    X509_STORE *store = store_of(relay);
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
    if (!store) {
        return HUB_ERR_NOMEM;
    }
    SSL_CTX_set1_cert_store(context, store);
    snprintf(self->server_name, sizeof self->server_name, "%s", relay->account.server_name);
    self->verify_error = X509_V_OK;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, self->server_name) != 1 &&
        X509_VERIFY_PARAM_set1_host(param, self->server_name, 0) != 1) {
        return HUB_ERR_NOMEM;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_verification);
    SSL_CTX_set_app_data(context, self);
    SSL_CTX_set_info_callback(context, note_handshake);
    ERR_clear_error();
    return 0;
}

int tls_state_init(struct tls_state *self, struct relay *relay)
{
    *self = (struct tls_state){.context = SSL_CTX_new(TLS_client_method())};
    int err = self->context ? tls_state_apply(self, relay, self->context) : HUB_ERR_NOMEM;
    if (err < 0) {
        tls_state_release(self);
    }
    return err;
}

void tls_state_release(struct tls_state *self)
{
    SSL_CTX_free(self->context);
    self->context = NULL;
}

enum failure tls_failure(const struct tls_state *self)
{
    switch (self->verify_error) {
    case X509_V_OK:
        return FAILURE_TLS;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return FAILURE_TLS_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FAILURE_TLS_EXPIRED;
    default:
        return FAILURE_TLS_UNTRUSTED;
    }
}

/* --- What was agreed ---------------------------------------------------------------------------*/

static void name_of(X509_NAME *name, char *ret, size_t room)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        int len = BIO_read(bio, ret, (int)room - 1);
        ret[len > 0 ? len : 0] = '\0';
    }
    BIO_free(bio);
}

void tls_describe(SSL *ssl, struct server *ret_server)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    struct tm tm;
    snprintf(ret_server->tls_version, sizeof ret_server->tls_version, "%s", SSL_get_version(ssl));
    snprintf(ret_server->tls_cipher, sizeof ret_server->tls_cipher, "%s", SSL_get_cipher(ssl));
    if (!certificate) {
        return;
    }
    name_of(X509_get_subject_name(certificate), ret_server->subject, sizeof ret_server->subject);
    name_of(X509_get_issuer_name(certificate), ret_server->issuer, sizeof ret_server->issuer);
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1) {
        strftime(ret_server->not_after, sizeof ret_server->not_after, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    X509_free(certificate);
}
