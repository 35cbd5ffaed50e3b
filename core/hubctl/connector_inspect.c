/* hubctl connector inspect: what a file says about itself, read without trusting it. */
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/connector_file.h"
#include "hubctl/connector_view.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"
#include "kit/linked.h"
#include "kit/subject.h"

#include <hub/connector.h>

#include <string.h>
#include <unistd.h>

#define LIBRARIES_SHOWN_MAX 512

static void add(struct json_object *object, const char *name, struct json_object *value)
{
    must_ok(json_object_object_add(object, name, value));
}

static struct json_object *text(struct str s)
{
    return s.ptr ? must(json_object_new_string_len(s.ptr, (int)s.len)) : NULL;
}

static struct json_object *c_text(const char *s)
{
    return s ? must(json_object_new_string(s)) : NULL;
}

/* --- As the API tells it -----------------------------------------------------------------------*/

/* JSON in a string becomes JSON; what is none stays a string. */
static struct json_object *unpacked(struct json_object *object, const char *name)
{
    struct str json = subject_text(object, name);
    struct json_object *value;

    if (json.len == 0) {
        return NULL;
    }
    return json_read(json, JSON_DEPTH_MAX, &value, NULL, NULL) == 0 ? value : text(json);
}

static struct json_object *operation_of(const struct subject *subject, size_t index)
{
    static const char *const SAFETY[] = {"safe", "safe_with_key", "never"};
    struct json_object *raw = subject_operation(subject, index);
    struct json_object *made = must(json_object_new_object());
    int64_t safety = connector_number(raw, "retry_safety");
    struct buf type;

    buf_init(&type, BUF_NO_LIMIT);
    buf_append_str(&type, subject_text(subject->descriptor, "name"));
    buf_append_char(&type, '.');
    buf_append_str(&type, subject_text(raw, "name"));
    must_buf(&type);
    add(made, "type", text(buf_view(&type)));
    add(made, "name", text(subject_text(raw, "name")));
    add(made, "summary", text(subject_text(raw, "summary")));
    add(made, "retry_safety", c_text(safety >= 0 && safety <= 2 ? SAFETY[safety] : "?"));
    add(made, "timeout_ms", must(json_object_new_int64(connector_number(raw, "timeout_ms"))));
    add(made, "max_attempts", must(json_object_new_int64(connector_number(raw, "max_attempts"))));
    add(made, "input_schema", unpacked(raw, "input_schema"));
    add(made, "result_schema", unpacked(raw, "result_schema"));
    add(made, "example", unpacked(raw, "example"));
    buf_release(&type);
    return made;
}

static struct json_object *library_of(const struct linked *linked)
{
    struct json_object *made = must(json_object_new_object());

    add(made, "name", c_text(linked->name));
    add(made, "path", c_text(linked->path));
    add(made, "package", c_text(linked->package));
    add(made, "version", c_text(linked->version));
    add(made, "through", c_text(linked->through));
    return made;
}

static struct json_object *borrowed(struct json_object *object, const char *name)
{
    return json_object_get(json_object_object_get(object, name));
}

static void add_descriptor(struct json_object *made, const struct subject *subject)
{
    struct json_object *raw = subject->descriptor;
    struct json_object *operations = must(json_object_new_array());
    struct buf abi;
    int64_t number = connector_number(raw, "abi");

    buf_init(&abi, BUF_NO_LIMIT);
    buf_append_format(&abi, "%u.%u", HUB_ABI_MAJOR((uint32_t)number),
                      HUB_ABI_MINOR((uint32_t)number));
    must_buf(&abi);
    add(made, "name", text(subject_text(raw, "name")));
    add(made, "version", text(subject_text(raw, "version")));
    add(made, "abi", text(buf_view(&abi)));
    add(made, "licence", text(subject_text(raw, "licence")));
    add(made, "summary", text(subject_text(raw, "summary")));
    add(made, "mode", c_text(subject_is_async(subject) ? "async" : "blocking"));
    add(made, "max_in_flight", must(json_object_new_int64(connector_number(raw, "max_in_flight"))));
    add(made, "account_schema", unpacked(raw, "account_schema"));
    add(made, "hosts", borrowed(raw, "hosts"));
    add(made, "paths", borrowed(raw, "paths"));
    for (size_t i = 0; i < subject_operations(subject); i++) {
        must_ok(json_object_array_add(operations, operation_of(subject, i)));
    }
    add(made, "operations", operations);
    buf_release(&abi);
}

static struct json_object *report_of(const struct subject *subject,
                                     const struct linked_list *libraries)
{
    struct json_object *made = must(json_object_new_object());
    struct json_object *list = must(json_object_new_array());

    add(made, "file", c_text(subject->path));
    add(made, "bytes", must(json_object_new_int64(subject->stat.st_size)));
    add(made, "accepted", must(json_object_new_boolean(subject->descriptor != NULL)));
    add(made, "reason", subject->descriptor ? NULL : c_text(subject->reason));
    if (subject->descriptor) {
        add_descriptor(made, subject);
    }
    for (size_t i = 0; i < libraries->len; i++) {
        must_ok(json_object_array_add(list, library_of(&libraries->items[i])));
    }
    add(made, "libraries", list);
    return made;
}

/* --- For people --------------------------------------------------------------------------------*/

static void append_list(const struct output *output, struct buf *buf, const char *label,
                        struct json_object *list, const char *none)
{
    struct buf line;

    buf_init(&line, BUF_NO_LIMIT);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        buf_append_str(&line, i > 0 ? STR(", ") : STR(""));
        buf_append_str(&line, json_str(json_object_array_get_idx(list, i)));
    }
    connector_line(output, buf, label, line.len > 0 ? buf_view(&line) : str_from_c(none));
    buf_release(&line);
}

static void append_head(const struct output *output, struct buf *buf, struct json_object *report)
{
    struct buf size;

    buf_init(&size, BUF_NO_LIMIT);
    human_append_size(&size, (uint64_t)connector_number(report, "bytes"));
    style_append(buf, output->out_colour, STYLE_BOLD, text_member(report, "name"));
    buf_append_char(buf, ' ');
    text_append_safe(buf, text_member(report, "version"));
    buf_append_char(buf, '\n');
    connector_line(output, buf, "what", text_member(report, "summary"));
    connector_line(output, buf, "mode", text_member(report, "mode"));
    connector_line(output, buf, "ABI", text_member(report, "abi"));
    connector_line(output, buf, "licence", text_member(report, "licence"));
    connector_line(output, buf, "file", text_member(report, "file"));
    connector_line(output, buf, "size", buf_view(&size));
    append_list(output, buf, "network", json_object_object_get(report, "hosts"), "none");
    append_list(output, buf, "reads", json_object_object_get(report, "paths"),
                "no files but those of its jobs");
    connector_line(output, buf, "account",
                   json_object_object_get(report, "account_schema") ? STR("takes one")
                                                                    : STR("takes none"));
    buf_release(&size);
}

static void append_libraries(const struct output *output, struct buf *buf,
                             const struct linked_list *libraries)
{
    static const struct column columns[] = {
        {"LIBRARY", .keep = true},
        {"PACKAGE", .keep = true},
        {"VERSION", .rank = 1},
        {"THROUGH", .rank = 2},
    };
    struct table table;

    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < libraries->len && i < LIBRARIES_SHOWN_MAX; i++) {
        const struct linked *one = &libraries->items[i];

        table_cell(&table, i < libraries->direct ? STYLE_BOLD : STYLE_PLAIN, str_from_c(one->name));
        table_cell(&table, one->path ? STYLE_PLAIN : STYLE_RED,
                   !one->path     ? STR("not found")
                   : one->package ? str_from_c(one->package)
                                  : STR("no package's"));
        table_cell(&table, STYLE_PLAIN, str_from_c(one->version));
        table_cell(&table, STYLE_DIM, str_from_c(one->through));
    }
    buf_append_char(buf, '\n');
    table_append(&table, buf, 2, output->out_width, output->out_colour);
    table_release(&table);
}

static void show(const struct output *output, struct json_object *report,
                 const struct linked_list *libraries)
{
    struct json_object *operations = json_object_object_get(report, "operations");
    struct json_object *account = json_object_object_get(report, "account_schema");
    struct buf out;

    buf_init(&out, BUF_NO_LIMIT);
    append_head(output, &out, report);
    connector_append_operations(output, &out, operations);
    for (size_t i = 0; i < json_object_array_length(operations); i++) {
        buf_append_char(&out, '\n');
        connector_append_operation(output, &out, json_object_array_get_idx(operations, i));
    }
    if (account) {
        connector_append_account(output, &out, account);
    }
    append_libraries(output, &out, libraries);
    output_write(&out);
    buf_release(&out);
}

/* --- The command -------------------------------------------------------------------------------*/

static int inspect(struct app *app, struct subject *subject)
{
    struct linked_list libraries = {0};
    struct hub_error error;
    int code = EXITS_OK;

    if (subject->is_elf && linked_find(&subject->elf, &app->arena, &libraries, &error) < 0) {
        return app_fail_with(app, &error);
    }
    struct json_object *report = report_of(subject, &libraries);
    if (app->output.json) {
        output_json(report);
    } else if (subject->descriptor) {
        show(&app->output, report, &libraries);
    }
    if (!subject->descriptor) {
        code = app_fail(app, EXITS_JOB, "%s: %s", subject->path,
                        subject->is_elf ? subject->reason : subject->elf_error.detail);
    }
    json_object_put(report);
    return code;
}

static int run(struct app *app, const struct options *options)
{
    return connector_file_with(app, options->words[0], inspect);
}

const struct command connector_inspect = {
    .name = "inspect",
    .summary = "what a file offers, asks for and is linked with",
    .usage = "FILE",
    .about = "Reads the connector's descriptor in a confined process of its own, as hubd does, and "
             "prints its operations with their schemas, the permissions that it asks for, and the "
             "libraries that it is linked with, with their Debian packages. No code of the file "
             "runs in hubctl itself.",
    .examples = "hubctl connector inspect greeter.so\n"
                "hubctl connector inspect greeter.so --json",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_FILE,
};
