/*
 * stress.c — the same job many times: does it give back what it takes, and does it survive when it
 * gets nothing?
 */
#include "kit/checks.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JOBS_MIN      20 /* fewer say too little */
#define CENSUSES      8
#define RSS_SLACK     (2u << 20) /* bytes by which resident memory may rise: caches, fragments */
#define FINDINGS_EACH 3          /* of failed allocations; more say nothing new */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true /* freed memory is kept for a while: resident memory says nothing */
#else
#define SANITIZED false
#endif

/* --- Leaks -------------------------------------------------------------------------------------*/

/* What was there when a job started. */
struct census {
    int64_t job;
    int64_t blocks;
    int64_t bytes;
    int64_t files;
};

struct many {
    unsigned jobs; /* that were asked for */
    unsigned done;
    unsigned step; /* jobs between two censuses, and until everything should have its size */
    int64_t due_ms;
    size_t memory_before;
    size_t memory_after;
    struct census first;
    struct census last;
    unsigned censuses;
};

static bool run_one(struct trial *self, struct lab *lab)
{
    struct lab_result result;
    struct lab_order order = trial_order(self);
    if (!lab_await(lab, lab_start(lab, &order), self->options->timeout_ms, &result)) {
        return false;
    }
    lab_result_release(&result);
    return true;
}

static void take_census(struct many *many, const struct lab *lab)
{
    for (size_t i = 0; i < json_object_array_length(lab->told); i++) {
        struct json_object *told = json_object_array_get_idx(lab->told, i);
        struct census census;
        if (json_get_i64(told, "census", &census.job) &&
            json_get_i64(told, "blocks", &census.blocks) &&
            json_get_i64(told, "bytes", &census.bytes) &&
            json_get_i64(told, "files", &census.files)) {
            many->first = many->censuses == 0 ? census : many->first;
            many->last = census;
            many->censuses++;
        }
    }
}

/* Runs the job again and again in one process, until it was often enough or the time is up. False:
 * it did not always complete. */
static bool run_many(struct trial *self, struct many *many, const char *const *arguments)
{
    struct lab lab;
    struct run run = {.when = "run many times: "};
    struct hub_error error;
    bool good = lab_open(&lab, &self->subject->setup, WIRE_SERVE, arguments, &error) == 0 &&
                lab.stage == LAB_READY;
    many->due_ms = clock_mono_ms() + self->options->patience_ms / 2;
    for (many->done = 0; good && many->done < many->jobs && clock_mono_ms() < many->due_ms;
         many->done++) {
        if (many->done == many->step) {
            many->memory_before = lab_memory(&lab);
        }
        good = run_one(self, &lab);
    }
    if (good) {
        many->memory_after = lab_memory(&lab);
        lab_close(&lab);
    }
    unsigned breaches = trial_judge_told(self, &run, &lab);
    take_census(many, &lab);
    if (!good && breaches == 0) {
        trial_fail(self, lab.end == LAB_END_SIGNAL ? RULE_CRASH : RULE_NEVER_COMPLETED,
                   "the job completed %u times in one process, and then not: %s", many->done,
                   lab.reason[0] ? lab.reason : "nothing came");
    }
    lab_release(&lab);
    return good && breaches == 0;
}

static void judge_census(struct trial *self, const struct many *many)
{
    int64_t jobs = many->last.job - many->first.job;
    int64_t blocks = many->last.blocks - many->first.blocks;
    int64_t files = many->last.files - many->first.files;
    if (jobs <= 0) {
        return;
    }
    if (blocks * 2 >= jobs) {
        trial_fail(self, RULE_LEAK,
                   "%" PRId64 " jobs left %" PRId64 " allocations of %" PRId64 " bytes in all",
                   jobs, blocks, many->last.bytes - many->first.bytes);
    }
    if (files * 2 >= jobs) {
        trial_fail(self, RULE_LEAK_FILES, "%" PRId64 " jobs left %" PRId64 " open descriptors",
                   jobs, files);
    }
}

/* As many as fit into half the time, since there are two rounds. */
static unsigned jobs_within(const struct trial *self)
{
    int64_t each = self->took_ms > 0 ? self->took_ms : 1;
    int64_t fit = self->options->patience_ms / 2 / each;
    return (unsigned)(fit < self->options->jobs ? fit : self->options->jobs);
}

void check_leaks(struct trial *self)
{
    char step[24];
    struct many many = {.jobs = jobs_within(self)};
    const char *const arguments[] = {"--census", step, NULL};
    if (many.jobs < JOBS_MIN) {
        trial_add(self, VERDICT_SKIP, RULE_TOO_SLOW, "the job takes %" PRId64 " ms", self->took_ms);
        return;
    }
    many.step = many.jobs / CENSUSES;
    snprintf(step, sizeof step, "%u", many.step);
    if (!run_many(self, &many, arguments)) {
        return;
    }
    judge_census(self, &many);
    unsigned counted = many.done;
    if (report_has_failed(self->report, self->check, self->name) || !run_many(self, &many, NULL)) {
        return;
    }
    size_t before = many.memory_before;
    size_t after = many.memory_after;
    if (!SANITIZED && before > 0 && after > before + RSS_SLACK) {
        trial_fail(self, RULE_LEAK, "resident memory rose from %zu to %zu KiB in %u jobs",
                   before >> 10, after >> 10, many.done - many.step);
        return;
    }
    if (many.censuses < 2) {
        trial_add(self, VERDICT_SKIP, RULE_TOO_SLOW, "only %u jobs in the time given", counted);
        return;
    }
    trial_pass(self, "%u jobs: allocations and descriptors level, resident memory %zu → %zu KiB",
               counted, before >> 10, after >> 10);
}

/* --- Allocations that fail ---------------------------------------------------------------------*/

static bool fail_one(struct trial *self, uint64_t number)
{
    char text[24];
    const char *const arguments[] = {"--fail-allocation", text, NULL};
    char when[96];
    struct run run = {.arguments = arguments,
                      .when = when,
                      .broken = RULE_ALLOCATION,
                      .library_may_crash = true,
                      .cancel_after_ms = -1};
    snprintf(text, sizeof text, "%" PRIu64, number);
    snprintf(when, sizeof when, "when allocation %" PRIu64 " of %" PRIu64 " failed: ", number,
             self->allocations);
    unsigned failed = self->report->failed;
    return trial_run(self, &run) || run.declined || self->report->failed == failed;
}

void check_allocations(struct trial *self)
{
    uint64_t all = self->allocations;
    uint64_t tried = all < self->options->allocations ? all : self->options->allocations;
    int64_t due = clock_mono_ms() + self->options->patience_ms;
    unsigned bad = 0;
    uint64_t done = 0;
    if (SANITIZED) {
        trial_add(self, VERDICT_SKIP, RULE_ALLOCATION, "a sanitizer's own allocations would fail");
        return;
    }
    while (done < tried && bad < FINDINGS_EACH && clock_mono_ms() < due) {
        bad += !fail_one(self, 1 + done * all / tried);
        done++;
    }
    if (bad == 0 && all == 0) {
        trial_pass(self, "it makes none");
    } else if (bad == 0) {
        trial_pass(self,
                   "%" PRIu64 " of %" PRIu64
                   " made to fail, one at a time: the connector survived each",
                   done, all);
    }
}
