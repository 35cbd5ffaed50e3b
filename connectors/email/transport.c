#include "transport.h"

#include <string.h>

const struct failure_fact FAILURE_FACTS[FAILURE_END] = {
#define X(NAME, code, again, text) {code, again, text},
    FAILURES(X)
#undef X
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "5.1.1 " at the front. */
static size_t enhanced_len(struct str text)
{
    size_t len = 0, dots = 0;
    while (len < text.len && len < 11 && (is_digit(text.ptr[len]) || text.ptr[len] == '.')) {
        dots += text.ptr[len] == '.';
        len++;
    }
    bool first = text.len > 1 && strchr("245", text.ptr[0]) && text.ptr[1] == '.';
    return dots == 2 && first && (len == text.len || text.ptr[len] == ' ') ? len : 0;
}

/* What comes from a server stays one line of harmless text. */
static void copy_text(char *to, size_t room, struct str text)
{
    text = str_utf8_cut(text, room - 1);
    if (str_utf8_valid_prefix(text) < text.len) {
        text = str_slice(text, 0, str_utf8_valid_prefix(text));
    }
    memcpy(to, text.ptr ? text.ptr : "", text.len);
    to[text.len] = '\0';
    for (char *at = to; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = ' ';
        }
    }
}

bool reply_parse(struct str line, struct reply *ret_reply)
{
    struct reply reply = {0};
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    if (line.len < 3 || !is_digit(line.ptr[0]) || !is_digit(line.ptr[1]) ||
        !is_digit(line.ptr[2]) || line.ptr[0] < '2' || line.ptr[0] > '5' ||
        (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')) {
        return false;
    }
    reply.code = (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
    struct str rest = str_slice(line, 4, line.len);
    size_t enhanced = enhanced_len(rest);
    memcpy(reply.enhanced, rest.ptr ? rest.ptr : "", enhanced);
    copy_text(reply.text, sizeof reply.text, str_trim(str_slice(rest, enhanced, rest.len)));
    *ret_reply = reply;
    return true;
}

void server_learn(struct server *self, struct str capability)
{
    struct str rest = capability;
    struct str word = str_split(&rest, ' ');
    uint64_t size;
    if (str_eq_nocase(word, STR("SIZE")) && str_to_u64(str_trim(rest), UINT64_MAX / 2, &size)) {
        self->size_max = size;
    } else if (str_eq_nocase(word, STR("AUTH"))) {
        copy_text(self->auth, sizeof self->auth, str_trim(rest));
    }
    self->smtputf8 = self->smtputf8 || str_eq_nocase(word, STR("SMTPUTF8"));
    self->starttls = self->starttls || str_eq_nocase(word, STR("STARTTLS"));
    self->pipelining = self->pipelining || str_eq_nocase(word, STR("PIPELINING"));
    self->dsn = self->dsn || str_eq_nocase(word, STR("DSN"));
    self->eightbit = self->eightbit || str_eq_nocase(word, STR("8BITMIME"));
}
