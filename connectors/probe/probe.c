#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe_schemas.h"

enum { CHANNEL_FD = 3 }; /* where a runner has its line to hubd */

/* --- Members of the input ----------------------------------------------------------------------*/

static int64_t member_int(const struct probe_run *run, const char *name, int64_t otherwise)
{
    json_object *value = json_object_object_get(run->input, name);
    return value ? json_object_get_int64(value) : otherwise;
}

static hub_str member_str(const struct probe_run *run, const char *name, const char *otherwise)
{
    json_object *value = json_object_object_get(run->input, name);
    if (!value)
        return (hub_str){otherwise, strlen(otherwise)};
    return (hub_str){json_object_get_string(value), (uint64_t)json_object_get_string_len(value)};
}

static hub_str str_of(const char *text)
{
    return (hub_str){text, strlen(text)};
}

/* --- Ends that keep the contract ---------------------------------------------------------------*/

static void end_succeed(struct probe_run *run)
{
    json_object *result = json_object_object_get(run->input, "result");
    if (result) {
        run->host->succeed(run->job, str_of(json_object_to_json_string(result)));
        return;
    }
    if (json_object_array_length(run->answers) > 0) {
        json_object *told = json_object_new_object();
        json_object_object_add(told, "attempt", json_object_new_int64(run->job->attempt));
        json_object_object_add(told, "answers", json_object_get(run->answers));
        run->host->succeed(run->job, str_of(json_object_to_json_string(told)));
        json_object_put(told);
        return;
    }
    char text[256];
    snprintf(text, sizeof(text),
             "{\"attempt\":%u,\"max_attempts\":%u,\"files\":%u,\"waits\":%lld,\"pid\":%ld}",
             run->job->attempt, run->job->max_attempts, run->job->file_count, (long long)run->done,
             (long)getpid());
    run->host->succeed(run->job, str_of(text));
}

static void end_fail(struct probe_run *run)
{
    run->host->fail(run->job, member_str(run, "code", "probe_failed"),
                    member_str(run, "message", "The probe was told to fail."),
                    HUB_STR("{\"probe\":true}"));
}

static void end_retry(struct probe_run *run)
{
    run->host->retry(run->job, member_str(run, "code", "probe_retry"),
                     member_str(run, "message", "The probe was told to ask for another attempt."),
                     (uint64_t)member_int(run, "delay_ms", 0));
}

static void end_unknown(struct probe_run *run)
{
    run->host->unknown(run->job, member_str(run, "code", "probe_unknown"),
                       member_str(run, "message", "The probe was told not to know."));
}

static void end_alloc(struct probe_run *run)
{
    size_t bytes = (size_t)member_int(run, "bytes", 1024);
    volatile char *memory = malloc(bytes ? bytes : 1);
    if (!memory) {
        run->host->fail(run->job, HUB_STR("no_memory"), HUB_STR("malloc() said no."), (hub_str){0});
        return;
    }
    for (size_t at = 0; at < bytes; at += 4096)
        memory[at] = 1;
    free((char *)memory);
    end_succeed(run);
}

/* Writes all of it. 0, or an errno. */
static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, bytes, len);
        if (wrote < 0 && errno != EINTR)
            return errno;
        if (wrote > 0) {
            bytes += wrote;
            len -= (size_t)wrote;
        }
    }
    return 0;
}

static void fail_with(struct probe_run *run, const char *code, const char *what, int number)
{
    char text[128];
    snprintf(text, sizeof(text), "%s: %d", what, number);
    run->host->fail(run->job, str_of(code), str_of(text), (hub_str){0});
}

/* Makes artifact `number` of `times`, filled with the letters a to z. False: the job has failed. */
static bool make_artifact(struct probe_run *run, int64_t number)
{
    hub_str name = member_str(run, "name", "probe.bin");
    char numbered[300];
    if (run->times > 1) {
        snprintf(numbered, sizeof(numbered), "%.*s-%lld", (int)name.len, name.ptr,
                 (long long)number);
        name = str_of(numbered);
    }
    int32_t fd;
    int32_t called = run->host->artifact(
        run->job, name, member_str(run, "media_type", "application/octet-stream"), &fd);
    if (called != HUB_CALL_OK) {
        fail_with(run, "artifact_refused", "artifact() answered", called);
        return false;
    }
    char block[26 * 512];
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)('a' + i % 26);
    int64_t left = member_int(run, "bytes", 1024);
    while (left > 0) {
        size_t part = left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block);
        int error = write_all(fd, block, part);
        if (error) {
            fail_with(run, "write_failed", "write() failed, errno", error);
            return false;
        }
        left -= (int64_t)part;
    }
    return true;
}

static void end_artifact(struct probe_run *run)
{
    for (int64_t i = 1; i <= run->times; i++) {
        if (!make_artifact(run, i))
            return;
    }
    end_succeed(run);
}

static void end_echo_file(struct probe_run *run)
{
    const hub_file *file = run->host->file(run->job, HUB_STR("/file"));
    if (!file) {
        run->host->fail(run->job, HUB_STR("no_file"), HUB_STR("There is no input file at /file."),
                        (hub_str){0});
        return;
    }
    hub_str name = file->name.len ? file->name : member_str(run, "name", "probe.bin");
    int32_t fd;
    int32_t called = run->host->artifact(run->job, name, file->media_type, &fd);
    if (called != HUB_CALL_OK) {
        fail_with(run, "artifact_refused", "artifact() answered", called);
        return;
    }
    char block[65536];
    uint64_t copied = 0;
    ssize_t got;
    while ((got = pread(file->fd, block, sizeof(block), (off_t)copied)) > 0) {
        int error = write_all(fd, block, (size_t)got);
        if (error) {
            fail_with(run, "write_failed", "write() failed, errno", error);
            return;
        }
        copied += (uint64_t)got;
    }
    char text[128];
    snprintf(text, sizeof(text), "{\"bytes\":%llu,\"announced\":%llu,\"attempt\":%u}",
             (unsigned long long)copied, (unsigned long long)file->bytes, run->job->attempt);
    run->host->succeed(run->job, str_of(text));
}

/* --- Ends that break it ------------------------------------------------------------------------*/

static void wait_for_death(void)
{
    for (;;)
        pause();
}

static void end_crash(struct probe_run *run)
{
    (void)run;
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn the signal into an exit */
    volatile int *volatile nowhere = (volatile int *)8; /* volatile: or the compiler objects */
    *nowhere = 1;
}

static void end_abort(struct probe_run *run)
{
    (void)run;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void end_exit(struct probe_run *run)
{
    _exit((int)member_int(run, "exit_code", 3));
}

static void end_hang(struct probe_run *run)
{
    (void)run;
    wait_for_death();
}

static void end_spin(struct probe_run *run)
{
    (void)run;
    for (volatile uint64_t turn = 0;; turn++) {
    }
}

static void end_close_channel(struct probe_run *run)
{
    (void)run;
    close(CHANNEL_FD);
    wait_for_death();
}

static void end_garbage(struct probe_run *run)
{
    unsigned char block[1024];
    for (int64_t left = member_int(run, "bytes", 1024); left > 0; left -= (int64_t)sizeof(block)) {
        run->host->random(block, sizeof(block));
        size_t part = left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block);
        if (write_all(CHANNEL_FD, (char *)block, part) != 0)
            break;
    }
    wait_for_death();
}

static void end_double_complete(struct probe_run *run)
{
    hub_job *job = run->job;
    end_succeed(run);
    run->host->succeed(job, HUB_STR("{\"second\":true}"));
}

static void ignore(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    const hub_host *host = context;
    (void)status;
    (void)values;
    (void)count;
    host->log(NULL, HUB_LOG_ERROR, HUB_STR("The probe got an answer for a job that is over."));
}

/* Does not wait for the answer. */
static void end_complete_in_call(struct probe_run *run)
{
    const hub_keep_api *keep = run->host->extension(HUB_EXT_KEEP);
    if (keep)
        keep->put(run->job, HUB_KEEP_JOB, 0, HUB_STR("late"), HUB_STR("late"), 0, ignore,
                  (void *)run->host);
    end_succeed(run);
}

static void end_never_complete(struct probe_run *run)
{
    (void)run;
}

/* --- After each wait ---------------------------------------------------------------------------*/

static void each_progress(struct probe_run *run)
{
    char text[64];
    snprintf(text, sizeof(text), "step %lld of %lld", (long long)run->done, (long long)run->times);
    run->host->progress(run->job, (uint32_t)(run->done * 1000 / run->times), str_of(text));
}

static void each_log(struct probe_run *run)
{
    run->host->log(run->job, HUB_LOG_INFO, member_str(run, "message", "The probe says hello."));
}

/* --- The run -----------------------------------------------------------------------------------*/

static const struct probe_act ACTS[] = {
    {"succeed", NULL, end_succeed},
    {"fail", NULL, end_fail},
    {"retry", NULL, end_retry},
    {"unknown", NULL, end_unknown},
    {"sleep", NULL, end_succeed},
    {"progress", each_progress, end_succeed},
    {"log", each_log, end_succeed},
    {"alloc", NULL, end_alloc},
    {"artifact", NULL, end_artifact},
    {"echo_file", NULL, end_echo_file},
    {"crash", NULL, end_crash},
    {"abort", NULL, end_abort},
    {"exit", NULL, end_exit},
    {"hang", NULL, end_hang},
    {"spin", NULL, end_spin},
    {"close_channel", NULL, end_close_channel},
    {"garbage", NULL, end_garbage},
    {"double_complete", NULL, end_double_complete},
    {"never_complete", NULL, end_never_complete},
    {"complete_in_call", NULL, end_complete_in_call},
};

static const struct probe_act *find_act(const char *name)
{
    for (size_t i = 0; i < sizeof(ACTS) / sizeof(ACTS[0]); i++) {
        if (name && strcmp(ACTS[i].name, name) == 0)
            return &ACTS[i];
    }
    return NULL;
}

int64_t probe_run_wait(const struct probe_run *run)
{
    int64_t left = run->wake - run->host->now_ms();
    if (left <= 0)
        return 0;
    return run->deaf || left < PROBE_SLICE_MS ? left : PROBE_SLICE_MS;
}

bool probe_run_step(struct probe_run *run)
{
    run->done++;
    if (run->act->each)
        run->act->each(run);
    run->wake = run->host->now_ms() + run->ms;
    return run->done < run->times;
}

bool probe_run_cancelled(const struct probe_run *run)
{
    return !run->deaf && run->host->cancelled(run->job);
}

static void probe_run_free(struct probe_run *run)
{
    if (!run)
        return;
    json_object_put(run->input);
    json_object_put(run->answers);
    free(run);
}

void probe_run_end(struct probe_run *run)
{
    if (probe_run_cancelled(run))
        run->host->fail(run->job, HUB_STR("cancelled"), HUB_STR("The probe was stopped."),
                        (hub_str){0});
    else
        run->act->end(run);
    probe_run_free(run);
}

static json_object *parse(hub_str text)
{
    json_tokener *tokener = json_tokener_new();
    if (!tokener)
        return NULL;
    json_object *value = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
    /* A number or literal at the very end is complete only once the end is seen. */
    if (!value && json_tokener_get_error(tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(tokener, "", 1);
    json_tokener_free(tokener);
    return value;
}

static struct probe_run *probe_run_new(const hub_host *host, hub_job *job)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->host = host;
    run->job = job;
    run->input = parse(job->input);
    run->act = find_act(json_object_get_string(json_object_object_get(run->input, "do")));
    if (!run->act) {
        probe_run_free(run);
        return NULL;
    }
    if (job->attempt >= member_int(run, "until_attempt", INT64_MAX))
        run->act = find_act("succeed");
    run->ms = member_int(run, "ms", 0);
    run->times = member_int(run, "times", 1);
    run->deaf = member_int(run, "deaf", 0) != 0;
    run->wake = host->now_ms() + run->ms;
    run->answers = json_object_new_array();
    return run;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    struct probe_run *run = probe_run_new(host, job);
    if (!run) {
        host->fail(job, HUB_STR("invalid_input"), HUB_STR("The probe does not know what to do."),
                   (hub_str){0});
        return;
    }
    probe_calls(run);
}

/* The host is all the state there is. */
static hub_instance *create(const hub_host *host)
{
    return (hub_instance *)host;
}

/* --- The descriptor ----------------------------------------------------------------------------*/

#ifdef PROBE_ASYNC
#define PROBE_NAME "aprobe"
#define PROBE_MODE HUB_MODE_ASYNC
#else
#define PROBE_NAME "probe"
#define PROBE_MODE HUB_MODE_BLOCKING
#endif

#define PROBE_OPERATION(NAME, SAFETY, SUMMARY)                                                     \
    {                                                                                              \
        .size = sizeof(hub_operation), .retry_safety = SAFETY, .name = HUB_STR_INIT(NAME),         \
        .summary = HUB_STR_INIT(SUMMARY), .input_schema = HUB_STR_INIT(RUN_SCHEMA),                \
        .example = HUB_STR_INIT("{\"do\":\"succeed\"}"), .start = start,                           \
    }

static const hub_operation RUN =
    PROBE_OPERATION("run", HUB_RETRY_SAFE, "Behaves as told; may be repeated.");
static const hub_operation RUN_WITH_KEY =
    PROBE_OPERATION("run_with_key", HUB_RETRY_WITH_KEY, "Behaves as told; repeated with its key.");
static const hub_operation RUN_ONCE =
    PROBE_OPERATION("run_once", HUB_RETRY_NEVER, "Behaves as told; never repeated in doubt.");

static const hub_operation *const OPERATIONS[] = {&RUN, &RUN_WITH_KEY, &RUN_ONCE};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT(PROBE_NAME),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Behaves and misbehaves as told; for tests."),
    .mode = PROBE_MODE,
    .max_in_flight = PROBE_MODE == HUB_MODE_ASYNC ? 64 : 0,
    .operation_count = sizeof(OPERATIONS) / sizeof(OPERATIONS[0]),
    .operations = OPERATIONS,
    .create = create,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
}
