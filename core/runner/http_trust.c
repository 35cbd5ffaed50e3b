/*
 * http_trust.c — one store of certificates for all connections.
 *
 * libcurl would read its bundle from the file system for each connection, which takes 20 ms and
 * which a confined process may not be able to do.
 */
#include "runner/http_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

/* What cannot be read is not trusted, and nothing more. */
static X509_STORE *make_store(const struct http_client *client)
{
    X509_STORE *store = X509_STORE_new();
    BIO *pem = BIO_new_mem_buf(client->authorities, (int)client->authorities_len);
    X509 *certificate;
    while (store && pem && (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        (void)X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
    }
    BIO_free(pem);
    ERR_clear_error();
    return store;
}

CURLcode http_trust_use(CURL *easy, void *ssl_ctx, void *context)
{
    struct http_client *client = context;
    (void)easy;
    if (!client->store) {
        client->store = make_store(client);
    }
    if (!client->store) {
        return CURLE_OUT_OF_MEMORY;
    }
    SSL_CTX_set1_cert_store(ssl_ctx, client->store);
    return CURLE_OK;
}

void http_trust_release(struct http_client *client)
{
    X509_STORE_free(client->store);
    client->store = NULL;
}
