#include "supervisor/internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "wire/names.h"

/* --- A RESULT ----------------------------------------------------------------------------------*/

static int bad(struct hub_error *reason, int err, const char *what)
{
    return hub_fail(reason, err, "The connector %s", what);
}

static int check_json(struct str json, bool must_be_object, const char *what,
                      struct hub_error *reason)
{
    struct json_object *value;
    struct hub_error why;
    if (json_read(json, JSON_DEPTH_MAX, &value, NULL, &why) < 0) {
        return hub_fail(reason, HUB_ERR_PROTOCOL, "The connector's %s is not valid JSON: %s", what,
                        why.detail);
    }
    bool fine = !must_be_object || json_object_is_type(value, json_type_object);
    json_object_put(value);
    return fine ? 0 : bad(reason, HUB_ERR_PROTOCOL, "gave details that are no JSON object");
}

static int check_content(const struct supervisor *supervisor, const struct wire_result *result,
                         struct hub_error *reason)
{
    if (result->outcome == WIRE_OK) {
        return result->json.len > supervisor->config.result_max
                   ? bad(reason, HUB_ERR_OUTPUT_TOO_LARGE, "gave a result that is too large")
                   : check_json(result->json, false, "result", reason);
    }
    if (!name_is_code(result->code)) {
        return bad(reason, HUB_ERR_PROTOCOL, "gave an error code that is no name");
    }
    if (str_utf8_valid_prefix(result->message) != result->message.len) {
        return bad(reason, HUB_ERR_PROTOCOL, "gave a message that is not UTF-8");
    }
    return result->json.len > 0 ? check_json(result->json, true, "details", reason) : 0;
}

/* The records were counted when the descriptors were found. */
static int take_artifacts(const struct wire_result *result, const int *fds,
                          struct supervisor_artifact *artifacts, struct hub_error *reason)
{
    struct str rest = result->artifacts;
    struct wire_artifact record;
    for (unsigned i = 0; wire_artifact_next(&rest, &record) == 0; i++) {
        if (!name_is_file(record.name) ||
            (record.media_type.len > 0 && !name_is_media_type(record.media_type))) {
            return bad(reason, HUB_ERR_PROTOCOL, "named an artifact as no file may be named");
        }
        for (unsigned k = 0; k < i; k++) {
            if (str_eq(artifacts[k].name, record.name)) {
                return bad(reason, HUB_ERR_PROTOCOL, "gave two artifacts the same name");
            }
        }
        artifacts[i] = (struct supervisor_artifact){record.name, record.media_type, fds[i]};
    }
    return 0;
}

/* What counts once the attempt was told to stop: after a cancel, a success and a doubt; after the
 * deadline, nothing, since the deadline is the law. */
static enum supervisor_cause cause_of_stop(const struct attempt *attempt, enum wire_outcome kind)
{
    /* Connectors know their deadline: what they say then may come before our timer fires. */
    bool late = attempt->stop == STOP_NONE && clock_mono_ms() >= attempt->due_ms;
    if (late || attempt->stop == STOP_DEADLINE) {
        return SUPERVISOR_CAUSE_DEADLINE;
    }
    bool counts = kind == WIRE_OK || kind == WIRE_UNKNOWN;
    return attempt->stop == STOP_CANCELLED && !counts ? SUPERVISOR_CAUSE_CANCELLED
                                                      : SUPERVISOR_CAUSE_NONE;
}

void outcome_of_result(const struct attempt *attempt, const struct wire_result *result,
                       const int *fds, struct supervisor_artifact *artifacts,
                       struct supervisor_outcome *ret_outcome, struct hub_error *ret_reason)
{
    static const enum supervisor_outcome_kind KINDS[] = {
        [WIRE_OK] = SUPERVISOR_OK,
        [WIRE_FAIL] = SUPERVISOR_FAIL,
        [WIRE_RETRY] = SUPERVISOR_RETRY,
        [WIRE_UNKNOWN] = SUPERVISOR_UNKNOWN,
    };
    struct supervisor *supervisor = attempt->connector->supervisor;
    enum supervisor_cause cause = cause_of_stop(attempt, result->outcome);
    struct supervisor_outcome outcome = {
        .token = attempt->token, .cause = cause, .pause_ms = result->pause_ms};
    int err = check_content(supervisor, result, ret_reason);
    if (err == 0 && result->outcome == WIRE_OK) {
        err = take_artifacts(result, fds, artifacts, ret_reason);
    }
    if (cause != SUPERVISOR_CAUSE_NONE) {
        outcome.kind = SUPERVISOR_DIED;
    } else if (err < 0) {
        outcome.kind = SUPERVISOR_FAIL;
        outcome.code = str_from_c(hub_err_code(err));
        outcome.message = str_from_c(ret_reason->detail);
    } else {
        outcome.kind = KINDS[result->outcome];
        outcome.code = result->code;
        outcome.message = result->message;
        outcome.delay_ms = result->delay_ms;
        outcome.result = outcome.kind == SUPERVISOR_OK ? result->json : (struct str){0};
        outcome.details = outcome.kind == SUPERVISOR_OK ? (struct str){0} : result->json;
    }
    if (outcome.kind == SUPERVISOR_OK) {
        outcome.artifacts = artifacts;
        outcome.artifact_count = result->artifact_count;
    } else {
        scratch_close(supervisor->loop, fds, result->artifact_count);
    }
    *ret_outcome = outcome;
}

/* --- Causes ------------------------------------------------------------------------------------*/

static const struct cause_fact {
    const char *name;
    bool by_itself; /* the process did not wait to be killed: its number means something */
    bool is_crash;
} CAUSES[SUPERVISOR_CAUSE_END] = {
    [SUPERVISOR_CAUSE_NONE] = {"protocol", false, false},
    [SUPERVISOR_CAUSE_SIGNAL] = {"signal", true, true},
    [SUPERVISOR_CAUSE_EXIT] = {"exit", true, true},
    [SUPERVISOR_CAUSE_DEADLINE] = {"deadline", false, false},
    [SUPERVISOR_CAUSE_PROTOCOL] = {"protocol", false, true},
    [SUPERVISOR_CAUSE_CANCELLED] = {"cancelled", false, false},
    [SUPERVISOR_CAUSE_SIBLING] = {"sibling", false, false},
    [SUPERVISOR_CAUSE_POLICY] = {"policy", true, true},
    [SUPERVISOR_CAUSE_CPU] = {"cpu", true, true},
    [SUPERVISOR_CAUSE_MEMORY] = {"memory", true, true},
    [SUPERVISOR_CAUSE_OUTPUT] = {"output", true, true},
};

const char *supervisor_cause_name(enum supervisor_cause cause)
{
    return CAUSES[cause].name;
}

bool cause_is_crash(enum supervisor_cause cause)
{
    return CAUSES[cause].is_crash;
}

/* --- A death -----------------------------------------------------------------------------------*/

static enum supervisor_cause cause_of_death(const struct attempt *attempt,
                                            const struct runner_death *death)
{
    static const enum supervisor_cause STOPS[] = {
        [STOP_NONE] = SUPERVISOR_CAUSE_SIBLING,
        [STOP_CANCELLED] = SUPERVISOR_CAUSE_CANCELLED,
        [STOP_DEADLINE] = SUPERVISOR_CAUSE_DEADLINE,
    };
    static const enum supervisor_cause ENDS[] = {
        [RUNNER_END_SIGNAL] = SUPERVISOR_CAUSE_SIGNAL,
        [RUNNER_END_EXIT] = SUPERVISOR_CAUSE_EXIT,
        [RUNNER_END_PROTOCOL] = SUPERVISOR_CAUSE_PROTOCOL,
        [RUNNER_END_SLOW] = SUPERVISOR_CAUSE_PROTOCOL,
        [RUNNER_END_KILLED] = SUPERVISOR_CAUSE_SIBLING,
        [RUNNER_END_POLICY] = SUPERVISOR_CAUSE_POLICY,
        [RUNNER_END_CPU] = SUPERVISOR_CAUSE_CPU,
        [RUNNER_END_MEMORY] = SUPERVISOR_CAUSE_MEMORY,
        [RUNNER_END_OUTPUT] = SUPERVISOR_CAUSE_OUTPUT,
    };
    if (attempt->stop != STOP_NONE) {
        return STOPS[attempt->stop];
    }
    /* If nobody knows which attempt it was, it may have been any. */
    bool another = death->token != 0 && death->token != attempt->token;
    return another ? SUPERVISOR_CAUSE_SIBLING : ENDS[death->end];
}

void outcome_of_death(const struct attempt *attempt, const struct runner_death *death,
                      struct supervisor_outcome *ret_outcome)
{
    enum supervisor_cause cause = cause_of_death(attempt, death);
    *ret_outcome = (struct supervisor_outcome){
        .token = attempt->token,
        .kind = SUPERVISOR_DIED,
        .message = death->reason,
        .cause = cause,
        .cause_number = CAUSES[cause].by_itself ? death->number : 0,
    };
}
