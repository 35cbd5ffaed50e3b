/*
 * breaker.h — a circuit breaker: takes a connector out of service that crashes on many jobs.
 *
 * One job that crashes its connector again and again is that job's fault, and ends it. Crashes on
 * many different jobs are the connector's: going on would use up the attempts of all that wait.
 *
 *     closed ──crashes on N jobs within a minute, and most attempts crash──▶ open
 *     open ──a pause, which doubles each time──▶ half-open: one attempt at a time
 *     half-open ──it ends without a crash──▶ closed        half-open ──it crashes──▶ open
 *
 * The time is given by the caller, in monotonic milliseconds.
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_BREAKER_H
#define HUB_SUPERVISOR_BREAKER_H

#include "base/str.h"

#include <stdint.h>

#define BREAKER_WINDOW_MS      60000
#define BREAKER_PAUSE_FIRST_MS 5000
#define BREAKER_PAUSE_LAST_MS  600000
#define BREAKER_JOBS_MAX       32
#define BREAKER_SLICES         6 /* of the window, in which attempts are counted */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    unsigned threshold; /* jobs; 0: never trips */
    unsigned pause_ms;  /* the last one; 0: none yet */
    int64_t until_ms;   /* while open */
    uint64_t trips;
    struct {
        uint64_t job; /* a digest of its id */
        int64_t at_ms;
    } crashes[BREAKER_JOBS_MAX]; /* the last ones, each of another job */
    unsigned crash_count;
    struct {
        int64_t number; /* since the clock began */
        unsigned ended;
        unsigned crashed;
    } slices[BREAKER_SLICES];
};

void breaker_init(struct breaker *self, unsigned threshold);

/* Another version of the connector: begins anew. Trips stay counted. */
void breaker_reset(struct breaker *self);

/* An attempt ended as its connector wanted. True if that has closed it. */
bool breaker_ended(struct breaker *self, int64_t now_ms);

/* The connector crashed while it worked at this job. True if that has opened it: look again at
 * `until_ms`. */
bool breaker_crashed(struct breaker *self, struct str job_id, int64_t now_ms);

/* The pause is over. */
void breaker_half_open(struct breaker *self);

/* Jobs that crashed it within the window. */
unsigned breaker_jobs(const struct breaker *self, int64_t now_ms);

#endif
