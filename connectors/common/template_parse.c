/*
 * From text to parts.
 */
#include "template_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SHOWN = 60, INTEGER_DIGITS = 15 };

struct parser {
    struct str source;
    size_t at;
    size_t tag; /* where the present tag begins: what errors point to */
    struct arena *arena;
    struct json_object *constants;
    struct template_error *error;
    struct {
        struct part *part;
        struct part **tail; /* of the list outside it */
        struct str name;
    } open[TEMPLATE_DEPTH_MAX];
    size_t depth;
};

static int fail(struct parser *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct parser *self, const char *format, ...)
{
    char detail[HUB_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (self->error) {
        hub_fail(&self->error->error, HUB_ERR_INVALID_INPUT, "%s", detail);
        template_error_place(self->error, self->source, self->tag);
    }
    return HUB_ERR_INVALID_INPUT;
}

static int fail_memory(struct parser *self)
{
    return hub_fail(self->error ? &self->error->error : NULL, HUB_ERR_TOO_LARGE,
                    "the template is too large");
}

static char peek(const struct parser *self)
{
    return self->at < self->source.len ? self->source.ptr[self->at] : '\0';
}

static bool next_is(const struct parser *self, struct str text)
{
    return str_starts_with(str_slice(self->source, self->at, text.len), text);
}

static bool take(struct parser *self, struct str text)
{
    if (!next_is(self, text)) {
        return false;
    }
    self->at += text.len;
    return true;
}

static void skip_blanks(struct parser *self)
{
    while (self->at < self->source.len && memchr(" \t\r\n", peek(self), 4)) {
        self->at++;
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '$' || (unsigned char)c >= 0x80;
}

static struct str take_name(struct parser *self)
{
    size_t from = self->at;
    while (self->at < self->source.len && is_name_char(self->source.ptr[self->at])) {
        self->at++;
    }
    return str_slice(self->source, from, self->at - from);
}

/* --- Paths -------------------------------------------------------------------------------------*/

static int parse_loop_name(struct parser *self, struct path *path)
{
    static const struct {
        struct str name;
        enum path_from from;
    } NAMES[] = {
        {STR_INIT("index"), PATH_INDEX}, {STR_INIT("number"), PATH_NUMBER},
        {STR_INIT("first"), PATH_FIRST}, {STR_INIT("last"), PATH_LAST},
        {STR_INIT("root"), PATH_ROOT},
    };
    struct str name = take_name(self);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_eq(name, NAMES[i].name)) {
            path->from = NAMES[i].from;
            return 0;
        }
    }
    return fail(self, "there is no @%.*s; there are @index, @number, @first, @last and @root",
                STR_ARG(str_utf8_cut(name, NAME_SHOWN)));
}

static int add_key(struct parser *self, const char *keys[PATH_KEYS_MAX], struct path *path)
{
    bool by_index = path->count > 0 && take(self, STR(PATH_AT_INDEX));
    struct str name = by_index ? STR(PATH_AT_INDEX) : take_name(self);
    if (name.len == 0) {
        return fail(self, "a name is missing");
    }
    if (path->count == PATH_KEYS_MAX) {
        return fail(self, "the path has more than %d names", PATH_KEYS_MAX);
    }
    const char *key = arena_strdup(self->arena, name);
    if (!key) {
        return fail_memory(self);
    }
    keys[path->count++] = key;
    return 0;
}

/* name.name.name, @root.name, @index or a mere dot. */
static int parse_path(struct parser *self, struct path *ret_path)
{
    const char *keys[PATH_KEYS_MAX];
    struct path path = {.from = PATH_NAME};
    int err = 0;
    if (take(self, STR("."))) {
        path.from = PATH_SELF;
    } else {
        err = take(self, STR("@")) ? parse_loop_name(self, &path) : add_key(self, keys, &path);
        while (err == 0 && take(self, STR("."))) {
            err = add_key(self, keys, &path);
        }
    }
    if (err < 0) {
        return err;
    }
    path.keys = arena_memdup(self->arena, keys, path.count * sizeof keys[0]);
    if (path.count > 0 && !path.keys) {
        return fail_memory(self);
    }
    *ret_path = path;
    return 0;
}

int parts_parse_path(struct str source, struct arena *arena, struct path *ret_path,
                     struct template_error *error)
{
    struct parser parser = {.source = source, .arena = arena, .error = error};
    int err = parse_path(&parser, ret_path);
    if (err == 0 && parser.at < source.len) {
        return fail(&parser, "“%.*s” is no path", STR_ARG(str_utf8_cut(source, NAME_SHOWN)));
    }
    return err;
}

/* --- Filters -----------------------------------------------------------------------------------*/

static int keep_constant(struct parser *self, struct json_object *value, struct argument *argument)
{
    if (!value || json_object_array_add(self->constants, value) != 0) {
        json_object_put(value);
        return fail_memory(self);
    }
    argument->constant = value;
    return 0;
}

/* "…" or '…', with \ before a quote or another \. */
static int parse_text_argument(struct parser *self, struct argument *argument)
{
    char quote = self->source.ptr[self->at++];
    struct buf text;
    buf_init(&text, TEMPLATE_SOURCE_MAX);
    while (self->at < self->source.len && peek(self) != quote) {
        self->at += peek(self) == '\\' && self->at + 1 < self->source.len;
        buf_append_char(&text, self->source.ptr[self->at++]);
    }
    int err = 0;
    if (self->at >= self->source.len) {
        err = fail(self, "the text that begins with %c has no end", quote);
    } else if (buf_failed(&text)) {
        err = fail_memory(self);
    } else {
        self->at++;
        err = keep_constant(
            self, json_object_new_string_len(text.ptr ? text.ptr : "", (int)text.len), argument);
    }
    buf_release(&text);
    return err;
}

static int parse_argument(struct parser *self, struct argument *argument)
{
    skip_blanks(self);
    char c = peek(self);
    if (c == '"' || c == '\'') {
        return parse_text_argument(self, argument);
    }
    if (c >= '0' && c <= '9') {
        int64_t number;
        struct str digits = take_name(self);
        if (digits.len > INTEGER_DIGITS || !str_to_i64(digits, 0, INT64_MAX, &number)) {
            return fail(self, "“%.*s” is no integer", STR_ARG(str_utf8_cut(digits, NAME_SHOWN)));
        }
        return keep_constant(self, json_object_new_int64(number), argument);
    }
    return parse_path(self, &argument->path);
}

static int find_filter(struct parser *self, const struct filter **ret_filter)
{
    struct str name = take_name(self);
    *ret_filter = filter_find(name);
    if (*ret_filter) {
        return 0;
    }
    struct str near = filter_nearest(name);
    name = str_utf8_cut(name, NAME_SHOWN);
    if (near.len > 0) {
        return fail(self, "unknown filter “%.*s”, did you mean “%.*s”?", STR_ARG(name),
                    STR_ARG(near));
    }
    return fail(self, "unknown filter “%.*s”", STR_ARG(name));
}

/* What stands behind a '|'. */
static int parse_filter(struct parser *self, struct filter_call **ret_call)
{
    struct filter_call *call = arena_zalloc(self->arena, sizeof *call);
    if (!call) {
        return fail_memory(self);
    }
    skip_blanks(self);
    int err = find_filter(self, &call->filter);
    if (err < 0) {
        return err;
    }
    size_t count = 0;
    skip_blanks(self);
    for (bool more = take(self, STR(":")); more; more = take(self, STR(","))) {
        if (count == call->filter->args_max) {
            return fail(self, "the filter “%.*s” takes %zu argument%s at most",
                        STR_ARG(call->filter->name), call->filter->args_max,
                        call->filter->args_max == 1 ? "" : "s");
        }
        err = parse_argument(self, &call->args[count++]);
        if (err < 0) {
            return err;
        }
        skip_blanks(self);
    }
    *ret_call = call;
    return 0;
}

static int parse_expression(struct parser *self, struct expression *expression)
{
    expression->offset = self->tag;
    skip_blanks(self);
    int err = parse_path(self, &expression->path);
    struct filter_call **tail = &expression->filters;
    skip_blanks(self);
    while (err == 0 && take(self, STR("|"))) {
        err = parse_filter(self, tail);
        if (err == 0) {
            tail = &(*tail)->next;
            skip_blanks(self);
        }
    }
    return err;
}

/* --- Tags --------------------------------------------------------------------------------------*/

static struct part *add_part(struct parser *self, enum part_kind kind, struct part ***tail)
{
    struct part *part = arena_zalloc(self->arena, sizeof *part);
    if (part) {
        part->kind = kind;
        **tail = part;
        *tail = &part->next;
    }
    return part;
}

static int expect_end(struct parser *self, struct str end)
{
    skip_blanks(self);
    if (!take(self, end)) {
        return self->at < self->source.len
                   ? fail(self, "the tag should end with %.*s here", STR_ARG(end))
                   : fail(self, "the tag has no end");
    }
    return 0;
}

static int parse_value(struct parser *self, enum part_kind kind, struct str end,
                       struct part ***tail)
{
    struct part *part = add_part(self, kind, tail);
    if (!part) {
        return fail_memory(self);
    }
    int err = parse_expression(self, &part->expression);
    return err < 0 ? err : expect_end(self, end);
}

static int parse_open(struct parser *self, enum part_kind kind, struct part ***tail)
{
    struct part *part = add_part(self, kind, tail);
    if (!part) {
        return fail_memory(self);
    }
    if (self->depth == TEMPLATE_DEPTH_MAX) {
        return fail(self, "more than %d sections in one another", TEMPLATE_DEPTH_MAX);
    }
    part->expression.offset = self->tag;
    skip_blanks(self);
    size_t from = self->at;
    int err = parse_path(self, &part->expression.path);
    self->open[self->depth].part = part;
    self->open[self->depth].tail = *tail;
    self->open[self->depth].name = str_slice(self->source, from, self->at - from);
    self->depth++;
    *tail = &part->children;
    return err < 0 ? err : expect_end(self, STR("}}"));
}

static int parse_close(struct parser *self, struct part ***tail)
{
    skip_blanks(self);
    size_t from = self->at;
    while (self->at < self->source.len && !memchr(" \t\r\n}", peek(self), 5)) {
        self->at++;
    }
    struct str name = str_slice(self->source, from, self->at - from);
    if (self->depth == 0) {
        return fail(self, "no section “%.*s” is open", STR_ARG(str_utf8_cut(name, NAME_SHOWN)));
    }
    struct str open = self->open[self->depth - 1].name;
    if (!str_eq(open, name)) {
        return fail(self, "the section “%.*s” is still open",
                    STR_ARG(str_utf8_cut(open, NAME_SHOWN)));
    }
    *tail = self->open[--self->depth].tail;
    return expect_end(self, STR("}}"));
}

static int parse_comment(struct parser *self)
{
    const char *rest = self->source.ptr + self->at;
    const char *end = memmem(rest, self->source.len - self->at, "}}", 2);
    if (!end) {
        return fail(self, "the comment has no end");
    }
    self->at += (size_t)(end - rest) + 2;
    return 0;
}

/* A tag, of which the braces have been read. */
static int parse_tag(struct parser *self, struct part ***tail, bool *ret_is_value)
{
    *ret_is_value = false;
    if (take(self, STR("#"))) {
        return parse_open(self, PART_SECTION, tail);
    }
    if (take(self, STR("^"))) {
        return parse_open(self, PART_INVERTED, tail);
    }
    if (take(self, STR("/"))) {
        return parse_close(self, tail);
    }
    if (take(self, STR("!"))) {
        return parse_comment(self);
    }
    if (peek(self) == '>' || peek(self) == '=' || peek(self) == '<') {
        return fail(self, "there are no tags with %c here", peek(self));
    }
    *ret_is_value = true;
    if (take(self, STR("{"))) {
        return parse_value(self, PART_RAW, STR("}}}"), tail);
    }
    if (take(self, STR("&"))) {
        return parse_value(self, PART_RAW, STR("}}"), tail);
    }
    return parse_value(self, PART_VALUE, STR("}}"), tail);
}

/* --- Text between tags -------------------------------------------------------------------------*/

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Does the tag from `tag` to `at` stand alone on its line? Then `*ret_from` is where the line
 * begins and `*ret_after` where the next one does. */
static bool stands_alone(const struct parser *self, size_t *ret_from, size_t *ret_after)
{
    size_t from = self->tag, after = self->at;
    while (from > 0 && is_blank(self->source.ptr[from - 1])) {
        from--;
    }
    while (after < self->source.len && is_blank(self->source.ptr[after])) {
        after++;
    }
    bool begins = from == 0 || self->source.ptr[from - 1] == '\n';
    bool ends = after == self->source.len || self->source.ptr[after] == '\n';
    if (!ends && str_starts_with(str_slice(self->source, after, 2), STR("\r\n"))) {
        ends = true;
        after++;
    }
    *ret_from = from;
    *ret_after = after < self->source.len ? after + 1 : after;
    return begins && ends;
}

/* The text from `from` up to `to`; `*ret_part` stays as it is if there is none. */
static int add_literal(struct parser *self, size_t from, size_t to, struct part ***tail,
                       struct part **ret_part)
{
    if (from >= to) {
        return 0;
    }
    struct part *part = add_part(self, PART_LITERAL, tail);
    if (!part) {
        return fail_memory(self);
    }
    part->literal = str_slice(self->source, from, to - from);
    *ret_part = part;
    return 0;
}

/* A tag and the text before it, which begins at `*from`. The text belongs to the list that is
 * current before the tag, but how much of it there is shows only after it. */
static int parse_step(struct parser *self, size_t *from, struct part ***tail)
{
    struct part *literal = NULL;
    int err = add_literal(self, *from, self->tag, tail, &literal);
    if (err < 0) {
        return err;
    }
    bool is_value;
    err = parse_tag(self, tail, &is_value);
    size_t line, after;
    if (err == 0 && !is_value && stands_alone(self, &line, &after)) {
        self->at = after;
        if (literal) {
            literal->literal.len -= self->tag - (line > *from ? line : *from);
        }
    }
    *from = self->at;
    return err;
}

int parts_parse(struct str source, struct arena *arena, struct json_object *constants,
                struct parts *ret_parts, struct template_error *error)
{
    struct parser self = {.arena = arena, .constants = constants, .error = error};
    self.source = arena_str(arena, source);
    if (source.len > TEMPLATE_SOURCE_MAX || (source.len > 0 && !self.source.ptr)) {
        return fail_memory(&self);
    }
    struct part *first = NULL, **tail = &first, *last;
    size_t from = 0;
    for (;;) {
        const char *rest = self.source.ptr + self.at;
        const char *tag = self.at < source.len ? memmem(rest, source.len - self.at, "{{", 2) : NULL;
        if (!tag) {
            break;
        }
        self.tag = (size_t)(tag - self.source.ptr);
        self.at = self.tag + 2;
        int err = parse_step(&self, &from, &tail);
        if (err < 0) {
            return err;
        }
    }
    if (self.depth > 0) {
        self.tag = self.open[self.depth - 1].part->expression.offset;
        return fail(&self, "the section “%.*s” has no end",
                    STR_ARG(str_utf8_cut(self.open[self.depth - 1].name, NAME_SHOWN)));
    }
    int err = add_literal(&self, from, source.len, &tail, &last);
    if (err == 0) {
        *ret_parts = (struct parts){self.source, first};
    }
    return err;
}
