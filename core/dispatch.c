#include "dispatch.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "inputs.h"
#include "outputs.h"

#include <stdlib.h>

#define PREPARATION_ARENA_MAX (2u << 20)
#define FETCHING_MAX          64 /* attempts whose files are being fetched */

struct dispatch {
    struct dispatch_deps deps;
    struct inputs_deps input_deps;
    struct outputs_deps output_deps;
    struct jobs *jobs;
    struct supervisor *supervisor;
    struct fetcher *fetcher;
    unsigned fetching;       /* preparations that are */
    struct map preparations; /* token → struct preparation */
    struct list waiting;     /* prepared, but the connector had no room */
    unsigned storing;        /* attempts whose outputs are being stored */
    bool draining;
};

/* An attempt whose input names files, from the engine's start to the supervisor's. */
struct preparation {
    struct dispatch *dispatch;
    struct arena arena;
    struct jobs_attempt attempt; /* copied into the arena */
    struct inputs *inputs;
    bool open; /* its files are: it can be started, or waits for room */
    bool fetching;
    bool cancelled;
    int64_t began_ms; /* monotonic */
    struct list link; /* in dispatch->waiting */
};

/* --- Ends --------------------------------------------------------------------------------------*/

/* Ends an attempt that has not reached a runner. */
static void finish_early(struct dispatch *self, uint64_t token, enum attempt_outcome outcome,
                         int err, struct str message)
{
    struct jobs_outcome early = {
        .outcome = outcome,
        .untouched = true,
        .code = str_from_c(hub_err_code(err)),
        .message = message.len > 0 ? message : str_from_c(hub_err_title(err)),
    };

    jobs_finished(self->jobs, token, &early);
}

static enum attempt_outcome failure(int err)
{
    return hub_err_retry_class(err) == HUB_RETRY_LATER ? ATTEMPT_RETRY : ATTEMPT_FAILED;
}

/* Ends one that a runner has done, but whose outputs could not be kept. */
static void finish_unkept(struct dispatch *self, uint64_t token, int err, struct str message)
{
    const struct jobs_outcome unkept = {
        .outcome = failure(err),
        .code = str_from_c(hub_err_code(err)),
        .message = message.len > 0 ? message : str_from_c(hub_err_title(err)),
    };

    jobs_finished(self->jobs, token, &unkept);
}

/* --- To the supervisor -------------------------------------------------------------------------*/

static int place(struct dispatch *self, const struct jobs_attempt *attempt, struct inputs *inputs)
{
    struct supervisor_file files[JOB_FILES_MAX];
    char id[ID_TEXT_LEN + 1] = "";
    struct supervisor_request request = {
        .token = attempt->token,
        .connector = attempt->connector,
        .operation = attempt->operation,
        .job_id = str_of(id, ID_TEXT_LEN),
        .attempt = attempt->number,
        .max_attempts = attempt->max_attempts,
        .input = attempt->input,
        .account_name = attempt->account,
        .idempotency_key = str_of(id, ID_TEXT_LEN), /* of the job: the same in every attempt */
        .traceparent = attempt->traceparent,
        .timeout_ms = attempt->timeout_ms,
        .files = files,
    };
    int err = 0;

    if (attempt->account.len > 0) {
        err = accounts_open(self->deps.accounts, attempt->account, attempt->connector,
                            &request.account);
    }
    if (err < 0) {
        return err;
    }
    id_format(&attempt->id, id);
    if (inputs != NULL) {
        request.file_count = inputs_files(inputs, files);
    }
    err = supervisor_start(self->supervisor, &request);
    accounts_shut(self->deps.accounts);
    if (err == 0 && inputs != NULL) {
        inputs_given(inputs);
    }
    return err;
}

/* --- Preparing ---------------------------------------------------------------------------------*/

static struct str token_view(const uint64_t *token)
{
    return str_of((const char *)token, sizeof *token);
}

static void preparation_free(struct preparation *self)
{
    map_remove(&self->dispatch->preparations, token_view(&self->attempt.token));
    self->dispatch->fetching -= self->fetching;
    list_remove(&self->link);
    inputs_free(self->inputs);
    arena_release(&self->arena);
    free(self);
}

/* Its files are open: starts it, ends it, or lets it wait for room. */
static void settle(struct preparation *self)
{
    struct dispatch *dispatch = self->dispatch;
    uint64_t token = self->attempt.token;
    int err;

    if (self->cancelled) {
        preparation_free(self);
        finish_early(dispatch, token, ATTEMPT_CANCELLED, HUB_ERR_CANCELLED, (struct str){0});
        return;
    }
    if (dispatch->draining) {
        preparation_free(self);
        finish_early(dispatch, token, ATTEMPT_RELEASED, HUB_ERR_INTERRUPTED, (struct str){0});
        return;
    }
    err = place(dispatch, &self->attempt, self->inputs);
    if (err == HUB_ERR_AGAIN) {
        if (!list_linked(&self->link)) {
            list_append(&dispatch->waiting, &self->link);
        }
        return;
    }
    preparation_free(self);
    if (err < 0) {
        finish_early(dispatch, token, failure(err), err, (struct str){0});
    }
}

/* The time that it took is part of the attempt's. False: there is none left. */
static bool take_time(struct preparation *self)
{
    int64_t took = clock_mono_ms() - self->began_ms;

    if (took >= self->attempt.timeout_ms) {
        return false;
    }
    self->attempt.timeout_ms -= (uint32_t)took;
    return true;
}

/* A file of the input could not be had from where its URL leads. */
static void finish_unfetched(struct preparation *self)
{
    const struct inputs_failure *failure = inputs_failure(self->inputs);
    struct dispatch *dispatch = self->dispatch;
    uint64_t token = self->attempt.token;
    const struct jobs_outcome outcome = {
        .outcome = failure->retryable ? ATTEMPT_RETRY : ATTEMPT_FAILED,
        .untouched = true,
        .code = str_from_c(hub_err_code(HUB_ERR_FETCH_FAILED)),
        .message = failure->message,
        .details = failure->details,
        .delay_ms = failure->delay_ms,
    };

    jobs_finished(dispatch->jobs, token, &outcome);
    preparation_free(self);
}

/* What its files are fetched with must not be used now, or hubd is going down. */
static void finish_put_off(struct preparation *self)
{
    struct dispatch *dispatch = self->dispatch;
    uint64_t token = self->attempt.token;
    const struct jobs_outcome outcome = {
        .outcome = ATTEMPT_RELEASED,
        .untouched = true,
        .code = str_from_c(hub_err_code(HUB_ERR_INTERRUPTED)),
        .message = str_from_c(hub_err_title(HUB_ERR_INTERRUPTED)),
        .delay_ms = inputs_failure(self->inputs)->delay_ms,
    };

    preparation_free(self);
    jobs_finished(dispatch->jobs, token, &outcome);
}

static void on_inputs_open(void *context, int err, const struct hub_error *error)
{
    struct preparation *self = context;
    struct dispatch *dispatch = self->dispatch;
    uint64_t token = self->attempt.token;

    self->open = true;
    if (self->fetching) {
        self->fetching = false;
        dispatch->fetching--;
        if (err == 0 && !take_time(self)) {
            err = HUB_ERR_DEADLINE_EXCEEDED;
        }
    }
    if (err == 0 || self->cancelled) {
        settle(self);
        return;
    }
    if (err == HUB_ERR_FETCH_FAILED) {
        finish_unfetched(self);
        return;
    }
    if (err == HUB_ERR_INTERRUPTED) {
        finish_put_off(self);
        return;
    }
    bool late = err == HUB_ERR_DEADLINE_EXCEEDED;
    preparation_free(self);
    finish_early(dispatch, token, late ? ATTEMPT_DEADLINE : failure(err), err,
                 late ? (struct str){0} : str_from_c(error->detail));
}

static bool copy_attempt(struct preparation *self, const struct jobs_attempt *attempt)
{
    struct str *texts[] = {
        &self->attempt.type,  &self->attempt.connector, &self->attempt.operation,
        &self->attempt.input, &self->attempt.account,   &self->attempt.traceparent,
    };

    self->attempt = *attempt;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->len > 0) {
            *texts[i] = arena_str(&self->arena, *texts[i]);
            if (texts[i]->ptr == NULL) {
                return false;
            }
        }
    }
    return true;
}

static int prepare(struct dispatch *dispatch, const struct jobs_attempt *attempt,
                   const struct job_type *type)
{
    struct preparation *self = calloc(1, sizeof *self);
    int err = HUB_ERR_NOMEM;

    if (self == NULL) {
        return err;
    }
    self->dispatch = dispatch;
    list_init(&self->link);
    arena_init(&self->arena, PREPARATION_ARENA_MAX);
    if (copy_attempt(self, attempt)) {
        err = map_put(&dispatch->preparations, token_view(&self->attempt.token), self);
    }
    if (err == 0) {
        self->began_ms = clock_mono_ms();
        err = inputs_open(&dispatch->input_deps, type, &self->attempt, on_inputs_open, self,
                          &self->inputs);
    }
    if (err < 0) {
        preparation_free(self);
        return err;
    }
    if (inputs_are_fetched(self->inputs)) {
        /* It takes no place until its files are there: the engine must ask again. */
        self->fetching = true;
        dispatch->fetching++;
        jobs_capacity(dispatch->jobs, attempt->connector);
    }
    return 0;
}

/* --- For the engine ----------------------------------------------------------------------------*/

int dispatch_start(struct dispatch *self, const struct jobs_attempt *attempt)
{
    const struct job_type *type = types_find(self->deps.types, attempt->type);

    if (type == NULL) {
        return HUB_ERR_AGAIN; /* its connector is away: a rescan may bring it back */
    }
    return type->places.count > 0 ? prepare(self, attempt, type) : place(self, attempt, NULL);
}

unsigned dispatch_room(struct dispatch *self, struct str connector)
{
    unsigned room = supervisor_room(self->supervisor, connector);

    /* What is being prepared has a place already, unless it waits for what is being fetched. There
     * are at most as many as runners take, and FETCHING_MAX. */
    MAP_FOR_EACH(e, &self->preparations) {
        const struct preparation *preparation = e->value;

        room -=
            room > 0 && !preparation->fetching && str_eq(preparation->attempt.connector, connector);
    }
    return self->fetching < FETCHING_MAX ? room : 0;
}

void dispatch_cancel(struct dispatch *self, uint64_t token)
{
    struct preparation *preparation = map_get(&self->preparations, token_view(&token));

    if (preparation == NULL) {
        supervisor_cancel(self->supervisor, token);
        return;
    }
    preparation->cancelled = true;
    if (preparation->open) {
        settle(preparation);
    } else {
        inputs_cancel(preparation->inputs);
    }
}

void dispatch_capacity(struct dispatch *self, struct str connector)
{
    fetcher_capacity(self->fetcher, connector);
    LIST_FOR_EACH(link, &self->waiting) {
        struct preparation *preparation = CONTAINER_OF(link, struct preparation, link);

        if (str_eq(preparation->attempt.connector, connector)) {
            settle(preparation);
        }
    }
    jobs_capacity(self->jobs, connector);
}

void dispatch_drain(struct dispatch *self)
{
    self->draining = true;
    fetcher_drain(self->fetcher);
    LIST_FOR_EACH(link, &self->waiting) {
        settle(CONTAINER_OF(link, struct preparation, link));
    }
}

/* --- From the supervisor -----------------------------------------------------------------------*/

/* How a death is told. */
static const struct {
    enum attempt_outcome outcome;
    int err;
} DEATHS[SUPERVISOR_CAUSE_END] = {
    [SUPERVISOR_CAUSE_NONE] = {ATTEMPT_CRASHED, HUB_ERR_PROTOCOL},
    [SUPERVISOR_CAUSE_SIGNAL] = {ATTEMPT_CRASHED, HUB_ERR_RUNNER_CRASHED},
    [SUPERVISOR_CAUSE_EXIT] = {ATTEMPT_CRASHED, HUB_ERR_RUNNER_EXITED},
    [SUPERVISOR_CAUSE_DEADLINE] = {ATTEMPT_DEADLINE, HUB_ERR_DEADLINE_EXCEEDED},
    [SUPERVISOR_CAUSE_PROTOCOL] = {ATTEMPT_CRASHED, HUB_ERR_PROTOCOL},
    [SUPERVISOR_CAUSE_CANCELLED] = {ATTEMPT_CANCELLED, HUB_ERR_CANCELLED},
    [SUPERVISOR_CAUSE_SIBLING] = {ATTEMPT_RELEASED, HUB_ERR_INTERRUPTED},
    [SUPERVISOR_CAUSE_POLICY] = {ATTEMPT_CRASHED, HUB_ERR_POLICY_VIOLATION},
    [SUPERVISOR_CAUSE_CPU] = {ATTEMPT_CRASHED, HUB_ERR_CPU_EXCEEDED},
    [SUPERVISOR_CAUSE_MEMORY] = {ATTEMPT_CRASHED, HUB_ERR_MEMORY_EXCEEDED},
    [SUPERVISOR_CAUSE_OUTPUT] = {ATTEMPT_CRASHED, HUB_ERR_OUTPUT_TOO_LARGE},
};

static const enum attempt_outcome OUTCOMES[] = {
    [SUPERVISOR_OK] = ATTEMPT_SUCCEEDED,
    [SUPERVISOR_FAIL] = ATTEMPT_FAILED,
    [SUPERVISOR_RETRY] = ATTEMPT_RETRY,
    [SUPERVISOR_UNKNOWN] = ATTEMPT_UNKNOWN,
};

static void translate(const struct supervisor_outcome *from, struct jobs_outcome *ret_to)
{
    *ret_to = (struct jobs_outcome){
        .result = from->result,
        .code = from->code,
        .message = from->message,
        .details = from->details,
        .delay_ms = from->delay_ms,
        .pause_ms = from->pause_ms,
        .pid = from->runner_pid,
        .connector_version = from->connector_version,
    };
    if (from->kind != SUPERVISOR_DIED) {
        ret_to->outcome = OUTCOMES[from->kind];
        return;
    }
    ret_to->outcome = DEATHS[from->cause].outcome;
    ret_to->code = str_from_c(hub_err_code(DEATHS[from->cause].err));
    if (ret_to->message.len == 0) {
        ret_to->message = str_from_c(hub_err_title(DEATHS[from->cause].err));
    }
    ret_to->cause = str_from_c(supervisor_cause_name(from->cause));
    ret_to->cause_number = from->cause_number;
}

static void on_outputs_stored(void *context, uint64_t token, const struct jobs_outcome *outcome,
                              int err, const struct hub_error *error)
{
    struct dispatch *self = context;

    self->storing--;
    if (err < 0) {
        err = err == HUB_ERR_TOO_LARGE ? HUB_ERR_OUTPUT_TOO_LARGE : err;
        finish_unkept(self, token, err, str_from_c(error->detail));
    } else {
        jobs_finished(self->jobs, token, outcome);
    }
}

void dispatch_finished(struct dispatch *self, const struct supervisor_outcome *outcome)
{
    struct jobs_outcome translated;
    int err;

    if (outcome->token & FETCH_TOKEN) {
        fetcher_finished(self->fetcher, outcome);
        return;
    }
    translate(outcome, &translated);
    if (outcome->kind != SUPERVISOR_OK || outcome->artifact_count == 0) {
        jobs_finished(self->jobs, outcome->token, &translated);
        return;
    }
    err = outputs_store(&self->output_deps, outcome->token, &translated, outcome->artifacts,
                        outcome->artifact_count);
    if (err < 0) {
        finish_unkept(self, outcome->token, err, (struct str){0});
    } else {
        self->storing++;
    }
}

/* --- Life --------------------------------------------------------------------------------------*/

int dispatch_new(const struct dispatch_deps *deps, struct dispatch **ret_self)
{
    struct dispatch *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->deps = *deps;
    if (fetcher_new(deps->accounts, deps->artifact_max, &self->fetcher) < 0) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    self->input_deps = (struct inputs_deps){deps->loop, deps->store, deps->blobs, self->fetcher};
    self->output_deps =
        (struct outputs_deps){deps->loop, deps->blobs, deps->artifact_max, on_outputs_stored, self};
    map_init(&self->preparations);
    list_init(&self->waiting);
    *ret_self = self;
    return 0;
}

void dispatch_connect(struct dispatch *self, struct jobs *jobs, struct supervisor *supervisor)
{
    self->jobs = jobs;
    self->supervisor = supervisor;
    fetcher_connect(self->fetcher, jobs, supervisor);
}

void dispatch_free(struct dispatch *self)
{
    if (self == NULL) {
        return;
    }
    map_release(&self->preparations);
    fetcher_free(self->fetcher);
    free(self);
}

unsigned dispatch_in_flight(const struct dispatch *self)
{
    return (unsigned)self->preparations.len + self->storing;
}
