/*
 * host.c — struct hub_host: what a connector can call.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "runner/runner.h"
#include "wire/names.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_NOTES_MAX  256        /* log lines of other threads that may wait for [main] */
#define LOG_QUEUED_MAX (4u << 20) /* bytes that wait for hubd above which log lines are dropped */
#define DETAILS_MAX    (64u << 10)

/* The ABI gives log(NULL, …), now_ms() and extension() no context: the process is the context. */
static struct runner *the_runner;

/* --- Completion --------------------------------------------------------------------------------*/

/* A completion on its way to [main]. */
struct completion {
    struct note note;
    struct job *job;
    struct job_outcome outcome; /* views into `bytes` */
    char bytes[];
};

static void take_completion(struct runner *runner, struct note *note)
{
    struct completion *completion = CONTAINER_OF(note, struct completion, note);
    (void)runner;
    job_finish(completion->job, &completion->outcome);
    free(completion);
}

static struct str copy_to(char **at, struct str s)
{
    struct str copy = {*at, s.len};
    if (s.len > 0) {
        memcpy(*at, s.ptr, s.len);
    }
    *at += s.len;
    return copy;
}

static void post_completion(struct job *job, const struct job_outcome *outcome)
{
    size_t len = outcome->json.len + outcome->code.len + outcome->message.len;
    struct completion *completion = malloc(sizeof *completion + len);
    if (!completion) {
        runner_end_from(job->runner, RUNNER_EXIT_SYSTEM, "out of memory for a result");
    }
    char *at = completion->bytes;
    *completion = (struct completion){
        .note.act = take_completion,
        .job = job,
        .outcome = {outcome->kind, copy_to(&at, outcome->json), copy_to(&at, outcome->code),
                    copy_to(&at, outcome->message), outcome->delay_ms},
    };
    runner_post(job->runner, &completion->note);
}

static void complete(hub_job *pub, const struct job_outcome *outcome)
{
    struct job *job = job_of(pub);
    struct runner *runner = the_runner;
    if (!job_complete(job)) {
        runner_end_from(runner, RUNNER_EXIT_CONTRACT,
                        "the connector completed a job that was complete already");
    }
    if (runner_on_main(runner)) {
        job_finish(job, outcome);
    } else {
        post_completion(job, outcome);
    }
}

/* Text that hubd will take, whatever the connector gave. */
static struct str clean_text(hub_str text, size_t max)
{
    struct str s = {text.ptr, text.ptr ? text.len : 0};
    s = str_utf8_cut(s, max);
    s.len = str_utf8_valid_prefix(s);
    return s;
}

static struct str clean_code(hub_str code, int otherwise)
{
    struct str s = {code.ptr, code.ptr ? code.len : 0};
    return name_is_code(s) ? s : str_from_c(hub_err_code(otherwise));
}

static void host_fail(hub_job *job, hub_str code, hub_str message, hub_str details)
{
    struct job_outcome outcome = {
        .kind = WIRE_FAIL,
        .code = clean_code(code, HUB_ERR_CONNECTOR_FAILED),
        .message = clean_text(message, WIRE_MESSAGE_MAX),
    };
    if (details.ptr && details.len <= DETAILS_MAX) {
        outcome.json = str_of_hub(details);
    }
    complete(job, &outcome);
}

static void host_succeed(hub_job *job, hub_str result)
{
    if (!result.ptr || result.len == 0) {
        host_fail(job, hub_of_str(str_from_c(hub_err_code(HUB_ERR_PROTOCOL))),
                  HUB_STR("The connector gave no result."), (hub_str){0});
    } else if (result.len > the_runner->config.result_max) {
        host_fail(job, hub_of_str(str_from_c(hub_err_code(HUB_ERR_OUTPUT_TOO_LARGE))),
                  HUB_STR("The result is larger than allowed; large output belongs in artifacts."),
                  (hub_str){0});
    } else {
        complete(job, &(struct job_outcome){.kind = WIRE_OK, .json = str_of_hub(result)});
    }
}

static void host_retry(hub_job *job, hub_str code, hub_str message, uint64_t delay_ms)
{
    complete(job, &(struct job_outcome){
                      .kind = WIRE_RETRY,
                      .code = clean_code(code, HUB_ERR_TRANSIENT),
                      .message = clean_text(message, WIRE_MESSAGE_MAX),
                      .delay_ms = delay_ms,
                  });
}

static void host_unknown(hub_job *job, hub_str code, hub_str message)
{
    complete(job, &(struct job_outcome){
                      .kind = WIRE_UNKNOWN,
                      .code = clean_code(code, HUB_ERR_OUTCOME_UNKNOWN),
                      .message = clean_text(message, WIRE_MESSAGE_MAX),
                  });
}

void host_fail_forgotten(struct job *job)
{
    host_fail(&job->pub, hub_of_str(str_from_c(hub_err_code(HUB_ERR_PROTOCOL))),
              HUB_STR("start() returned without having completed its job."), (hub_str){0});
}

/* --- Progress and log --------------------------------------------------------------------------*/

/* A job on its way to [main] because it has made progress. */
struct progress_note {
    struct note note;
    struct job *job;
};

static void take_progress(struct runner *runner, struct note *note)
{
    struct progress_note *progress = CONTAINER_OF(note, struct progress_note, note);
    (void)runner;
    job_send_progress(progress->job, clock_mono_ms());
    free(progress);
}

static void host_progress(hub_job *pub, uint32_t permille, hub_str message)
{
    struct job *job = job_of(pub);
    struct runner *runner = the_runner;
    struct str text = clean_text(message, WIRE_PROGRESS_MAX);
    struct progress_note *note = NULL;
    pthread_mutex_lock(&runner->jobs.lock);
    if (atomic_load(&job->state) == JOB_RUNNING) {
        struct job_progress *latest = &job->progress;
        latest->fresh = true;
        latest->permille = permille < 1000 ? permille : 1000;
        latest->message_len = (uint32_t)text.len;
        if (text.len > 0) {
            memcpy(latest->message, text.ptr, text.len);
        }
        if (!latest->noted && (note = malloc(sizeof *note)) != NULL) {
            latest->noted = true;
            *note = (struct progress_note){{.act = take_progress}, job};
        }
    }
    pthread_mutex_unlock(&runner->jobs.lock);
    if (note) {
        runner_post(runner, &note->note);
    }
}

/* A log line on its way to [main]. */
struct log_note {
    struct note note;
    uint64_t token;
    uint32_t level;
    uint32_t len;
    char text[];
};

static void send_log(struct runner *runner, uint64_t token, uint32_t level, struct str text)
{
    if (wire_channel_queued(&runner->channel) < LOG_QUEUED_MAX) {
        (void)!wire_send_log(&runner->channel, token, &(struct wire_log){level, text}, NULL, 0);
    }
}

static void take_log(struct runner *runner, struct note *note)
{
    struct log_note *line = CONTAINER_OF(note, struct log_note, note);
    atomic_fetch_sub(&runner->log_notes, 1);
    send_log(runner, line->token, line->level, str_of(line->text, line->len));
    free(line);
}

static void host_log(hub_job *job, uint32_t level, hub_str message)
{
    struct runner *runner = the_runner;
    struct str text = clean_text(message, WIRE_MESSAGE_MAX);
    uint64_t token = job ? job_of(job)->token : 0;
    level = level <= HUB_LOG_ERROR ? level : HUB_LOG_ERROR;
    if (runner_on_main(runner)) {
        send_log(runner, token, level, text);
        return;
    }
    struct log_note *note = NULL;
    if (atomic_fetch_add(&runner->log_notes, 1) < LOG_NOTES_MAX) {
        note = malloc(sizeof *note + text.len);
    }
    if (!note) {
        atomic_fetch_sub(&runner->log_notes, 1);
        return;
    }
    *note = (struct log_note){{.act = take_log}, token, level, (uint32_t)text.len};
    if (text.len > 0) {
        memcpy(note->text, text.ptr, text.len);
    }
    runner_post(runner, &note->note);
}

void runner_log(struct runner *self, enum wire_level level, const char *message)
{
    send_log(self, 0, level, str_from_c(message));
}

/* --- The rest ----------------------------------------------------------------------------------*/

static int64_t host_now_ms(void)
{
    return clock_mono_ms();
}

static int64_t host_wall_ms(void)
{
    return clock_wall_ms();
}

static int32_t host_cancelled(const hub_job *pub)
{
    struct job *job = job_of(pub);
    return atomic_load_explicit(&job->cancelled, memory_order_relaxed) ||
           clock_mono_ms() >= pub->deadline_ms;
}

static int32_t host_artifact(hub_job *job, hub_str name, hub_str media_type, int32_t *fd)
{
    struct runner *runner = the_runner;
    struct str file = {name.ptr, name.ptr ? name.len : 0};
    struct str type = {media_type.ptr, media_type.ptr ? media_type.len : 0};
    if (!fd || !name_is_file(file) || (type.len > 0 && !name_is_media_type(type))) {
        return HUB_CALL_INVALID;
    }
    return stock_take(runner, job_of(job), file, type, !runner_on_main(runner), fd);
}

static const hub_file *host_file(const hub_job *job, hub_str pointer)
{
    for (uint32_t i = 0; i < job->file_count; i++) {
        if (str_eq(str_of_hub(job->files[i]->pointer), str_of_hub(pointer))) {
            return job->files[i];
        }
    }
    return NULL;
}

static void host_random(void *bytes, uint64_t len)
{
    hash_random(bytes, len);
}

static const void *host_extension(const char *name)
{
    static const struct {
        const char *name;
        const void *(*get)(struct runner *runner);
    } EXTENSIONS[] = {
        {HUB_EXT_TIMER, ext_timer_init},     {HUB_EXT_POOL, ext_pool_init},
        {HUB_EXT_HTTP, ext_http_init},       {HUB_EXT_KEEP, ext_keep_init},
        {HUB_EXT_LEDGER, ext_ledger_init},   {HUB_EXT_NET, ext_net_init},
        {HUB_EXT_FOLDERS, ext_folders_init}, {HUB_EXT_ACCOUNT, ext_account_init},
    };
    for (size_t i = 0; i < sizeof EXTENSIONS / sizeof EXTENSIONS[0]; i++) {
        if (name && strcmp(EXTENSIONS[i].name, name) == 0) {
            return EXTENSIONS[i].get(the_runner);
        }
    }
    return NULL;
}

const hub_host *host_init(struct runner *runner)
{
    static const hub_host HOST = {
        .size = sizeof(hub_host),
        .abi = HUB_ABI,
        .succeed = host_succeed,
        .fail = host_fail,
        .retry = host_retry,
        .unknown = host_unknown,
        .progress = host_progress,
        .log = host_log,
        .cancelled = host_cancelled,
        .artifact = host_artifact,
        .file = host_file,
        .now_ms = host_now_ms,
        .wall_ms = host_wall_ms,
        .random = host_random,
        .extension = host_extension,
    };
    the_runner = runner;
    return &HOST;
}
