/*
 * check.h — the conformance checks.
 *
 *     struct check_options options = CHECK_OPTIONS_DEFAULT;
 *     check_connector(&subject, &options, &report);
 *     return report.failed > 0;
 *
 * Every run of the connector is a process of its own: hub-runner as hubd would start it, or
 * hub-check, which watches.
 *
 * Thread: [any].
 */
#ifndef HUB_KIT_CHECK_H
#define HUB_KIT_CHECK_H

#include "kit/report.h"
#include "kit/subject.h"

#define CHECK_FILES_MAX 16

struct check_file {
    const char *pointer; /* JSON Pointer into the input */
    const char *path;
};

struct check_options {
    const char *operation; /* the only one to run; NULL: all */
    const char *input;     /* JSON to use in place of the examples; NULL: those */
    struct check_file files[CHECK_FILES_MAX];
    unsigned file_count;
    int timeout_ms;       /* of one job */
    int grace_ms;         /* from a cancel to the completion */
    unsigned jobs;        /* for the leak check */
    unsigned allocations; /* that are made to fail, at most, for each operation */
    int patience_ms;      /* for each of the two checks that run an operation many times */
};

#define CHECK_OPTIONS_DEFAULT                                                                      \
    {                                                                                              \
        .timeout_ms = 10000, .grace_ms = 2000, .jobs = 1000, .allocations = 200,                   \
        .patience_ms = 30000                                                                       \
    }

void check_connector(struct subject *subject, const struct check_options *options,
                     struct report *report);

#endif
