#include "provider.h"

#include "entry.h"

#include "base/clock.h"

#define RETRY_AFTER_MAX (24 * 3600 * INT64_C(1000))

struct str response_header(const hub_http_response *response, const char *name)
{
    for (uint32_t i = 0; i < response->header_count; i++) {
        if (str_eq(str_of_hub(response->headers[i].name), str_from_c(name))) {
            return str_of_hub(response->headers[i].value);
        }
    }
    return (struct str){0};
}

static uint64_t retry_after_ms(const hub_http_response *response, int64_t now_ms)
{
    struct str text = response_header(response, "retry-after");
    uint64_t seconds;
    int64_t at_ms, delay_ms = 0;

    if (str_to_u64(text, UINT32_MAX, &seconds)) {
        delay_ms = (int64_t)seconds * 1000;
    } else if (text.len > 0 && clock_parse_http(text, &at_ms)) {
        delay_ms = at_ms - now_ms;
    }
    delay_ms = delay_ms < RETRY_AFTER_MAX ? delay_ms : RETRY_AFTER_MAX;
    return delay_ms > 0 ? (uint64_t)delay_ms : 0;
}

uint64_t provider_pause(const hub_host *host, hub_job *job, const hub_http_response *response)
{
    uint64_t delay_ms = retry_after_ms(response, host->wall_ms());
    const hub_account_api *account = NULL;

    if (delay_ms > 0 && (response->status == 429 || response->status == 503)) {
        account = host->extension(HUB_EXT_ACCOUNT);
    }
    if (account != NULL) { /* older hosts have none */
        (void)account->pause(job, delay_ms);
    }
    return delay_ms;
}
