/*
 * redact.c — the gateway's own answer, fit to be stored: how the payment stands, without secrets,
 * without the means to pay, without who the customer is.
 */
#include "payments.h"

#include <string.h>

#define REDACTED    "[redacted]"
#define RAW_DEPTH   12
#define STRING_KEPT 2048

/* By name, wherever they stand. Names are compared without case, '_' and '-'. */
static const char *const HIDDEN[] = {
    /* what opens something */
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "token",
    "secret",
    "apikey",
    "paymentdata",
    "authorisationtoken",
    "authenticationtoken",
    "sdkdata",
    "redirectresult",
    "threedspaymentdata",
    "networktoken",
    "cryptogram",
    "cavv",
    "hmacsignature",
    "signature",
    /* means to pay */
    "number",
    "cvc",
    "cvv",
    "exp",
    "expiry",
    "expirydate",
    "expmonth",
    "expyear",
    "iban",
    "accountnumber",
    "routingnumber",
    "sortcode",
    "last4",
    "lastdigits",
    "cardsummary",
    "cardnumber",
    "cardbin",
    "fingerprint",
    "consumeraccount",
    "encryptedcardnumber",
    "bin",
    "iin",
    /* who it is */
    "name",
    "cardholder",
    "cardholdername",
    "holdername",
    "givenname",
    "surname",
    "familyname",
    "fullname",
    "firstname",
    "lastname",
    "consumername",
    "payername",
    "email",
    "emailaddress",
    "receiptemail",
    "shopperemail",
    "phone",
    "phonenumber",
    "telephonenumber",
    "nationalnumber",
    "address",
    "billing",
    "billingdetails",
    "billingaddress",
    "shipping",
    "shippingaddress",
    "deliveryaddress",
    "line1",
    "line2",
    "addressline1",
    "addressline2",
    "postalcode",
    "city",
    "birthdate",
    "dateofbirth",
    "taxid",
    "ip",
    "ipaddress",
    "shopperip",
    "useragent",
    "payer",
};

static bool is_hidden(const char *name)
{
    char plain[64];
    size_t len = 0;
    for (const char *c = name; *c && len < sizeof plain - 1; c++) {
        if (*c != '_' && *c != '-') {
            plain[len++] = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
        }
    }
    plain[len] = '\0';
    for (size_t i = 0; i < sizeof HIDDEN / sizeof HIDDEN[0]; i++) {
        if (strcmp(plain, HIDDEN[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool redact_is_clean(struct str text, const struct account *account)
{
    return !account_has_secret(account, text) && !text_has_card_number(text);
}

/* Gateways' references are digits too, and one in ten of them would pass for a card's: of a text
 * without anything but digits only such lengths and beginnings as cards have are taken for one. */
static bool is_fine(struct str text, const struct account *account)
{
    bool digits = text.len > 0;
    for (size_t i = 0; i < text.len; i++) {
        digits = digits && text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    bool reference = digits && (text.ptr[0] < '2' || text.ptr[0] > '6');
    return !account_has_secret(account, text) && (reference || !text_has_card_number(text));
}

static void append(struct buf *json, struct json_object *value, const struct account *account,
                   int depth);

static void append_object(struct buf *json, struct json_object *value,
                          const struct account *account, int depth)
{
    bool any = false;
    buf_append_char(json, '{');
    json_object_object_foreach(value, name, member) {
        if (!is_fine(str_from_c(name), account)) {
            continue;
        }
        buf_append_c(json, any ? "," : "");
        buf_append_json_string(json, str_from_c(name));
        buf_append_char(json, ':');
        if (member && is_hidden(name)) {
            buf_append_c(json, "\"" REDACTED "\"");
        } else {
            append(json, member, account, depth);
        }
        any = true;
    }
    buf_append_char(json, '}');
}

static void append_array(struct buf *json, struct json_object *value, const struct account *account,
                         int depth)
{
    buf_append_char(json, '[');
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        buf_append_c(json, i > 0 ? "," : "");
        append(json, json_object_array_get_idx(value, i), account, depth);
    }
    buf_append_char(json, ']');
}

static void append(struct buf *json, struct json_object *value, const struct account *account,
                   int depth)
{
    if (depth == 0) {
        buf_append_c(json, "\"" REDACTED "\"");
    } else if (json_object_is_type(value, json_type_object)) {
        append_object(json, value, account, depth - 1);
    } else if (json_object_is_type(value, json_type_array)) {
        append_array(json, value, account, depth - 1);
    } else if (json_object_is_type(value, json_type_string)) {
        struct str text = json_str(value);
        bool fine = is_fine(text, account);
        buf_append_json_string(json, fine ? str_utf8_cut(text, STRING_KEPT) : STR(REDACTED));
    } else {
        json_append(json, value);
    }
}

void redact_append(struct buf *json, struct json_object *value, const struct account *account)
{
    append(json, value, account, RAW_DEPTH);
}
