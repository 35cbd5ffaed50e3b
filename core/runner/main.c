/*
 * main.c — the runner's life: one connector for hubd, on the other end of descriptor 3.
 */
#include "base/clock.h"
#include "base/thread.h"
#include "runner/broker.h"
#include "runner/runner.h"
#include "runner/sandbox.h"
#include "runner/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNEL_FD  3
#define OUT_MAX     (512u << 20) /* results that wait for hubd: more is a runner gone mad */
#define GOODBYE_MS  1000         /* for the last frames to leave */
#define PROGRESS_MS 50

/* --- Notes and the end -------------------------------------------------------------------------*/

void runner_post(struct runner *self, struct note *note)
{
    mailbox_push(&self->inbox, &note->mail);
}

void runner_take_notes(struct runner *self)
{
    for (struct mail *mail = mailbox_take(&self->inbox), *next; mail; mail = next) {
        next = mail->next;
        struct note *note = CONTAINER_OF(mail, struct note, mail);
        note->act(self, note);
    }
}

void runner_end(struct runner *self, enum runner_exit code, const char *why)
{
    if (why) {
        fprintf(stderr, "hub-runner: %s\n", why);
        runner_log(self, WIRE_LOG_ERROR, why);
    }
    (void)!wire_channel_flush_wait(&self->channel, GOODBYE_MS);
    _exit(code);
}

struct end_note {
    struct note note;
    enum runner_exit code;
    const char *why;
};

static void take_end(struct runner *self, struct note *note)
{
    struct end_note *end = CONTAINER_OF(note, struct end_note, note);
    runner_end(self, end->code, end->why);
}

void runner_end_from(struct runner *self, enum runner_exit code, const char *why)
{
    if (runner_on_main(self)) {
        runner_take_notes(self);
        runner_end(self, code, why);
    }
    /* On this stack, which stays until the process ends. */
    struct end_note end = {{.act = take_end}, code, why};
    runner_post(self, &end.note);
    for (;;) {
        pause();
    }
}

/* --- Frames from hubd --------------------------------------------------------------------------*/

static void check_sent(struct runner *self, int err)
{
    if (err < 0) {
        runner_end(self, RUNNER_EXIT_SYSTEM, "a frame could not be sent");
    }
}

_Noreturn static void refuse(struct runner *self, const struct hub_error *error)
{
    struct wire_refused refused = {str_from_c(error->detail)};
    check_sent(self, wire_send_refused(&self->channel, 0, &refused, NULL, 0));
    runner_end(self, RUNNER_EXIT_REFUSED, NULL);
}

static void send_ready(struct runner *self)
{
    struct buf json;
    struct hub_error error;
    buf_init(&json, WIRE_DESCRIPTOR_MAX);
    descriptor_append_json(&json, self->connector.descriptor);
    if (buf_failed(&json)) {
        (void)hub_fail(&error, HUB_ERR_TOO_LARGE, "its descriptor is larger than 2 MiB");
        refuse(self, &error);
    }
    check_sent(self,
               wire_send_ready(&self->channel, 0, &(struct wire_ready){buf_view(&json)}, NULL, 0));
    buf_release(&json);
}

static int serve(struct runner *self, struct hub_error *error)
{
    const hub_host *host = host_init(self);
    if (self->seam) {
        host = self->seam->host(self, host);
    }
    int err = connector_create(&self->connector, host, error);
    if (err == 0 && self->connector.descriptor->mode == HUB_MODE_BLOCKING) {
        err = worker_start(self);
        if (err < 0) {
            (void)hub_fail(error, err, "no thread could be started");
        }
    }
    return err;
}

/* On its way before anything of the connector runs and could lie about it. */
static void send_confined(struct runner *self, const struct sandbox_state *state)
{
    struct wire_confined confined = {state->mechanisms, state->missing, state->landlock_abi};
    check_sent(self, wire_send_confined(&self->channel, 0, &confined, NULL, 0));
    check_sent(self, wire_channel_flush_wait(&self->channel, GOODBYE_MS));
}

static void broker_ended(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    runner_end(handle->data, RUNNER_EXIT_SYSTEM, "its broker has ended");
}

/* A connector that is only looked at speaks to nobody. */
static int start_broker(struct runner *self, int board_fd, struct hub_error *error)
{
    const struct wire_config *config = &self->config;
    int pidfd;
    if (config->confinement != WIRE_CLASS_NETWORK || config->mode != WIRE_SERVE) {
        return 0;
    }
    int err = broker_start(config, board_fd, &pidfd, error);
    if (err == 0 && uv_poll_init(&self->loop, &self->broker, pidfd) < 0) {
        err = hub_fail(error, HUB_ERR_NOMEM, "the broker could not be watched");
    }
    if (err == 0) {
        self->broker.data = self;
        uv_poll_start(&self->broker, UV_READABLE, broker_ended);
    }
    return err;
}

static int load(struct runner *self, const struct wire_config *config, int fd,
                struct hub_error *error)
{
    char path[4097];
    struct sandbox_state state;
    snprintf(path, sizeof path, "%.*s", STR_ARG(config->path));
    ext_http_prepare(self, config);
    ext_folders_prepare(self, config);
    int err = connector_check_file(&fd, config->owner, config->uid != 0, error);
    if (err == 0) {
        err = sandbox_enter(config, fd, &state, error);
    }
    if (err == 0) {
        send_confined(self, &state);
        err = connector_load(fd, path, &self->connector, error);
    }
    if (err == 0 && self->seam) {
        err = self->seam->loaded(self, error);
    }
    return err == 0 && config->mode == WIRE_SERVE ? serve(self, error) : err;
}

/* Without it a death is harder to explain, and nothing else. */
static void share_board(struct runner *self, int fd)
{
    void *page = mmap(NULL, sizeof *self->board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) {
        self->board = page;
        witness_init(page);
    }
}

static int on_config(struct runner *self, struct wire_frame *frame)
{
    struct hub_error error;
    if (self->connector.descriptor || wire_decode_config(frame->body, &self->config) < 0 ||
        frame->fd_count == 0) {
        return HUB_ERR_PROTOCOL;
    }
    int board_fd = frame->fd_count == 2 ? frame->fds[1] : -1;
    if (board_fd >= 0) {
        share_board(self, board_fd);
    }
    int err = start_broker(self, board_fd, &error);
    if (board_fd >= 0) { /* its second page is the broker's alone */
        close(board_fd);
        frame->fds[1] = -1;
    }
    if (err < 0 || load(self, &self->config, frame->fds[0], &error) < 0) {
        refuse(self, &error);
    }
    /* They live in the frame. */
    self->config.path = self->config.readable = (struct str){0};
    self->config.hosts = self->config.connector = (struct str){0};
    self->config.http_allow = self->config.http_allow_private = (struct str){0};
    self->config.http_authorities = (struct str){0};
    send_ready(self);
    if (self->config.mode == WIRE_INSPECT) {
        runner_end(self, RUNNER_EXIT_OK, NULL);
    }
    return 0;
}

static int on_start(struct runner *self, struct wire_frame *frame)
{
    struct job *job;
    if (!self->connector.instance || atomic_load(&self->closing)) {
        return HUB_ERR_PROTOCOL;
    }
    int err = jobs_add(self, frame, &job);
    if (err < 0) {
        return err;
    }
    witness_forget();
    limits_renew_processor_time(self->config.cpu_s);
    if (self->worker.running) {
        worker_give(&self->worker, job);
    } else {
        uint64_t before = runner_enter(self, frame->token);
        job->operation->start(self->connector.instance, &job->pub);
        runner_leave(self, before);
    }
    return 0;
}

static int on_cancel(struct runner *self, struct wire_frame *frame)
{
    struct wire_cancel cancel;
    struct job *job = jobs_find(&self->jobs, frame->token);
    if (wire_decode_cancel(frame->body, &cancel) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    if (!job) { /* its RESULT and this crossed each other */
        return 0;
    }
    atomic_store(&job->cancelled, 1);
    stock_wake(&self->stock);
    void (*advise)(hub_instance *, hub_job *) = self->connector.descriptor->cancel;
    if (advise && atomic_load(&job->state) == JOB_RUNNING) {
        uint64_t before = runner_enter(self, frame->token);
        advise(self->connector.instance, &job->pub);
        runner_leave(self, before);
    }
    return 0;
}

static int on_grant(struct runner *self, struct wire_frame *frame)
{
    struct wire_grant grant;
    if (wire_decode_grant(frame->body, &grant) < 0) {
        return HUB_ERR_PROTOCOL;
    }
    return stock_add(self, grant.first_id, frame);
}

static int on_shutdown(struct runner *self, struct wire_frame *frame)
{
    struct wire_shutdown shutdown;
    if (wire_decode_shutdown(frame->body, &shutdown) < 0 || self->jobs.running_count > 0) {
        return HUB_ERR_PROTOCOL;
    }
    atomic_store(&self->closing, 1);
    uv_stop(&self->loop);
    return 0;
}

static int on_answer(struct runner *self, struct wire_frame *frame)
{
    return calls_take_answer(self, frame->body);
}

static void take_frame(struct runner *self, struct wire_frame *frame)
{
    static int (*const TAKE[WIRE_TYPE_END])(struct runner * self, struct wire_frame * frame) = {
        [WIRE_CONFIG] = on_config, [WIRE_START] = on_start,       [WIRE_CANCEL] = on_cancel,
        [WIRE_GRANT] = on_grant,   [WIRE_SHUTDOWN] = on_shutdown, [WIRE_ANSWER] = on_answer,
    };
    int err = TAKE[frame->type](self, frame);
    if (err == HUB_ERR_PROTOCOL) {
        runner_end(self, RUNNER_EXIT_PROTOCOL, "hubd sent a frame that makes no sense");
    }
    if (err < 0) {
        runner_end(self, RUNNER_EXIT_SYSTEM, "a frame could not be taken: out of memory");
    }
}

/* --- The loop ----------------------------------------------------------------------------------*/

static void readable(uv_poll_t *handle, int status, int events)
{
    struct runner *self = handle->data;
    struct wire_frame frame;
    (void)events;     /* what becomes writable is written before the loop sleeps */
    if (status < 0) { /* libuv has stopped polling; the error shows itself when it is read */
        self->polled = 0;
    }
    int err = wire_channel_receive(&self->channel);
    if (err == 0) {
        while ((err = wire_channel_next(&self->channel, &frame)) == 0) {
            take_frame(self, &frame);
        }
    }
    if (err == HUB_ERR_CLOSED) {
        _exit(RUNNER_EXIT_OK); /* hubd is gone, and with it all reason to go on */
    }
    if (err != HUB_ERR_AGAIN) {
        runner_end(self, RUNNER_EXIT_PROTOCOL, "hubd sent what is no frame");
    }
}

/* Only when something changes: libuv pays each start with two system calls. */
static void poll_for(struct runner *self, int events)
{
    if (events != self->polled) {
        self->polled = events;
        uv_poll_start(&self->readable, events, readable);
    }
}

static void late_progress(uv_timer_t *handle)
{
    struct runner *self = CONTAINER_OF(handle, struct runner, late);
    LIST_FOR_EACH(link, &self->jobs.late) {
        job_send_progress(CONTAINER_OF(link, struct job, late), clock_mono_ms());
    }
}

static void before_sleep(uv_prepare_t *handle)
{
    struct runner *self = handle->data;
    int err = wire_channel_flush(&self->channel);
    if (err < 0 && err != HUB_ERR_AGAIN) {
        _exit(RUNNER_EXIT_OK);
    }
    poll_for(self, err == HUB_ERR_AGAIN ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    if (!list_empty(&self->jobs.late) && !uv_is_active((uv_handle_t *)&self->late)) {
        uv_timer_start(&self->late, late_progress, PROGRESS_MS, 0);
    }
}

static void awake(uv_async_t *handle)
{
    runner_take_notes(handle->data);
}

static void wake_loop(void *context)
{
    uv_async_send(context);
}

static int runner_init(struct runner *self, const struct runner_seam *seam)
{
    *self = (struct runner){.main_thread = pthread_self(), .seam = seam};
    self->board = &self->own_board;
    jobs_init(&self->jobs);
    if (uv_loop_init(&self->loop) < 0 || stock_init(&self->stock) < 0 ||
        calls_init(&self->calls) < 0 ||
        wire_channel_init(&self->channel, CHANNEL_FD, WIRE_END_RUNNER, OUT_MAX) < 0 ||
        mailbox_init(&self->inbox, wake_loop, &self->wake) < 0 ||
        uv_async_init(&self->loop, &self->wake, awake) < 0 ||
        uv_poll_init(&self->loop, &self->readable, CHANNEL_FD) < 0 ||
        uv_prepare_init(&self->loop, &self->before_sleep) < 0 ||
        uv_timer_init(&self->loop, &self->late) < 0) {
        return HUB_ERR_NOMEM;
    }
    self->wake.data = self->readable.data = self->before_sleep.data = self;
    uv_prepare_start(&self->before_sleep, before_sleep);
    struct wire_hello hello = {WIRE_PROTOCOL, HUB_ABI};
    return wire_send_hello(&self->channel, 0, &hello, NULL, 0);
}

/* All that can be given back is, so that a leak checker sees the connector's own leaks only. */
static void runner_release(struct runner *self)
{
    worker_stop(self);
    connector_destroy(&self->connector);
    ext_http_release(self);
    runner_take_notes(self);
    (void)!wire_channel_flush_wait(&self->channel, GOODBYE_MS);
    jobs_release(&self->jobs);
    stock_release(&self->stock);
    calls_release(&self->calls);
    wire_channel_release(&self->channel);
}

static bool is_socket(int fd)
{
    int type;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

int runner_main(const struct runner_seam *seam)
{
    static struct runner runner;
    struct hub_error error;
    if (!is_socket(CHANNEL_FD)) {
        fprintf(stderr, "hub-runner is started by hubd, with a channel on descriptor 3.\n");
        return RUNNER_EXIT_USAGE;
    }
    thread_set_role(THREAD_RUNNER, "hub-runner");
    if (sandbox_begin(CHANNEL_FD, &error) < 0) {
        fprintf(stderr, "hub-runner: %s\n", error.detail);
        return RUNNER_EXIT_SYSTEM;
    }
    if (runner_init(&runner, seam) < 0) {
        fprintf(stderr, "hub-runner: out of memory\n");
        return RUNNER_EXIT_SYSTEM;
    }
    uv_run(&runner.loop, UV_RUN_DEFAULT);
    runner_release(&runner);
    if (sandbox_is_sanitized()) {
        exit(RUNNER_EXIT_OK); /* with the leak checker's verdict */
    }
    _exit(RUNNER_EXIT_OK); /* without the connector's destructors, which nobody has tested */
}
