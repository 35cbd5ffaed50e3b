#include "jobs/callback.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static const int64_t PAUSES[CALLBACK_TRIES_MAX - 1] = {
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR,  5 * HOUR,
    10 * HOUR,  14 * HOUR,  20 * HOUR,   24 * HOUR,
};

static const char *const STATES[CALLBACK_STATE_COUNT] = {
#define X(name, text) [CALLBACK_##name] = text,
    CALLBACK_STATE_MAP(X)
#undef X
};

const char *callback_state_name(enum callback_state state)
{
    return STATES[state];
}

bool callback_state_parse(struct str name, enum callback_state *ret_state)
{
    for (unsigned i = 0; i < CALLBACK_STATE_COUNT; i++) {
        if (str_eq(name, str_from_c(STATES[i]))) {
            *ret_state = (enum callback_state)i;
            return true;
        }
    }
    return false;
}

int64_t callback_pause_ms(uint32_t tries, int64_t retry_after_ms, uint32_t random)
{
    if (tries == 0 || tries >= CALLBACK_TRIES_MAX) {
        return -1;
    }
    int64_t pause = PAUSES[tries - 1];
    if (retry_after_ms > pause) {
        pause = retry_after_ms < CALLBACK_RETRY_MAX_MS ? retry_after_ms : CALLBACK_RETRY_MAX_MS;
    }
    return pause + (int64_t)random % (pause / 5 + 1);
}
