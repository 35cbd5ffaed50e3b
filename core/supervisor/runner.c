#include "supervisor/runner.h"

#include "base/clock.h"
#include "supervisor/explain.h"

#include <hub/connector.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_MAX          (64u << 20) /* bytes that wait for a runner that does not read */
#define EXIT_MS          200         /* from the end of the stream to SIGKILL */
#define SCRATCH_HELD_MAX 2048        /* that one runner may hold */
#define LOG_LINES_MAX    200         /* that one runner may log in a second */

/* --- Stages ------------------------------------------------------------------------------------*/

typedef int take_fn(struct runner *self, const struct wire_frame *frame);
static take_fn on_hello, on_confined, on_ready, on_refused, on_result, on_progress, on_log, on_need,
    on_late_need, on_call;

static const struct stage {
    const char *name;
    bool timed; /* by house->stage_ms */
    take_fn *take[WIRE_TYPE_END];
} STAGES[RUNNER_STAGE_END] = {
    [RUNNER_SPAWNED] = {"saying hello", true, {[WIRE_HELLO] = on_hello, [WIRE_LOG] = on_log}},
    [RUNNER_CONFINING] = {"confining itself",
                          true,
                          {
                              [WIRE_CONFINED] = on_confined,
                              [WIRE_REFUSED] = on_refused,
                              [WIRE_LOG] = on_log,
                              [WIRE_NEED] = on_need,
                          }},
    [RUNNER_LOADING] = {"loading the connector",
                        true,
                        {
                            [WIRE_READY] = on_ready,
                            [WIRE_REFUSED] = on_refused,
                            [WIRE_LOG] = on_log,
                            [WIRE_NEED] = on_need,
                        }},
    [RUNNER_READY] = {"serving",
                      false,
                      {
                          [WIRE_RESULT] = on_result,
                          [WIRE_PROGRESS] = on_progress,
                          [WIRE_LOG] = on_log,
                          [WIRE_NEED] = on_need,
                          [WIRE_KEEP_PUT] = on_call,
                          [WIRE_KEEP_GET] = on_call,
                          [WIRE_KEEP_LIST] = on_call,
                          [WIRE_LEDGER_APPEND] = on_call,
                      }},
    [RUNNER_RETIRING] = {"ending", false, {[WIRE_LOG] = on_log, [WIRE_NEED] = on_late_need}},
    /* What was on its way when the end came still counts. */
    [RUNNER_DYING] = {"dying",
                      false,
                      {
                          [WIRE_REFUSED] = on_refused,
                          [WIRE_RESULT] = on_result,
                          [WIRE_PROGRESS] = on_progress,
                          [WIRE_LOG] = on_log,
                          [WIRE_NEED] = on_late_need,
                          [WIRE_KEEP_PUT] = on_call,
                          [WIRE_KEEP_GET] = on_call,
                          [WIRE_KEEP_LIST] = on_call,
                          [WIRE_LEDGER_APPEND] = on_call,
                      }},
};

static void stage_expired(uv_timer_t *timer)
{
    struct runner *self = timer->data;
    char reason[128];
    snprintf(reason, sizeof reason, "%s took too long", STAGES[self->stage].name);
    runner_kill(self, RUNNER_END_SLOW, 0, reason);
}

static void set_stage(struct runner *self, enum runner_stage stage)
{
    self->stage = stage;
    uv_timer_stop(&self->timer);
    if (STAGES[stage].timed) {
        uv_timer_start(&self->timer, stage_expired, self->house->stage_ms, 0);
    }
}

static void set_reason(struct runner *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first reason is the one that matters. */
static void set_reason(struct runner *self, const char *format, ...)
{
    va_list args;
    if (self->reason[0] == '\0') {
        va_start(args, format);
        vsnprintf(self->reason, sizeof self->reason, format, args);
        va_end(args);
    }
}

/* --- Sending -----------------------------------------------------------------------------------*/

static void has_unsent(struct runner *self)
{
    if (!list_linked(&self->unsent)) {
        list_append(&self->house->unsent, &self->unsent);
    }
}

/* A frame that does not fit: the runner does not read what it is sent. */
static void check_sent(struct runner *self, int err)
{
    if (err < 0) {
        runner_kill(self, RUNNER_END_SLOW, 0, "it does not read its channel");
    }
    has_unsent(self);
}

static void readable(uv_poll_t *handle, int status, int events);

/* Only when something changes: libuv pays each start with two system calls. */
static void poll_for(struct runner *self, int events)
{
    if (events != self->polled) {
        self->polled = events;
        if (events == 0) {
            uv_poll_stop(&self->poll);
        } else {
            uv_poll_start(&self->poll, events, readable);
        }
    }
}

void runner_house_flush(struct runner_house *house)
{
    LIST_FOR_EACH(link, &house->unsent) {
        struct runner *self = CONTAINER_OF(link, struct runner, unsent);
        list_remove(link);
        if (self->polled == 0) {
            continue; /* nothing is read from it any more, so nothing needs to be sent */
        }
        int err = wire_channel_flush(&self->channel);
        /* Another error shows itself as the end of the stream. */
        poll_for(self, err == HUB_ERR_AGAIN ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    }
}

int runner_start(struct runner *self, uint64_t token, const struct wire_start *start,
                 const int *fds)
{
    if (start->account.len > 0) {
        wire_channel_guard(&self->channel);
    }
    int err = wire_send_start(&self->channel, token, start, fds, start->file_count);
    if (err == 0) {
        has_unsent(self);
    }
    return err;
}

void runner_cancel(struct runner *self, uint64_t token)
{
    if (self->stage == RUNNER_READY) {
        check_sent(self, wire_send_cancel(&self->channel, token, &(struct wire_cancel){}, NULL, 0));
    }
}

void runner_answer(struct runner *self, uint64_t token, const struct wire_answer *answer)
{
    if (self->stage == RUNNER_READY) {
        check_sent(self, wire_send_answer(&self->channel, token, answer, NULL, 0));
    }
}

void runner_retire(struct runner *self)
{
    if (self->stage != RUNNER_READY) {
        runner_kill(self, RUNNER_END_KILLED, 0, "it is no longer wanted");
        return;
    }
    set_stage(self, RUNNER_RETIRING);
    uv_timer_start(&self->timer, stage_expired, self->house->goodbye_ms, 0);
    check_sent(self, wire_send_shutdown(&self->channel, 0, &(struct wire_shutdown){}, NULL, 0));
}

/* --- Scratch files -----------------------------------------------------------------------------*/

/* Keeps our descriptors and sends the runner its own copies. */
static int grant(struct runner *self, const int *fds, unsigned count)
{
    int copies[SCRATCH_MAX];
    if (self->scratch_count + count > self->scratch_cap) {
        unsigned cap = self->scratch_count + count + SCRATCH_MAX;
        struct runner_scratch *larger = realloc(self->scratch, cap * sizeof *larger);
        if (!larger) {
            return HUB_ERR_NOMEM;
        }
        self->scratch = larger;
        self->scratch_cap = cap;
    }
    for (unsigned i = 0; i < count; i++) {
        copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copies[i] < 0) {
            scratch_close(self->house->loop, copies, i);
            return HUB_ERR_IO;
        }
    }
    struct wire_grant body = {self->scratch_next_id};
    int err = wire_send_grant(&self->channel, 0, &body, copies, count);
    if (err < 0) {
        scratch_close(self->house->loop, copies, count);
        return err;
    }
    for (unsigned i = 0; i < count; i++) {
        self->scratch[self->scratch_count++] =
            (struct runner_scratch){self->scratch_next_id++, fds[i]};
    }
    has_unsent(self);
    return 0;
}

/* READY and the first scratch files: an attempt finds all that it was promised. */
static void became_ready(struct runner *self, struct str descriptor)
{
    set_stage(self, RUNNER_READY);
    self->events->ready(self->owner, self, descriptor);
    free(self->descriptor);
    self->descriptor = NULL;
}

static void scratch_opened(void *context, const int *fds, unsigned count, int errnum)
{
    struct runner *self = context;
    self->order = NULL;
    if (errnum != 0) {
        log_warn(self->house->log, "supervisor", "no scratch files", "dir=%s why=%s",
                 self->house->scratch_dir, uv_err_name(uv_translate_sys_error(errnum)));
    }
    bool wanted = self->stage >= RUNNER_CONFINING && self->stage <= RUNNER_READY;
    if (!wanted || grant(self, fds, count) < 0) {
        scratch_close(self->house->loop, fds, count);
        if (wanted) {
            check_sent(self, grant(self, NULL, 0));
        }
    }
    if (self->descriptor && self->stage == RUNNER_LOADING) {
        became_ready(self, str_of(self->descriptor, self->descriptor_len));
    }
}

static void order_scratch(struct runner *self, unsigned count)
{
    if (count > 0 && self->scratch_count + count <= SCRATCH_HELD_MAX) {
        self->order =
            scratch_order(self->house->loop, self->house->scratch_dir, count, scratch_opened, self);
    }
    if (!self->order) {
        check_sent(self, grant(self, NULL, 0));
    }
}

/* Takes our descriptor of scratch file `id`; -1 if the runner has none of this id. */
static int take_scratch(struct runner *self, uint64_t id)
{
    for (unsigned i = 0; i < self->scratch_count; i++) {
        if (self->scratch[i].id == id) {
            int fd = self->scratch[i].fd;
            self->scratch[i] = self->scratch[--self->scratch_count];
            return fd;
        }
    }
    return -1;
}

/* --- Frames ------------------------------------------------------------------------------------*/

static int on_hello(struct runner *self, const struct wire_frame *frame)
{
    struct wire_hello hello;
    if (wire_decode_hello(frame->body, &hello) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    if (hello.protocol != WIRE_PROTOCOL || hello.abi != HUB_ABI) {
        set_reason(self, "%s speaks protocol %u and ABI %u.%u, hubd speaks %u and %u.%u",
                   self->house->runner_path, hello.protocol, HUB_ABI_MAJOR(hello.abi),
                   HUB_ABI_MINOR(hello.abi), WIRE_PROTOCOL, HUB_ABI_MAJOR(HUB_ABI),
                   HUB_ABI_MINOR(HUB_ABI));
        return HUB_ERR_PROTOCOL;
    }
    int fds[] = {self->connector_fd, self->board.fd};
    int err = wire_send_config(&self->channel, 0, &self->config, fds, self->board.fd < 0 ? 1 : 2);
    if (err == 0) {
        self->connector_fd = self->board.fd = -1;
    }
    set_stage(self, RUNNER_CONFINING);
    check_sent(self, err);
    if (self->first_scratch > 0) {
        order_scratch(self, self->first_scratch); /* they come while it loads */
    }
    return 0;
}

/* Each mechanism that is missing is logged once, not for each runner. */
static void report_missing(struct runner *self)
{
    uint32_t missing = self->confined.missing & ~self->house->reported;
    self->house->reported |= missing;
    for (unsigned i = 0; i < WIRE_MECHANISM_END; i++) {
        if (missing & 1u << i) {
            log_warn(self->house->log, "supervisor", "runners are confined less than they could be",
                     "missing=%s", wire_mechanism_name(i));
        }
    }
}

static int on_confined(struct runner *self, const struct wire_frame *frame)
{
    if (wire_decode_confined(frame->body, &self->confined) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    report_missing(self);
    set_stage(self, RUNNER_LOADING);
    self->events->confined(self->owner, &self->confined);
    return 0;
}

static int on_ready(struct runner *self, const struct wire_frame *frame)
{
    struct wire_ready ready;
    if (wire_decode_ready(frame->body, &ready) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    if (self->config.mode == WIRE_INSPECT) { /* it ends by itself now */
        set_stage(self, RUNNER_RETIRING);
        uv_timer_start(&self->timer, stage_expired, self->house->goodbye_ms, 0);
        self->events->ready(self->owner, self, ready.descriptor);
    } else if (!self->order) {
        became_ready(self, ready.descriptor);
    } else if (self->descriptor) {
        return HUB_ERR_PROTOCOL;
    } else {
        self->descriptor_len = ready.descriptor.len;
        self->descriptor = malloc(ready.descriptor.len + 1);
        if (!self->descriptor) {
            return HUB_ERR_NOMEM;
        }
        memcpy(self->descriptor, ready.descriptor.ptr, ready.descriptor.len);
    }
    return 0;
}

static int on_refused(struct runner *self, const struct wire_frame *frame)
{
    struct wire_refused refused;
    if (wire_decode_refused(frame->body, &refused) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    size_t len = str_utf8_valid_prefix(refused.reason);
    set_reason(self, "%.*s", (int)len, refused.reason.ptr);
    return 0;
}

static int on_result(struct runner *self, const struct wire_frame *frame)
{
    struct wire_result result;
    struct wire_artifact artifact;
    int fds[WIRE_ARTIFACTS_MAX];
    unsigned count = 0;
    if (wire_decode_result(frame->body, &result) < 0 ||
        result.artifact_count > self->house->artifacts_max) {
        return HUB_ERR_PROTOCOL;
    }
    int err = 0;
    for (struct str rest = result.artifacts; err == 0 && rest.len > 0;) {
        err =
            count < result.artifact_count ? wire_artifact_next(&rest, &artifact) : HUB_ERR_PROTOCOL;
        if (err == 0) {
            fds[count] = take_scratch(self, artifact.id);
            err = fds[count] < 0 ? HUB_ERR_PROTOCOL : 0;
            count += err == 0;
        }
    }
    if (err == 0 && count == result.artifact_count) {
        err = self->events->result(self->owner, self, frame->token, &result, fds);
    } else {
        err = HUB_ERR_PROTOCOL;
    }
    if (err < 0) {
        scratch_close(self->house->loop, fds, count);
    }
    return err;
}

static int on_progress(struct runner *self, const struct wire_frame *frame)
{
    struct wire_progress progress;
    if (wire_decode_progress(frame->body, &progress) < 0 ||
        str_utf8_valid_prefix(progress.message) != progress.message.len) {
        return HUB_ERR_PROTOCOL;
    }
    return self->events->progress(self->owner, self, frame->token, &progress);
}

/* May it log another line in this second? */
static bool may_log(struct runner *self)
{
    int64_t second = clock_mono_ms() / 1000;
    if (second != self->log_second) {
        self->log_second = second;
        self->log_tokens = LOG_LINES_MAX;
    }
    if (self->log_tokens == 0) {
        self->log_dropped++;
        return false;
    }
    self->log_tokens--;
    return true;
}

static int on_log(struct runner *self, const struct wire_frame *frame)
{
    static const enum log_level LEVELS[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    char quoted[WIRE_MESSAGE_MAX + 64];
    struct wire_log line;
    if (wire_decode_log(frame->body, &line) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    if (may_log(self)) {
        struct str job =
            frame->token ? self->events->job(self->owner, frame->token) : (struct str){0};
        log_write(self->house->log, LEVELS[line.level], "connector", "log",
                  "pid=%ld job=%.*s dropped=%u text=%s", (long)self->process.pid, STR_ARG(job),
                  self->log_dropped, log_quote(line.message, quoted, sizeof quoted));
        self->log_dropped = 0;
    }
    return 0;
}

static int on_need(struct runner *self, const struct wire_frame *frame)
{
    struct wire_need need;
    if (wire_decode_need(frame->body, &need) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    if (!self->order) { /* else the one that is under way will do */
        order_scratch(self, need.count);
    }
    return 0;
}

static int on_late_need(struct runner *self, const struct wire_frame *frame)
{
    struct wire_need need;
    (void)self;
    return wire_decode_need(frame->body, &need);
}

static int on_call(struct runner *self, const struct wire_frame *frame)
{
    return self->events->call(self->owner, self, frame);
}

static void take_frame(struct runner *self, const struct wire_frame *frame)
{
    take_fn *take = STAGES[self->stage].take[frame->type];
    if (!take) {
        set_reason(self, "it sent %s while %s", wire_type_info(frame->type).name,
                   STAGES[self->stage].name);
    }
    if (!take || take(self, frame) < 0) {
        set_reason(self, "it sent a %s that makes no sense", wire_type_info(frame->type).name);
        self->deaf = true;
        runner_kill(self, RUNNER_END_PROTOCOL, frame->token, self->reason);
    }
}

/* --- Receiving and the end ---------------------------------------------------------------------*/

/* Takes the frames that have come. */
static void take_frames(struct runner *self)
{
    struct wire_frame frame;
    int err = 0;
    while (!self->deaf && (err = wire_channel_next(&self->channel, &frame)) == 0) {
        take_frame(self, &frame);
    }
    if (err < 0 && err != HUB_ERR_AGAIN) {
        self->deaf = true;
        runner_kill(self, RUNNER_END_PROTOCOL, 0, "it sent what is no frame");
    }
}

/* It has closed its channel and goes on without it. */
static void exit_overdue(uv_timer_t *timer)
{
    struct runner *self = timer->data;
    set_reason(self, "it closed its channel");
    self->killed = true;
    spawned_kill(&self->process);
}

/* The stream has ended: the exit status is on its way, or will be made. */
static void channel_closed(struct runner *self)
{
    self->deaf = true;
    poll_for(self, 0);
    if (self->stage != RUNNER_DYING) {
        self->death.stage = self->stage;
        self->death.end = RUNNER_END_EXIT;
        set_stage(self, RUNNER_DYING);
        uv_timer_start(&self->timer, exit_overdue, EXIT_MS, 0);
    }
}

/* One recvmsg and what came with it. False: there is nothing more. */
static bool receive(struct runner *self)
{
    int err = wire_channel_receive(&self->channel);
    if (err == 0) {
        take_frames(self);
        return !self->deaf;
    }
    if (err == HUB_ERR_PROTOCOL) {
        self->deaf = true;
        runner_kill(self, RUNNER_END_PROTOCOL, 0, "it sent descriptors, or a frame that is none");
    } else if (err != HUB_ERR_AGAIN) {
        channel_closed(self);
    }
    return false;
}

/* All that is in the channel, but not what might be put in as fast as it is read. */
static void drain(struct runner *self)
{
    enum { RECEIVES_MAX = 1024 };
    for (int i = 0; i < RECEIVES_MAX && !self->deaf && receive(self); i++) {
    }
}

static void readable(uv_poll_t *handle, int status, int events)
{
    struct runner *self = handle->data;
    if (status < 0) { /* libuv has stopped polling; the stream ends once it is read to the end */
        self->polled = 0;
        drain(self);
    } else if (events & UV_READABLE) {
        (void)receive(self);
    }
    if (events & UV_WRITABLE) {
        has_unsent(self);
    }
    if (self->deaf) {
        poll_for(self, 0);
    }
}

void runner_kill(struct runner *self, enum runner_end end, uint64_t token, const char *reason)
{
    if (self->stage == RUNNER_DYING) {
        return;
    }
    set_reason(self, "%s", reason);
    self->death.stage = self->stage;
    self->death.end = end;
    self->death.token = token;
    self->killed = true;
    set_stage(self, RUNNER_DYING);
    spawned_kill(&self->process);
}

static void handle_closed(uv_handle_t *handle)
{
    struct runner *self = handle->data;
    if (--self->handle_count > 0) {
        return;
    }
    self->house->count--;
    free(self->scratch);
    free(self->descriptor);
    buf_release(&self->texts);
    free(self);
}

static void relay_closed(uv_handle_t *handle)
{
    handle->data = CONTAINER_OF(handle, struct runner, relay.poll);
    handle_closed(handle);
}

/* Closes a handle, if it was ever initialised. */
static void close_handle(struct runner *self, uv_handle_t *handle)
{
    if (handle->type != UV_UNKNOWN_HANDLE) {
        self->handle_count++;
        handle->data = self;
        uv_close(handle, handle_closed);
    }
}

/* The connector's file, if CONFIG was never sent. */
static void close_connector(struct runner *self)
{
    if (self->connector_fd >= 0) {
        close(self->connector_fd);
    }
}

/* Gives everything back; the last handle to close frees the runner. */
static void runner_release(struct runner *self)
{
    scratch_order_drop(self->order);
    for (unsigned i = 0; i < self->scratch_count; i++) {
        scratch_close(self->house->loop, &self->scratch[i].fd, 1);
    }
    self->scratch_count = 0;
    close_connector(self);
    board_release(&self->board);
    list_remove(&self->unsent);
    uids_put(&self->house->uids, self->config.uid);
    close_handle(self, (uv_handle_t *)&self->timer);
    close_handle(self, (uv_handle_t *)&self->poll);
    close_handle(self, (uv_handle_t *)&self->exit);
    self->handle_count += relay_close(&self->relay, relay_closed);
    close(self->process.pidfd);
    wire_channel_release(&self->channel);
}

/* Says how it ended, if we did not bring that about ourselves. */
static void conclude(struct runner *self, bool by_signal, int number)
{
    struct runner_death *death = &self->death;
    char why[RUNNER_WHY_MAX];
    if (self->stage != RUNNER_DYING) {
        death->stage = self->stage;
        set_stage(self, RUNNER_DYING);
    }
    if (!self->killed) {
        struct runner_status status = {by_signal, number, self->board.page, &self->config};
        death->token = self->board.page ? atomic_load(&self->board.page->token) : 0;
        runner_explain(&status, death, why);
        set_reason(self, "%s", why);
    }
    death->reason = str_from_c(self->reason);
}

static void exited(uv_poll_t *handle, int status, int events)
{
    struct runner *self = handle->data;
    int number;
    (void)status;
    (void)events;
    drain(self);                  /* results that were sent before the death count */
    spawned_kill(&self->process); /* the children that it may have left behind */
    bool by_signal = spawned_reap(&self->process, &number);
    conclude(self, by_signal, number);
    self->events->gone(self->owner, self, &self->death);
    runner_release(self);
}

/* --- Birth -------------------------------------------------------------------------------------*/

/* The timer comes first and cannot fail, so that there is a handle whose closing frees the runner.
 */
static int watch(struct runner *self)
{
    uv_loop_t *loop = self->house->loop;
    uv_timer_init(loop, &self->timer);
    int relay_err = relay_init(&self->relay, loop, self->house->log, self->process.stderr_fd,
                               self->process.pid);
    int channel_err =
        wire_channel_init(&self->channel, self->process.channel, WIRE_END_HUBD, OUT_MAX);
    if (relay_err < 0 || channel_err < 0 || uv_poll_init(loop, &self->poll, self->channel.fd) < 0 ||
        uv_poll_init(loop, &self->exit, self->process.pidfd) < 0) {
        return HUB_ERR_NOMEM;
    }
    self->timer.data = self->poll.data = self->exit.data = self;
    poll_for(self, UV_READABLE);
    uv_poll_start(&self->exit, UV_READABLE, exited);
    set_stage(self, RUNNER_SPAWNED);
    return 0;
}

/* The texts of `config` that are this runner's own; the others live as long as the supervisor. */
static void keep_texts(struct runner *self)
{
    struct str *texts[] = {&self->config.readable, &self->config.hosts, &self->config.connector,
                           &self->config.path};
    buf_init(&self->texts, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        buf_append_str(&self->texts, *texts[i]);
    }
    size_t at = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && !buf_failed(&self->texts); i++) {
        texts[i]->ptr = self->texts.ptr + at;
        at += texts[i]->len;
    }
}

static struct runner *runner_alloc(struct runner_house *house, const struct runner_birth *birth)
{
    struct runner *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->house = house;
    self->events = birth->events;
    self->owner = birth->owner;
    self->config = birth->config;
    self->config.uid = 0;
    self->first_scratch = birth->scratch;
    self->channel.fd = -1;
    keep_texts(self);
    self->connector_fd = fcntl(birth->connector_fd, F_DUPFD_CLOEXEC, 0);
    board_make(&self->board);
    self->scratch_next_id = 1;
    list_init(&self->unsent);
    return self;
}

/* One that never had a process. */
static void runner_discard(struct runner *self)
{
    if (self) {
        close_connector(self);
        board_release(&self->board);
        uids_put(&self->house->uids, self->config.uid);
        buf_release(&self->texts);
        free(self);
    }
}

int runner_new(struct runner_house *house, const struct runner_birth *birth,
               struct runner **ret_runner, struct hub_error *error)
{
    struct runner *self = runner_alloc(house, birth);
    int err = !self || buf_failed(&self->texts) || self->connector_fd < 0
                  ? hub_fail(error, HUB_ERR_NOMEM, "out of memory or descriptors for a runner")
                  : uids_take(&house->uids, &self->config.uid, error);
    if (err == 0) {
        err = spawn_runner(house->runner_path, &self->process, error);
    }
    if (err < 0) {
        runner_discard(self);
        return err;
    }
    house->count++;
    if (watch(self) < 0) {
        int number;
        spawned_kill(&self->process);
        spawned_reap(&self->process, &number);
        runner_release(self);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory or descriptors for a runner");
    }
    *ret_runner = self;
    return 0;
}
