#include "encode.h"

#include "base/hash.h"

#include <string.h>

#define LINE      76
#define WORD_MAX  75 /* of an encoded word, RFC 2047 §2 */
#define WORD_HEAD 12 /* =?utf-8?B??= */
#define LINE_HARD 998

static const char HEX[] = "0123456789ABCDEF";

/* --- Encoded words -----------------------------------------------------------------------------*/

/* The characters since the last CRLF. */
static size_t column(const struct buf *out)
{
    const char *newline = out->len > 0 ? memrchr(out->ptr, '\n', out->len) : NULL;
    return newline ? (size_t)(out->ptr + out->len - newline - 1) : out->len;
}

static bool is_word_safe(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!*+-/ ", c) != NULL);
}

static size_t q_cost(struct str text)
{
    size_t cost = 0;
    for (size_t i = 0; i < text.len; i++) {
        cost += is_word_safe((unsigned char)text.ptr[i]) ? 1 : 3;
    }
    return cost;
}

static void append_q(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == ' ') {
            buf_append_char(out, '_');
        } else if (is_word_safe(c)) {
            buf_append_char(out, (char)c);
        } else {
            char code[3] = {'=', HEX[c >> 4], HEX[c & 15]};
            buf_append(out, code, sizeof code);
        }
    }
}

/* How much of `text` fits into `room` characters of an encoded word, in whole characters. */
static size_t word_part(struct str text, size_t room, bool q)
{
    size_t taken = 0, cost = 0;
    while (taken < text.len) {
        size_t len = str_utf8_char_len(str_slice(text, taken, text.len));
        len = len ? len : 1;
        cost = q ? cost + q_cost(str_slice(text, taken, len)) : (taken + len + 2) / 3 * 4;
        if (cost > room) {
            break;
        }
        taken += len;
    }
    return taken;
}

static void append_encoded_words(struct buf *out, struct str text)
{
    bool q = q_cost(text) <= (text.len + 2) / 3 * 4;
    while (text.len > 0 && !buf_failed(out)) {
        size_t at = column(out);
        size_t room = at + WORD_HEAD + 8 < LINE ? LINE - at : 0;
        room = (room > WORD_MAX ? WORD_MAX : room) - (room ? WORD_HEAD : 0);
        size_t len = room ? word_part(text, room, q) : 0;
        if (len == 0) {
            buf_append_c(out, "\r\n ");
            len = word_part(text, WORD_MAX - 1 - WORD_HEAD, q);
        }
        buf_append_c(out, q ? "=?utf-8?Q?" : "=?utf-8?B?");
        struct str part = str_slice(text, 0, len);
        q ? append_q(out, part) : base64_append(out, part);
        buf_append_c(out, "?=");
        text = str_slice(text, len, text.len);
        if (text.len > 0) {
            buf_append_c(out, "\r\n ");
        }
    }
}

/* --- Headers -----------------------------------------------------------------------------------*/

/* Words, with a fold before each that would not fit. */
static void append_folded(struct buf *out, struct str text)
{
    while (text.len > 0) {
        size_t blanks = 0;
        while (blanks < text.len && text.ptr[blanks] == ' ') {
            blanks++;
        }
        size_t end = blanks;
        while (end < text.len && text.ptr[end] != ' ') {
            end++;
        }
        if (blanks > 0 && end > blanks && column(out) + end > LINE) {
            buf_append_c(out, "\r\n");
        }
        buf_append(out, text.ptr, end);
        text = str_slice(text, end, text.len);
    }
}

/* Can it stand as it is? Blanks at the ends or in masses would not survive folding. */
static bool is_simple(struct str text)
{
    size_t word = 0, blanks = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x7f || c < 0x20) {
            return false;
        }
        word = c == ' ' ? 0 : word + 1;
        blanks = c == ' ' ? blanks + 1 : 0;
        if (word > LINE_HARD - 100 || blanks > 1) {
            return false;
        }
    }
    return !memmem(text.ptr ? text.ptr : "", text.len, "=?", 2) &&
           (text.len == 0 || (text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' '));
}

void header_text(struct buf *out, const char *name, struct str value)
{
    buf_append_c(out, name);
    buf_append_c(out, ": ");
    is_simple(value) ? append_folded(out, value) : append_encoded_words(out, value);
    buf_append_c(out, "\r\n");
}

void header_words(struct buf *out, struct str name, struct str value)
{
    buf_append_str(out, name);
    buf_append_c(out, ":");
    /* With a blank before the first word too, so that a long one can go to a line of its own. */
    if (value.len > 0 && value.ptr[0] != ' ') {
        size_t first = 0;
        while (first < value.len && value.ptr[first] != ' ') {
            first++;
        }
        buf_append_c(out, column(out) + 1 + first > LINE ? "\r\n " : " ");
        buf_append(out, value.ptr, first);
        value = str_slice(value, first, value.len);
    }
    append_folded(out, value);
    buf_append_c(out, "\r\n");
}

/* A phrase of RFC 5322: atoms, or within quotes, or encoded. */
static void append_phrase(struct buf *out, struct str name)
{
    bool atoms = is_simple(name), simple = is_simple(name) && name.len < LINE - 10;
    for (size_t i = 0; i < name.len && atoms; i++) {
        char c = name.ptr[i];
        atoms = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == ' ' || c == '-' || c == '_';
    }
    if (atoms) {
        append_folded(out, name);
        return;
    }
    if (!simple) {
        append_encoded_words(out, name);
        return;
    }
    buf_append_char(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, name.ptr[i]);
    }
    buf_append_char(out, '"');
}

void header_mailboxes(struct buf *out, const char *name, const struct mailbox *boxes, size_t count)
{
    if (count == 0) {
        return;
    }
    buf_append_c(out, name);
    buf_append_c(out, ":");
    for (size_t i = 0; i < count; i++) {
        const struct mailbox *box = &boxes[i];
        size_t width = box->name.len + box->address.len + 5;
        buf_append_c(out, i > 0 ? "," : "");
        buf_append_c(out, i > 0 && column(out) + width > LINE ? "\r\n " : " ");
        if (box->name.len > 0) {
            append_phrase(out, box->name);
            buf_append_c(out, column(out) + box->address.len + 4 > LINE ? "\r\n <" : " <");
        }
        buf_append_str(out, box->address);
        buf_append_c(out, box->name.len > 0 ? ">" : "");
    }
    buf_append_c(out, "\r\n");
}

/* --- Parameters --------------------------------------------------------------------------------*/

static bool is_attribute_char(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !strchr("*'%()<>@,;:\\\"/[]?=", c);
}

static bool is_quotable(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            return false;
        }
    }
    return value.len <= LINE - 20;
}

static void append_percent(struct buf *out, struct str piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        unsigned char c = (unsigned char)piece.ptr[i];
        if (is_attribute_char(c)) {
            buf_append_char(out, (char)c);
        } else {
            char code[3] = {'%', HEX[c >> 4], HEX[c & 15]};
            buf_append(out, code, sizeof code);
        }
    }
}

void parameter_append(struct buf *out, const char *name, struct str value)
{
    if (is_quotable(value)) {
        buf_append_format(out, ";\r\n %s=\"%.*s\"", name, STR_ARG(value));
        return;
    }
    size_t room = (LINE - strlen(name) - 20) / 3;
    bool pieces = value.len > room;
    for (unsigned number = 0; value.len > 0 && !buf_failed(out); number++) {
        struct str piece = str_utf8_cut(value, room);
        piece = piece.len ? piece : str_slice(value, 0, room);
        buf_append_format(out, ";\r\n %s", name);
        if (pieces) {
            buf_append_format(out, "*%u", number);
        }
        buf_append_c(out, number == 0 ? "*=utf-8''" : "*=");
        append_percent(out, piece);
        value = str_slice(value, piece.len, value.len);
    }
}

/* --- Bodies ------------------------------------------------------------------------------------*/

enum body_encoding body_encoding_for(struct str text)
{
    size_t line = 0, costly = 0;
    bool plain = true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (line == 0 && c == 'F' && str_starts_with(str_slice(text, i, 5), STR("From "))) {
            plain = false; /* mail folders write ">From ", which would break signatures */
        }
        line = c == '\n' ? 0 : line + 1;
        costly += c >= 0x7f || (c < 0x20 && c != '\n' && c != '\r' && c != '\t');
        plain = plain && line <= LINE + 2 && c < 0x7f &&
                (c >= 0x20 || c == '\n' || c == '\t' ||
                 (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n'));
        if ((c == '\n' || i + 1 == text.len) && i > 0 && text.ptr[i - (c == '\n')] == ' ') {
            plain = false; /* blanks at the end of a line get lost */
        }
    }
    if (plain) {
        return BODY_7BIT;
    }
    return costly * 6 > text.len ? BODY_BASE64 : BODY_QUOTED_PRINTABLE;
}

const char *body_encoding_name(enum body_encoding encoding)
{
    static const char *const NAMES[] = {"7bit", "quoted-printable", "base64"};
    return NAMES[encoding];
}

/* Ends of lines as CRLF, whatever they were. */
static void append_lines(struct buf *out, struct str text)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        size_t bare = end && len > 0 && text.ptr[len - 1] == '\r' ? len - 1 : len;
        buf_append(out, text.ptr, bare);
        buf_append(out, "\r\n", 2);
        text = str_slice(text, len + (end != NULL), text.len);
    }
}

/* '.' and "From " in front of a line are what some relays stumble over. */
static bool is_literal(unsigned char c, bool first, bool last)
{
    if (c == ' ' || c == '\t') {
        return !last;
    }
    return c > 0x20 && c < 0x7f && c != '=' && !(first && (c == 'F' || c == '.'));
}

/* One line of output from line.ptr[i] on; gives where the next one begins. */
static size_t append_soft_line(struct buf *out, struct str line, size_t i)
{
    char *room = buf_reserve(out, LINE + 2), *to = room;
    if (!room) {
        return line.len;
    }
    for (; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        bool literal = is_literal(c, to == room, i + 1 == line.len);
        if (to - room + (literal ? 1 : 3) > LINE - 1) {
            *to++ = '=';
            break;
        }
        if (literal) {
            *to++ = (char)c;
        } else {
            *to++ = '=';
            *to++ = HEX[c >> 4];
            *to++ = HEX[c & 15];
        }
    }
    *to++ = '\r';
    *to++ = '\n';
    buf_commit(out, (size_t)(to - room));
    return i;
}

static void append_quoted_line(struct buf *out, struct str line)
{
    size_t at = 0;
    do {
        at = append_soft_line(out, line, at);
    } while (at < line.len);
}

static void append_quoted(struct buf *out, struct str text)
{
    while (text.len > 0 && !buf_failed(out)) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        size_t bare = end && len > 0 && text.ptr[len - 1] == '\r' ? len - 1 : len;
        append_quoted_line(out, str_slice(text, 0, bare));
        text = str_slice(text, len + (end != NULL), text.len);
    }
}

static void append_base64_text(struct buf *out, struct str text)
{
    struct buf lines;
    buf_init(&lines, BUF_NO_LIMIT);
    append_lines(&lines, text);
    char *room = buf_failed(&lines) ? NULL : buf_reserve(out, base64_lines_len(lines.len));
    if (room) {
        buf_commit(out, base64_lines((const unsigned char *)lines.ptr, lines.len, room));
    } else {
        (void)buf_reserve(out, out->limit); /* fails, which is remembered */
    }
    buf_release(&lines);
}

void body_append(struct buf *out, struct str text, enum body_encoding encoding)
{
    static void (*const APPEND[])(struct buf * out, struct str text) = {append_lines, append_quoted,
                                                                        append_base64_text};
    APPEND[encoding](out, text);
}

/* --- Base64 ------------------------------------------------------------------------------------*/

uint64_t base64_lines_len(uint64_t len)
{
    uint64_t rest = len % BASE64_LINE_BYTES;
    return len / BASE64_LINE_BYTES * (LINE + 2) + (rest ? (rest + 2) / 3 * 4 + 2 : 0);
}

static char *encode_line(const unsigned char *bytes, size_t len, char *to)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; len >= 3; len -= 3, bytes += 3) {
        uint32_t three = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        *to++ = DIGITS[three >> 18];
        *to++ = DIGITS[three >> 12 & 63];
        *to++ = DIGITS[three >> 6 & 63];
        *to++ = DIGITS[three & 63];
    }
    if (len > 0) {
        uint32_t rest = (uint32_t)bytes[0] << 16 | (len == 2 ? (uint32_t)bytes[1] << 8 : 0);
        *to++ = DIGITS[rest >> 18];
        *to++ = DIGITS[rest >> 12 & 63];
        *to++ = len == 2 ? DIGITS[rest >> 6 & 63] : '=';
        *to++ = '=';
    }
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

size_t base64_lines(const unsigned char *bytes, size_t len, char *ret)
{
    char *to = ret;
    while (len > 0) {
        size_t part = len < BASE64_LINE_BYTES ? len : BASE64_LINE_BYTES;
        to = encode_line(bytes, part, to);
        bytes += part;
        len -= part;
    }
    return (size_t)(to - ret);
}
