/*
 * paypal_signature.h — is a webhook PayPal's own?
 *
 * RSA over the transmission's id and time, the webhook's id and the body's CRC-32, by a certificate
 * that the transmission names and that must come from PayPal's own host:
 * https://developer.paypal.com/api/rest/webhooks/rest/
 *
 * Thread: [any], pure.
 */
#ifndef CONNECTORS_PAYMENTS_PAYPAL_SIGNATURE_H
#define CONNECTORS_PAYMENTS_PAYPAL_SIGNATURE_H

#include "account.h"
#include "hook.h"

/* 0, HUB_ERR_UNAUTHORIZED with a sentence, or HUB_ERR_AGAIN: events->fetch is the certificate, to
 * be given as hook->certificate. */
HUB_MUST_CHECK int paypal_check_signature(const struct account *account, const struct hook *hook,
                                          struct hook_events *events, struct hub_error *error);

#endif
