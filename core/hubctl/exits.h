/*
 * exits.h — the exit codes, in one table: scripts depend on them.
 *
 * A function that reports its own errors returns one of these (EXITS_OK is 0, the others are
 * positive); a function that leaves the report to its caller returns an enum hub_err (negative).
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_EXITS_H
#define HUB_HUBCTL_EXITS_H

/* X(NAME, code, meaning) */
#define EXITS_MAP(X)                                                                               \
    X(OK, 0, "done; with --wait: the job succeeded")                                               \
    X(JOB, 1,                                                                                      \
      "the job ended as failed, cancelled or unknown (with --wait); or doctor or connector check " \
      "found a fault")                                                                             \
    X(USAGE, 2, "the command line is wrong")                                                       \
    X(REFUSED, 3, "hubd refused the request (HTTP 4xx)")                                           \
    X(UNREACHABLE, 4, "hubd does not answer, or answered with a fault of its own (HTTP 5xx)")      \
    X(TIMED_OUT, 5,                                                                                \
      "the time given with --wait-timeout has passed, or hubd stopped in mid-answer")              \
    X(LOCAL, 6, "a file on this side could not be read or written")                                \
    X(INTERRUPTED, 130, "interrupted (Ctrl-C)")

enum exits {
#define X(name, code, meaning) EXITS_##name = code,
    EXITS_MAP(X)
#undef X
};

/* For an HTTP status: 2xx is EXITS_OK. */
int exits_of_status(long status);
/* For a negative enum hub_err of client.h, options.h or file.h. */
int exits_of_err(int err);

#endif
