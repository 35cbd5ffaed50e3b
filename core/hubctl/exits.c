#include "hubctl/exits.h"

#include "base/error.h"

int exits_of_status(long status)
{
    if (status >= 200 && status < 300) {
        return EXITS_OK;
    }
    return status >= 400 && status < 500 ? EXITS_REFUSED : EXITS_UNREACHABLE;
}

int exits_of_err(int err)
{
    switch (err) {
    case HUB_OK:
        return EXITS_OK;
    case HUB_ERR_BAD_REQUEST:
    case HUB_ERR_INVALID_JSON:
    case HUB_ERR_INVALID_INPUT:
        return EXITS_USAGE;
    case HUB_ERR_REQUEST_TIMEOUT:
        return EXITS_TIMED_OUT;
    case HUB_ERR_INTERRUPTED:
        return EXITS_INTERRUPTED;
    case HUB_ERR_UNAVAILABLE:
    case HUB_ERR_PROTOCOL:
    case HUB_ERR_CLOSED:
        return EXITS_UNREACHABLE;
    default:
        return EXITS_LOCAL;
    }
}
