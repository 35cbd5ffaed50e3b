#include "fetch.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "wire/names.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTOR      STR("http")
#define OPERATION      STR("request")
#define SAVE_AS        "file"
#define ARENA_MAX      (64u << 10)
#define TIMEOUT_MAX_MS 3600000 /* that http.request takes */

struct fetcher {
    struct accounts *accounts;
    struct jobs *jobs;
    struct supervisor *supervisor;
    bool draining;
    uint64_t bytes_max;
    uint64_t last;
    struct map fetches;  /* token → struct fetch */
    struct list waiting; /* for room */
};

struct fetch {
    struct fetcher *fetcher;
    struct list link; /* in fetcher->waiting */
    uint64_t token;
    struct arena arena;
    struct fetch_request request; /* texts in the arena */
    struct str input;             /* of http.request */
    struct jobs_pass *pass;       /* under its account; NULL: it has none, or not any more */
    bool placed;                  /* a runner has it */
    fetch_done_fn *done;
    void *context;
};

/* --- Life --------------------------------------------------------------------------------------*/

int fetcher_new(struct accounts *accounts, uint64_t bytes_max, struct fetcher **ret_self)
{
    struct fetcher *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->accounts = accounts;
    self->bytes_max = bytes_max;
    map_init(&self->fetches);
    list_init(&self->waiting);
    *ret_self = self;
    return 0;
}

void fetcher_connect(struct fetcher *self, struct jobs *jobs, struct supervisor *supervisor)
{
    self->jobs = jobs;
    self->supervisor = supervisor;
}

void fetcher_free(struct fetcher *self)
{
    if (self != NULL) {
        map_release(&self->fetches);
        free(self);
    }
}

static struct str token_view(const uint64_t *token)
{
    return str_of((const char *)token, sizeof *token);
}

/* Its account is used no more. */
static void leave(struct fetch *self, const struct jobs_outcome *outcome)
{
    struct jobs_pass *pass = self->pass;

    self->pass = NULL;
    if (pass != NULL) {
        jobs_pass_end(pass, outcome);
    }
}

static void fetch_free(struct fetch *self)
{
    leave(self, &(struct jobs_outcome){.outcome = ATTEMPT_CANCELLED, .untouched = true});
    map_remove(&self->fetcher->fetches, token_view(&self->token));
    list_remove(&self->link);
    arena_release(&self->arena);
    free(self);
}

static void finish(struct fetch *self, const struct fetched *fetched)
{
    fetch_done_fn *done = self->done;
    void *context = self->context;

    fetch_free(self);
    done(context, fetched);
}

static void finish_with(struct fetch *self, int err)
{
    const struct fetched fetched = {
        .err = err == HUB_ERR_CANCELLED || err == HUB_ERR_INTERRUPTED ? err : HUB_ERR_FETCH_FAILED,
        .retryable = hub_err_retry_class(err) == HUB_RETRY_LATER,
        .code = str_from_c(hub_err_code(err)),
        .message = str_from_c(hub_err_title(err)),
        .fd = -1,
    };

    finish(self, &fetched);
}

/* --- Starting ----------------------------------------------------------------------------------*/

static int place(struct fetch *self)
{
    struct fetcher *fetcher = self->fetcher;
    struct supervisor_request request = {
        .token = self->token,
        .connector = CONNECTOR,
        .operation = OPERATION,
        .job_id = self->request.job_id,
        .attempt = self->request.attempt,
        .max_attempts = self->request.max_attempts,
        .input = self->input,
        .account_name = self->request.account,
        .idempotency_key = self->request.job_id,
        .traceparent = self->request.traceparent,
        .timeout_ms = self->request.timeout_ms,
    };
    int err = 0;

    if (self->request.account.len > 0) {
        err = accounts_open(fetcher->accounts, self->request.account, CONNECTOR, &request.account);
    }
    if (err < 0) {
        return err;
    }
    err = supervisor_start(fetcher->supervisor, &request);
    accounts_shut(fetcher->accounts);
    self->placed = err == 0;
    return err;
}

/* To a runner, or among those that wait for room. */
static int begin(struct fetch *self)
{
    int err = place(self);

    if (err == HUB_ERR_AGAIN) {
        list_append(&self->fetcher->waiting, &self->link);
        err = 0;
    }
    return err;
}

static void on_pass(void *context, int err, uint64_t delay_ms)
{
    struct fetch *self = context;

    if (err == 0) {
        err = self->fetcher->draining ? HUB_ERR_INTERRUPTED : begin(self);
    } else {
        self->pass = NULL;
    }
    if (err == HUB_ERR_INTERRUPTED) {
        finish(self, &(struct fetched){.err = err, .delay_ms = delay_ms, .fd = -1});
    } else if (err < 0) {
        finish_with(self, err);
    }
}

static int ask_for_pass(struct fetch *self)
{
    const struct jobs_pass_request request = {
        .token = self->request.token,
        .account = self->request.account,
        .pointer = self->request.pointer,
    };
    struct str unused;
    int err = accounts_open(self->fetcher->accounts, request.account, CONNECTOR, &unused);

    accounts_shut(self->fetcher->accounts);
    return err < 0 ? err : jobs_pass_ask(self->fetcher->jobs, &request, on_pass, self, &self->pass);
}

static struct str make_input(struct fetch *self)
{
    uint32_t timeout_ms = self->request.timeout_ms;
    struct buf text;

    buf_init(&text, ARENA_MAX);
    buf_append_c(&text, "{\"url\":");
    buf_append_json_string(&text, self->request.url);
    buf_append_format(&text, ",\"save_as\":\"" SAVE_AS "\",\"max_bytes\":%llu,\"timeout_ms\":%u}",
                      (unsigned long long)self->fetcher->bytes_max,
                      timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS);
    struct str input =
        buf_failed(&text) ? (struct str){0} : arena_str(&self->arena, buf_view(&text));
    buf_release(&text);
    return input;
}

static bool copy_request(struct fetch *self, const struct fetch_request *request)
{
    struct str *texts[] = {&self->request.url, &self->request.account, &self->request.pointer,
                           &self->request.job_id, &self->request.traceparent};

    self->request = *request;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->len > 0) {
            *texts[i] = arena_str(&self->arena, *texts[i]);
            if (texts[i]->ptr == NULL) {
                return false;
            }
        }
    }
    self->input = make_input(self);
    return self->input.ptr != NULL;
}

int fetch_start(struct fetcher *self, const struct fetch_request *request, fetch_done_fn *done,
                void *context, struct fetch **ret_fetch)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    int err = HUB_ERR_NOMEM;

    if (fetch == NULL) {
        return err;
    }
    fetch->fetcher = self;
    fetch->token = FETCH_TOKEN | ++self->last;
    fetch->done = done;
    fetch->context = context;
    list_init(&fetch->link);
    arena_init(&fetch->arena, ARENA_MAX * 2);
    if (copy_request(fetch, request)) {
        err = map_put(&self->fetches, token_view(&fetch->token), fetch);
    }
    if (err == 0) {
        err = request->account.len > 0 ? ask_for_pass(fetch) : begin(fetch);
    }
    if (err < 0) {
        fetch_free(fetch);
        return err;
    }
    *ret_fetch = fetch;
    return 0;
}

void fetcher_capacity(struct fetcher *self, struct str connector)
{
    if (!str_eq(connector, CONNECTOR)) {
        return;
    }
    LIST_FOR_EACH(link, &self->waiting) {
        struct fetch *fetch = CONTAINER_OF(link, struct fetch, link);
        int err = place(fetch);
        if (err == HUB_ERR_AGAIN) {
            return;
        }
        list_remove(link);
        if (err < 0) {
            finish_with(fetch, err);
            return; /* which may have changed the list; the rest waits for another time */
        }
    }
}

/* --- Ending ------------------------------------------------------------------------------------*/

/* How the end of an attempt without an answer is told. */
static const int DEATHS[SUPERVISOR_CAUSE_END] = {
    [SUPERVISOR_CAUSE_NONE] = HUB_ERR_PROTOCOL,
    [SUPERVISOR_CAUSE_SIGNAL] = HUB_ERR_RUNNER_CRASHED,
    [SUPERVISOR_CAUSE_EXIT] = HUB_ERR_RUNNER_EXITED,
    [SUPERVISOR_CAUSE_DEADLINE] = HUB_ERR_DEADLINE_EXCEEDED,
    [SUPERVISOR_CAUSE_PROTOCOL] = HUB_ERR_PROTOCOL,
    [SUPERVISOR_CAUSE_CANCELLED] = HUB_ERR_CANCELLED,
    [SUPERVISOR_CAUSE_SIBLING] = HUB_ERR_INTERRUPTED,
    [SUPERVISOR_CAUSE_POLICY] = HUB_ERR_POLICY_VIOLATION,
    [SUPERVISOR_CAUSE_CPU] = HUB_ERR_CPU_EXCEEDED,
    [SUPERVISOR_CAUSE_MEMORY] = HUB_ERR_MEMORY_EXCEEDED,
    [SUPERVISOR_CAUSE_OUTPUT] = HUB_ERR_TOO_LARGE,
};

/* What the answer's Content-Type said, into `type`; the artifact was made before there was one. */
static struct str media_type_of(const struct supervisor_outcome *outcome,
                                char type[WIRE_MEDIA_TYPE_MAX])
{
    struct str found = outcome->artifacts[0].media_type;
    struct json_object *result;
    struct json_object *headers;
    struct str said;

    if (json_read(outcome->result, JSON_DEPTH_MAX, &result, NULL, NULL) < 0) {
        return found;
    }
    if (json_get_object(result, "headers", &headers) &&
        json_get_str(headers, "content-type", &said) && name_is_media_type(said)) {
        memcpy(type, said.ptr, said.len);
        found = str_of(type, said.len);
    }
    json_object_put(result);
    return found;
}

/* The one file that was asked for; any other is closed. */
static void finish_fetched(struct fetch *self, const struct supervisor_outcome *outcome)
{
    char type[WIRE_MEDIA_TYPE_MAX];

    for (unsigned i = 1; i < outcome->artifact_count; i++) {
        close(outcome->artifacts[i].fd);
    }
    if (outcome->artifact_count == 0) {
        finish_with(self, HUB_ERR_PROTOCOL);
        return;
    }
    const struct fetched fetched = {
        .fd = outcome->artifacts[0].fd,
        .media_type = media_type_of(outcome, type),
    };
    finish(self, &fetched);
}

/* What it was to its account. */
static struct jobs_outcome use_of(const struct supervisor_outcome *outcome)
{
    static const enum attempt_outcome KINDS[] = {
        [SUPERVISOR_OK] = ATTEMPT_SUCCEEDED, [SUPERVISOR_FAIL] = ATTEMPT_FAILED,
        [SUPERVISOR_RETRY] = ATTEMPT_RETRY,  [SUPERVISOR_UNKNOWN] = ATTEMPT_UNKNOWN,
        [SUPERVISOR_DIED] = ATTEMPT_CRASHED,
    };
    bool cancelled =
        outcome->kind == SUPERVISOR_DIED && outcome->cause == SUPERVISOR_CAUSE_CANCELLED;
    bool late = outcome->kind == SUPERVISOR_DIED && outcome->cause == SUPERVISOR_CAUSE_DEADLINE;

    return (struct jobs_outcome){
        .outcome = cancelled ? ATTEMPT_CANCELLED
                   : late    ? ATTEMPT_DEADLINE
                             : KINDS[outcome->kind],
        .pause_ms = outcome->pause_ms,
    };
}

void fetcher_finished(struct fetcher *self, const struct supervisor_outcome *outcome)
{
    const struct jobs_outcome use = use_of(outcome);
    struct fetch *fetch = map_get(&self->fetches, token_view(&outcome->token));

    if (fetch == NULL) {
        for (unsigned i = 0; i < outcome->artifact_count; i++) {
            close(outcome->artifacts[i].fd);
        }
        return;
    }
    leave(fetch, &use);
    if (outcome->kind == SUPERVISOR_OK) {
        finish_fetched(fetch, outcome);
    } else if (outcome->kind == SUPERVISOR_DIED) {
        finish_with(fetch, DEATHS[outcome->cause]);
    } else {
        const struct fetched fetched = {
            .err = HUB_ERR_FETCH_FAILED,
            .retryable = outcome->kind != SUPERVISOR_FAIL,
            .delay_ms = outcome->delay_ms,
            .code = outcome->code,
            .message = outcome->message,
            .details = outcome->details,
            .fd = -1,
        };
        finish(fetch, &fetched);
    }
}

void fetch_cancel(struct fetch *self)
{
    if (!self->placed) {
        finish_with(self, HUB_ERR_CANCELLED);
    } else {
        supervisor_cancel(self->fetcher->supervisor, self->token);
    }
}

void fetcher_drain(struct fetcher *self)
{
    struct list *link;

    self->draining = true;
    while ((link = list_first(&self->waiting)) != NULL) {
        finish_with(CONTAINER_OF(link, struct fetch, link), HUB_ERR_INTERRUPTED);
    }
}
