#include "schemas/format.h"

#include "schemas/pattern.h"
#include "schemas/uri.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * Reading a text from its front
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static void skip(struct str *rest, size_t len)
{
    *rest = str_of(rest->ptr + len, rest->len - len);
}

static bool take(struct str *rest, const char *any_of)
{
    if (rest->len == 0 || rest->ptr[0] == '\0' || strchr(any_of, rest->ptr[0]) == NULL) {
        return false;
    }
    skip(rest, 1);
    return true;
}

/* Exactly `digits` digits; -1 if they are not there. */
static int take_number(struct str *rest, size_t digits)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (i >= rest->len || !is_digit(rest->ptr[i])) {
            return -1;
        }
        value = value * 10 + (rest->ptr[i] - '0');
    }
    skip(rest, digits);
    return value;
}

/* One digit or more. */
static bool take_digits(struct str *rest)
{
    size_t len = 0;
    while (len < rest->len && is_digit(rest->ptr[len])) {
        len++;
    }
    skip(rest, len);
    return len > 0;
}

/*
 * RFC 3339
 */

static bool take_date(struct str *rest)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = take_number(rest, 4);
    if (year < 0 || !take(rest, "-")) {
        return false;
    }
    int month = take_number(rest, 2);
    if (month < 1 || month > 12 || !take(rest, "-")) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int day = take_number(rest, 2);
    return day >= 1 && day <= DAYS[month - 1] + (month == 2 && leap);
}

/* "Z" or "+hh:mm"; `*ret_minutes` is what is to be taken off for UTC. */
static bool take_offset(struct str *rest, int *ret_minutes)
{
    if (take(rest, "Zz")) {
        *ret_minutes = 0;
        return true;
    }
    int sign = rest->len > 0 && rest->ptr[0] == '-' ? -1 : 1;
    if (!take(rest, "+-")) {
        return false;
    }
    int hour = take_number(rest, 2);
    if (hour < 0 || hour > 23 || !take(rest, ":")) {
        return false;
    }
    int minute = take_number(rest, 2);
    *ret_minutes = sign * (hour * 60 + minute);
    return minute >= 0 && minute <= 59;
}

static bool take_time(struct str *rest)
{
    int hour = take_number(rest, 2);
    if (hour < 0 || hour > 23 || !take(rest, ":")) {
        return false;
    }
    int minute = take_number(rest, 2);
    if (minute < 0 || minute > 59 || !take(rest, ":")) {
        return false;
    }
    int second = take_number(rest, 2);
    if (second < 0 || second > 60 || (take(rest, ".") && !take_digits(rest))) {
        return false;
    }
    int offset;
    if (!take_offset(rest, &offset)) {
        return false;
    }
    if (second < 60) {
        return true;
    }
    int day = 24 * 60; /* a leap second ends a day in UTC */
    return ((hour * 60 + minute - offset) % day + day) % day == day - 1;
}

static bool is_date(struct str text)
{
    return take_date(&text) && text.len == 0;
}

static bool is_time(struct str text)
{
    return take_time(&text) && text.len == 0;
}

static bool is_date_time(struct str text)
{
    return take_date(&text) && take(&text, "Tt") && take_time(&text) && text.len == 0;
}

/* Numbers with the units of `units` in their order and without a gap ("1Y2M", not "1Y2D"). */
static bool take_units(struct str *rest, const char *units)
{
    const char *next = NULL;
    while (rest->len > 0 && is_digit(rest->ptr[0])) {
        take_digits(rest);
        const char *unit =
            rest->len > 0 && rest->ptr[0] != '\0' ? strchr(units, rest->ptr[0]) : NULL;
        if (unit == NULL || (next != NULL && unit != next)) {
            return false;
        }
        next = unit + 1;
        skip(rest, 1);
    }
    return next != NULL;
}

static bool is_duration(struct str text)
{
    if (!take(&text, "P")) {
        return false;
    }
    struct str weeks = text;
    if (take_units(&weeks, "W") && weeks.len == 0) {
        return true;
    }
    bool date = take_units(&text, "YMD");
    if (text.len > 0 && text.ptr[0] == 'T') {
        skip(&text, 1);
        return take_units(&text, "HMS") && text.len == 0;
    }
    return date && text.len == 0;
}

/*
 * Hosts and addresses
 */

static bool is_ipv4(struct str text)
{
    for (int part = 0; part < 4; part++) {
        uint64_t value;
        if (part > 0 && !take(&text, ".")) {
            return false;
        }
        struct str digits = text;
        take_digits(&text);
        digits.len -= text.len;
        bool padded = digits.len > 1 && digits.ptr[0] == '0';
        if (padded || !str_to_u64(digits, 255, &value)) {
            return false;
        }
    }
    return text.len == 0;
}

bool schema_is_ipv6(struct str text)
{
    char buffer[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.len == 0 || text.len >= sizeof buffer || memchr(text.ptr, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    return inet_pton(AF_INET6, buffer, &address) == 1;
}

static bool is_label(struct str label)
{
    if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_hostname(struct str text)
{
    if (text.len == 0 || text.len > 253) {
        return false;
    }
    while (text.ptr != NULL) {
        if (!is_label(str_split(&text, '.'))) {
            return false;
        }
    }
    return true;
}

/*
 * RFC 5321 §4.1.2
 */

static bool is_dot_string(struct str text)
{
    while (text.ptr != NULL) {
        struct str atom = str_split(&text, '.');
        for (size_t i = 0; i < atom.len; i++) {
            char c = atom.ptr[i];
            if (c == '\0' || !(is_alnum(c) || strchr("!#$%&'*+-/=?^_`{|}~", c))) {
                return false;
            }
        }
        if (atom.len == 0) {
            return false;
        }
    }
    return true;
}

static bool is_quoted_string(struct str text)
{
    if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i + 1 < text.len; i++) {
        if (text.ptr[i] == '"') {
            return false;
        }
        if (text.ptr[i] == '\\' && ++i + 1 >= text.len) {
            return false;
        }
        if (text.ptr[i] < ' ' || text.ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool is_mail_domain(struct str domain)
{
    if (domain.len < 2 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']') {
        return is_hostname(domain);
    }
    struct str literal = str_slice(domain, 1, domain.len - 2);
    return str_starts_with(literal, STR("IPv6:"))
               ? schema_is_ipv6(str_slice(literal, 5, literal.len))
               : is_ipv4(literal);
}

static bool is_email(struct str text)
{
    const char *at = text.len > 0 ? memrchr(text.ptr, '@', text.len) : NULL;
    if (at == NULL) {
        return false;
    }
    struct str local = str_of(text.ptr, (size_t)(at - text.ptr));
    struct str domain = str_slice(text, local.len + 1, text.len);
    return local.len > 0 && local.len <= 64 && (is_dot_string(local) || is_quoted_string(local)) &&
           is_mail_domain(domain);
}

/*
 * The rest
 */

static bool is_uri(struct str text)
{
    return schema_uri_valid(text, true);
}

static bool is_uri_reference(struct str text)
{
    return schema_uri_valid(text, false);
}

static bool is_uuid(struct str text)
{
    if (text.len != 36) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !is_hex(text.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_json_pointer(struct str text)
{
    if (text.len > 0 && text.ptr[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '~' &&
            (i + 1 == text.len || (text.ptr[i + 1] != '0' && text.ptr[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

static bool is_regex(struct str text)
{
    struct schema_pattern *pattern;
    size_t bytes;
    if (schema_pattern_compile(text, &pattern, &bytes, NULL) < 0) {
        return false;
    }
    schema_pattern_free(pattern);
    return true;
}

static const struct schema_format FORMATS[] = {
    {STR_INIT("date-time"), "a date and time like 2026-01-31T12:00:00Z", is_date_time},
    {STR_INIT("date"), "a date like 2026-01-31", is_date},
    {STR_INIT("time"), "a time like 12:00:00Z", is_time},
    {STR_INIT("duration"), "a duration like P3D or PT1H30M", is_duration},
    {STR_INIT("email"), "an email address", is_email},
    {STR_INIT("hostname"), "a host name", is_hostname},
    {STR_INIT("ipv4"), "an IPv4 address", is_ipv4},
    {STR_INIT("ipv6"), "an IPv6 address", schema_is_ipv6},
    {STR_INIT("uri"), "an absolute URI", is_uri},
    {STR_INIT("uri-reference"), "a URI or a relative reference", is_uri_reference},
    {STR_INIT("uuid"), "a UUID", is_uuid},
    {STR_INIT("json-pointer"), "a JSON Pointer", is_json_pointer},
    {STR_INIT("regex"), "a regular expression", is_regex},
};

const struct schema_format *schema_format_find(struct str name)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (str_eq(name, FORMATS[i].name)) {
            return &FORMATS[i];
        }
    }
    return NULL;
}
