#include "schemas/ecma.h"

#include <ctype.h>
#include <string.h>

/* What \s and \S stand for, written so that both can stand in a class (ECMA-262 WhiteSpace and
 * LineTerminator). */
#define SPACE                                                                                      \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"  \
    "\\x{3000}\\x{feff}"
#define NOT_SPACE                                                                                  \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"               \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"                 \
    "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

/* A dot matches all but the line terminators. */
#define DOT "[^\\n\\r\\x{2028}\\x{2029}]"

struct translation {
    struct str in;
    size_t at;
    struct buf *out;
    bool in_class;
    enum { AFTER_NOTHING, AFTER_ATOM, AFTER_QUANTIFIER } after;
    struct hub_error *error;
};

static int refuse(const struct translation *t, const char *what)
{
    return hub_fail(t->error, HUB_ERR_INVALID_INPUT, "%s at offset %zu of the pattern", what,
                    t->at);
}

static char peek(const struct translation *t, size_t ahead)
{
    return t->at + ahead < t->in.len ? t->in.ptr[t->at + ahead] : '\0';
}

static void copy(struct translation *t, size_t len)
{
    buf_append(t->out, t->in.ptr + t->at, len);
    t->at += len;
}

/*
 * \p{…}
 */

/* PCRE2 10.42 knows general categories by their short names only. */
static const struct {
    struct str name;
    const char *category;
} CATEGORIES[] = {
    {STR_INIT("Cased_Letter"), "L&"},
    {STR_INIT("Close_Punctuation"), "Pe"},
    {STR_INIT("Connector_Punctuation"), "Pc"},
    {STR_INIT("Control"), "Cc"},
    {STR_INIT("Currency_Symbol"), "Sc"},
    {STR_INIT("Dash_Punctuation"), "Pd"},
    {STR_INIT("Decimal_Number"), "Nd"},
    {STR_INIT("Enclosing_Mark"), "Me"},
    {STR_INIT("Final_Punctuation"), "Pf"},
    {STR_INIT("Format"), "Cf"},
    {STR_INIT("Initial_Punctuation"), "Pi"},
    {STR_INIT("LC"), "L&"},
    {STR_INIT("Letter"), "L"},
    {STR_INIT("Letter_Number"), "Nl"},
    {STR_INIT("Line_Separator"), "Zl"},
    {STR_INIT("Lowercase_Letter"), "Ll"},
    {STR_INIT("Mark"), "M"},
    {STR_INIT("Math_Symbol"), "Sm"},
    {STR_INIT("Modifier_Letter"), "Lm"},
    {STR_INIT("Modifier_Symbol"), "Sk"},
    {STR_INIT("Nonspacing_Mark"), "Mn"},
    {STR_INIT("Number"), "N"},
    {STR_INIT("Open_Punctuation"), "Ps"},
    {STR_INIT("Other"), "C"},
    {STR_INIT("Other_Letter"), "Lo"},
    {STR_INIT("Other_Number"), "No"},
    {STR_INIT("Other_Punctuation"), "Po"},
    {STR_INIT("Other_Symbol"), "So"},
    {STR_INIT("Paragraph_Separator"), "Zp"},
    {STR_INIT("Private_Use"), "Co"},
    {STR_INIT("Punctuation"), "P"},
    {STR_INIT("Separator"), "Z"},
    {STR_INIT("Space_Separator"), "Zs"},
    {STR_INIT("Spacing_Mark"), "Mc"},
    {STR_INIT("Surrogate"), "Cs"},
    {STR_INIT("Symbol"), "S"},
    {STR_INIT("Titlecase_Letter"), "Lt"},
    {STR_INIT("Unassigned"), "Cn"},
    {STR_INIT("Uppercase_Letter"), "Lu"},
    {STR_INIT("digit"), "Nd"},
    {STR_INIT("punct"), "P"},
};

static int translate_property(struct translation *t)
{
    const char *open = t->in.ptr + t->at + 2;
    size_t room = t->in.len - t->at - 2;
    const char *close = peek(t, 2) == '{' ? memchr(open, '}', room) : NULL;
    if (close == NULL) {
        return refuse(t, "\\p without a {name}");
    }
    struct str name = str_of(open + 1, (size_t)(close - open) - 1);
    size_t whole = 2 + (size_t)(close - open) + 1;
    if (str_starts_with(name, STR("General_Category="))) {
        name = str_slice(name, 17, name.len);
    } else if (str_starts_with(name, STR("gc="))) {
        name = str_slice(name, 3, name.len);
    }
    if (name.len == 0 || name.ptr[0] == '^') {
        return refuse(t, "unknown property");
    }
    buf_append(t->out, t->in.ptr + t->at, 2);
    buf_append_char(t->out, '{');
    bool found = false;
    for (size_t i = 0; i < sizeof CATEGORIES / sizeof *CATEGORIES && !found; i++) {
        if (str_eq(name, CATEGORIES[i].name)) {
            buf_append_c(t->out, CATEGORIES[i].category);
            found = true;
        }
    }
    if (!found) {
        buf_append_str(t->out, name);
    }
    buf_append_char(t->out, '}');
    t->at += whole;
    return 0;
}

/*
 * Other escapes
 */

/* Reads `digits` hexadecimal digits `ahead` of the place, or -1. */
static long hex_at(const struct translation *t, size_t ahead, size_t digits)
{
    long value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = peek(t, ahead + i);
        if (!isxdigit((unsigned char)c)) {
            return -1;
        }
        value = value * 16 + (isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* \u{H…}, \uHHHH, or a surrogate pair of two of these. Returns its length, 0 if it is malformed. */
static size_t read_unicode(const struct translation *t, long *ret_code_point)
{
    size_t digits = 0;
    if (peek(t, 2) == '{') {
        while (isxdigit((unsigned char)peek(t, 3 + digits)) && digits < 8) {
            digits++;
        }
        *ret_code_point = hex_at(t, 3, digits);
        return digits > 0 && peek(t, 3 + digits) == '}' ? digits + 4 : 0;
    }
    long high = hex_at(t, 2, 4);
    *ret_code_point = high;
    if (high < 0xd800 || high > 0xdbff || peek(t, 6) != '\\' || peek(t, 7) != 'u') {
        return high < 0 ? 0 : 6;
    }
    long low = hex_at(t, 8, 4);
    if (low < 0xdc00 || low > 0xdfff) {
        return 6;
    }
    *ret_code_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

static int translate_unicode(struct translation *t)
{
    long code_point;
    size_t len = read_unicode(t, &code_point);
    if (len == 0 || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff)) {
        return refuse(t, "malformed \\u");
    }
    buf_append_format(t->out, "\\x{%lx}", code_point);
    t->at += len;
    return 0;
}

static int translate_back_reference(struct translation *t)
{
    size_t digits = 1;
    while (isdigit((unsigned char)peek(t, 1 + digits))) {
        digits++;
    }
    if (t->in_class || digits > 3) {
        return refuse(t, "a back reference that leads nowhere");
    }
    buf_append_format(t->out, "\\g{%.*s}", (int)digits, t->in.ptr + t->at + 1);
    t->at += 1 + digits;
    return 0;
}

static int replace(struct translation *t, const char *by, bool is_class)
{
    bool wrap = is_class && !t->in_class;
    buf_append_c(t->out, wrap ? "[" : "");
    buf_append_c(t->out, by);
    buf_append_c(t->out, wrap ? "]" : "");
    t->at += 2;
    return 0;
}

static int copy_if(struct translation *t, bool allowed, size_t len)
{
    if (!allowed) {
        return refuse(t, "unknown or malformed escape");
    }
    copy(t, len);
    return 0;
}

static int translate_escape(struct translation *t)
{
    char c = peek(t, 1);
    switch (c) {
    case '\0':
        return refuse(t, "\\ at the end");
    case 's':
        return replace(t, SPACE, true);
    case 'S':
        return replace(t, NOT_SPACE, true);
    case 'v':
        return replace(t, "\\x0b", false);
    case '0':
        return isdigit((unsigned char)peek(t, 2)) ? refuse(t, "octal escape")
                                                  : replace(t, "\\x00", false);
    case 'u':
        return translate_unicode(t);
    case 'p':
    case 'P':
        return translate_property(t);
    case 'x':
        return copy_if(t, hex_at(t, 2, 2) >= 0, 4);
    case 'c':
        return copy_if(t, isalpha((unsigned char)peek(t, 2)), 3);
    case 'k':
        return copy_if(t, !t->in_class && peek(t, 2) == '<', 2);
    case 'B':
        return copy_if(t, !t->in_class, 2);
    default:
        if (c >= '1' && c <= '9') {
            return translate_back_reference(t);
        }
        if ((unsigned char)c >= 0x80) { /* the character itself */
            t->at++;
            return 0;
        }
        return copy_if(t, strchr("dDwWbtnfr", c) != NULL || ispunct((unsigned char)c), 2);
    }
}

/*
 * Everything else
 */

static int translate_group(struct translation *t)
{
    char kind = peek(t, 2), next = peek(t, 3);
    if (peek(t, 1) == '*') {
        return refuse(t, "nothing to repeat");
    }
    if (peek(t, 1) != '?') {
        copy(t, 1);
        return 0;
    }
    if (kind == ':' || kind == '=' || kind == '!') {
        copy(t, 3);
        return 0;
    }
    if (kind == '<' && (next == '=' || next == '!')) {
        copy(t, 4);
        return 0;
    }
    if (kind == '<' && (isalpha((unsigned char)next) || next == '_')) {
        copy(t, 3);
        return 0;
    }
    return refuse(t, "unknown kind of group");
}

/* "{2,3}" counts as a quantifier, other braces are literal. */
static size_t braces_len(const struct translation *t)
{
    size_t len = 1;
    while (isdigit((unsigned char)peek(t, len)) || peek(t, len) == ',') {
        len++;
    }
    return isdigit((unsigned char)peek(t, 1)) && peek(t, len) == '}' ? len + 1 : 0;
}

static int translate_quantifier(struct translation *t, size_t len)
{
    if (t->after != AFTER_ATOM) {
        return refuse(t, "nothing to repeat");
    }
    copy(t, len);
    if (peek(t, 0) == '?') {
        copy(t, 1);
    }
    t->after = AFTER_QUANTIFIER;
    return 0;
}

static int translate_in_class(struct translation *t)
{
    char c = peek(t, 0);
    if (c == '\\') {
        return translate_escape(t);
    }
    if (c == '[') { /* or PCRE2 would look for [:name:] */
        buf_append_char(t->out, '\\');
    }
    t->in_class = c != ']';
    copy(t, 1);
    return 0;
}

static int translate_atom(struct translation *t)
{
    switch (peek(t, 0)) {
    case '\\':
        return translate_escape(t);
    case '[':
        t->in_class = true;
        copy(t, peek(t, 1) == '^' ? 2 : 1);
        return 0;
    case '.':
        buf_append_c(t->out, DOT);
        t->at++;
        return 0;
    default:
        copy(t, 1);
        return 0;
    }
}

static int translate_next(struct translation *t)
{
    if (t->in_class) {
        return translate_in_class(t);
    }
    char c = peek(t, 0);
    size_t braces = c == '{' ? braces_len(t) : 0;
    if (c == '*' || c == '+' || c == '?' || braces > 0) {
        return translate_quantifier(t, braces > 0 ? braces : 1);
    }
    t->after = c == '(' || c == '|' || c == '^' ? AFTER_NOTHING : AFTER_ATOM;
    return c == '(' ? translate_group(t) : translate_atom(t);
}

int schema_ecma_translate(struct str source, struct buf *ret_pcre, struct hub_error *error)
{
    if (memchr(source.ptr, '\0', source.len) != NULL) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "a NUL in the pattern");
    }
    struct translation t = {.in = source, .out = ret_pcre, .error = error};
    while (t.at < source.len) {
        int err = translate_next(&t);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}
