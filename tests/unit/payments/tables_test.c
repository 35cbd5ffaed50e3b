/*
 * Every word of every gateway in our words: how payments stand, why they are declined, how amounts
 * are written.
 */
#include "connectors/common/money.h"
#include "connectors/payments/amount.h"
#include "connectors/payments/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What gateway->read() makes of `text`. The views in it die with `*ret_json`. */
static struct answer read_text(const struct gateway *gateway, enum operation operation,
                               const char *text, struct json_object **ret_json)
{
    struct order order = {.operation = operation, .currency = STR("EUR")};
    struct answer answer;
    struct hub_error error = {0};
    if (json_read(str_from_c(text), JSON_DEPTH_MAX, ret_json, NULL, &error) < 0) {
        fail_msg("%s: %s", error.detail, text);
    }
    answer_init(&answer);
    gateway->read(&order, *ret_json, &answer);
    return answer;
}

/* --- How payments stand ------------------------------------------------------------------------*/

struct stand {
    const struct gateway *gateway;
    enum operation operation;
    const char *text; /* with the word in the place of %s */
    const char *word;
    enum status status;
};

#define INTENT "{\"id\":\"pi_1\",\"status\":\"%s\"}"
#define ORDER  "{\"id\":\"O\",\"status\":\"%s\"}"
#define IN_ORDER(l)                                                                                \
    "{\"id\":\"O\",\"status\":\"COMPLETED\",\"purchase_units\":[{\"payments\":{\"" l               \
    "\":[{\"id\":\"P\",\"status\":\"%s\"}]}}]}"
#define RESULT        "{\"resultCode\":\"%s\",\"pspReference\":\"P\"}"
#define MOLLIE_STATUS "{\"id\":\"tr_1\",\"status\":\"%s\"}"

static const struct stand STANDS[] = {
    {&STRIPE, OP_PURCHASE, INTENT, "requires_payment_method", STATUS_REQUIRES_INPUT},
    {&STRIPE, OP_PURCHASE, INTENT, "requires_confirmation", STATUS_REQUIRES_INPUT},
    {&STRIPE, OP_PURCHASE, INTENT, "requires_action", STATUS_REQUIRES_ACTION},
    {&STRIPE, OP_PURCHASE, INTENT, "processing", STATUS_PROCESSING},
    {&STRIPE, OP_AUTHORIZE, INTENT, "requires_capture", STATUS_AUTHORIZED},
    {&STRIPE, OP_PURCHASE, INTENT, "succeeded", STATUS_SUCCEEDED},
    {&STRIPE, OP_VOID, INTENT, "canceled", STATUS_CANCELED},
    {&STRIPE, OP_REFUND, INTENT, "pending", STATUS_PROCESSING},
    {&STRIPE, OP_REFUND, INTENT, "succeeded", STATUS_SUCCEEDED},
    {&STRIPE, OP_REFUND, INTENT, "failed", STATUS_FAILED},
    {&STRIPE, OP_REFUND, INTENT, "canceled", STATUS_CANCELED},
    {&PAYPAL, OP_PURCHASE, ORDER, "CREATED", STATUS_REQUIRES_INPUT},
    {&PAYPAL, OP_PURCHASE, ORDER, "SAVED", STATUS_REQUIRES_INPUT},
    {&PAYPAL, OP_PURCHASE, ORDER, "PAYER_ACTION_REQUIRED", STATUS_REQUIRES_ACTION},
    {&PAYPAL, OP_PURCHASE, ORDER, "APPROVED", STATUS_REQUIRES_ACTION},
    {&PAYPAL, OP_PURCHASE, ORDER, "VOIDED", STATUS_CANCELED},
    {&PAYPAL, OP_PURCHASE, ORDER, "COMPLETED", STATUS_PROCESSING}, /* proves nothing */
    {&PAYPAL, OP_PURCHASE, IN_ORDER("captures"), "COMPLETED", STATUS_SUCCEEDED},
    {&PAYPAL, OP_PURCHASE, IN_ORDER("captures"), "PENDING", STATUS_PROCESSING},
    {&PAYPAL, OP_PURCHASE, IN_ORDER("captures"), "DECLINED", STATUS_FAILED},
    {&PAYPAL, OP_PURCHASE, IN_ORDER("captures"), "FAILED", STATUS_FAILED},
    {&PAYPAL, OP_PURCHASE, IN_ORDER("captures"), "REFUNDED", STATUS_SUCCEEDED},
    {&PAYPAL, OP_PURCHASE, IN_ORDER("captures"), "PARTIALLY_REFUNDED", STATUS_SUCCEEDED},
    {&PAYPAL, OP_AUTHORIZE, IN_ORDER("authorizations"), "CREATED", STATUS_AUTHORIZED},
    {&PAYPAL, OP_AUTHORIZE, IN_ORDER("authorizations"), "CAPTURED", STATUS_SUCCEEDED},
    {&PAYPAL, OP_AUTHORIZE, IN_ORDER("authorizations"), "PENDING", STATUS_PROCESSING},
    {&PAYPAL, OP_AUTHORIZE, IN_ORDER("authorizations"), "VOIDED", STATUS_CANCELED},
    {&PAYPAL, OP_AUTHORIZE, IN_ORDER("authorizations"), "DENIED", STATUS_FAILED},
    {&PAYPAL, OP_REFUND, ORDER, "COMPLETED", STATUS_SUCCEEDED},
    {&PAYPAL, OP_REFUND, ORDER, "PENDING", STATUS_PROCESSING},
    {&PAYPAL, OP_REFUND, ORDER, "FAILED", STATUS_FAILED},
    {&PAYPAL, OP_REFUND, ORDER, "CANCELLED", STATUS_CANCELED},
    {&ADYEN, OP_PURCHASE, RESULT, "RedirectShopper", STATUS_REQUIRES_ACTION},
    {&ADYEN, OP_PURCHASE, RESULT, "ChallengeShopper", STATUS_REQUIRES_ACTION},
    {&ADYEN, OP_PURCHASE, RESULT, "IdentifyShopper", STATUS_REQUIRES_ACTION},
    {&ADYEN, OP_PURCHASE, RESULT, "PresentToShopper", STATUS_REQUIRES_ACTION},
    {&ADYEN, OP_PURCHASE, RESULT, "Pending", STATUS_PROCESSING},
    {&ADYEN, OP_PURCHASE, RESULT, "Received", STATUS_PROCESSING},
    {&ADYEN, OP_PURCHASE, RESULT, "Authorised", STATUS_SUCCEEDED},
    {&ADYEN, OP_AUTHORIZE, RESULT, "Authorised", STATUS_AUTHORIZED},
    {&ADYEN, OP_PURCHASE, RESULT, "Cancelled", STATUS_CANCELED},
    {&ADYEN, OP_PURCHASE, RESULT, "Refused", STATUS_FAILED},
    {&ADYEN, OP_PURCHASE, RESULT, "Error", STATUS_FAILED},
    {&ADYEN, OP_CAPTURE, "{\"status\":\"%s\"}", "received", STATUS_PROCESSING},
    {&MOLLIE, OP_PURCHASE, MOLLIE_STATUS, "open", STATUS_REQUIRES_ACTION},
    {&MOLLIE, OP_PURCHASE, MOLLIE_STATUS, "pending", STATUS_PROCESSING},
    {&MOLLIE, OP_AUTHORIZE, MOLLIE_STATUS, "authorized", STATUS_AUTHORIZED},
    {&MOLLIE, OP_PURCHASE, MOLLIE_STATUS, "paid", STATUS_SUCCEEDED},
    {&MOLLIE, OP_PURCHASE, MOLLIE_STATUS, "canceled", STATUS_CANCELED},
    {&MOLLIE, OP_PURCHASE, MOLLIE_STATUS, "expired", STATUS_CANCELED},
    {&MOLLIE, OP_PURCHASE, MOLLIE_STATUS, "failed", STATUS_FAILED},
    {&MOLLIE, OP_REFUND, MOLLIE_STATUS, "queued", STATUS_PROCESSING},
    {&MOLLIE, OP_REFUND, MOLLIE_STATUS, "pending", STATUS_PROCESSING},
    {&MOLLIE, OP_REFUND, MOLLIE_STATUS, "refunded", STATUS_SUCCEEDED},
    {&MOLLIE, OP_REFUND, MOLLIE_STATUS, "failed", STATUS_FAILED},
    {&MOLLIE, OP_CAPTURE, MOLLIE_STATUS, "succeeded", STATUS_SUCCEEDED},
};

static enum status stand_of(const struct stand *stand, const char *word)
{
    char text[512];
    struct json_object *json;
    snprintf(text, sizeof text, stand->text, word);
    struct answer answer = read_text(stand->gateway, stand->operation, text, &json);
    json_object_put(json);
    return answer.status;
}

static void test_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(STANDS); i++) {
        if (stand_of(&STANDS[i], STANDS[i].word) != STANDS[i].status) {
            fail_msg("%s, %s: %s", STANDS[i].gateway->name, STANDS[i].word,
                     status_text(stand_of(&STANDS[i], STANDS[i].word)));
        }
    }
}

/* A word that nobody knows yet must not end anything. */
static void test_unknown_words(void **state)
{
    static const char *const WORDS[] = {"", "x", "SUCCEEDED_MAYBE", "Paid", "succeeded "};
    (void)state;
    for (size_t i = 0; i < COUNT(STANDS); i++) {
        for (size_t k = 0; k < COUNT(WORDS); k++) {
            assert_int_equal(stand_of(&STANDS[i], WORDS[k]), STATUS_PROCESSING);
        }
    }
}

/* --- Declines ----------------------------------------------------------------------------------*/

#define CARD_ERROR                                                                                 \
    "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\",\"decline_code\":\"%s\"}}"
#define ISSUE "{\"name\":\"UNPROCESSABLE_ENTITY\",\"details\":[{\"issue\":\"%s\"}]}"
#define PROCESSOR                                                                                  \
    "{\"id\":\"O\",\"status\":\"COMPLETED\",\"purchase_units\":[{\"payments\":{\"captures\":[{"    \
    "\"id\":\"C\",\"status\":\"DECLINED\",\"processor_response\":{\"response_code\":\"%s\"}}]}}]}"
#define REFUSAL "{\"resultCode\":\"Refused\",\"refusalReasonCode\":\"%s\"}"
#define FAILURE "{\"id\":\"tr_1\",\"status\":\"failed\",\"details\":{\"failureReason\":\"%s\"}}"

struct refusal {
    const struct gateway *gateway;
    bool is_error; /* refuse() reads it, not read() */
    const char *text;
    const char *word;
    const char *code;
    const char *advice;
};

static const struct refusal REFUSALS[] = {
    {&STRIPE, true, CARD_ERROR, "generic_decline", "declined", "new_method"},
    {&STRIPE, true, CARD_ERROR, "do_not_honor", "declined", "new_method"},
    {&STRIPE, true, CARD_ERROR, "insufficient_funds", "insufficient_funds", "retry_later"},
    {&STRIPE, true, CARD_ERROR, "card_velocity_exceeded", "limit_exceeded", "retry_later"},
    {&STRIPE, true, CARD_ERROR, "expired_card", "expired_method", "new_method"},
    {&STRIPE, true, CARD_ERROR, "incorrect_number", "invalid_method", "new_method"},
    {&STRIPE, true, CARD_ERROR, "incorrect_cvc", "invalid_cvc", "new_method"},
    {&STRIPE, true, CARD_ERROR, "incorrect_pin", "invalid_pin", "new_method"},
    {&STRIPE, true, CARD_ERROR, "incorrect_zip", "invalid_address", "new_method"},
    {&STRIPE, true, CARD_ERROR, "card_not_supported", "not_supported", "new_method"},
    {&STRIPE, true, CARD_ERROR, "transaction_not_allowed", "not_permitted", "new_method"},
    {&STRIPE, true, CARD_ERROR, "authentication_required", "authentication_required",
     "authenticate"},
    {&STRIPE, true, CARD_ERROR, "lost_card", "lost_or_stolen", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "stolen_card", "lost_or_stolen", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "pickup_card", "lost_or_stolen", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "fraudulent", "suspected_fraud", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "security_violation", "blocked", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "revocation_of_authorization", "revoked", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "duplicate_transaction", "duplicate", "do_not_retry"},
    {&STRIPE, true, CARD_ERROR, "issuer_not_available", "issuer_unavailable", "retry_later"},
    {&STRIPE, true, CARD_ERROR, "processing_error", "processing_error", "retry_later"},
    {&STRIPE, true, CARD_ERROR, "try_again_later", "processing_error", "retry_later"},
    {&STRIPE, true, CARD_ERROR, "a_word_of_tomorrow", "declined", "new_method"},
    {&PAYPAL, true, ISSUE, "INSTRUMENT_DECLINED", "declined", "new_method"},
    {&PAYPAL, true, ISSUE, "TRANSACTION_LIMIT_EXCEEDED", "limit_exceeded", "retry_later"},
    {&PAYPAL, true, ISSUE, "CARD_EXPIRED", "expired_method", "new_method"},
    {&PAYPAL, true, ISSUE, "PAYER_ACTION_REQUIRED", "authentication_required", "authenticate"},
    {&PAYPAL, true, ISSUE, "DUPLICATE_INVOICE_ID", "duplicate", "do_not_retry"},
    {&PAYPAL, false, PROCESSOR, "5120", "insufficient_funds", "retry_later"},
    {&PAYPAL, false, PROCESSOR, "5400", "expired_method", "new_method"},
    {&PAYPAL, false, PROCESSOR, "00N7", "invalid_cvc", "new_method"},
    {&PAYPAL, false, PROCESSOR, "9500", "suspected_fraud", "do_not_retry"},
    {&PAYPAL, false, PROCESSOR, "9520", "lost_or_stolen", "do_not_retry"},
    {&PAYPAL, false, PROCESSOR, "XXXX", "declined", "new_method"},
    {&ADYEN, false, REFUSAL, "2", "declined", "new_method"},
    {&ADYEN, false, REFUSAL, "4", "processing_error", "retry_later"},
    {&ADYEN, false, REFUSAL, "5", "blocked", "do_not_retry"},
    {&ADYEN, false, REFUSAL, "6", "expired_method", "new_method"},
    {&ADYEN, false, REFUSAL, "8", "invalid_method", "new_method"},
    {&ADYEN, false, REFUSAL, "9", "issuer_unavailable", "retry_later"},
    {&ADYEN, false, REFUSAL, "11", "authentication_failed", "new_method"},
    {&ADYEN, false, REFUSAL, "12", "insufficient_funds", "retry_later"},
    {&ADYEN, false, REFUSAL, "16", "canceled_by_customer", "do_not_retry"},
    {&ADYEN, false, REFUSAL, "20", "suspected_fraud", "do_not_retry"},
    {&ADYEN, false, REFUSAL, "24", "invalid_cvc", "new_method"},
    {&ADYEN, false, REFUSAL, "26", "revoked", "do_not_retry"},
    {&ADYEN, false, REFUSAL, "28", "limit_exceeded", "retry_later"},
    {&ADYEN, false, REFUSAL, "38", "authentication_required", "authenticate"},
    {&ADYEN, false, REFUSAL, "999", "declined", "new_method"},
    {&MOLLIE, false, FAILURE, "insufficient_funds", "insufficient_funds", "retry_later"},
    {&MOLLIE, false, FAILURE, "card_expired", "expired_method", "new_method"},
    {&MOLLIE, false, FAILURE, "invalid_cvv", "invalid_cvc", "new_method"},
    {&MOLLIE, false, FAILURE, "refused_by_issuer", "declined", "new_method"},
    {&MOLLIE, false, FAILURE, "possible_fraud", "suspected_fraud", "do_not_retry"},
    {&MOLLIE, false, FAILURE, "authentication_failed", "authentication_failed", "new_method"},
    {&MOLLIE, false, FAILURE, "tomorrow", "declined", "new_method"},
};

static void test_declines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSALS); i++) {
        const struct refusal *refusal = &REFUSALS[i];
        struct order order = {.operation = OP_PURCHASE};
        struct json_object *json;
        char text[512];
        snprintf(text, sizeof text, refusal->text, refusal->word);
        struct answer answer = read_text(refusal->gateway, OP_PURCHASE, text, &json);
        if (refusal->is_error) {
            answer_init(&answer);
            refusal->gateway->refuse(&order, json, &answer);
        }
        assert_int_equal(answer.status, STATUS_FAILED);
        assert_non_null(answer.decline);
        assert_string_equal(answer.decline->code, refusal->code);
        assert_string_equal(answer.decline->advice, refusal->advice);
        json_object_put(json);
    }
}

/* --- What an HTTP status means -----------------------------------------------------------------*/

static void test_verdicts(void **state)
{
    static const struct gateway *const ALL[] = {&STRIPE, &PAYPAL, &ADYEN, &MOLLIE, &SIMULATOR};
    (void)state;
    for (size_t i = 0; i < COUNT(ALL); i++) {
        for (uint32_t status = 100; status < 600; status++) {
            enum verdict verdict = gateway_verdict(ALL[i], status, NULL);
            bool taken = status >= 200 && status < 300;
            assert_int_equal(verdict == VERDICT_TAKEN, taken);
            if (status >= 500 || status < 200 || (status >= 300 && status < 400)) {
                assert_int_equal(verdict, VERDICT_DOUBT);
            }
        }
        assert_int_equal(gateway_verdict(ALL[i], 429, NULL), VERDICT_NOT_TAKEN);
        assert_int_equal(gateway_verdict(ALL[i], 409, NULL), VERDICT_DOUBT);
        assert_int_equal(gateway_verdict(ALL[i], 425, NULL), VERDICT_DOUBT);
        assert_int_equal(gateway_verdict(ALL[i], 401, NULL), VERDICT_DENIED);
        assert_int_equal(gateway_verdict(ALL[i], 400, NULL), VERDICT_REFUSED);
    }
}

static void test_verdict_rules(void **state)
{
    static const struct {
        const struct gateway *gateway;
        uint32_t status;
        const char *json;
        enum verdict verdict;
    } RULES[] = {
        {&STRIPE, 409, "{\"error\":{\"code\":\"lock_timeout\"}}", VERDICT_NOT_TAKEN},
        {&STRIPE, 409, "{\"error\":{\"code\":\"idempotency_key_in_use\"}}", VERDICT_DOUBT},
        {&STRIPE, 400, "{\"error\":{\"code\":\"amount_too_small\"}}", VERDICT_REFUSED},
        {&ADYEN, 422, "{\"errorCode\":\"704\"}", VERDICT_DOUBT},
        {&ADYEN, 422, "{\"errorCode\":\"101\"}", VERDICT_REFUSED},
        {&ADYEN, 403, "{\"errorCode\":\"901\"}", VERDICT_DENIED},
        {&PAYPAL, 422, "{\"details\":[{\"issue\":\"PREVIOUS_REQUEST_IN_PROGRESS\"}]}",
         VERDICT_DOUBT},
        {&PAYPAL, 422, "{\"details\":[{\"issue\":\"INSTRUMENT_DECLINED\"}]}", VERDICT_REFUSED},
        {&PAYPAL, 404, "{\"name\":\"RESOURCE_NOT_FOUND\"}", VERDICT_REFUSED},
        {&MOLLIE, 422, "{\"field\":\"amount\"}", VERDICT_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(RULES); i++) {
        struct json_object *json;
        assert_int_equal(json_read(str_from_c(RULES[i].json), JSON_DEPTH_MAX, &json, NULL, NULL),
                         0);
        assert_int_equal(gateway_verdict(RULES[i].gateway, RULES[i].status, json),
                         RULES[i].verdict);
        json_object_put(json);
    }
}

/* --- Amounts -----------------------------------------------------------------------------------*/

static int64_t units(const struct digits_rule *rules, const char *currency, int64_t amount)
{
    int64_t value = -1;
    struct hub_error error = {0};
    return amount_to(rules, str_from_c(currency), amount, &value, &error) == 0 ? value : -1;
}

static void test_exceptions(void **state)
{
    static const char *const STRIPE_ZERO[] = {"BIF", "CLP", "DJF", "GNF", "JPY",
                                              "KMF", "KRW", "PYG", "RWF", "UGX",
                                              "VND", "VUV", "XAF", "XOF", "XPF"};
    static const char *const STRIPE_THREE[] = {"BHD", "JOD", "KWD", "OMR", "TND"};
    (void)state;
    for (size_t i = 0; i < COUNT(STRIPE_ZERO); i++) {
        assert_int_equal(units(DIGITS_STRIPE, STRIPE_ZERO[i], 500), 500);
    }
    for (size_t i = 0; i < COUNT(STRIPE_THREE); i++) {
        assert_int_equal(units(DIGITS_STRIPE, STRIPE_THREE[i], 5120), 5120);
        assert_int_equal(units(DIGITS_STRIPE, STRIPE_THREE[i], 5124), -1);
    }
    assert_int_equal(units(DIGITS_STRIPE, "MGA", 500), 5);
    assert_int_equal(units(DIGITS_STRIPE, "MGA", 550), -1);
    assert_int_equal(units(DIGITS_STRIPE, "ISK", 5), 500);
    assert_int_equal(units(DIGITS_STRIPE, "EUR", 1), 1);
    assert_int_equal(units(DIGITS_ADYEN, "CLP", 5), 500);
    assert_int_equal(units(DIGITS_ADYEN, "CVE", 500), 5);
    assert_int_equal(units(DIGITS_ADYEN, "CVE", 550), -1);
    assert_int_equal(units(DIGITS_ADYEN, "IDR", 500), 5);
    assert_int_equal(units(DIGITS_ADYEN, "ISK", 5), 500);
    assert_int_equal(units(DIGITS_ADYEN, "JPY", 5), 5);
    assert_int_equal(units(DIGITS_ADYEN, "KWD", 5124), 5124);
    assert_int_equal(units(DIGITS_PAYPAL, "HUF", 500), 5);
    assert_int_equal(units(DIGITS_PAYPAL, "HUF", 550), -1);
    assert_int_equal(units(DIGITS_PAYPAL, "TWD", 500), 5);
    assert_int_equal(units(DIGITS_PAYPAL, "JPY", 5), 5);
    assert_int_equal(units(DIGITS_ISO, "XXX", 5), -1);
    assert_int_equal(units(DIGITS_ISO, "EU", 5), -1);
    assert_int_equal(units(DIGITS_ADYEN, "CLP", INT64_MAX / 10), -1);
}

/* Every currency of ISO 4217, there and back, on every gateway, also where a double would not
 * tell two amounts apart. */
static void test_every_currency(void **state)
{
    static const struct digits_rule *const RULES[] = {DIGITS_ISO, DIGITS_STRIPE, DIGITS_ADYEN,
                                                      DIGITS_PAYPAL};
    static const int64_t AMOUNTS[] = {
        1, 10, 99, 100, 123456, 999999999999, 9007199254740993, 9007199254740992, 9007199254741000};
    unsigned currencies = 0, exact = 0;
    char code[4] = "AAA";
    (void)state;
    for (int n = 0; n < 26 * 26 * 26; n++) {
        code[0] = (char)('A' + n / 676);
        code[1] = (char)('A' + n / 26 % 26);
        code[2] = (char)('A' + n % 26);
        if (!currency_find(str_from_c(code))) {
            assert_int_equal(units(DIGITS_STRIPE, code, 100), -1);
            continue;
        }
        currencies++;
        for (size_t i = 0; i < COUNT(RULES) * COUNT(AMOUNTS); i++) {
            const struct digits_rule *rules = RULES[i % COUNT(RULES)];
            int64_t amount = AMOUNTS[i / COUNT(RULES)], back;
            int64_t theirs = units(rules, code, amount);
            char text[64];
            struct buf decimal;
            if (theirs < 0) {
                continue;
            }
            assert_true(amount_from(rules, str_from_c(code), theirs, &back));
            assert_true(back == amount);
            buf_init_fixed(&decimal, text, sizeof text);
            assert_int_equal(amount_append_decimal(rules, str_from_c(code), amount, &decimal, NULL),
                             0);
            assert_true(amount_from_decimal(str_from_c(code), buf_view(&decimal), &back));
            assert_true(back == amount);
            exact++;
        }
    }
    assert_in_range(currencies, 150, 200);
    assert_true(exact > currencies * 20);
}

/* --- Card numbers ------------------------------------------------------------------------------*/

static void test_card_numbers(void **state)
{
    static const char *const CARDS[] = {
        "4242424242424242",    "4000056655665556",          "5555555555554444",
        "378282246310005",     "6011111111111117",          "3056930009020004",
        "3566002020360505",    "6200000000000005",          "501800000009",
        "6304000000000000000", "4242 4242 4242 4242",       "4242-4242-4242-4242",
        "x4242424242424242y",  "card: 4242 4242 4242 4242!"};
    static const char *const OTHERS[] = {
        "",
        "4242424242424241",
        "424242424243",
        "00000000000000",
        "tok_visa",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "2026-11-23T12:00:00.000Z",
        "42424242424242424242",
        "4242 4242 and 4242 4242",
        "4242.4242.4242.4242",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(CARDS); i++) {
        if (!text_has_card_number(str_from_c(CARDS[i]))) {
            fail_msg("not seen: %s", CARDS[i]);
        }
    }
    for (size_t i = 0; i < COUNT(OTHERS); i++) {
        if (text_has_card_number(str_from_c(OTHERS[i]))) {
            fail_msg("taken for one: %s", OTHERS[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),       cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_declines),       cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_verdict_rules),  cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_every_currency), cmocka_unit_test(test_card_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
