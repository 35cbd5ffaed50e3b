/*
 * The layout of ABI 1.0 on LP64, to the byte. A line here never changes: connectors were compiled
 * with it. A field that is appended gets a line of its own, and a larger SIZE.
 */
#include <hub/connector.h>

#include <assert.h>

#if defined(__LP64__)

#define SIZE(type, bytes)       static_assert(sizeof(type) == (bytes), #type);
#define AT(type, member, bytes) static_assert(offsetof(type, member) == (bytes), #type "." #member);

SIZE(hub_str, 16)
AT(hub_str, ptr, 0)
AT(hub_str, len, 8)
SIZE(hub_file, 80)
AT(hub_file, size, 0)
AT(hub_file, fd, 4)
AT(hub_file, bytes, 8)
AT(hub_file, pointer, 16)
AT(hub_file, name, 32)
AT(hub_file, media_type, 48)
AT(hub_file, artifact, 64)
SIZE(hub_job, 136)
AT(hub_job, size, 0)
AT(hub_job, attempt, 4)
AT(hub_job, id, 8)
AT(hub_job, operation, 24)
AT(hub_job, input, 40)
AT(hub_job, account, 56)
AT(hub_job, idempotency_key, 72)
AT(hub_job, traceparent, 88)
AT(hub_job, deadline_ms, 104)
AT(hub_job, file_count, 112)
AT(hub_job, max_attempts, 116)
AT(hub_job, files, 120)
AT(hub_job, user, 128)
SIZE(hub_host, 112)
AT(hub_host, size, 0)
AT(hub_host, abi, 4)
AT(hub_host, succeed, 8)
AT(hub_host, fail, 16)
AT(hub_host, retry, 24)
AT(hub_host, unknown, 32)
AT(hub_host, progress, 40)
AT(hub_host, log, 48)
AT(hub_host, cancelled, 56)
AT(hub_host, artifact, 64)
AT(hub_host, file, 72)
AT(hub_host, now_ms, 80)
AT(hub_host, wall_ms, 88)
AT(hub_host, random, 96)
AT(hub_host, extension, 104)
SIZE(hub_timer_api, 24)
AT(hub_timer_api, size, 0)
AT(hub_timer_api, reserved, 4)
AT(hub_timer_api, start, 8)
AT(hub_timer_api, stop, 16)
SIZE(hub_pool_api, 16)
AT(hub_pool_api, size, 0)
AT(hub_pool_api, threads, 4)
AT(hub_pool_api, run, 8)
SIZE(hub_kept, 48)
AT(hub_kept, size, 0)
AT(hub_kept, reserved, 4)
AT(hub_kept, key, 8)
AT(hub_kept, value, 24)
AT(hub_kept, kept_at, 40)
SIZE(hub_keep_api, 32)
AT(hub_keep_api, size, 0)
AT(hub_keep_api, value_max, 4)
AT(hub_keep_api, put, 8)
AT(hub_keep_api, get, 16)
AT(hub_keep_api, list, 24)
SIZE(hub_ledger_api, 16)
AT(hub_ledger_api, size, 0)
AT(hub_ledger_api, body_max, 4)
AT(hub_ledger_api, append, 8)
SIZE(hub_http_header, 32)
AT(hub_http_header, name, 0)
AT(hub_http_header, value, 16)
SIZE(hub_http_response, 88)
AT(hub_http_response, size, 0)
AT(hub_http_response, error, 4)
AT(hub_http_response, sent, 8)
AT(hub_http_response, status, 12)
AT(hub_http_response, headers, 16)
AT(hub_http_response, header_count, 24)
AT(hub_http_response, redirects, 28)
AT(hub_http_response, body, 32)
AT(hub_http_response, body_bytes, 48)
AT(hub_http_response, url, 56)
AT(hub_http_response, message, 72)
SIZE(hub_http_request, 152)
AT(hub_http_request, size, 0)
AT(hub_http_request, flags, 4)
AT(hub_http_request, method, 8)
AT(hub_http_request, url, 24)
AT(hub_http_request, headers, 40)
AT(hub_http_request, header_count, 48)
AT(hub_http_request, max_redirects, 52)
AT(hub_http_request, body, 56)
AT(hub_http_request, body_file, 72)
AT(hub_http_request, response_max, 80)
AT(hub_http_request, sink_fd, 88)
AT(hub_http_request, connect_timeout_ms, 92)
AT(hub_http_request, idle_timeout_ms, 96)
AT(hub_http_request, timeout_ms, 100)
AT(hub_http_request, partition, 104)
AT(hub_http_request, done, 120)
AT(hub_http_request, context, 128)
AT(hub_http_request, hosts, 136)
AT(hub_http_request, host_count, 144)
AT(hub_http_request, reserved, 148)
SIZE(hub_http_api, 24)
AT(hub_http_api, size, 0)
AT(hub_http_api, in_flight_max, 4)
AT(hub_http_api, send, 8)
AT(hub_http_api, cancel, 16)
SIZE(hub_account_api, 16)
AT(hub_account_api, size, 0)
AT(hub_account_api, reserved, 4)
AT(hub_account_api, pause, 8)
SIZE(hub_operation, 112)
AT(hub_operation, size, 0)
AT(hub_operation, retry_safety, 4)
AT(hub_operation, name, 8)
AT(hub_operation, summary, 24)
AT(hub_operation, input_schema, 40)
AT(hub_operation, result_schema, 56)
AT(hub_operation, example, 72)
AT(hub_operation, timeout_ms, 88)
AT(hub_operation, max_attempts, 92)
AT(hub_operation, start, 96)
AT(hub_operation, flags, 104)
AT(hub_operation, reserved, 108)
SIZE(hub_connector, 160)
AT(hub_connector, size, 0)
AT(hub_connector, abi, 4)
AT(hub_connector, name, 8)
AT(hub_connector, version, 24)
AT(hub_connector, licence, 40)
AT(hub_connector, summary, 56)
AT(hub_connector, mode, 72)
AT(hub_connector, max_in_flight, 76)
AT(hub_connector, account_schema, 80)
AT(hub_connector, hosts, 96)
AT(hub_connector, paths, 104)
AT(hub_connector, host_count, 112)
AT(hub_connector, path_count, 116)
AT(hub_connector, operation_count, 120)
AT(hub_connector, reserved, 124)
AT(hub_connector, operations, 128)
AT(hub_connector, create, 136)
AT(hub_connector, destroy, 144)
AT(hub_connector, cancel, 152)

#endif

/* The numbers that cross the line. */
static_assert(HUB_ABI == 0x00010000 && HUB_ABI_MAJOR(HUB_ABI) == 1 && HUB_ABI_MINOR(HUB_ABI) == 0,
              "");
static_assert(HUB_CALL_OK == 0 && HUB_CALL_INVALID == -1 && HUB_CALL_LIMIT == -2, "");
static_assert(HUB_CALL_AGAIN == -3 && HUB_CALL_CLOSED == -4 && HUB_CALL_NOMEM == -5, "");
static_assert(HUB_LOG_DEBUG == 0 && HUB_LOG_INFO == 1 && HUB_LOG_WARN == 2, "");
static_assert(HUB_LOG_ERROR == 3, "");
static_assert(HUB_RETRY_SAFE == 0 && HUB_RETRY_WITH_KEY == 1 && HUB_RETRY_NEVER == 2, "");
static_assert(HUB_HTTP_DECODE == 1 && HUB_HTTP_REPLAY == 2 && HUB_HTTP_PUBLIC == 4, "");
static_assert(HUB_HTTP_TO_FILE == 8 && HUB_HTTP_SECURE == 16 && HUB_HTTP_NEVER_SENT == 0, "");
static_assert(HUB_HTTP_MAY_HAVE_ARRIVED == 1 && HUB_HTTP_OK == 0 && HUB_HTTP_INVALID == 1, "");
static_assert(HUB_HTTP_BLOCKED == 2 && HUB_HTTP_DNS == 3 && HUB_HTTP_CONNECT == 4, "");
static_assert(HUB_HTTP_TLS == 5 && HUB_HTTP_TIMEOUT == 6 && HUB_HTTP_TOO_LARGE == 7, "");
static_assert(HUB_HTTP_BROKEN == 8 && HUB_HTTP_REDIRECT == 9 && HUB_HTTP_SINK == 10, "");
static_assert(HUB_HTTP_SOURCE == 11 && HUB_HTTP_NO_RESOURCES == 12, "");
static_assert(HUB_KEEP_JOB == 0 && HUB_KEEP_ACCOUNT == 1 && HUB_KEEP_NEW == 1, "");
static_assert(HUB_MODE_ASYNC == 0 && HUB_MODE_BLOCKING == 1, "");

int main(void)
{
    /* A struct of an older maker is shorter: what it lacks is not there. */
    hub_connector older = {.size = offsetof(hub_connector, cancel)};
    hub_connector same = {.size = sizeof(hub_connector)};
    hub_connector newer = {.size = sizeof(hub_connector) + 64};
    return HUB_HAS(&older, hub_connector, cancel) || !HUB_HAS(&older, hub_connector, destroy) ||
           !HUB_HAS(&same, hub_connector, cancel) || !HUB_HAS(&newer, hub_connector, cancel);
}
