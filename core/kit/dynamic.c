/*
 * dynamic.c — what is seen when jobs run: the plain way, watched, cancelled at every point, with
 * hosts of other ages.
 */
#include "kit/checks.h"

#include "base/json.h"

#include <hub/connector.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POINTS_MAX   32 /* that are tried; more are sampled evenly */
#define AT_ONCE      16
#define MIDDLE_AT_MS 20 /* jobs that take longer are also cancelled half-way */

static const char *const OUTCOMES[] = {
    [WIRE_OK] = "succeeded",
    [WIRE_FAIL] = "failed",
    [WIRE_RETRY] = "asked for a retry",
    [WIRE_UNKNOWN] = "ended as unknown",
};

/* --- As hubd runs it ---------------------------------------------------------------------------*/

void check_run(struct trial *self)
{
    struct run run = {.broken = RULE_COUNT, .cancel_after_ms = -1};
    bool good = trial_run(self, &run);
    if (run.declined) {
        trial_fail(self, RULE_CREATE_FAILED, "create() returned NULL");
    } else if (good && run.outcome != WIRE_OK) {
        trial_add(self, VERDICT_WARN, RULE_EXAMPLE_FAILED, "the job %s with %s: %s",
                  OUTCOMES[run.outcome], run.code, run.message);
    } else if (good) {
        trial_pass(self, "succeeds in %" PRId64 " ms%s", run.took_ms,
                   self->result_schema ? ", and the result matches its schema" : "");
    }
}

/* --- Watched -----------------------------------------------------------------------------------*/

void check_watched(struct trial *self)
{
    static const char *const ARGUMENTS[] = {NULL};
    struct run run = {.arguments = ARGUMENTS, .broken = RULE_COUNT, .cancel_after_ms = -1};
    bool good = trial_run(self, &run);
    if (run.declined) {
        trial_fail(self, RULE_CREATE_FAILED, "create() returned NULL");
    }
    self->outcome = run.outcome;
    self->allocations = run.allocations;
    self->points = run.points;
    self->took_ms = run.took_ms;
    if (good) {
        trial_pass(self, "completed once, and left alone afterwards");
    }
}

void check_in_flight(struct trial *self)
{
    static const char *const ARGUMENTS[] = {NULL};
    struct run run = {
        .arguments = ARGUMENTS, .broken = RULE_COUNT, .cancel_after_ms = -1, .at_once = AT_ONCE};
    if (!subject_is_async(self->subject)) {
        return; /* one at a time is all that it gets */
    }
    if (trial_run(self, &run)) {
        trial_pass(self, "%d jobs at once", AT_ONCE);
    }
}

/* --- Cancelled ---------------------------------------------------------------------------------*/

static bool cancel_at(struct trial *self, uint64_t point)
{
    char number[24];
    char when[64];
    const char *const arguments[] = {"--cancel-at", number, NULL};
    struct run run = {
        .arguments = arguments, .when = when, .cancel_after_ms = -1, .broken = RULE_CANCEL_BROKE};
    snprintf(number, sizeof number, "%" PRIu64, point);
    snprintf(when, sizeof when, "cancelled at point %" PRIu64 " of %" PRIu64 ": ", point + 1,
             self->points);
    return trial_run(self, &run);
}

static bool cancel_after(struct trial *self, int ms, const char *when)
{
    static const char *const ARGUMENTS[] = {NULL};
    struct run run = {
        .arguments = ARGUMENTS, .when = when, .cancel_after_ms = ms, .broken = RULE_CANCEL_BROKE};
    return trial_run(self, &run);
}

void check_cancel(struct trial *self)
{
    uint64_t tried = self->points < POINTS_MAX ? self->points : POINTS_MAX;
    bool good = cancel_after(self, 0, "cancelled at once: ");
    if (good && self->took_ms > MIDDLE_AT_MS) {
        good = cancel_after(self, (int)(self->took_ms / 2), "cancelled half-way: ");
    }
    for (uint64_t i = 0; i < tried && good; i++) {
        good = cancel_at(self, i * self->points / tried);
    }
    if (good && self->points == 0) {
        trial_pass(self, "it is complete when start() returns");
    } else if (good) {
        trial_pass(self, "at once%s and at %" PRIu64 " of %" PRIu64 " points",
                   self->took_ms > MIDDLE_AT_MS ? ", half-way" : "", tried, self->points);
    }
}

/* --- Hosts of other ages -----------------------------------------------------------------------*/

void check_older_host(struct trial *self)
{
    static const char *const ARGUMENTS[] = {"--host", "older", NULL};
    struct run run = {.arguments = ARGUMENTS,
                      .when = "with a host of ABI 1.0 and no extensions: ",
                      .broken = RULE_OLDER_HOST,
                      .cancel_after_ms = -1};
    bool good = trial_run(self, &run);
    if (run.declined) {
        trial_pass(self, "create() declines a host without extensions");
    } else if (good) {
        trial_pass(self, "ABI 1.0 without extensions: the job %s", OUTCOMES[run.outcome]);
    }
}

void check_newer_host(struct trial *self)
{
    static const char *const ARGUMENTS[] = {"--host", "newer", NULL};
    struct run run = {.arguments = ARGUMENTS,
                      .when = "with a host of a later minor version: ",
                      .broken = RULE_NEWER_HOST,
                      .cancel_after_ms = -1};
    int64_t abi = HUB_ABI;
    if (json_get_i64(self->subject->descriptor, "abi", &abi) && abi > HUB_ABI) {
        trial_pass(self, "not played: it is of a later version itself");
        return;
    }
    bool good = trial_run(self, &run);
    if (run.declined) {
        trial_fail(self, RULE_NEWER_HOST, "create() returned NULL to a host of a later version");
    } else if (good && run.outcome != self->outcome) {
        trial_fail(self, RULE_NEWER_HOST, "with a host of a later version the job %s, else it %s",
                   OUTCOMES[run.outcome], OUTCOMES[self->outcome]);
    } else if (good) {
        trial_pass(self, "longer structs, and functions behind the last: the same outcome");
    }
}
