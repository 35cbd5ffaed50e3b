#include "kit/check.h"

#include "kit/checks.h"
#include "schemas/schema.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Checks in their order. One that `needs` an input is skipped where there is none; one that is
 * `basic` and fails ends an operation's checks: all later ones would say the same again. */
static const struct entry {
    const char *name;
    void (*run)(struct trial *trial);
    bool needs_input;
    bool basic;
} CHECKS[] = {
    {"schemas", check_schemas, false, false},
    {"example", check_example, false, true},
    {"completion", check_watched, true, true}, /* first: hub-check knows what went wrong */
    {"run", check_run, true, true},
    {"in_flight", check_in_flight, true, false},
    {"cancel", check_cancel, true, false},
    {"older_host", check_older_host, true, false},
    {"newer_host", check_newer_host, true, false},
    {"leaks", check_leaks, true, false},
    {"allocations", check_allocations, true, false},
};

static void trial_release(struct trial *self)
{
    for (unsigned i = 0; i < self->file_count; i++) {
        close(self->files[i].fd);
    }
    schema_free(self->input_schema);
    schema_free(self->result_schema);
    json_object_put(self->input_document);
    json_object_put(self->result_document);
}

static void check_operation(struct trial *self)
{
    for (size_t i = 0; i < sizeof CHECKS / sizeof CHECKS[0]; i++) {
        const struct entry *entry = &CHECKS[i];
        if (entry->needs_input && self->input.len == 0) {
            continue;
        }
        self->check = entry->name;
        entry->run(self);
        if (entry->basic && report_has_failed(self->report, entry->name, self->name)) {
            return;
        }
    }
}

void check_connector(struct subject *subject, const struct check_options *options,
                     struct report *report)
{
    struct trial whole = {.subject = subject, .options = options, .report = report};
    whole.check = "file";
    check_file(&whole);
    whole.check = "descriptor";
    check_descriptor(&whole);
    for (size_t i = 0; i < subject_operations(subject); i++) {
        struct trial trial = whole;
        trial.index = (unsigned)i;
        trial.operation = subject_operation(subject, i);
        snprintf(trial.name, sizeof trial.name, "%.*s",
                 STR_ARG(subject_text(trial.operation, "name")));
        if (!options->operation || strcmp(options->operation, trial.name) == 0) {
            check_operation(&trial);
        }
        trial_release(&trial);
    }
}
