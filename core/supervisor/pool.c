#include "supervisor/internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS  30000
#define SCRATCH_BLOCKING 4          /* files at hand: artifact() waits for more */
#define SCRATCH_ASYNC    16         /* artifact() cannot wait on the loop */
#define QUEUED_MAX       (8u << 20) /* bytes that may wait for a runner before it gets no more work */

static const struct runner_events MEMBER_EVENTS;

/* --- Room --------------------------------------------------------------------------------------*/

static unsigned per_member(const struct connector *self, const struct version *version)
{
    unsigned most = self->supervisor->config.async_in_flight_max;
    unsigned asked = version->descriptor->max_in_flight;
    if (!version->descriptor->async) {
        return 1;
    }
    return asked > 0 && asked < most ? asked : most;
}

static unsigned members_max(const struct connector *self)
{
    return self->version->descriptor->async ? 1 : self->supervisor->config.blocking_runners_max;
}

static unsigned member_room(const struct member *self)
{
    unsigned most = per_member(self->connector, self->version);
    if (self->leaving || self->in_flight >= most ||
        wire_channel_queued(&self->runner->channel) > QUEUED_MAX) {
        return 0;
    }
    return most - self->in_flight;
}

/* Members that new attempts may go to. */
static unsigned staying_members(const struct connector *self)
{
    unsigned count = 0;
    LIST_FOR_EACH(link, &self->members) {
        count += !CONTAINER_OF(link, struct member, link)->leaving;
    }
    return count;
}

unsigned connector_room(const struct connector *self)
{
    if (self->removed || self->supervisor->stopping || self->breaker.state == BREAKER_OPEN) {
        return 0;
    }
    unsigned room = 0;
    unsigned staying = staying_members(self);
    LIST_FOR_EACH(link, &self->members) {
        room += member_room(CONTAINER_OF(link, struct member, link));
    }
    if (!self->backing_off && staying < members_max(self)) {
        room += (members_max(self) - staying) * per_member(self, self->version);
    }
    room = room > self->pending_count ? room - self->pending_count : 0;
    if (self->breaker.state == BREAKER_HALF_OPEN && room > 0) {
        return self->in_flight + self->pending_count == 0;
    }
    return room;
}

/* on_capacity is due, if somebody waits for it. */
static void tell_room(struct connector *self)
{
    if (self->wanted && !list_linked(&self->roomy) && connector_room(self) > 0) {
        list_append(&self->supervisor->roomy, &self->roomy);
        supervisor_deliver_soon(self->supervisor);
    }
}

void supervisor_tell_room(struct supervisor *self)
{
    struct list *link;
    while ((link = list_first(&self->roomy)) != NULL) {
        struct connector *connector = CONTAINER_OF(link, struct connector, roomy);
        list_remove(link);
        connector->wanted = false;
        self->events.on_capacity(self->context, str_from_c(connector->name));
    }
}

/* --- Back-off ----------------------------------------------------------------------------------*/

static void backed_off(uv_timer_t *timer)
{
    struct connector *self = timer->data;
    self->backing_off = false;
    tell_room(self);
}

static void back_off(struct connector *self, const char *reason)
{
    unsigned doubled = self->backoff_ms * 2;
    self->backoff_ms = doubled < BACKOFF_FIRST_MS  ? BACKOFF_FIRST_MS
                       : doubled > BACKOFF_LAST_MS ? BACKOFF_LAST_MS
                                                   : doubled;
    self->backing_off = true;
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    uv_timer_start(&self->backoff_timer, backed_off, self->backoff_ms, 0);
    log_warn(self->supervisor->log, "supervisor", "connector backs off", "connector=%s ms=%u",
             self->name, self->backoff_ms);
}

/* --- The circuit breaker -----------------------------------------------------------------------*/

static void fail_pending(struct connector *self);

static void breaker_paused(uv_timer_t *timer)
{
    struct connector *self = timer->data;
    breaker_half_open(&self->breaker);
    log_info(self->supervisor->log, "supervisor", "connector is tried again", "connector=%s",
             self->name);
    tell_room(self);
}

/* Its jobs wait: those that were promised a runner go back as well. */
static void tripped(struct connector *self, struct str why, int64_t now_ms)
{
    unsigned jobs = breaker_jobs(&self->breaker, now_ms);
    snprintf(self->trip_reason, sizeof self->trip_reason,
             "it crashed on %u jobs within a minute, the last time so: %.*s", jobs, STR_ARG(why));
    self->wanted = true;
    uv_timer_start(&self->breaker_timer, breaker_paused, self->breaker.pause_ms, 0);
    fail_pending(self);
    log_error(self->supervisor->log, "supervisor", "connector is out of service",
              "connector=%s jobs=%u pause_ms=%u", self->name, jobs, self->breaker.pause_ms);
}

static void attempt_ended(struct member *self)
{
    struct connector *connector = self->connector;
    if (self->version == connector->version &&
        breaker_ended(&connector->breaker, clock_mono_ms())) {
        connector->wanted = true;
        log_info(connector->supervisor->log, "supervisor", "connector is in service again",
                 "connector=%s", connector->name);
    }
}

/* --- Members -----------------------------------------------------------------------------------*/

static void member_free(struct member *self)
{
    if (self) {
        list_remove(&self->link);
        version_unref(self->version);
        free(self);
    }
}

static int member_new(struct connector *self, struct hub_error *error)
{
    struct supervisor *supervisor = self->supervisor;
    struct member *member = calloc(1, sizeof *member);
    if (!member) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    member->connector = self;
    member->version = version_ref(self->version);
    list_init(&member->link);
    list_init(&member->attempts);
    list_init(&member->calls);
    struct runner_birth birth = {
        .config =
            supervisor_wire_config(supervisor, member->version->descriptor, member->version->path),
        .connector_fd = member->version->fd,
        .scratch = member->version->descriptor->async ? SCRATCH_ASYNC : SCRATCH_BLOCKING,
        .events = &MEMBER_EVENTS,
        .owner = member,
    };
    birth.config.mode = WIRE_SERVE;
    int err = runner_new(&supervisor->house, &birth, &member->runner, error);
    if (err < 0) {
        member_free(member);
        return err;
    }
    list_append(&self->members, &member->link);
    self->runners_started++;
    log_debug(supervisor->log, "supervisor", "runner started", "connector=%s pid=%ld", self->name,
              (long)member->runner->process.pid);
    return 0;
}

/* A member that can take an attempt at once, or NULL. */
static struct member *find_member(const struct connector *self)
{
    LIST_FOR_EACH(link, &self->members) {
        struct member *member = CONTAINER_OF(link, struct member, link);
        if (member->ready && member_room(member) > 0) {
            return member;
        }
    }
    return NULL;
}

static int member_send(struct member *self, struct attempt *attempt, const struct wire_start *start,
                       const int *fds)
{
    int err = runner_start(self->runner, attempt->token, start, fds);
    if (err == 0) {
        attempt->member = self;
        list_append(&self->attempts, &attempt->link);
        self->in_flight++;
        self->connector->in_flight++;
        self->connector->attempts_started++;
    }
    return err;
}

/* --- Placing -----------------------------------------------------------------------------------*/

static void fail_pending(struct connector *self)
{
    LIST_FOR_EACH(link, &self->pending) {
        attempt_finish_later(self->supervisor, CONTAINER_OF(link, struct attempt, link),
                             SUPERVISOR_CAUSE_SIBLING);
    }
}

/* Starts as many runners as the pending attempts need and may have. */
static void grow(struct connector *self)
{
    struct hub_error error;
    unsigned starting = 0;
    unsigned staying = 0;
    LIST_FOR_EACH(link, &self->members) {
        const struct member *member = CONTAINER_OF(link, struct member, link);
        staying += !member->leaving;
        starting += !member->leaving && !member->ready;
    }
    bool open = self->backing_off || self->breaker.state == BREAKER_OPEN;
    while (!open && staying < members_max(self) &&
           starting * per_member(self, self->version) < self->pending_count) {
        if (member_new(self, &error) < 0) {
            char quoted[HUB_ERROR_DETAIL_MAX + 64];
            log_error(self->supervisor->log, "supervisor", "no runner", "connector=%s why=%s",
                      self->name, log_quote(str_from_c(error.detail), quoted, sizeof quoted));
            back_off(self, error.detail);
            break;
        }
        starting++;
        staying++;
    }
    if (staying == 0) {
        fail_pending(self);
    }
}

/* Sends pending attempts to members that have room. */
static void dispatch(struct connector *self)
{
    struct member *member;
    struct list *link;
    while ((link = list_first(&self->pending)) != NULL && (member = find_member(self)) != NULL) {
        struct attempt *attempt = CONTAINER_OF(link, struct attempt, link);
        list_remove(link);
        if (member_send(member, attempt, &attempt->start, attempt->fds) < 0) {
            attempt_finish_later(self->supervisor, attempt, SUPERVISOR_CAUSE_SIBLING);
            continue;
        }
        self->pending_count--;
        placement_sent(attempt);
    }
}

int connector_place(struct connector *self, struct attempt *attempt, const struct wire_start *start,
                    const int *fds)
{
    struct member *member = list_empty(&self->pending) ? find_member(self) : NULL;
    if (member) {
        return member_send(member, attempt, start, fds);
    }
    int err = placement_hold(attempt, start, fds);
    if (err == 0) {
        list_append(&self->pending, &attempt->link);
        self->pending_count++;
        grow(self);
    }
    return err;
}

/* --- Retirement --------------------------------------------------------------------------------*/

static void retire(struct member *self)
{
    self->leaving = true;
    runner_retire(self->runner);
}

/* Ends the members that have been idle for long, all but one. */
static void retire_idle(uv_timer_t *timer)
{
    struct connector *self = timer->data;
    int64_t now_ms = clock_mono_ms();
    int64_t idle_ms = self->supervisor->config.idle_ms;
    int64_t next_ms = INT64_MAX;
    unsigned staying = staying_members(self);
    LIST_FOR_EACH(link, &self->members) {
        struct member *member = CONTAINER_OF(link, struct member, link);
        if (member->leaving || !member->ready || member->in_flight > 0 || staying <= 1) {
            continue;
        }
        int64_t left = member->idle_since_ms + idle_ms - now_ms;
        if (left <= 0) {
            retire(member);
            staying--;
        } else if (left < next_ms) {
            next_ms = left;
        }
    }
    if (next_ms < INT64_MAX) {
        uv_timer_start(timer, retire_idle, (uint64_t)next_ms, 0);
    }
}

static void became_idle(struct member *self)
{
    struct connector *connector = self->connector;
    if (self->leaving) {
        runner_retire(self->runner);
        return;
    }
    if (connector->members.next == connector->members.prev) {
        return; /* the only one: it stays */
    }
    self->idle_since_ms = clock_mono_ms();
    list_remove(&self->link);
    list_prepend(&connector->members, &self->link);
    if (!uv_is_active((uv_handle_t *)&connector->idle_timer)) {
        uv_timer_start(&connector->idle_timer, retire_idle, connector->supervisor->config.idle_ms,
                       0);
    }
}

void member_freed(struct member *self)
{
    struct connector *connector = self->connector;
    if (self->runner->stage == RUNNER_DYING) {
        return; /* gone() sees to the rest */
    }
    dispatch(connector);
    if (self->in_flight == 0) {
        became_idle(self);
    }
    tell_room(connector);
}

void connector_switch(struct connector *self, struct version *version)
{
    fail_pending(self); /* they were promised to the old one */
    if (version) {
        version_unref(self->version);
        self->version = version;
        self->backoff_ms = 0;
        breaker_reset(&self->breaker);
        uv_timer_stop(&self->breaker_timer);
    }
    self->removed = version == NULL;
    LIST_FOR_EACH(link, &self->members) {
        struct member *member = CONTAINER_OF(link, struct member, link);
        if (!member->leaving && member->in_flight == 0) {
            retire(member);
        }
        member->leaving = true;
    }
    tell_room(self);
}

void connector_stop(struct connector *self)
{
    fail_pending(self);
    uv_timer_stop(&self->backoff_timer);
    uv_timer_stop(&self->idle_timer);
    uv_timer_stop(&self->breaker_timer);
    LIST_FOR_EACH(link, &self->members) {
        struct member *member = CONTAINER_OF(link, struct member, link);
        if (member->in_flight > 0) {
            runner_kill(member->runner, RUNNER_END_KILLED, 0, "hubd is stopping");
        } else if (!member->leaving) {
            retire(member);
        }
        member->leaving = true;
    }
}

int connector_init(struct connector *self, struct supervisor *supervisor, struct str name)
{
    self->supervisor = supervisor;
    snprintf(self->name, sizeof self->name, "%.*s", STR_ARG(name));
    list_init(&self->members);
    list_init(&self->pending);
    list_init(&self->roomy);
    breaker_init(&self->breaker, supervisor->config.breaker_crashes);
    if (uv_timer_init(supervisor->loop, &self->backoff_timer) < 0 ||
        uv_timer_init(supervisor->loop, &self->breaker_timer) < 0 ||
        uv_timer_init(supervisor->loop, &self->idle_timer) < 0) {
        return HUB_ERR_IO;
    }
    self->backoff_timer.data = self->idle_timer.data = self->breaker_timer.data = self;
    return 0;
}

/* --- What comes from a runner ------------------------------------------------------------------*/

static void on_confined(void *owner, const struct wire_confined *confined)
{
    ((struct member *)owner)->version->confined = *confined;
}

static void on_ready(void *owner, struct runner *runner, struct str descriptor)
{
    struct member *self = owner;
    struct connector *connector = self->connector;
    struct sha256_digest digest;
    sha256_of(descriptor, &digest);
    if (memcmp(&digest, &self->version->descriptor->digest, sizeof digest) != 0) {
        runner_kill(runner, RUNNER_END_KILLED, 0, "its file has changed since it was read");
        return;
    }
    self->ready = true;
    self->idle_since_ms = clock_mono_ms();
    connector->backoff_ms = 0;
    dispatch(connector);
    if (self->in_flight == 0) { /* another one was faster */
        became_idle(self);
    }
    tell_room(connector);
}

/* The attempt of this token, if this member holds it. */
static struct attempt *held_attempt(struct member *self, uint64_t token)
{
    struct attempt *attempt = placement_find(self->connector->supervisor, token);
    return attempt && attempt->member == self ? attempt : NULL;
}

/* What its broker has refused in the meantime. An attempt is named if it can only have been that
 * one; the others in an async runner may have asked as well. */
static void count_refusals(struct member *self, const struct attempt *attempt)
{
    char last[BOARD_REFUSAL_MAX];
    char quoted[2 * BOARD_REFUSAL_MAX];
    uint32_t more = board_refusals(&self->runner->board, last);
    if (more == 0) {
        return;
    }
    bool sure = attempt && self->in_flight == 1;
    self->connector->connections_refused += more;
    log_warn(self->connector->supervisor->log, "supervisor", "connections were refused",
             "connector=%s pid=%ld job=%.*s count=%u last=%s", self->connector->name,
             (long)self->runner->process.pid, sure ? (int)attempt->job_id_len : 1,
             sure ? attempt->job_id : "-", more,
             log_quote(str_from_c(last), quoted, sizeof quoted));
}

static int on_result(void *owner, struct runner *runner, uint64_t token,
                     const struct wire_result *result, const int *fds)
{
    struct member *self = owner;
    struct supervisor_artifact artifacts[WIRE_ARTIFACTS_MAX];
    struct supervisor_outcome outcome;
    struct hub_error reason;
    struct attempt *attempt = held_attempt(self, token);
    if (!attempt) {
        return HUB_ERR_PROTOCOL;
    }
    count_refusals(self, attempt);
    outcome_of_result(attempt, result, fds, artifacts, &outcome, &reason);
    outcome.runner_pid = runner->process.pid;
    outcome.connector_version = self->version->descriptor->version;
    if (outcome.kind != SUPERVISOR_DIED) {
        attempt_ended(self);
    }
    placement_finish(self->connector->supervisor, attempt, &outcome);
    return 0;
}

static int on_progress(void *owner, struct runner *runner, uint64_t token,
                       const struct wire_progress *progress)
{
    struct member *self = owner;
    struct supervisor *supervisor = self->connector->supervisor;
    (void)runner;
    if (!held_attempt(self, token)) {
        return HUB_ERR_PROTOCOL;
    }
    supervisor->events.on_progress(supervisor->context, token, progress->permille,
                                   progress->message);
    return 0;
}

static int on_call(void *owner, struct runner *runner, const struct wire_frame *frame)
{
    (void)runner;
    return member_call(owner, frame);
}

static struct str job_of(void *owner, uint64_t token)
{
    struct attempt *attempt = held_attempt(owner, token);
    return attempt ? str_of(attempt->job_id, attempt->job_id_len) : (struct str){0};
}

/* How a runner ended goes into the log once, here: as what it is, by how much it matters. */
static void log_death(const struct member *self, const struct runner_death *death)
{
    bool wanted = self->leaving && death->end == RUNNER_END_EXIT && death->number == 0;
    char quoted[HUB_ERROR_DETAIL_MAX + 64];
    log_write(self->connector->supervisor->log, wanted ? LOG_DEBUG : LOG_WARN, "supervisor",
              "runner ended", "connector=%s pid=%ld in_flight=%u why=%s", self->connector->name,
              (long)self->runner->process.pid, self->in_flight,
              log_quote(death->reason, quoted, sizeof quoted));
}

/* Ends the attempts of a runner that is gone. One death is one crash, however many it is laid at.
 * True if it has opened the circuit. */
static bool finish_all(struct member *self, const struct runner_death *death)
{
    struct connector *connector = self->connector;
    bool noted = self->version != connector->version;
    bool trips = false;
    LIST_FOR_EACH(link, &self->attempts) {
        struct attempt *attempt = CONTAINER_OF(link, struct attempt, link);
        struct supervisor_outcome outcome;
        outcome_of_death(attempt, death, &outcome);
        outcome.runner_pid = self->runner->process.pid;
        outcome.connector_version = self->version->descriptor->version;
        if (!noted && cause_is_crash(outcome.cause)) {
            struct str job = str_of(attempt->job_id, attempt->job_id_len);
            noted = true;
            trips = breaker_crashed(&connector->breaker, job, clock_mono_ms());
        }
        placement_finish(connector->supervisor, attempt, &outcome);
    }
    return trips;
}

static void on_gone(void *owner, struct runner *runner, const struct runner_death *death)
{
    struct member *self = owner;
    (void)runner;
    struct connector *connector = self->connector;
    struct runner_death judged = *death;
    if (!held_attempt(self, judged.token)) {
        judged.token = 0;
    }
    count_refusals(self, placement_find(connector->supervisor, judged.token));
    log_death(self, death);
    connector->runners_crashed += !self->leaving;
    if (!self->ready && !self->leaving) {
        back_off(connector, death->reason.ptr);
    }
    self->leaving = true;
    member_forget_calls(self);
    list_remove(&self->link);
    bool trips = finish_all(self, &judged);
    if (trips) {
        tripped(connector, death->reason, clock_mono_ms());
    }
    if (!connector->removed && !connector->supervisor->stopping) {
        grow(connector);
    }
    tell_room(connector);
    member_free(self);
}

static const struct runner_events MEMBER_EVENTS = {
    .confined = on_confined,
    .ready = on_ready,
    .result = on_result,
    .progress = on_progress,
    .call = on_call,
    .job = job_of,
    .gone = on_gone,
};
