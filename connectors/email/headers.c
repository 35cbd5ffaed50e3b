/*
 * headers.c — the headers of a message, in the order in which they are written: those that are
 * ours, then those that the input may set by name.
 */
#include "encode.h"
#include "letter.h"

#include <string.h>
#include <time.h>

struct headers {
    const struct letter *letter;
    struct buf *out;
};

static void append_date(struct buf *out, int64_t wall_ms)
{
    static const char DAYS[] = "SunMonTueWedThuFriSat", MONTHS[] = "JanFebMarAprMayJunJulAugSepOct"
                                                                   "NovDec";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buf_append_format(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n",
                      DAYS + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday,
                      MONTHS + (ptrdiff_t)3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                      tm.tm_sec);
}

static void append_priority(struct headers *self)
{
    struct str priority;
    if (json_get_str(self->letter->input, "priority", &priority) &&
        !str_eq(priority, STR("normal"))) {
        bool high = str_eq(priority, STR("high"));
        buf_append_c(self->out, high ? "X-Priority: 1 (Highest)\r\nImportance: high\r\n"
                                     : "X-Priority: 5 (Lowest)\r\nImportance: low\r\n");
    }
}

/* Printable ASCII without blanks, quotes and brackets. */
static bool is_uri(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"' || c == ',') {
            return false;
        }
    }
    return text.len > 0 && text.len <= 900;
}

/* RFC 2369, and RFC 8058 for the one click. */
static int append_unsubscribe(struct headers *self, struct hub_error *error)
{
    struct json_object *list;
    struct str url = {0}, mailto = {0};
    bool one_click = false;
    if (!json_get_object(self->letter->input, "list_unsubscribe", &list)) {
        return 0;
    }
    (void)json_get_str(list, "url", &url);
    (void)json_get_str(list, "mailto", &mailto);
    (void)json_get_bool(list, "one_click", &one_click);
    if ((url.len > 0 && (!is_uri(url) || !str_starts_with(url, STR("https://")))) ||
        (mailto.len > 0 && !is_uri(mailto))) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "/list_unsubscribe: an https URL, or an address, in ASCII");
    }
    if (url.len + mailto.len == 0 || (one_click && url.len == 0)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "/list_unsubscribe: a URL is missing");
    }
    buf_append_c(self->out, "List-Unsubscribe:");
    if (url.len > 0) {
        buf_append_format(self->out, " <%.*s>%s", STR_ARG(url), mailto.len ? ",\r\n" : "");
    }
    if (mailto.len > 0) {
        buf_append_format(self->out, " <mailto:%.*s>", STR_ARG(mailto));
    }
    buf_append_c(self->out, "\r\n");
    if (one_click) {
        buf_append_c(self->out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    }
    return 0;
}

/* Headers that users may set as they like; X-… beside them. Everything else is ours to write. */
static const struct allowed {
    struct str name;
    bool brackets; /* may hold <ids> */
} ALLOWED[] = {
    {STR_INIT("In-Reply-To"), true},       {STR_INIT("References"), true},
    {STR_INIT("List-Id"), true},           {STR_INIT("List-Help"), true},
    {STR_INIT("List-Archive"), true},      {STR_INIT("List-Owner"), true},
    {STR_INIT("List-Post"), true},         {STR_INIT("List-Subscribe"), true},
    {STR_INIT("Auto-Submitted"), false},   {STR_INIT("Precedence"), false},
    {STR_INIT("Feedback-ID"), false},      {STR_INIT("Organization"), false},
    {STR_INIT("Keywords"), false},         {STR_INIT("Comments"), false},
    {STR_INIT("Content-Language"), false},
};

static const struct allowed *find_allowed(struct str name)
{
    static const struct allowed OWN = {STR_INIT("X-"), false};
    for (size_t i = 0; i < sizeof ALLOWED / sizeof ALLOWED[0]; i++) {
        if (str_eq_nocase(ALLOWED[i].name, name)) {
            return &ALLOWED[i];
        }
    }
    if (name.len < 3 || name.len > 64 || (name.ptr[0] != 'X' && name.ptr[0] != 'x') ||
        name.ptr[1] != '-' || str_eq_nocase(name, STR("X-Priority"))) {
        return NULL;
    }
    for (size_t i = 2; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return NULL;
        }
    }
    return &OWN;
}

/* Brackets, where there may be any, enclose something and do not nest. */
static bool brackets_fit(struct str value, bool allowed)
{
    bool open = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c != '<' && c != '>') {
            continue;
        }
        if (!allowed || open == (c == '<') || (c == '>' && value.ptr[i - 1] == '<')) {
            return false;
        }
        open = c == '<';
    }
    return !open;
}

static int append_custom(struct headers *self, struct hub_error *error)
{
    struct json_object *headers;
    if (!json_get_object(self->letter->input, "headers", &headers)) {
        return 0;
    }
    json_object_object_foreach(headers, key, item) {
        struct str name = str_from_c(key), value = json_str(item);
        const struct allowed *rule = find_allowed(name);
        if (!rule) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT,
                            "/headers/%.*s: this header is not for users to set",
                            STR_ARG(str_utf8_cut(name, 64)));
        }
        if (!text_is_plain(value) || value.len > 4096 || !brackets_fit(value, rule->brackets)) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT,
                            "/headers/%s: it holds control characters or stray angle brackets",
                            key);
        }
        bool ascii = true;
        for (size_t i = 0; i < value.len; i++) {
            ascii = ascii && (unsigned char)value.ptr[i] < 0x7f;
        }
        if (ascii) {
            header_words(self->out, name, value);
        } else {
            header_text(self->out, key, value);
        }
    }
    return 0;
}

int letter_headers(const struct letter *letter, struct buf *out, struct hub_error *error)
{
    struct headers self = {letter, out};
    append_date(out, letter->host->wall_ms());
    header_mailboxes(out, "From", &letter->from, 1);
    header_mailboxes(out, "Sender", &letter->sender, letter->sender.address.len > 0);
    header_mailboxes(out, "Reply-To", letter->reply_to.items, letter->reply_to.count);
    header_mailboxes(out, "To", letter->to.items, letter->to.count);
    header_mailboxes(out, "Cc", letter->cc.items, letter->cc.count);
    if (letter->to.count + letter->cc.count == 0) {
        buf_append_c(out, "To: undisclosed-recipients:;\r\n");
    }
    header_text(out, "Subject", letter->subject);
    header_words(out, STR("Message-ID"), letter->message_id);
    append_priority(&self);
    int err = append_unsubscribe(&self, error);
    if (err == 0) {
        err = append_custom(&self, error);
    }
    buf_append_c(out, "MIME-Version: 1.0\r\n");
    return err;
}
