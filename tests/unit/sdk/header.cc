// The header as C++ sees it: types, constants and HUB_HAS() must work.
#include <hub/connector.h>

extern "C" void header_user(hub_instance *instance, hub_job *job);

extern "C" void header_user(hub_instance *instance, hub_job *job)
{
    const hub_host *host = reinterpret_cast<const hub_host *>(instance);
    static const hub_str result = HUB_STR_INIT("{}");
    if (HUB_HAS(host, hub_host, extension) && host->cancelled(job) == 0)
        host->succeed(job, result);
}
