/*
 * static.c — what can be seen without running a job: file, descriptor, schemas, examples.
 */
#include "kit/checks.h"

#include "api/places.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "schemas/schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- The file ----------------------------------------------------------------------------------*/

static void check_exports(struct trial *self, const struct elf *elf)
{
    char others[256];
    struct buf names;
    unsigned count = 0;
    bool entry = false;
    buf_init_fixed(&names, others, sizeof others);
    for (unsigned i = 0; i < elf->export_count; i++) {
        if (str_eq(elf->exports[i], STR("hub_connector_entry"))) {
            entry = true;
        } else if (count++ < 3) {
            buf_append_format(&names, "%s%.*s", count > 1 ? ", " : "", STR_ARG(elf->exports[i]));
        }
    }
    if (!entry) {
        trial_fail(self, RULE_EXPORTS, "it does not export hub_connector_entry()");
    }
    if (count > 0) {
        trial_fail(self, RULE_EXPORTS,
                   "it exports %s%u symbols besides hub_connector_entry(): %s%s",
                   elf->more_exports ? "more than " : "", count, buf_failed(&names) ? "" : others,
                   count > 3 ? ", …" : "");
    }
}

static void check_mode(struct trial *self)
{
    const struct stat *st = &self->subject->stat;
    if (st->st_mode & S_IWOTH) {
        trial_fail(self, RULE_WORLD_WRITABLE, "everybody may write to it (mode %04o)",
                   (unsigned)(st->st_mode & 07777));
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        trial_fail(self, RULE_FILE_OWNER, "it belongs to uid %u, neither root nor you",
                   (unsigned)st->st_uid);
    }
}

void check_file(struct trial *self)
{
    const struct subject *subject = self->subject;
    check_mode(self);
    if (!subject->is_elf) {
        trial_fail(self, RULE_NOT_A_LIBRARY, "%s", subject->elf_error.detail);
        return;
    }
    check_exports(self, &subject->elf);
    if (subject->elf.executable_stack) {
        trial_fail(self, RULE_EXECUTABLE_STACK, "it asks for a stack that can be executed");
    }
    if (subject->elf.text_relocations) {
        trial_fail(self, RULE_TEXT_RELOCATIONS, "its code must be written to when it is loaded");
    }
    if (!report_has_failed(self->report, self->check, NULL)) {
        trial_pass(self, "exports hub_connector_entry() and nothing else");
    }
}

/* --- The descriptor ----------------------------------------------------------------------------*/

static void audit(struct trial *self)
{
    static const char *const ARGUMENTS[] = {"--audit", NULL};
    struct lab lab;
    struct hub_error error;
    struct run run = {.when = ""};
    if (lab_open(&lab, &self->subject->setup, WIRE_INSPECT, ARGUMENTS, &error) < 0) {
        trial_fail(self, RULE_CRASH_AT_LOAD, "it could not be looked at: %s", error.detail);
    } else {
        lab_close(&lab);
        if (trial_judge_told(self, &run, &lab) == 0 && lab.stage != LAB_READY &&
            lab.stage != LAB_GONE) {
            trial_fail(self, RULE_CRASH_AT_LOAD, "%s", lab.reason);
        } else if (lab.end == LAB_END_SIGNAL) {
            trial_fail(self, RULE_CRASH_AT_LOAD,
                       "hub_connector_entry() called with another ABI: %s", lab.reason);
        }
    }
    lab_release(&lab);
}

void check_descriptor(struct trial *self)
{
    struct subject *subject = self->subject;
    if (subject->stage != LAB_READY) {
        bool crashed = subject->stage == LAB_GONE || subject->stage == LAB_SLOW;
        trial_fail(self, crashed ? RULE_CRASH_AT_LOAD : RULE_REFUSED, "%s", subject->reason);
        return;
    }
    audit(self);
    if (subject_text(subject->descriptor, "summary").len == 0) {
        trial_add(self, VERDICT_WARN, RULE_NO_SUMMARY, "the connector has no summary");
    }
    if (!report_has_failed(self->report, self->check, NULL)) {
        struct str name = subject_text(subject->descriptor, "name");
        struct str version = subject_text(subject->descriptor, "version");
        trial_pass(self, "%.*s %.*s, %s, %zu operation%s", STR_ARG(name), STR_ARG(version),
                   subject_is_async(subject) ? "async" : "blocking", subject_operations(subject),
                   subject_operations(subject) == 1 ? "" : "s");
    }
}

/* --- Schemas and examples ----------------------------------------------------------------------*/

static void check_schema(struct trial *self, const char *name, struct json_object **ret_document,
                         struct schema **ret_schema)
{
    struct hub_error error;
    if (subject_schema(self->operation, name, ret_document, ret_schema, &error) < 0) {
        trial_fail(self, RULE_BAD_SCHEMA, "%s: %s", name, error.detail);
    }
}

void check_schemas(struct trial *self)
{
    struct json_object *account = NULL;
    struct schema *account_schema = NULL;
    struct hub_error error;
    check_schema(self, "input_schema", &self->input_document, &self->input_schema);
    check_schema(self, "result_schema", &self->result_document, &self->result_schema);
    if (subject_schema(self->subject->descriptor, "account_schema", &account, &account_schema,
                       &error) < 0) {
        trial_fail(self, RULE_BAD_SCHEMA, "account_schema: %s", error.detail);
    }
    if (subject_text(self->operation, "summary").len == 0) {
        trial_add(self, VERDICT_WARN, RULE_NO_SUMMARY, "the operation has no summary");
    }
    if (!report_has_failed(self->report, self->check, self->name)) {
        trial_pass(self, "input%s%s", self->result_schema ? " and result" : " (result: anything)",
                   account_schema ? ", and account" : "");
    }
    schema_free(account_schema);
    json_object_put(account);
}

/* A file with these bytes; -1 if they are none. */
static int file_of_base64(struct str text)
{
    struct buf bytes;
    int fd = -1;
    buf_init(&bytes, text.len);
    if (base64_decode(text, &bytes) == 0) {
        fd = memfd_create("hub-check", MFD_CLOEXEC);
        if (fd >= 0 && file_write_all(fd, bytes.ptr, bytes.len) < 0) {
            close(fd);
            fd = -1;
        }
    }
    buf_release(&bytes);
    return fd;
}

/* The descriptor for a file that the input names; -1 and a finding if there is none. */
static int open_file(struct trial *self, const struct file_ref *ref)
{
    const struct check_options *options = self->options;
    for (unsigned i = 0; i < options->file_count; i++) {
        if (str_eq(str_from_c(options->files[i].pointer), ref->pointer)) {
            int fd = open(options->files[i].path, O_RDONLY | O_CLOEXEC);
            if (fd < 0) {
                trial_fail(self, RULE_EXAMPLE_FILE, "%s cannot be opened", options->files[i].path);
            }
            return fd;
        }
    }
    if (ref->kind == FILE_REF_DATA) {
        int fd = file_of_base64(ref->data);
        if (fd < 0) {
            trial_fail(self, RULE_BAD_EXAMPLE, "%.*s/data is not Base64", STR_ARG(ref->pointer));
        }
        return fd;
    }
    trial_add(self, VERDICT_SKIP, RULE_EXAMPLE_FILE, "the example takes a file at %.*s",
              STR_ARG(ref->pointer));
    return -1;
}

/* The views in `files` are of the trial's input, or of the arena, which lives as long. */
static bool take_files(struct trial *self, struct json_object *input)
{
    struct arena *arena = &self->report->arena;
    struct places places;
    struct file_ref *refs;
    unsigned count = 0;
    if (places_compile(self->input_document, arena, &places) < 0 ||
        places_collect(&places, input, arena, &refs, &count) < 0 || count > CHECK_FILES_MAX) {
        trial_fail(self, RULE_BAD_EXAMPLE, "it names too many files");
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct lab_file *file = &self->files[i];
        file->pointer = refs[i].pointer;
        file->name = arena_str(arena, refs[i].kind == FILE_REF_DATA ? refs[i].name : STR("file"));
        file->media_type = arena_str(arena, refs[i].media_type);
        file->fd = open_file(self, &refs[i]);
        if (file->fd < 0) {
            return false;
        }
        self->file_count = i + 1;
    }
    return true;
}

/* Is `input` valid? It becomes the trial's if it can be run. */
static void take_input(struct trial *self, struct str text)
{
    struct json_object *input;
    struct schema_errors errors;
    struct hub_error error;
    if (json_read(text, JSON_DEPTH_MAX, &input, NULL, &error) < 0) {
        trial_fail(self, RULE_BAD_EXAMPLE, "it is not JSON: %s", error.detail);
        return;
    }
    schema_errors_init(&errors, 1);
    if (self->input_schema && schema_validate(self->input_schema, input, &errors) < 0) {
        struct schema_error none = {.detail = STR_INIT("it can't be checked")};
        struct schema_error *first = errors.len > 0 ? &errors.items[0] : &none;
        trial_fail(self, RULE_BAD_EXAMPLE, "it does not match input_schema: %.*s%s%.*s",
                   STR_ARG(first->pointer), first->pointer.len > 0 ? ": " : "",
                   STR_ARG(first->detail));
    } else if (self->input_schema && take_files(self, input)) {
        self->input = text;
        trial_pass(self, "%s", self->options->input ? "--input is valid" : "valid");
    }
    schema_errors_release(&errors);
    json_object_put(input);
}

void check_example(struct trial *self)
{
    struct str example = subject_text(self->operation, "example");
    if (self->options->input) {
        take_input(self, str_from_c(self->options->input));
    } else if (example.len > 0) {
        take_input(self, example);
    } else {
        trial_add(self, VERDICT_WARN, RULE_NO_EXAMPLE, "there is none: nothing of it can be run");
    }
}
