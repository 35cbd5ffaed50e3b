/*
 * explain.h — why a process has died by itself, from its exit status and the board.
 *
 * The status is the kernel's word. What is on the board may be forged by the connector, so it only
 * adds to what the status says: a number to a SIGSYS, a reason to a crash.
 *
 * Thread: [any].
 */
#ifndef HUB_SUPERVISOR_EXPLAIN_H
#define HUB_SUPERVISOR_EXPLAIN_H

#include "supervisor/runner.h"

#define RUNNER_WHY_MAX HUB_ERROR_DETAIL_MAX

struct runner_status {
    bool by_signal;
    int number;                       /* of the signal, or the exit code */
    const struct wire_board *board;   /* NULL: there was none */
    const struct wire_config *config; /* the limits that it had */
};

/* Sets `end` and `number`, and writes a sentence for people. */
void runner_explain(const struct runner_status *status, struct runner_death *ret_death,
                    char ret_why[RUNNER_WHY_MAX]);

#endif
