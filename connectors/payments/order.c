#include "order.h"

#include "connectors/common/money.h"

#include <string.h>

#define CARD_DIGITS_MIN 12
#define CARD_DIGITS_MAX 19

static const struct {
    const char *name;
    bool money;
    bool change;
} OPERATION[] = {
#define X(NAME, text, moves, changes) [OP_##NAME] = {text, moves, changes},
    OPERATIONS(X)
#undef X
};

const char *operation_name(enum operation operation)
{
    return OPERATION[operation].name;
}

bool operation_named(struct str name, enum operation *ret_operation)
{
    for (size_t i = 0; i < OP_COUNT; i++) {
        if (str_eq(name, str_from_c(OPERATION[i].name))) {
            *ret_operation = (enum operation)i;
            return true;
        }
    }
    return false;
}

bool operation_moves_money(enum operation operation)
{
    return OPERATION[operation].money;
}

bool operation_changes(enum operation operation)
{
    return OPERATION[operation].change;
}

/* --- Card numbers ------------------------------------------------------------------------------*/

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool luhn(const char *digits, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = (unsigned)(digits[count - 1 - i] - '0');
        digit *= i % 2 == 1 ? 2 : 1;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

/* Every digit 0: a placeholder, and no number of anybody. */
static bool is_blank(const char *digits, size_t count)
{
    return strspn(digits, "0") >= count;
}

bool text_has_card_number(struct str text)
{
    char digits[CARD_DIGITS_MAX + 2] = {0};
    size_t count = 0;
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.ptr[i] : '\0';
        if (is_digit(c)) {
            /* One more than the longest is remembered: such a run is no card's. */
            digits[count < CARD_DIGITS_MAX ? count : CARD_DIGITS_MAX] = c;
            count += count <= CARD_DIGITS_MAX;
        } else if ((c != ' ' && c != '-') || count == 0) {
            if (count >= CARD_DIGITS_MIN && count <= CARD_DIGITS_MAX && luhn(digits, count) &&
                !is_blank(digits, count)) {
                return true;
            }
            count = 0;
            memset(digits, 0, sizeof digits);
        }
    }
    return false;
}

/* Members that hold what a gateway or hubd has made up: Adyen's references are 16 digits, of which
 * one in ten looks like a card's. */
static bool is_reference(const char *name)
{
    static const char *const NAMES[] = {"payment", "capture", "job", "storedPaymentMethodId",
                                        "amount_minor"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Where there is one: its JSON Pointer is left in `pointer`. */
static bool find_card_number(struct json_object *value, struct buf *pointer)
{
    size_t len = pointer->len;
    if (json_object_is_type(value, json_type_string) || json_object_is_type(value, json_type_int)) {
        const char *text = json_object_get_string(value);
        return text && text_has_card_number(str_from_c(text));
    }
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            json_pointer_append_index(pointer, i);
            if (find_card_number(json_object_array_get_idx(value, i), pointer)) {
                return true;
            }
            buf_truncate(pointer, len);
        }
    }
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member) {
            json_pointer_append(pointer, str_from_c(name));
            if (!is_reference(name) &&
                (text_has_card_number(str_from_c(name)) || find_card_number(member, pointer))) {
                return true;
            }
            buf_truncate(pointer, len);
        }
    }
    return false;
}

static int refuse_card_numbers(struct json_object *input, struct hub_error *error)
{
    struct buf pointer;
    int err = 0;
    buf_init(&pointer, 128);
    if (find_card_number(input, &pointer)) {
        /* The pointer's end may be a number itself, as a member's name. */
        bool tells = !text_has_card_number(buf_view(&pointer)) && !buf_failed(&pointer);
        err = hub_fail(error, HUB_ERR_INVALID_INPUT,
                       "%.*s looks like a card number; hubd never takes one: let the gateway's own "
                       "form turn the card into a token, and send that as payment_method",
                       STR_ARG(tells ? buf_view(&pointer) : STR("the input")));
    }
    buf_release(&pointer);
    return err;
}

/* --- The order ---------------------------------------------------------------------------------*/

static struct str text_of(struct json_object *input, const char *name)
{
    struct str value = {0};
    (void)json_get_str(input, name, &value);
    return value;
}

static int read_amount(struct order *self, struct hub_error *error)
{
    self->has_amount = json_get_i64(self->input, "amount_minor", &self->amount);
    self->currency = text_of(self->input, "currency");
    if (self->operation != OP_STORE && self->has_amount != (self->currency.len > 0)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "amount_minor and currency belong together: give both or neither");
    }
    if (self->currency.len > 0 && !currency_find(self->currency)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "%.*s is not a currency of ISO 4217",
                        STR_ARG(self->currency));
    }
    if (self->has_amount && self->amount <= 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "amount_minor must be more than 0");
    }
    return 0;
}

static int read_capture_method(struct order *self, struct hub_error *error)
{
    struct str method = text_of(self->input, "capture_method");
    self->manual_capture = self->operation == OP_AUTHORIZE;
    if (method.len > 0 && str_eq(method, STR("manual")) != self->manual_capture) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "authorize is captured by hand and purchase at once: capture_method says "
                        "otherwise");
    }
    return 0;
}

static enum three_ds read_three_ds(struct json_object *input)
{
    struct str word = text_of(input, "three_ds");
    return str_eq(word, STR("required")) ? THREE_DS_REQUIRED
           : str_eq(word, STR("skip"))   ? THREE_DS_SKIP
                                         : THREE_DS_AUTOMATIC;
}

static void read_texts(struct order *self)
{
    struct json_object *input = self->input;
    self->payment = text_of(input, "payment");
    self->capture = text_of(input, "capture");
    self->payment_method = text_of(input, "payment_method");
    (void)json_get_object(input, "payment_method", &self->method_object);
    self->customer = text_of(input, "customer");
    self->return_url = text_of(input, "return_url");
    self->reference = text_of(input, "reference");
    self->description = text_of(input, "description");
    self->statement_descriptor = text_of(input, "statement_descriptor");
    (void)json_get_object(input, "billing", &self->billing);
    (void)json_get_object(input, "metadata", &self->metadata);
    (void)json_get_object(input, "details", &self->details);
    self->three_ds = read_three_ds(input);
    self->final = true;
    (void)json_get_bool(input, "final", &self->final);
    (void)json_get_bool(input, "off_session", &self->off_session);
}

int order_read(struct order *self, enum operation operation, struct json_object *input,
               struct str job, struct str key, struct hub_error *error)
{
    struct str asked;
    *self = (struct order){
        .operation = operation, .asked = OP_PURCHASE, .input = input, .job = job, .key = key};
    /* A webhook is not sent on, and is the gateway's own words. */
    int err = operation == OP_WEBHOOK ? 0 : refuse_card_numbers(input, error);
    if (err == 0) {
        err = read_amount(self, error);
    }
    if (err == 0 && (operation == OP_AUTHORIZE || operation == OP_PURCHASE)) {
        err = read_capture_method(self, error);
    }
    read_texts(self);
    if (operation == OP_RECONCILE && json_get_str(input, "job", &asked)) {
        self->job = asked;
        (void)operation_named(text_of(input, "operation"), &self->asked);
    }
    return err;
}
