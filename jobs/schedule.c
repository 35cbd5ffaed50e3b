#include "jobs/schedule.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- Parsing -----------------------------------------------------------------------------------*/

__attribute__((format(printf, 3, 4))) static int refuse(struct schedule_fault *ret_fault,
                                                        const char *pointer, const char *format,
                                                        ...)
{
    va_list args;

    va_start(args, format);
    ret_fault->pointer = pointer;
    vsnprintf(ret_fault->detail, sizeof ret_fault->detail, format, args);
    va_end(args);
    return HUB_ERR_INVALID_INPUT;
}

/* The member of `json` that `pointer` ("/every") names; what is absent stays as it is. */
static int read_span(struct json_object *json, const char *pointer, int64_t min, int64_t *ret_ms,
                     struct schedule_fault *ret_fault)
{
    struct str text;
    int64_t ms;

    if (!json_get_str(json, pointer + 1, &text)) {
        return 0;
    }
    if (!clock_parse_duration(text, &ms) || ms < min || ms > SCHEDULE_SPAN_MAX_MS) {
        return refuse(ret_fault, pointer,
                      "must be a duration of %s to P366D, without months or years",
                      min > 0 ? "PT1S" : "PT0S");
    }
    *ret_ms = ms;
    return 0;
}

static int read_time(struct json_object *json, const char *pointer, int64_t *ret_at,
                     struct schedule_fault *ret_fault)
{
    struct str text;
    int64_t at;

    if (!json_get_str(json, pointer + 1, &text)) {
        return 0;
    }
    if (!clock_parse(text, &at) || at <= 0) {
        return refuse(ret_fault, pointer, "must be an RFC 3339 date-time after 1970");
    }
    *ret_at = at;
    return 0;
}

static int read_cron(struct json_object *json, struct schedule_spec *spec,
                     struct schedule_fault *ret_fault)
{
    struct hub_error error;
    struct str text = STR("UTC");

    json_get_str(json, "time_zone", &text);
    if (text.len == 0 || text.len > ZONE_NAME_MAX || memchr(text.ptr, '\0', text.len)) {
        return refuse(ret_fault, "/time_zone", "must be the name of an IANA time zone");
    }
    memcpy(spec->time_zone, text.ptr, text.len);
    json_get_str(json, "cron", &text);
    int err = cron_parse(text, &spec->cron, &error);
    if (err < 0) {
        return refuse(ret_fault, "/cron", "%s", error.detail);
    }
    memcpy(spec->cron_text, text.ptr, text.len < CRON_TEXT_MAX ? text.len : CRON_TEXT_MAX);
    return 0;
}

static int read_ticks(struct json_object *json, struct schedule_spec *spec,
                      struct schedule_fault *ret_fault)
{
    bool cron = json_object_object_get_ex(json, "cron", NULL);
    bool every = json_object_object_get_ex(json, "every", NULL);
    bool at = json_object_object_get_ex(json, "at", NULL);

    if (cron + every + at != 1) {
        return refuse(ret_fault, "", "needs one of `cron`, `every` and `at`");
    }
    if (!cron && json_object_object_get_ex(json, "time_zone", NULL)) {
        return refuse(ret_fault, "/time_zone", "goes with `cron` only");
    }
    spec->kind = cron ? SCHEDULE_CRON : every ? SCHEDULE_EVERY : SCHEDULE_AT;
    if (cron) {
        return read_cron(json, spec, ret_fault);
    }
    return every ? read_span(json, "/every", SCHEDULE_EVERY_MIN_MS, &spec->every_ms, ret_fault)
                 : read_time(json, "/at", &spec->at, ret_fault);
}

/* The place of the member's text in `names`; 0 if it is absent. */
static int choice(struct json_object *json, const char *name, const char *const *names, int count,
                  int fallback)
{
    struct str text;

    if (json_get_str(json, name, &text)) {
        for (int i = 0; i < count; i++) {
            if (str_eq(text, str_from_c(names[i]))) {
                return i;
            }
        }
    }
    return fallback;
}

static void read_policies(struct json_object *json, struct schedule_spec *spec)
{
    static const char *const OVERLAPS[] = {
#define X(name, text) text,
        SCHEDULE_OVERLAP_MAP(X)
#undef X
    };
    static const char *const MISFIRES[] = {
#define X(name, text) text,
        SCHEDULE_MISFIRE_MAP(X)
#undef X
    };
    int64_t limit = SCHEDULE_MISFIRE_LIMIT;

    spec->overlap =
        (enum schedule_overlap)choice(json, "overlap", OVERLAPS, 4, SCHEDULE_OVERLAP_SKIP);
    spec->misfire =
        (enum schedule_misfire)choice(json, "misfire", MISFIRES, 3, SCHEDULE_MISFIRE_RUN_ONCE);
    json_get_i64(json, "misfire_limit", &limit);
    spec->misfire_limit = limit < 1                            ? 1
                          : limit > SCHEDULE_MISFIRE_LIMIT_MAX ? SCHEDULE_MISFIRE_LIMIT_MAX
                                                               : (uint32_t)limit;
}

int schedule_parse(struct json_object *json, struct schedule_spec *ret_spec,
                   struct schedule_fault *ret_fault)
{
    struct schedule_spec spec;

    memset(&spec, 0, sizeof spec);
    spec.history_ms = SCHEDULE_HISTORY_MS;
    int err = read_ticks(json, &spec, ret_fault);
    if (err == 0) {
        err = read_time(json, "/start", &spec.start_at, ret_fault);
    }
    if (err == 0) {
        err = read_time(json, "/end", &spec.end_at, ret_fault);
    }
    if (err == 0) {
        err = read_span(json, "/jitter", 0, &spec.jitter_ms, ret_fault);
    }
    if (err == 0) {
        err = read_span(json, "/history", SCHEDULE_EVERY_MIN_MS, &spec.history_ms, ret_fault);
    }
    if (err == 0 && spec.end_at != 0 && spec.end_at < spec.start_at) {
        err = refuse(ret_fault, "/end", "lies before `start`");
    }
    if (err < 0) {
        return err;
    }
    read_policies(json, &spec);
    *ret_spec = spec;
    return 0;
}

/* --- Ticks -------------------------------------------------------------------------------------*/

bool schedule_same_ticks(const struct schedule_spec *a, const struct schedule_spec *b)
{
    return a->kind == b->kind && strcmp(a->cron_text, b->cron_text) == 0 &&
           strcmp(a->time_zone, b->time_zone) == 0 && a->every_ms == b->every_ms &&
           a->at == b->at && a->start_at == b->start_at && a->end_at == b->end_at;
}

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

static int64_t next_cron(const struct schedule_spec *self, int64_t after)
{
    int64_t at = cron_next(&self->cron, self->zone, floor_div(after, 1000));

    return at == CRON_NEVER ? SCHEDULE_NEVER : at * 1000;
}

/* `start` is a tick itself, the creation is not. */
static int64_t next_every(const struct schedule_spec *self, int64_t created_at, int64_t after)
{
    int64_t first = self->start_at ? self->start_at : created_at + self->every_ms;

    if (after < first) {
        return first;
    }
    return first + ((after - first) / self->every_ms + 1) * self->every_ms;
}

int64_t schedule_next(const struct schedule_spec *self, int64_t created_at, int64_t after)
{
    int64_t at;

    if (self->start_at > 0 && after < self->start_at - 1) {
        after = self->start_at - 1;
    }
    switch (self->kind) {
    case SCHEDULE_CRON:
        at = next_cron(self, after);
        break;
    case SCHEDULE_EVERY:
        at = next_every(self, created_at, after);
        break;
    default:
        at = self->at > after ? self->at : SCHEDULE_NEVER;
    }
    return self->end_at > 0 && at > self->end_at ? SCHEDULE_NEVER : at;
}

/* Ticks in (after, until], counted up to `max` + 1. */
static unsigned count_ticks(const struct schedule_spec *self, int64_t created_at, int64_t after,
                            int64_t until, unsigned max)
{
    unsigned count = 0;

    while (count <= max && (after = schedule_next(self, created_at, after)) <= until) {
        count++;
    }
    return count;
}

unsigned schedule_last(const struct schedule_spec *self, int64_t created_at, int64_t after,
                       int64_t until, unsigned max, int64_t *ret_ticks)
{
    unsigned count = 0;

    /* cron expressions can only be asked forwards: find the place from which on there are `max`. */
    if (count_ticks(self, created_at, after, until, max) > max) {
        int64_t too_early = after, enough = until;
        while (enough - too_early > 1) {
            int64_t middle = too_early + (enough - too_early) / 2;
            if (count_ticks(self, created_at, middle, until, max) > max) {
                too_early = middle;
            } else {
                enough = middle;
            }
        }
        after = enough;
    }
    while (count < max && (after = schedule_next(self, created_at, after)) <= until) {
        ret_ticks[count++] = after;
    }
    return count;
}

int64_t schedule_jitter(const struct schedule_spec *self, int64_t key, int64_t tick)
{
    const uint64_t numbers[2] = {(uint64_t)key, 0};

    if (self->jitter_ms == 0) {
        return 0;
    }
    uint64_t hash = hash_sip13(numbers, str_of((const char *)&tick, sizeof tick));
    return (int64_t)(hash % (uint64_t)(self->jitter_ms + 1));
}

const char *schedule_outcome_name(enum schedule_outcome outcome)
{
    static const char *const NAMES[SCHEDULE_OUTCOME_COUNT] = {
#define X(name, text) [SCHEDULE_##name] = text,
        SCHEDULE_OUTCOME_MAP(X)
#undef X
    };

    return (unsigned)outcome < SCHEDULE_OUTCOME_COUNT ? NAMES[outcome] : "unknown";
}
