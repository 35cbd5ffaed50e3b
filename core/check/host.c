/*
 * host.c — struct hub_host, watched.
 */
#include "check/tell.h"
#include "check/watch.h"
#include "wire/names.h"

#include <unistd.h>

#define APPENDED_FUNCTIONS 8

/* A host of tomorrow: longer, and what follows leads nowhere. */
struct newer_host {
    hub_host host;
    void (*appended[APPENDED_FUNCTIONS])(void);
};

static const hub_host *real;
static enum host_age age;

static void check_text(const char *what, hub_str text)
{
    if (text.len > 0 && !text.ptr) {
        tell_breach("bad_text", "%s was given a NULL pointer with a length", what);
    } else if (text.len > 0 &&
               str_utf8_valid_prefix(str_of(text.ptr, text.len)) != (size_t)text.len) {
        tell_breach("bad_text", "%s was given text that is not UTF-8", what);
    }
}

static void check_code(const char *what, hub_str code)
{
    if (!code.ptr || !name_is_code(str_of(code.ptr, code.len))) {
        tell_breach("bad_code", "%s was given a code that is not 1 to 64 of a-z, 0-9 and _", what);
    }
}

/* --- Completion --------------------------------------------------------------------------------*/

static void watched_succeed(hub_job *job, hub_str result)
{
    struct guard *guard;
    enum side before = side_set(SIDE_HOST);
    guard_point();
    if (guard_begin_close(job, "succeed()", &guard)) {
        check_text("succeed()", result);
        real->succeed(guard_real(guard), result);
        guard_end_close(guard);
    }
    side_set(before);
}

static void watched_fail(hub_job *job, hub_str code, hub_str message, hub_str details)
{
    struct guard *guard;
    enum side before = side_set(SIDE_HOST);
    guard_point();
    if (guard_begin_close(job, "fail()", &guard)) {
        check_code("fail()", code);
        check_text("fail()", message);
        check_text("fail()", details);
        real->fail(guard_real(guard), code, message, details);
        guard_end_close(guard);
    }
    side_set(before);
}

static void watched_retry(hub_job *job, hub_str code, hub_str message, uint64_t delay_ms)
{
    struct guard *guard;
    enum side before = side_set(SIDE_HOST);
    guard_point();
    if (guard_begin_close(job, "retry()", &guard)) {
        check_code("retry()", code);
        check_text("retry()", message);
        real->retry(guard_real(guard), code, message, delay_ms);
        guard_end_close(guard);
    }
    side_set(before);
}

static void watched_unknown(hub_job *job, hub_str code, hub_str message)
{
    struct guard *guard;
    enum side before = side_set(SIDE_HOST);
    guard_point();
    if (guard_begin_close(job, "unknown()", &guard)) {
        check_code("unknown()", code);
        check_text("unknown()", message);
        real->unknown(guard_real(guard), code, message);
        guard_end_close(guard);
    }
    side_set(before);
}

/* --- While a job runs --------------------------------------------------------------------------*/

static void watched_progress(hub_job *job, uint32_t permille, hub_str message)
{
    enum side before = side_set(SIDE_HOST);
    guard_point();
    struct guard *guard = guard_of(job, "progress()");
    if (guard) {
        check_text("progress()", message);
        if (permille > 1000) {
            tell_breach("bad_progress", "progress() was given %u thousandths", permille);
        }
        real->progress(guard_real(guard), permille, message);
    }
    side_set(before);
}

static void watched_log(hub_job *job, uint32_t level, hub_str message)
{
    enum side before = side_set(SIDE_HOST);
    guard_point();
    struct guard *guard = job ? guard_of(job, "log()") : NULL;
    if (!job || guard) {
        check_text("log()", message);
        real->log(guard ? guard_real(guard) : NULL, level, message);
    }
    side_set(before);
}

static int32_t watched_cancelled(const hub_job *job)
{
    enum side before = side_set(SIDE_HOST);
    guard_point();
    struct guard *guard = guard_of(job, "cancelled()");
    int32_t cancelled = guard ? real->cancelled(guard_real(guard)) : 1;
    side_set(before);
    return cancelled;
}

static int32_t watched_artifact(hub_job *job, hub_str name, hub_str media_type, int32_t *fd)
{
    enum side before = side_set(SIDE_HOST);
    guard_point();
    struct guard *guard = guard_of(job, "artifact()");
    int32_t called =
        guard ? real->artifact(guard_real(guard), name, media_type, fd) : HUB_CALL_CLOSED;
    side_set(before);
    return called;
}

static const hub_file *watched_file(const hub_job *job, hub_str pointer)
{
    const hub_file *found = NULL;
    enum side before = side_set(SIDE_HOST);
    guard_point();
    struct guard *guard = guard_of(job, "file()");
    const hub_file *file = guard ? real->file(guard_real(guard), pointer) : NULL;
    for (uint32_t i = 0; file && i < job->file_count; i++) {
        found = guard_real(guard)->files[i] == file ? job->files[i] : found;
    }
    side_set(before);
    return found;
}

static const void *watched_extension(const char *name)
{
    if (age == HOST_OLDER || !name) {
        return NULL;
    }
    enum side before = side_set(SIDE_HOST);
    const void *extension = real->extension(name);
    if (extension) {
        extension = watch_extension(name, extension);
    }
    side_set(before);
    return extension;
}

static void from_tomorrow(void)
{
    tell_breach("newer_field", "a function was called that ABI %u.%u does not have",
                HUB_ABI_MAJOR(HUB_ABI), HUB_ABI_MINOR(HUB_ABI));
    _exit(RUNNER_EXIT_CONTRACT);
}

const hub_host *watch_host(const hub_host *host, enum host_age host_age)
{
    static struct newer_host watched;
    real = host;
    age = host_age;
    watched.host = *host;
    watched.host.succeed = watched_succeed;
    watched.host.fail = watched_fail;
    watched.host.retry = watched_retry;
    watched.host.unknown = watched_unknown;
    watched.host.progress = watched_progress;
    watched.host.log = watched_log;
    watched.host.cancelled = watched_cancelled;
    watched.host.artifact = watched_artifact;
    watched.host.file = watched_file;
    watched.host.extension = watched_extension;
    if (age == HOST_NEWER) {
        watched.host.size = sizeof watched;
        watched.host.abi = HUB_ABI + NEWER_BY;
        for (size_t i = 0; i < APPENDED_FUNCTIONS; i++) {
            watched.appended[i] = from_tomorrow;
        }
    }
    return &watched.host;
}
