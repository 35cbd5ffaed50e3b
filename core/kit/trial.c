#include "kit/trial.h"

#include "base/clock.h"
#include "base/json.h"
#include "check/whose.h"
#include "schemas/schema.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 1024

void trial_add(struct trial *self, enum verdict verdict, enum rule rule, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct str whole = str_from_c(text);
    text[str_utf8_valid_prefix(whole)] = '\0';
    report_add(self->report, &(struct finding){
                                 .verdict = verdict,
                                 .check = self->check,
                                 .operation = self->name[0] ? self->name : NULL,
                                 .rule = rule,
                                 .text = text,
                             });
}

struct lab_order trial_order(const struct trial *self)
{
    return (struct lab_order){
        .operation = self->index,
        .input = self->input,
        .files = self->files,
        .file_count = self->file_count,
        .attempt = 1,
        .deadline_ms = self->options->timeout_ms * 2, /* the host's clock shall not interfere */
    };
}

/* --- What was said -----------------------------------------------------------------------------*/

static unsigned take_told(struct trial *self, struct run *run, struct json_object *told)
{
    struct str name;
    struct str text;
    int64_t number;
    if (json_get_i64(told, "allocations", &number)) {
        run->allocations = (uint64_t)number;
    }
    if (json_get_i64(told, "points", &number)) {
        run->points = (uint64_t)number;
    }
    if (json_get_str(told, "failed_in", &text)) {
        snprintf(run->failed_in, sizeof run->failed_in, "%.*s", STR_ARG(text));
    }
    if (json_get_str(told, "crashed_in", &text)) {
        snprintf(run->crashed_in, sizeof run->crashed_in, "%.*s", STR_ARG(text));
    }
    if (!json_get_str(told, "breach", &name) || !json_get_str(told, "text", &text)) {
        return 0;
    }
    char rule_text[64];
    snprintf(rule_text, sizeof rule_text, "%.*s", STR_ARG(name));
    enum rule rule = rule_find(rule_text);
    trial_fail(self, rule < RULE_COUNT ? rule : RULE_BAD_CALL, "%s%.*s", run->when, STR_ARG(text));
    return 1;
}

unsigned trial_judge_told(struct trial *self, struct run *run, const struct lab *lab)
{
    unsigned breaches = 0;
    for (size_t i = 0; i < json_object_array_length(lab->told); i++) {
        breaches += take_told(self, run, json_object_array_get_idx(lab->told, i));
    }
    return breaches;
}

/* The last line that it wrote itself, as ": …", to help its author. */
static void last_words(const struct lab *lab, char *ret_text, size_t room)
{
    struct str all = buf_view(&lab->noise);
    struct str last = {0};
    ret_text[0] = '\0';
    while (all.ptr) {
        struct str line = str_trim(str_split(&all, '\n'));
        last = line.len > 0 ? line : last;
    }
    if (last.len > 0) {
        struct str cut = str_utf8_cut(last, 200);
        snprintf(ret_text, room, " (%.*s)", STR_ARG(cut));
    }
}

/* --- Results -----------------------------------------------------------------------------------*/

static bool judge_json(struct trial *self, const struct run *run, const struct lab_result *result)
{
    struct json_object *value;
    struct hub_error error;
    struct schema_errors errors;
    if (json_read(str_of(result->json, result->json_len), JSON_DEPTH_MAX, &value, NULL, &error) <
        0) {
        trial_fail(self, RULE_BAD_RESULT, "%sthe result is not JSON: %s", run->when, error.detail);
        return false;
    }
    schema_errors_init(&errors, 1);
    bool good = !self->result_schema || schema_validate(self->result_schema, value, &errors) == 0;
    if (!good && errors.len > 0) {
        trial_fail(self, RULE_BAD_RESULT, "%sthe result does not match result_schema: %.*s%s%.*s",
                   run->when, STR_ARG(errors.items[0].pointer),
                   errors.items[0].pointer.len > 0 ? ": " : "", STR_ARG(errors.items[0].detail));
    } else if (!good) {
        trial_fail(self, RULE_BAD_RESULT, "%sthe result can't be checked", run->when);
    }
    schema_errors_release(&errors);
    json_object_put(value);
    return good;
}

static bool judge_result(struct trial *self, struct run *run, const struct lab_result *result)
{
    run->completed = true;
    run->outcome = result->outcome;
    snprintf(run->code, sizeof run->code, "%s", result->code);
    snprintf(run->message, sizeof run->message, "%.*s",
             (int)str_utf8_cut(str_from_c(result->message), sizeof run->message - 1).len,
             result->message);
    if (result->outcome == WIRE_OK) {
        return judge_json(self, run, result);
    }
    if (strcmp(result->code, "output_too_large") == 0) {
        trial_fail(self, RULE_TOO_LARGE, "%s%s", run->when, result->message);
        return false;
    }
    if (strcmp(result->code, "protocol_error") == 0) {
        bool silent = strncmp(result->message, "start()", 7) == 0;
        trial_fail(self, silent ? RULE_NEVER_COMPLETED : RULE_BAD_RESULT, "%s%s", run->when,
                   result->message);
        return false;
    }
    return true;
}

/* --- Ends --------------------------------------------------------------------------------------*/

static enum rule or_own(const struct run *run, enum rule own)
{
    return run->broken < RULE_COUNT ? run->broken : own;
}

/* A library that does not survive without the memory that it wanted for itself. NULL: that is not
 * what happened. */
static const char *library_that_died(const struct run *run, const struct lab *lab)
{
    bool by_loader = lab->end == LAB_END_EXIT && strncmp(run->failed_in, "ld-linux", 8) == 0;
    if (!run->library_may_crash || !run->failed_in[0] ||
        strcmp(run->failed_in, WHOSE_CONNECTOR) == 0) {
        return NULL;
    }
    if (by_loader) {
        return run->failed_in;
    }
    bool own = strcmp(run->crashed_in, WHOSE_CONNECTOR) == 0 || strcmp(run->crashed_in, "?") == 0;
    return lab->end == LAB_END_SIGNAL && run->crashed_in[0] && !own ? run->crashed_in : NULL;
}

/* There is no result: why? */
static void judge_silence(struct trial *self, const struct run *run, const struct lab *lab,
                          unsigned breaches)
{
    char words[512];
    const char *library = library_that_died(run, lab);
    last_words(lab, words, sizeof words);
    if (run->failed_in[0]) {
        snprintf(words, sizeof words, ", where %s had asked for memory", run->failed_in);
    }
    if (lab->stage == LAB_READY) {
        enum rule rule = run->broken == RULE_CANCEL_BROKE ? RULE_CANCEL_IGNORED
                                                          : or_own(run, RULE_NEVER_COMPLETED);
        trial_fail(self, rule, "%sthe job was not completed within %d ms%s", run->when,
                   run->cancel_after_ms >= 0 ? run->cancel_after_ms + self->options->grace_ms
                                             : self->options->timeout_ms,
                   words);
    } else if (lab->stage == LAB_REFUSED) {
        trial_fail(self, or_own(run, RULE_CREATE_FAILED), "%s%s%s", run->when, lab->reason, words);
    } else if (library) { /* once for each library: the same again says nothing */
        trial_add(self, VERDICT_WARN, RULE_ALLOCATION_LIBRARY,
                  "%s does not survive when it gets no memory: %s", library, lab->reason);
    } else if (lab->end == LAB_END_SIGNAL) {
        trial_fail(self, or_own(run, RULE_CRASH), "%s%s%s%s%s", run->when, lab->reason,
                   run->crashed_in[0] ? " in " : "", run->crashed_in, words);
    } else if (breaches == 0) { /* else the process ended because of what was told */
        bool sanitizer = strstr(words, "Sanitizer") != NULL;
        trial_fail(self, or_own(run, sanitizer ? RULE_CRASH : RULE_EXIT), "%s%s%s", run->when,
                   lab->reason, words);
    }
}

static bool judge_end(struct trial *self, const struct run *run, const struct lab *lab,
                      unsigned breaches)
{
    char words[256];
    if (breaches > 0 || (lab->end == LAB_END_EXIT && lab->end_number == 0)) {
        return true;
    }
    last_words(lab, words, sizeof words);
    trial_fail(self, or_own(run, RULE_END), "%safter the last job %s%s", run->when,
               lab->reason[0] ? lab->reason : "it did not exit with code 0", words);
    return false;
}

/* --- A run -------------------------------------------------------------------------------------*/

/* Waits for each attempt that was started. False if one did not come. */
static bool await_all(struct trial *self, struct run *run, struct lab *lab, const uint64_t *tokens,
                      unsigned count, bool *good)
{
    int64_t due = clock_mono_ms() + self->options->timeout_ms;
    if (run->cancel_after_ms >= 0) {
        struct lab_result early;
        if (lab_await(lab, tokens[0], run->cancel_after_ms, &early)) {
            *good &= judge_result(self, run, &early);
            lab_result_release(&early);
            return true;
        }
        lab_cancel(lab, tokens[0]);
        due = clock_mono_ms() + self->options->grace_ms;
    }
    for (unsigned i = 0; i < count; i++) {
        struct lab_result result;
        int64_t left = due - clock_mono_ms();
        if (!lab_await(lab, tokens[i], left > 0 ? (int)left : 0, &result)) {
            return false;
        }
        *good &= judge_result(self, run, &result);
        lab_result_release(&result);
    }
    return true;
}

static bool run_jobs(struct trial *self, struct run *run, struct lab *lab)
{
    uint64_t tokens[LAB_RESULTS_MAX];
    unsigned count = run->at_once ? run->at_once : 1;
    struct lab_order order = trial_order(self);
    bool good = true;
    int64_t began = clock_mono_ms();
    for (unsigned i = 0; i < count; i++) {
        tokens[i] = lab_start(lab, &order);
    }
    bool came = await_all(self, run, lab, tokens, count, &good);
    run->took_ms = clock_mono_ms() - began;
    if (came) {
        lab_close(lab);
    }
    unsigned breaches = trial_judge_told(self, run, lab);
    if (!came) {
        run->completed = false;
        judge_silence(self, run, lab, breaches);
        return false;
    }
    return judge_end(self, run, lab, breaches) && good && breaches == 0;
}

bool trial_run(struct trial *self, struct run *run)
{
    struct lab lab;
    struct hub_error error;
    bool good = false;
    run->when = run->when ? run->when : "";
    if (lab_open(&lab, &self->subject->setup, WIRE_SERVE, run->arguments, &error) < 0) {
        trial_fail(self, RULE_EXIT, "%sthe check could not be made: %s", run->when, error.detail);
    } else if (lab.stage == LAB_READY) {
        good = run_jobs(self, run, &lab);
    } else {
        run->declined = lab.stage == LAB_REFUSED && strstr(lab.reason, "create()") != NULL;
        lab_close(&lab);
        unsigned breaches = trial_judge_told(self, run, &lab);
        if (!run->declined) {
            judge_silence(self, run, &lab, breaches);
        }
    }
    lab_release(&lab);
    return good;
}
