/*
 * html_text.c — a plain text of HTML, in one pass and without a tree.
 *
 * What is seen of a page is kept: text, line breaks, items of lists, addresses of links. Entities
 * become characters. What is not seen (style, script, head, comments) goes.
 */
#include "letter.h"

#include <stdio.h>
#include <string.h>

#define HREF_MAX 512

struct pass {
    struct buf *out;
    size_t start;        /* of our text in `out` */
    unsigned newlines;   /* at its end */
    bool blank;          /* a blank is due before the next word */
    struct str skip;     /* inside an element of this name nothing is seen */
    char href[HREF_MAX]; /* of the link that we are in */
    size_t link_start;
};

/* --- Writing -----------------------------------------------------------------------------------*/

static void put(struct pass *self, const char *bytes, size_t len)
{
    if (self->blank && self->newlines == 0 && self->out->len > self->start) {
        buf_append_char(self->out, ' ');
    }
    self->blank = false;
    self->newlines = 0;
    buf_append(self->out, bytes, len);
}

/* At least so many line breaks stand here. */
static void break_lines(struct pass *self, unsigned count)
{
    self->blank = false;
    while (self->newlines < count && self->out->len > self->start) {
        buf_append_char(self->out, '\n');
        self->newlines++;
    }
}

static void put_code_point(struct pass *self, uint32_t c)
{
    char utf8[4];
    size_t len;
    if (c < 0x20 || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return;
    }
    if (c < 0x80) {
        utf8[0] = (char)c;
        len = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 63));
        len = 2;
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 63));
        utf8[2] = (char)(0x80 | (c & 63));
        len = 3;
    } else {
        utf8[0] = (char)(0xf0 | c >> 18);
        utf8[1] = (char)(0x80 | (c >> 12 & 63));
        utf8[2] = (char)(0x80 | (c >> 6 & 63));
        utf8[3] = (char)(0x80 | (c & 63));
        len = 4;
    }
    put(self, utf8, len);
}

/* --- Entities ----------------------------------------------------------------------------------*/

static const struct entity {
    struct str name;
    uint32_t code;
} ENTITIES[] = {
    {STR_INIT("amp"), '&'},      {STR_INIT("lt"), '<'},        {STR_INIT("gt"), '>'},
    {STR_INIT("quot"), '"'},     {STR_INIT("apos"), '\''},     {STR_INIT("nbsp"), 0xa0},
    {STR_INIT("copy"), 0xa9},    {STR_INIT("reg"), 0xae},      {STR_INIT("euro"), 0x20ac},
    {STR_INIT("pound"), 0xa3},   {STR_INIT("hellip"), 0x2026}, {STR_INIT("ndash"), 0x2013},
    {STR_INIT("mdash"), 0x2014}, {STR_INIT("lsquo"), 0x2018},  {STR_INIT("rsquo"), 0x2019},
    {STR_INIT("ldquo"), 0x201c}, {STR_INIT("rdquo"), 0x201d},  {STR_INIT("laquo"), 0xab},
    {STR_INIT("raquo"), 0xbb},   {STR_INIT("bull"), 0x2022},   {STR_INIT("middot"), 0xb7},
    {STR_INIT("trade"), 0x2122}, {STR_INIT("auml"), 0xe4},     {STR_INIT("ouml"), 0xf6},
    {STR_INIT("uuml"), 0xfc},    {STR_INIT("Auml"), 0xc4},     {STR_INIT("Ouml"), 0xd6},
    {STR_INIT("Uuml"), 0xdc},    {STR_INIT("szlig"), 0xdf},    {STR_INIT("eacute"), 0xe9},
    {STR_INIT("egrave"), 0xe8},  {STR_INIT("agrave"), 0xe0},   {STR_INIT("ccedil"), 0xe7},
    {STR_INIT("times"), 0xd7},   {STR_INIT("deg"), 0xb0},      {STR_INIT("rarr"), 0x2192},
};

static bool number_of(struct str digits, uint32_t *ret_code)
{
    uint64_t value = 0;
    bool hex = digits.len > 1 && (digits.ptr[0] == 'x' || digits.ptr[0] == 'X');
    for (size_t i = hex; i < digits.len; i++) {
        char c = digits.ptr[i];
        unsigned digit = c >= '0' && c <= '9'          ? (unsigned)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : hex && c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                       : 99;
        value = value * (hex ? 16 : 10) + digit;
        if (digit == 99 || value > 0x10ffff) {
            return false;
        }
    }
    *ret_code = (uint32_t)value;
    return digits.len > hex;
}

/* The bytes of `html` that an entity at its front takes; 0: it is none. */
static size_t take_entity(struct pass *self, struct str html)
{
    const char *end = memchr(html.ptr, ';', html.len < 12 ? html.len : 12);
    uint32_t code = 0;
    if (!end) {
        return 0;
    }
    struct str name = str_slice(html, 1, (size_t)(end - html.ptr) - 1);
    if (name.len > 0 && name.ptr[0] == '#') {
        if (!number_of(str_slice(name, 1, name.len), &code)) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof ENTITIES / sizeof ENTITIES[0] && code == 0; i++) {
        code = str_eq(ENTITIES[i].name, name) ? ENTITIES[i].code : 0;
    }
    if (code == 0) {
        return 0;
    }
    put_code_point(self, code == 0xa0 ? ' ' : code);
    return name.len + 2;
}

/* --- Tags --------------------------------------------------------------------------------------*/

static void start_link(struct pass *self, struct str tag)
{
    const char *at = memmem(tag.ptr, tag.len, "href", 4);
    self->href[0] = '\0';
    if (!at) {
        return;
    }
    struct str rest = str_slice(tag, (size_t)(at - tag.ptr) + 4, tag.len);
    while (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '=')) {
        rest = str_slice(rest, 1, rest.len);
    }
    char quote = rest.len > 0 && (rest.ptr[0] == '"' || rest.ptr[0] == '\'') ? rest.ptr[0] : ' ';
    rest = str_slice(rest, quote != ' ', rest.len);
    struct str href = str_trim(str_split(&rest, quote));
    bool shown = str_starts_with(href, STR("http:")) || str_starts_with(href, STR("https:"));
    if (shown && href.len < HREF_MAX) {
        snprintf(self->href, sizeof self->href, "%.*s", STR_ARG(href));
    }
    self->link_start = self->out->len;
}

/* The address behind the words, unless they are the address. */
static void end_link(struct pass *self)
{
    struct str words = str_slice(buf_view(self->out), self->link_start, self->out->len);
    struct str href = str_from_c(self->href);
    if (href.len > 0 && !str_eq(str_trim(words), href)) {
        self->blank = words.len > 0;
        put(self, "(", 1);
        put(self, href.ptr, href.len);
        put(self, ")", 1);
    }
    self->href[0] = '\0';
}

static const struct element {
    struct str name;
    unsigned lines; /* line breaks around it */
    bool hidden;
} ELEMENTS[] = {
    {STR_INIT("p"), 2, false},          {STR_INIT("div"), 1, false},
    {STR_INIT("tr"), 1, false},         {STR_INIT("table"), 1, false},
    {STR_INIT("ul"), 1, false},         {STR_INIT("ol"), 1, false},
    {STR_INIT("h1"), 2, false},         {STR_INIT("h2"), 2, false},
    {STR_INIT("h3"), 2, false},         {STR_INIT("h4"), 2, false},
    {STR_INIT("blockquote"), 2, false}, {STR_INIT("pre"), 1, false},
    {STR_INIT("hr"), 2, false},         {STR_INIT("section"), 1, false},
    {STR_INIT("header"), 1, false},     {STR_INIT("footer"), 1, false},
    {STR_INIT("style"), 0, true},       {STR_INIT("script"), 0, true},
    {STR_INIT("head"), 0, true},        {STR_INIT("title"), 0, true},
};

static void take_element(struct pass *self, struct str name, bool closing)
{
    for (size_t i = 0; i < sizeof ELEMENTS / sizeof ELEMENTS[0]; i++) {
        if (str_eq_nocase(ELEMENTS[i].name, name)) {
            break_lines(self, ELEMENTS[i].lines);
            if (ELEMENTS[i].hidden && !closing) {
                self->skip = ELEMENTS[i].name;
            }
            return;
        }
    }
}

static void take_tag(struct pass *self, struct str tag)
{
    bool closing = tag.len > 0 && tag.ptr[0] == '/';
    struct str name = str_slice(tag, closing, tag.len);
    size_t len = 0;
    while (len < name.len && name.ptr[len] != ' ' && name.ptr[len] != '/' &&
           name.ptr[len] != '\n' && name.ptr[len] != '\t' && name.ptr[len] != '\r') {
        len++;
    }
    name = str_slice(name, 0, len);
    if (str_eq_nocase(name, STR("br"))) {
        buf_append_char(self->out, '\n');
        self->newlines++;
        self->blank = false;
    } else if (str_eq_nocase(name, STR("a"))) {
        closing ? end_link(self) : start_link(self, tag);
    } else if (str_eq_nocase(name, STR("li")) && !closing) {
        break_lines(self, 1);
        put(self, "- ", 2);
    } else if (str_eq_nocase(name, STR("td")) || str_eq_nocase(name, STR("th"))) {
        self->blank = true;
    } else {
        take_element(self, name, closing);
    }
}

/* The bytes that a tag or comment at the front takes. */
static size_t tag_len(struct str html)
{
    bool comment = str_starts_with(html, STR("<!--"));
    const char *end =
        comment ? memmem(html.ptr + 4, html.len - 4, "-->", 3) : memchr(html.ptr, '>', html.len);
    return end ? (size_t)(end - html.ptr) + (comment ? 3 : 1) : html.len;
}

/* --- All of it ---------------------------------------------------------------------------------*/

static bool opens_tag(struct str html)
{
    char c = html.len > 1 ? html.ptr[1] : ' ';
    return html.ptr[0] == '<' &&
           ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '!' || c == '?');
}

/* What stands behind the end of an element of which nothing is seen, whatever it holds. */
static struct str behind_hidden(struct pass *self, struct str html)
{
    struct str name = self->skip;
    self->skip = (struct str){0};
    for (const char *at = html.ptr;
         (at = memmem(at, (size_t)(html.ptr + html.len - at), "</", 2)) != NULL; at += 2) {
        struct str rest = str_slice(html, (size_t)(at - html.ptr), html.len);
        if (str_eq_nocase(str_slice(rest, 2, name.len), name)) {
            return str_slice(rest, tag_len(rest), rest.len);
        }
    }
    return str_slice(html, html.len, 0);
}

void html_to_text(struct buf *out, struct str html)
{
    struct pass self = {.out = out, .start = out->len, .newlines = 9};
    while (html.len > 0 && !buf_failed(out)) {
        if (self.skip.len > 0) {
            html = behind_hidden(&self, html);
            continue;
        }
        size_t taken = 1;
        char c = html.ptr[0];
        if (opens_tag(html)) {
            taken = tag_len(html);
            if (!str_starts_with(html, STR("<!"))) {
                take_tag(&self, str_slice(html, 1, taken - 2));
            }
        } else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            self.blank = self.newlines == 0;
        } else if (c == '&' && (taken = take_entity(&self, html)) > 0) {
            /* written */
        } else {
            taken = 1;
            while (taken < html.len && !memchr("<& \n\t\r", html.ptr[taken], 6)) {
                taken++;
            }
            put(&self, html.ptr, taken);
        }
        html = str_slice(html, taken, html.len);
    }
    while (out->len > self.start &&
           (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == ' ')) {
        buf_truncate(out, out->len - 1);
    }
    buf_append_char(out, '\n');
}
