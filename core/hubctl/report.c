#include "hubctl/report.h"

#include "base/json.h"
#include "hubctl/exits.h"
#include "hubctl/must.h"
#include "hubctl/text.h"

#define ERRORS_SHOWN_MAX 20
#define BODY_SHOWN_MAX   300 /* of an answer that is no problem+json */

static const char *exit_name(int code)
{
    switch (code) {
#define X(name, number, meaning)                                                                   \
    case number:                                                                                   \
        return #name;
        EXITS_MAP(X)
#undef X
    }
    return "UNKNOWN";
}

static void write_json_error(struct json_object *object)
{
    struct buf line;

    buf_init(&line, BUF_NO_LIMIT);
    text_append_json(&line, object);
    buf_append_char(&line, '\n');
    output_write_error(&line);
    buf_release(&line);
}

static void add_string(struct json_object *object, const char *name, struct str text)
{
    must_ok(json_object_object_add(object, name,
                                   must(json_object_new_string_len(text.ptr, (int)text.len))));
}

static void begin(const struct output *output, struct buf *block)
{
    buf_init(block, BUF_NO_LIMIT);
    style_append(block, output->err_colour, STYLE_RED, STR("hubctl:"));
    buf_append_char(block, ' ');
}

static void append_hint(const struct output *output, struct buf *block, const char *hint)
{
    if (hint) {
        buf_append_str(block, STR("  "));
        style_append(block, output->err_colour, STYLE_DIM, str_from_c(hint));
        buf_append_char(block, '\n');
    }
}

void report_error(const struct output *output, int code, struct str text, const char *hint)
{
    struct buf block;

    if (output->json) {
        struct json_object *object = must(json_object_new_object());
        struct buf name;

        buf_init(&name, BUF_NO_LIMIT);
        for (const char *c = exit_name(code); *c; c++) {
            buf_append_char(&name, *c == '_' ? '_' : (char)(*c | 0x20));
        }
        add_string(object, "code", buf_view(&name));
        add_string(object, "detail", text);
        must_ok(json_object_object_add(object, "exit", must(json_object_new_int(code))));
        write_json_error(object);
        buf_release(&name);
        json_object_put(object);
        return;
    }
    begin(output, &block);
    text_append_safe(&block, text);
    buf_append_char(&block, '\n');
    append_hint(output, &block, hint);
    output_write_error(&block);
    buf_release(&block);
}

/* --- refusals --------------------------------------------------------------------------------- */

/* "    text", broken below itself. */
static void append_indented(const struct output *output, struct buf *block, struct str text,
                            size_t indent)
{
    struct buf safe;
    size_t width = output->err_width < OUTPUT_TEXT_WIDTH ? output->err_width : OUTPUT_TEXT_WIDTH;

    buf_init(&safe, BUF_NO_LIMIT);
    text_append_safe(&safe, text);
    text_append_blanks(block, indent);
    text_append_wrapped(block, buf_view(&safe), indent, width);
    buf_append_char(block, '\n');
    buf_release(&safe);
}

static void append_pointer(const struct output *output, struct buf *block, struct str pointer)
{
    buf_append_str(block, STR("  "));
    style_append(block, output->err_colour, STYLE_YELLOW,
                 pointer.len > 0 ? pointer : STR("(the whole)"));
    buf_append_char(block, '\n');
}

static void append_pointers(const struct output *output, struct buf *block,
                            struct json_object *errors)
{
    size_t len = json_object_array_length(errors);

    for (size_t i = 0; i < len && i < ERRORS_SHOWN_MAX; i++) {
        struct json_object *one = json_object_array_get_idx(errors, i);
        struct str pointer = STR("");
        struct str detail = STR("");

        json_get_str(one, "pointer", &pointer);
        json_get_str(one, "detail", &detail);
        append_pointer(output, block, pointer);
        append_indented(output, block, detail, 4);
    }
    if (len > ERRORS_SHOWN_MAX) {
        buf_append_format(block, "  … and %zu more\n", len - ERRORS_SHOWN_MAX);
    }
}

/* The detail of a problem often is that of its first error: once is enough. */
static bool says_the_same(struct json_object *errors, struct str detail)
{
    struct str first;

    return json_object_array_length(errors) > 0 &&
           json_get_str(json_object_array_get_idx(errors, 0), "detail", &first) &&
           str_eq(first, detail);
}

static const char *hint_for(const struct reply *reply, bool had_key)
{
    switch (reply->status) {
    case 401:
        return had_key ? "hubd does not know this key; `hubctl keys list` shows those it knows."
                       : "Give a key with --key-file FILE or in HUBCTL_KEY.";
    case 403:
        return "The key has other scopes; `hubctl keys create` makes one with more.";
    case 507:
        return "hubd's disk is nearly full: running jobs still end, new ones must wait.";
    default:
        return NULL;
    }
}

static void append_problem(const struct output *output, struct buf *block,
                           struct json_object *problem, const struct reply *reply)
{
    struct json_object *errors = NULL;
    struct str title = STR("refused");
    struct str detail = STR("");
    struct str code = STR("");

    json_get_str(problem, "title", &title);
    json_get_str(problem, "detail", &detail);
    json_get_str(problem, "code", &code);
    text_append_safe(block, title);
    buf_append_format(block, " (%ld", reply->status);
    if (code.len > 0) {
        buf_append_char(block, ' ');
        text_append_safe(block, code);
    }
    buf_append_str(block, STR(")\n"));
    bool has_errors = json_get_array(problem, "errors", &errors);
    if (detail.len > 0 && !str_eq(detail, title) &&
        !(has_errors && says_the_same(errors, detail))) {
        append_indented(output, block, detail, 2);
    }
    if (has_errors) {
        append_pointers(output, block, errors);
    }
}

static void append_other(struct buf *block, const struct reply *reply)
{
    buf_append_format(block, "HTTP %ld", reply->status);
    if (reply->body.len > 0) {
        buf_append_str(block, STR(": "));
        text_append_safe(block, str_slice(buf_view(&reply->body), 0, BODY_SHOWN_MAX));
    }
    buf_append_char(block, '\n');
}

void report_refusal(const struct output *output, const struct reply *reply, bool had_key)
{
    struct json_object *problem = NULL;
    struct buf block;
    bool is_problem =
        json_read(buf_view(&reply->body), JSON_DEPTH_MAX, &problem, NULL, NULL) == 0 &&
        json_object_is_type(problem, json_type_object);

    if (output->json && is_problem) {
        write_json_error(problem);
        json_object_put(problem);
        return;
    }
    begin(output, &block);
    if (is_problem) {
        append_problem(output, &block, problem, reply);
    } else {
        append_other(&block, reply);
    }
    if (reply->retry_after[0]) {
        buf_append_str(&block, STR("  hubd asks to try again after "));
        text_append_safe(&block, str_from_c(reply->retry_after));
        buf_append_str(&block, STR(" s\n"));
    }
    append_hint(output, &block, hint_for(reply, had_key));
    output_write_error(&block);
    buf_release(&block);
    json_object_put(problem);
}
