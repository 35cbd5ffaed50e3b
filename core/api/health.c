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

void api_readyz(struct api_call *call)
{
    static const char *const PHASES[] = {
        [API_STARTING] = "starting",
        [API_READY] = "ok",
        [API_DRAINING] = "draining",
    };
    enum api_phase phase = call->api->phase;

    if (phase == API_READY && store_is_full(call->api->deps.store)) {
        answer(call, 503, "storage_full");
    } else {
        answer(call, phase == API_READY ? 200 : 503, PHASES[phase]);
    }
}
