/*
 * follow.h — waits for a job to end and shows how it gets on.
 *
 * Listens to the job's events and looks at the job itself when one says that it has ended, when
 * the stream breaks, and every few seconds; so nothing is missed when hubd restarts meanwhile.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_FOLLOW_H
#define HUB_HUBCTL_FOLLOW_H

#include "hubctl/app.h"

/* EXITS_OK when the job has ended, however: the caller owns `*ret_job`. EXITS_TIMED_OUT after
 * `wait_ms` (0: no limit), EXITS_INTERRUPTED on Ctrl-C: the job goes on, and the user is told how
 * to find it again. Holds the interrupt. */
int follow_job(struct app *app, const char *id, int64_t wait_ms, struct json_object **ret_job);

/* What both `run --wait` and `get --wait` do with a finished job: fetches its files into `dir`
 * (NULL: does not), prints it, and returns EXITS_OK if it succeeded, EXITS_JOB if not. */
int follow_finish(struct app *app, struct json_object *job, const char *dir, bool overwrite);

/* The value of --wait-timeout in milliseconds, 0 without it. */
int follow_wait_ms(struct app *app, const struct options *options, int64_t *ret_ms);

/* Options of both. */
#define FOLLOW_OPTIONS                                                                             \
    {"wait", 'w', NULL, "follow the job until it has ended; Ctrl-C leaves it running", WORD_ANY},  \
        {"wait-timeout", 0, "DURATION", "stop following after this long, like 30s (exit code 5)",  \
         WORD_ANY},                                                                                \
        {"output", 'o', "DIR", "follow the job and save the files that it makes here", WORD_DIR},  \
    {                                                                                              \
        "overwrite", 0, NULL, "replace files in DIR; otherwise NAME-2 is made beside NAME",        \
            WORD_ANY                                                                               \
    }

#endif
