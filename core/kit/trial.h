/*
 * trial.h — an operation with an input, ready to be run; and one run of it, judged.
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_KIT_TRIAL_H
#define HUB_KIT_TRIAL_H

#include "kit/check.h"
#include "kit/lab.h"

struct schema;

struct trial {
    struct subject *subject;
    const struct check_options *options;
    struct report *report;
    const char *check; /* the one that is at work */
    unsigned index;    /* of the operation */
    char name[65];
    struct json_object *operation; /* borrowed */
    struct str input;              /* empty: there is none, and it can't be run */
    struct json_object *input_document;
    struct schema *input_schema;
    struct json_object *result_document;
    struct schema *result_schema;
    struct lab_file files[CHECK_FILES_MAX];
    unsigned file_count;
    /* what the first watched run has shown */
    enum wire_outcome outcome;
    uint64_t allocations;
    uint64_t points;
    int64_t took_ms;
};

void trial_add(struct trial *self, enum verdict verdict, enum rule rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define trial_fail(self, rule, ...) trial_add((self), VERDICT_FAIL, (rule), __VA_ARGS__)
#define trial_pass(self, ...)       trial_add((self), VERDICT_PASS, RULE_COUNT, __VA_ARGS__)

/* How a run is to go, and how it went. */
struct run {
    const char *const *arguments; /* of hub-check; NULL: hub-runner */
    const char *when;             /* begins the sentences of what is found: "with a newer host: " */
    enum rule broken;             /* of a crash, an exit, silence; RULE_COUNT: their own rules */
    bool library_may_crash;       /* because its allocation failed: that is no fault, but told */
    int cancel_after_ms;          /* from the start; -1: never */
    unsigned at_once;             /* attempts in flight; 0: 1 */
    /* found: */
    bool completed;
    bool declined; /* create() returned NULL */
    enum wire_outcome outcome;
    char code[WIRE_CODE_MAX + 1];
    char message[256];
    uint64_t allocations;
    uint64_t points;
    char failed_in[128];  /* whose allocation failed */
    char crashed_in[128]; /* whose code was at work when it was killed by a signal */
    int64_t took_ms;
};

/* Runs the trial once. Breaches are findings; the rest is for the caller to look at, except what is
 * never right (a crash, silence, a result that does not match its schema). True if nothing was
 * found. */
bool trial_run(struct trial *self, struct run *run);

/* What hub-check has said: breaches become findings. The number of breaches. */
unsigned trial_judge_told(struct trial *self, struct run *run, const struct lab *lab);

struct lab_order trial_order(const struct trial *self);

#endif
