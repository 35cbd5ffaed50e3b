#include "address.h"

#include <idn2.h>
#include <string.h>

#define DOMAIN_MAX 253
#define LABEL_MAX  63

/* --- Characters --------------------------------------------------------------------------------*/

/* U+0080–U+009F, U+2028 and U+2029 end lines for some who read. */
static bool is_hidden_break(const unsigned char *at, size_t left)
{
    return (left >= 2 && at[0] == 0xc2 && at[1] < 0xa0) ||
           (left >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9));
}

bool text_is_plain(struct str text)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    for (size_t i = 0; i < text.len; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f || is_hidden_break(bytes + i, text.len - i)) {
            return false;
        }
    }
    return str_utf8_valid_prefix(text) == text.len;
}

static bool is_ascii(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322's atext, and what RFC 6531 adds. */
static bool is_atext(char c)
{
    return is_letter_or_digit(c) || (unsigned char)c >= 0x80 ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* --- Local part --------------------------------------------------------------------------------*/

static bool is_dot_atom(struct str text)
{
    bool dot = true;
    for (size_t i = 0; i < text.len; i++) {
        bool is_dot = text.ptr[i] == '.';
        if ((is_dot && dot) || (!is_dot && !is_atext(text.ptr[i]))) {
            return false;
        }
        dot = is_dot;
    }
    return !dot;
}

/* Within quotes nothing that would need a backslash, and no angle brackets. */
static bool is_quoted(struct str text)
{
    if (text.len < 3 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i + 1 < text.len; i++) {
        if (strchr("\"\\<>", text.ptr[i]) || text.ptr[i] < 0x21) {
            return false;
        }
    }
    return true;
}

/* --- Domain ------------------------------------------------------------------------------------*/

static bool is_domain(struct str text)
{
    struct str rest = text;
    if (text.len == 0 || text.len > DOMAIN_MAX) {
        return false;
    }
    while (rest.ptr) {
        struct str label = str_split(&rest, '.');
        if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
            label.ptr[label.len - 1] == '-') {
            return false;
        }
        for (size_t i = 0; i < label.len; i++) {
            if (!is_letter_or_digit(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_') {
                return false;
            }
        }
    }
    return true;
}

/* [192.0.2.1], [IPv6:2001:db8::1] */
static bool is_address_literal(struct str text)
{
    if (text.len < 4 || text.len > 64 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']') {
        return false;
    }
    for (size_t i = 1; i + 1 < text.len; i++) {
        if (!is_letter_or_digit(text.ptr[i]) && text.ptr[i] != '.' && text.ptr[i] != ':') {
            return false;
        }
    }
    return true;
}

/* The domain as DNS knows it. */
static int to_ascii(struct str domain, struct arena *arena, struct str *ret_ascii,
                    struct hub_error *error)
{
    uint8_t *found = NULL;
    char *copy = arena_strdup(arena, domain);
    if (!copy) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (is_ascii(domain)) {
        *ret_ascii = str_of(copy, domain.len);
        return 0;
    }
    int result =
        idn2_lookup_u8((const uint8_t *)copy, &found, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (result != IDN2_OK) {
        return result == IDN2_MALLOC
                   ? hub_fail(error, HUB_ERR_NOMEM, "out of memory")
                   : hub_fail(error, HUB_ERR_INVALID_INPUT, "the domain is no domain: %s",
                              idn2_strerror(result));
    }
    copy = arena_strdup(arena, str_from_c((const char *)found));
    idn2_free(found);
    *ret_ascii = str_from_c(copy);
    return copy ? 0 : hub_fail(error, HUB_ERR_NOMEM, "out of memory");
}

/* --- All of it ---------------------------------------------------------------------------------*/

static int refuse(struct hub_error *error, const char *why)
{
    return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s", why);
}

static int join(struct str local, struct str domain, struct arena *arena, struct mailbox *mailbox,
                struct hub_error *error)
{
    size_t len = local.len + 1 + domain.len;
    char *text = arena_alloc(arena, len + 1);
    if (!text) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    memcpy(text, local.ptr, local.len);
    text[local.len] = '@';
    memcpy(text + local.len + 1, domain.ptr, domain.len);
    text[len] = '\0';
    mailbox->address = str_of(text, len);
    mailbox->domain = str_of(text + local.len + 1, domain.len);
    mailbox->utf8 = !is_ascii(local);
    return 0;
}

int address_parse(struct str text, struct arena *arena, struct mailbox *ret_mailbox,
                  struct hub_error *error)
{
    const char *at = text.len > 0 ? memrchr(text.ptr, '@', text.len) : NULL;
    struct str ascii = {0};
    struct mailbox mailbox = {0};
    if (!at || text.len > ADDRESS_MAX) {
        return refuse(error, "an address is local-part@domain, of at most 320 bytes");
    }
    if (!text_is_plain(text) || memchr(text.ptr, '<', text.len) ||
        memchr(text.ptr, '>', text.len)) {
        return refuse(error, "an address holds no control characters and no angle brackets");
    }
    struct str local = str_slice(text, 0, (size_t)(at - text.ptr));
    struct str domain = str_slice(text, local.len + 1, text.len);
    if (local.len > ADDRESS_LOCAL_MAX || (!is_dot_atom(local) && !is_quoted(local))) {
        return refuse(error, "what stands before the @ is no local part");
    }
    if (is_address_literal(domain)) {
        ascii = domain;
    } else {
        int err = to_ascii(domain, arena, &ascii, error);
        if (err < 0) {
            return err;
        }
        if (!is_domain(ascii)) {
            return refuse(error, "what stands behind the @ is no domain");
        }
    }
    int err = join(local, ascii, arena, &mailbox, error);
    if (err == 0) {
        *ret_mailbox = mailbox;
    }
    return err;
}

int mailbox_parse(struct json_object *value, struct arena *arena, struct mailbox *ret_mailbox,
                  struct hub_error *error)
{
    struct str name = {0}, address = {0};
    if (json_object_is_type(value, json_type_string)) {
        address = json_str(value);
    } else {
        (void)json_get_str(value, "address", &address);
        (void)json_get_str(value, "name", &name);
    }
    if (name.len > NAME_MAX_BYTES || !text_is_plain(name) ||
        (name.len > 0 && (memchr(name.ptr, '<', name.len) || memchr(name.ptr, '>', name.len)))) {
        return refuse(error, "a name holds no control characters and no angle brackets");
    }
    int err = address_parse(address, arena, ret_mailbox, error);
    if (err == 0 && name.len > 0) {
        ret_mailbox->name = arena_str(arena, name);
        err = ret_mailbox->name.ptr ? 0 : hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    return err;
}

struct str address_key(struct str address, struct arena *arena)
{
    char *copy = arena_strdup(arena, address);
    if (!copy) {
        return (struct str){0};
    }
    for (size_t i = 0; i < address.len; i++) {
        copy[i] = copy[i] >= 'A' && copy[i] <= 'Z' ? (char)(copy[i] + ('a' - 'A')) : copy[i];
    }
    return str_of(copy, address.len);
}
