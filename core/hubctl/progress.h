/*
 * progress.h — one moving line on stderr, on a terminal only.
 *
 *     progress_init(&p, &output);
 *     progress_bytes(&p, "uploading", name, done, total);      // a bar, the rate, the time left
 *     progress_job(&p, "running", 0.4, message);               // a bar, or a spinner without one
 *     progress_clear(&p);                                      // before anything else is printed
 *
 * Redrawn at most every PROGRESS_PERIOD_MS. Does nothing when stderr is no terminal, or with
 * --quiet or --json.
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_PROGRESS_H
#define HUB_HUBCTL_PROGRESS_H

#include "hubctl/output.h"

#define PROGRESS_PERIOD_MS 80

struct progress {
    const struct output *output;
    bool shown;         /* a line stands there */
    int64_t drawn_ms;   /* monotonic; 0: never */
    int64_t started_ms; /* of the bytes now moving */
    uint64_t last_done;
    unsigned turn; /* of the spinner */
};

void progress_init(struct progress *self, const struct output *output);

/* `total` 0: unknown. `name` is made safe. */
void progress_bytes(struct progress *self, const char *verb, struct str name, uint64_t done,
                    uint64_t total);

/* `fraction` in 0…1, negative: unknown. `message` is made safe. */
void progress_job(struct progress *self, const char *state, double fraction, struct str message);

void progress_clear(struct progress *self);

#endif
