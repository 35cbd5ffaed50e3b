#include "jobs/job.h"

static const struct state_facts {
    const char *name;
    bool terminal;
} states[JOB_STATE_COUNT] = {
#define X(name, text, terminal) [JOB_##name] = {text, terminal},
    JOB_STATE_MAP(X)
#undef X
};

#define TO(state) (1u << JOB_##state)

/* A row says where a job may go from there. */
static const unsigned moves[JOB_STATE_COUNT] = {
    [JOB_BLOCKED] = TO(QUEUED) | TO(SCHEDULED) | TO(CANCELLED) | TO(FAILED),
    [JOB_SCHEDULED] = TO(QUEUED) | TO(CANCELLED) | TO(FAILED) | TO(UNKNOWN),
    [JOB_QUEUED] = TO(RUNNING) | TO(CANCELLED) | TO(FAILED) | TO(UNKNOWN),
    [JOB_RUNNING] =
        TO(SUCCEEDED) | TO(FAILED) | TO(SCHEDULED) | TO(QUEUED) | TO(CANCELLED) | TO(UNKNOWN),
};

static const unsigned moves_by_hand[JOB_STATE_COUNT] = {
    [JOB_FAILED] = TO(QUEUED) | TO(BLOCKED),
    [JOB_CANCELLED] = TO(QUEUED) | TO(BLOCKED), /* one that was skipped, with its flow */
    [JOB_UNKNOWN] = TO(QUEUED),
};

static bool known(enum job_state state)
{
    return (unsigned)state < JOB_STATE_COUNT;
}

const char *work_kind_name(enum work_kind kind)
{
    static const char *const NAMES[WORK_KIND_COUNT] = {
#define X(name, text) [WORK_##name] = text,
        WORK_KIND_MAP(X)
#undef X
    };

    return NAMES[kind];
}

const char *job_state_name(enum job_state state)
{
    return known(state) ? states[state].name : "?";
}

bool job_state_parse(struct str name, enum job_state *ret_state)
{
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (str_eq(name, str_from_c(states[i].name))) {
            *ret_state = (enum job_state)i;
            return true;
        }
    }
    return false;
}

bool job_state_terminal(enum job_state state)
{
    return known(state) && states[state].terminal;
}

bool job_may_move(enum job_state from, enum job_state to, bool by_hand)
{
    if (!known(from) || !known(to)) {
        return false;
    }
    return (moves[from] | (by_hand ? moves_by_hand[from] : 0)) & 1u << to;
}

bool job_may_retry(enum job_state state)
{
    return state == JOB_FAILED || state == JOB_UNKNOWN;
}

static const char *const policy_names[JOB_PARENT_POLICY_COUNT] = {
#define X(name, text) [JOB_PARENT_##name] = text,
    JOB_PARENT_POLICY_MAP(X)
#undef X
};

const char *job_parent_policy_name(enum job_parent_policy policy)
{
    return (unsigned)policy < JOB_PARENT_POLICY_COUNT ? policy_names[policy] : "?";
}

bool job_parent_policy_parse(struct str name, enum job_parent_policy *ret_policy)
{
    for (int i = 0; i < JOB_PARENT_POLICY_COUNT; i++) {
        if (str_eq(name, str_from_c(policy_names[i]))) {
            *ret_policy = (enum job_parent_policy)i;
            return true;
        }
    }
    return false;
}

static const char *const outcome_names[ATTEMPT_OUTCOME_COUNT] = {
#define X(name, text) [ATTEMPT_##name] = text,
    ATTEMPT_OUTCOME_MAP(X)
#undef X
};

const char *attempt_outcome_name(enum attempt_outcome outcome)
{
    return (unsigned)outcome < ATTEMPT_OUTCOME_COUNT ? outcome_names[outcome] : "?";
}
