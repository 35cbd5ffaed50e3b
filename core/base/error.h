/*
 * error.h — what can go wrong, in one table.
 *
 * A function that can fail returns `int`: 0, or a negative `enum hub_err`. If it takes a
 * `struct hub_error *` as its last parameter it also says why; the parameter may be NULL.
 *
 *     struct hub_error err;
 *     if (store_open(&store, path, &err) < 0) {
 *         log_error(log, "store", "open", "path=%s why=%s", path, err.detail);
 *
 * A library returns errors, the edge (an API handler, main) reports them, once.
 *
 * Thread: [any]. Nothing here allocates.
 */
#ifndef HUB_BASE_ERROR_H
#define HUB_BASE_ERROR_H

#include <stddef.h>

/* Whether the same request may succeed later without being changed. */
enum hub_retry_class {
    HUB_RETRY_NO,    /* the caller must change something first */
    HUB_RETRY_LATER, /* the same request may succeed later */
};

/*
 * X(NAME, code, HTTP status, retry class, title)
 *
 * `code` is public: it is `error.code` of a failed job and the last part of a problem's `type`.
 * A code never changes its meaning; new ones are appended to their group. The HTTP status follows
 * RFC 9110 §15 (507: RFC 4918 §11.5, 429 and 431: RFC 6585); a status of 0 means that the error
 * never reaches a client as it is.
 */
#define HUB_ERR_MAP(X)                                                                             \
    /* requests */                                                                                 \
    X(BAD_REQUEST, "bad_request", 400, NO, "Bad request")                                          \
    X(INVALID_JSON, "invalid_json", 400, NO, "The body is not valid JSON")                         \
    X(UNAUTHORIZED, "unauthorized", 401, NO, "Missing or unknown API key")                         \
    X(FORBIDDEN, "forbidden", 403, NO, "The key lacks the scope that this needs")                  \
    X(NOT_FOUND, "not_found", 404, NO, "Not found")                                                \
    X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, NO, "Method not allowed")                     \
    X(NOT_ACCEPTABLE, "not_acceptable", 406, NO, "Not acceptable")                                 \
    X(REQUEST_TIMEOUT, "request_timeout", 408, LATER, "The request took too long to arrive")       \
    X(CONFLICT, "conflict", 409, NO, "Conflict with the present state")                            \
    X(IN_FLIGHT, "request_in_flight", 409, LATER, "The same request is still being worked on")     \
    X(GONE, "gone", 410, NO, "Gone")                                                               \
    X(LENGTH_REQUIRED, "length_required", 411, NO, "A length is required")                         \
    X(PRECONDITION_FAILED, "precondition_failed", 412, NO, "Precondition failed")                  \
    X(TOO_LARGE, "too_large", 413, NO, "Too large")                                                \
    X(URI_TOO_LONG, "uri_too_long", 414, NO, "The request target is too long")                     \
    X(UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415, NO, "Unsupported media type")         \
    X(RANGE_NOT_SATISFIABLE, "range_not_satisfiable", 416, NO, "Range not satisfiable")            \
    X(EXPECTATION_FAILED, "expectation_failed", 417, NO, "Expectation failed")                     \
    X(INVALID_INPUT, "invalid_input", 422, NO, "The input does not match its schema")              \
    X(UNKNOWN_TYPE, "unknown_type", 422, NO, "No connector offers this job type")                  \
    X(UNKNOWN_ARTIFACT, "unknown_artifact", 422, NO,                                               \
      "The input names an artifact that is not here")                                              \
    X(IDEMPOTENCY_MISMATCH, "idempotency_mismatch", 422, NO,                                       \
      "The Idempotency-Key was used with another request")                                         \
    X(UNKNOWN_ACCOUNT, "unknown_account", 422, NO, "There is no such account for this connector")  \
    X(UNUSABLE_ACCOUNT, "unusable_account", 422, NO, "The account cannot be used as it is")        \
    X(TOO_MANY_REQUESTS, "too_many_requests", 429, LATER, "Too many requests")                     \
    X(HEADERS_TOO_LARGE, "headers_too_large", 431, NO, "The header fields are too large")          \
    X(INTERNAL, "internal", 500, LATER, "Internal error")                                          \
    X(NOT_IMPLEMENTED, "not_implemented", 501, NO, "Not implemented")                              \
    X(UNAVAILABLE, "unavailable", 503, LATER, "Not available at the moment")                       \
    X(HTTP_VERSION, "http_version_not_supported", 505, NO, "HTTP version not supported")           \
    X(STORAGE_FULL, "storage_full", 507, LATER, "No space left for new work")                      \
    /* how an attempt or a job ended */                                                            \
    X(UNSUPPORTED_FORMAT, "unsupported_format", 0, NO, "The file's format is not supported")       \
    X(CONNECTOR_FAILED, "connector_failed", 0, NO, "The connector refused the job")                \
    X(TRANSIENT, "transient", 0, LATER, "The connector asked for a retry")                         \
    X(DEADLINE_EXCEEDED, "deadline_exceeded", 0, LATER, "The attempt ran past its deadline")       \
    X(RUNNER_CRASHED, "runner_crashed", 0, LATER,                                                  \
      "The connector's process was killed by a signal")                                            \
    X(RUNNER_EXITED, "runner_exited", 0, LATER, "The connector's process exited early")            \
    X(PROTOCOL, "protocol_error", 0, LATER, "The connector's process broke the protocol")          \
    X(OUTPUT_TOO_LARGE, "output_too_large", 0, NO, "The result is larger than allowed")            \
    X(INTERRUPTED, "interrupted", 0, LATER, "cut short: hubd, or the process it was in, ended")    \
    X(EXPIRED, "expired", 0, NO, "The job expired before it could run")                            \
    X(CANCELLED, "cancelled", 0, NO, "The job was cancelled")                                      \
    X(OUTCOME_UNKNOWN, "outcome_unknown", 0, NO, "The outcome could not be determined")            \
    X(POLICY_VIOLATION, "policy_violation", 0, LATER,                                              \
      "The connector made a system call that its sandbox forbids")                                 \
    X(CPU_EXCEEDED, "cpu_exceeded", 0, LATER, "The attempt took too much processor time")          \
    X(MEMORY_EXCEEDED, "memory_exceeded", 0, LATER,                                                \
      "The connector's process died for want of memory")                                           \
    X(FETCH_FAILED, "fetch_failed", 0, NO, "A file of the input could not be fetched")             \
    /* inside hubd */                                                                              \
    X(NOMEM, "out_of_memory", 503, LATER, "Out of memory")                                         \
    X(IO, "io_error", 503, LATER, "Input/output error")                                            \
    X(CORRUPT, "corrupt", 503, NO, "Stored data is damaged")                                       \
    X(LIMIT, "limit", 413, NO, "A limit was exceeded")                                             \
    X(AGAIN, "again", 0, LATER, "Not ready yet")                                                   \
    X(CLOSED, "closed", 0, LATER, "Closed")

/* The negative error values: HUB_ERR_BAD_REQUEST is -1, and so on. */
enum hub_err {
    HUB_OK = 0,
#define X(name, code, http, retry, title) HUB_ERR_ORDINAL_##name,
    HUB_ERR_MAP(X)
#undef X
        HUB_ERR_ORDINAL_END,
#define X(name, code, http, retry, title) HUB_ERR_##name = -HUB_ERR_ORDINAL_##name,
    HUB_ERR_MAP(X)
#undef X
};

#define HUB_ERROR_DETAIL_MAX 256

/* Why: one English sentence without a full stop, never with a secret or a payload. */
struct hub_error {
    int err; /* a negative enum hub_err */
    char detail[HUB_ERROR_DETAIL_MAX];
};

/* The caller must look at the result. */
#define HUB_MUST_CHECK __attribute__((warn_unused_result))

/* Facts about `err`, a negative enum hub_err; any other value is treated as HUB_ERR_INTERNAL. */
const char *hub_err_code(int err);
const char *hub_err_title(int err);
int hub_err_http_status(int err); /* 0 if it never reaches a client as it is */
enum hub_retry_class hub_err_retry_class(int err);

/* The error with this public code, or 0 if there is none. */
int hub_err_by_code(const char *code, size_t len);

/* Fills `error` (which may be NULL) and returns `err`, so that `return hub_fail(…)` reads well.
 * The text is cut at HUB_ERROR_DETAIL_MAX on a UTF-8 boundary. */
int hub_fail(struct hub_error *error, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As hub_fail(), with ": " and the text of `errnum` appended. ENOMEM becomes HUB_ERR_NOMEM, ENOSPC
 * and EDQUOT become HUB_ERR_STORAGE_FULL, ENOENT HUB_ERR_NOT_FOUND, everything else HUB_ERR_IO. */
int hub_fail_errno(struct hub_error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
