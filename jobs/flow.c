#include "jobs/flow.h"

const char *flow_state_name(enum flow_state state)
{
    static const char *const NAMES[] = {
#define X(name, text) [FLOW_##name] = text,
        FLOW_STATE_MAP(X)
#undef X
    };

    return (unsigned)state < sizeof NAMES / sizeof *NAMES ? NAMES[state] : "?";
}

enum flow_state flow_state_of(const struct flow_counts *counts)
{
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (counts->jobs[i] > 0 && !job_state_terminal((enum job_state)i)) {
            return FLOW_RUNNING;
        }
    }
    if (counts->jobs[JOB_UNKNOWN] > 0) {
        return FLOW_UNKNOWN;
    }
    if (counts->jobs[JOB_FAILED] > 0) {
        return FLOW_FAILED;
    }
    return counts->jobs[JOB_CANCELLED] > counts->skipped ? FLOW_CANCELLED : FLOW_SUCCEEDED;
}
