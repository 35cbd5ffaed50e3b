#include "supervisor/breaker.h"

#include "base/hash.h"

#define SLICE_MS (BREAKER_WINDOW_MS / BREAKER_SLICES)

void breaker_init(struct breaker *self, unsigned threshold)
{
    *self = (struct breaker){
        .threshold = threshold < BREAKER_JOBS_MAX ? threshold : BREAKER_JOBS_MAX,
    };
}

void breaker_reset(struct breaker *self)
{
    uint64_t trips = self->trips;
    breaker_init(self, self->threshold);
    self->trips = trips;
}

/* Jobs are told apart, nothing more: ids are hubd's own, so the key may be known. */
static uint64_t digest_of(struct str id)
{
    static const uint64_t KEY[2] = {0};
    return hash_sip13(KEY, id);
}

static void count(struct breaker *self, bool crashed, int64_t now_ms)
{
    int64_t number = now_ms / SLICE_MS;
    unsigned at = (unsigned)(number % BREAKER_SLICES);
    if (self->slices[at].number != number) {
        self->slices[at].number = number;
        self->slices[at].ended = 0;
        self->slices[at].crashed = 0;
    }
    self->slices[at].ended += !crashed;
    self->slices[at].crashed += crashed;
}

/* Do most attempts of the window crash? */
static bool mostly_crashes(const struct breaker *self, int64_t now_ms)
{
    uint64_t ended = 0;
    uint64_t crashed = 0;
    for (unsigned i = 0; i < BREAKER_SLICES; i++) {
        if (self->slices[i].number > now_ms / SLICE_MS - BREAKER_SLICES) {
            ended += self->slices[i].ended;
            crashed += self->slices[i].crashed;
        }
    }
    return crashed > ended;
}

unsigned breaker_jobs(const struct breaker *self, int64_t now_ms)
{
    unsigned jobs = 0;
    for (unsigned i = 0; i < self->crash_count; i++) {
        jobs += now_ms - self->crashes[i].at_ms < BREAKER_WINDOW_MS;
    }
    return jobs;
}

/* Each job stands there once, with its last crash; the one longest ago makes room. */
static void note_job(struct breaker *self, uint64_t job, int64_t now_ms)
{
    unsigned at = 0;
    for (unsigned i = 0; i < self->crash_count; i++) {
        if (self->crashes[i].job == job) {
            self->crashes[i].at_ms = now_ms;
            return;
        }
        at = self->crashes[i].at_ms < self->crashes[at].at_ms ? i : at;
    }
    if (self->crash_count < BREAKER_JOBS_MAX) {
        at = self->crash_count++;
    }
    self->crashes[at].job = job;
    self->crashes[at].at_ms = now_ms;
}

static void trip(struct breaker *self, int64_t now_ms)
{
    unsigned doubled = self->pause_ms * 2;
    self->pause_ms = doubled < BREAKER_PAUSE_FIRST_MS  ? BREAKER_PAUSE_FIRST_MS
                     : doubled > BREAKER_PAUSE_LAST_MS ? BREAKER_PAUSE_LAST_MS
                                                       : doubled;
    self->state = BREAKER_OPEN;
    self->until_ms = now_ms + self->pause_ms;
    self->trips++;
}

bool breaker_ended(struct breaker *self, int64_t now_ms)
{
    count(self, false, now_ms);
    if (self->state != BREAKER_HALF_OPEN) {
        return false; /* while open: one that had begun before says little about the next */
    }
    breaker_reset(self);
    return true;
}

bool breaker_crashed(struct breaker *self, struct str job_id, int64_t now_ms)
{
    if (self->threshold == 0) {
        return false;
    }
    count(self, true, now_ms);
    note_job(self, digest_of(job_id), now_ms);
    bool enough = breaker_jobs(self, now_ms) >= self->threshold && mostly_crashes(self, now_ms);
    if (self->state == BREAKER_OPEN || (self->state == BREAKER_CLOSED && !enough)) {
        return false;
    }
    trip(self, now_ms);
    return true;
}

void breaker_half_open(struct breaker *self)
{
    self->state = BREAKER_HALF_OPEN;
}
