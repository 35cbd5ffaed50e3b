/* /healthz: is the process alive?  /readyz: should it be given work? */
#include "api/resources.h"

#include "hub_version.h"

static void answer(struct api_call *call, int status, const char *word)
{
    struct buf body;

    buf_init(&body, 256);
    buf_append_format(&body, "{\"status\":\"%s\",\"version\":\"%s\"}", word, HUB_VERSION);
    api_reply_buf(call, status, &body);
}

void api_healthz(struct api_call *call)
{
    answer(call, 200, "ok");
}

static const char *word_for(int trouble)
{
    switch (trouble) {
    case HUB_ERR_STORAGE_FULL:
        return "storage_full";
    case HUB_ERR_CORRUPT:
        return "storage_damaged";
    default:
        return "storage_failing";
    }
}

void api_readyz(struct api_call *call)
{
    static const char *const PHASES[] = {
        [API_STARTING] = "starting",
        [API_READY] = "ok",
        [API_DRAINING] = "draining",
    };
    enum api_phase phase = call->api->phase;
    int trouble = store_trouble(call->api->deps.store);

    if (phase == API_READY && trouble < 0) {
        answer(call, 503, word_for(trouble));
    } else {
        answer(call, phase == API_READY ? 200 : 503, PHASES[phase]);
    }
}
