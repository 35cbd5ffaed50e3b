#include "kit/lab.h"

#include "base/clock.h"
#include "base/json.h"

#include <hub/connector.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUT_MAX       (64u << 20)
#define ARGUMENTS_MAX 16
#define ERRORS_MAX    (256u << 10) /* of a line on stderr */
#define NOISE_MAX     (4u << 10)
#define TOLD_MAX      256
#define GOODBYE_MS    3000
#define ENDING_MS     1000 /* from the end of the channel to the end of the process */

/* A sanitizer's leak checker may not come to an end in a confined process: that it was told to end
 * and has closed its channel must do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif
#define RESULT_MAX    (256u << 10)
#define ARTIFACTS_MAX 64
#define MEMORY_MAX    (4ull << 30)
#define FILE_MAX      (1ull << 30)
#define SCRATCH       4 /* files granted at the start */

/* --- What it writes on stderr ------------------------------------------------------------------*/

static void keep_noise(struct lab *self, struct str line)
{
    if (self->noise.len + line.len + 1 > NOISE_MAX) {
        buf_consume(&self->noise, self->noise.len); /* the last of it says more than the first */
    }
    buf_append_str(&self->noise, str_utf8_cut(line, NOISE_MAX / 2));
    buf_append_char(&self->noise, '\n');
}

static void take_line(struct lab *self, struct str line)
{
    struct json_object *value;
    if (line.len == 0) {
        return;
    }
    if (line.ptr[0] == '\x1e' && json_object_array_length(self->told) < TOLD_MAX &&
        json_read(str_slice(line, 1, line.len), 4, &value, NULL, NULL) == 0) {
        json_object_array_add(self->told, value);
    } else {
        keep_noise(self, line);
    }
}

static void take_errors(struct lab *self)
{
    char *newline;
    while (self->errors.len > 0 &&
           (newline = memchr(self->errors.ptr, '\n', self->errors.len)) != NULL) {
        size_t len = (size_t)(newline - self->errors.ptr);
        take_line(self, str_of(self->errors.ptr, len));
        buf_consume(&self->errors, len + 1);
    }
}

static void read_errors(struct lab *self)
{
    enum { CHUNK = 4096, CHUNKS_MAX = 64 };
    for (int i = 0; i < CHUNKS_MAX; i++) {
        char *room = buf_reserve(&self->errors, CHUNK);
        ssize_t got = room ? read(self->process.stderr_fd, room, CHUNK) : 0;
        if (!room) {
            buf_clear(&self->errors); /* a line without an end */
        }
        if (got <= 0) {
            return;
        }
        buf_commit(&self->errors, (size_t)got);
        take_errors(self);
    }
}

/* --- The end -----------------------------------------------------------------------------------*/

static void reap(struct lab *self)
{
    if (self->end == LAB_END_NONE) {
        bool signal = spawned_reap(&self->process, &self->end_number);
        self->end = signal ? LAB_END_SIGNAL : LAB_END_EXIT;
        read_errors(self);
    }
}

void lab_append_end(const struct lab *self, struct buf *text)
{
    if (self->end == LAB_END_SIGNAL) {
        buf_append_format(text, "it was killed by signal %d (%s)", self->end_number,
                          strsignal(self->end_number));
    } else {
        buf_append_format(text, "it exited with code %d", self->end_number);
    }
}

static void gone(struct lab *self)
{
    struct buf text;
    if (self->stage == LAB_GONE || self->stage == LAB_SLOW) {
        return;
    }
    /* Its channel may be closed a moment before it has ended. */
    struct pollfd end = {.fd = self->process.pidfd, .events = POLLIN};
    (void)!poll(&end, 1, SANITIZED && self->leaving ? ENDING_MS / 4 : ENDING_MS);
    bool lingers = !end.revents && SANITIZED && self->leaving;
    spawned_kill(&self->process);
    reap(self);
    if (lingers) {
        self->end = LAB_END_EXIT;
        self->end_number = 0;
    }
    if (self->stage == LAB_REFUSED || (self->stage == LAB_READY && self->inspecting)) {
        return;
    }
    self->stage = LAB_GONE;
    buf_init_fixed(&text, self->reason, sizeof self->reason);
    lab_append_end(self, &text);
}

static void too_slow(struct lab *self, const char *what)
{
    spawned_kill(&self->process);
    reap(self);
    self->stage = LAB_SLOW;
    snprintf(self->reason, sizeof self->reason, "%s", what);
}

/* --- Frames ------------------------------------------------------------------------------------*/

static struct wire_config configuration(const struct lab *self, enum wire_mode mode)
{
    return (struct wire_config){
        .mode = mode,
        .confinement = self->setup->network ? WIRE_CLASS_NETWORK : WIRE_CLASS_PURE,
        .owner = (uint32_t)geteuid(),
        .result_max = RESULT_MAX,
        .artifacts_max = ARTIFACTS_MAX,
        .memory_max = MEMORY_MAX,
        .file_bytes_max = FILE_MAX,
        .readable = self->setup->readable,
        .hosts = self->setup->hosts,
        .connector = self->setup->name,
        .path = str_from_c(self->setup->path),
    };
}

static int grant(struct lab *self, unsigned count)
{
    int fds[WIRE_GRANT_MAX] = {0};
    unsigned made = 0;
    while (made < count && made < WIRE_GRANT_MAX) {
        fds[made] = memfd_create("hub-check", MFD_CLOEXEC);
        if (fds[made] < 0) {
            break;
        }
        made++;
    }
    struct wire_grant body = {self->next_scratch};
    int err = wire_send_grant(&self->channel, 0, &body, fds, made);
    if (err < 0) {
        for (unsigned i = 0; i < made; i++) {
            close(fds[i]);
        }
        return err;
    }
    self->next_scratch += made;
    return 0;
}

static int on_ready(struct lab *self, struct wire_frame *frame)
{
    struct wire_ready ready;
    int err = wire_decode_ready(frame->body, &ready);
    if (err == 0) {
        self->stage = LAB_READY;
        buf_append_str(&self->ready, ready.descriptor);
    }
    return err;
}

static int on_refused(struct lab *self, struct wire_frame *frame)
{
    struct wire_refused refused;
    int err = wire_decode_refused(frame->body, &refused);
    if (err == 0) {
        self->stage = LAB_REFUSED;
        snprintf(self->reason, sizeof self->reason, "%.*s",
                 (int)str_utf8_valid_prefix(refused.reason), refused.reason.ptr);
    }
    return err;
}

static struct lab_result *result_of(struct lab *self, uint64_t token)
{
    for (size_t i = 0; i < LAB_RESULTS_MAX; i++) {
        if (self->results[i].token == token) {
            return &self->results[i];
        }
    }
    return NULL;
}

static char *text_of(struct str s)
{
    return strndup(s.len > 0 ? s.ptr : "", s.len);
}

static int on_result(struct lab *self, struct wire_frame *frame)
{
    struct wire_result result;
    struct lab_result *place = frame->token ? result_of(self, frame->token) : NULL;
    int err = wire_decode_result(frame->body, &result);
    if (err < 0 || !place || place->came) {
        return HUB_ERR_PROTOCOL;
    }
    place->came = true;
    place->outcome = (enum wire_outcome)result.outcome;
    place->json = text_of(result.json);
    place->json_len = result.json.len;
    place->code = text_of(result.code);
    place->message = text_of(result.message);
    place->artifacts = result.artifact_count;
    keeper_forget(&self->keeper, frame->token);
    return place->json && place->code && place->message ? 0 : HUB_ERR_NOMEM;
}

static int on_need(struct lab *self, struct wire_frame *frame)
{
    struct wire_need need;
    int err = wire_decode_need(frame->body, &need);
    return err < 0 ? err : grant(self, need.count);
}

static int on_call(struct lab *self, struct wire_frame *frame)
{
    return keeper_take(&self->keeper, &self->channel, frame);
}

/* What a log line says matters only when there is nothing else to go by. */
static int on_log(struct lab *self, struct wire_frame *frame)
{
    struct wire_log line;
    int err = wire_decode_log(frame->body, &line);
    if (err == 0 && line.level >= WIRE_LOG_WARN) {
        keep_noise(self, line.message);
    }
    return err;
}

static void take_frames(struct lab *self)
{
    /* The others are of no interest here. */
    static int (*const TAKE[WIRE_TYPE_END])(struct lab * self, struct wire_frame * frame) = {
        [WIRE_READY] = on_ready,   [WIRE_REFUSED] = on_refused, [WIRE_RESULT] = on_result,
        [WIRE_NEED] = on_need,     [WIRE_LOG] = on_log,         [WIRE_KEEP_PUT] = on_call,
        [WIRE_KEEP_GET] = on_call, [WIRE_KEEP_LIST] = on_call,  [WIRE_LEDGER_APPEND] = on_call,
    };
    struct wire_frame frame;
    int err;
    while ((err = wire_channel_next(&self->channel, &frame)) == 0) {
        if (TAKE[frame.type] && TAKE[frame.type](self, &frame) < 0) {
            err = HUB_ERR_PROTOCOL;
            break;
        }
    }
    if (err != HUB_ERR_AGAIN) {
        too_slow(self, "its process sent a frame that makes no sense");
    }
}

static void receive(struct lab *self)
{
    int err;
    do {
        err = wire_channel_receive(&self->channel);
        if (err == 0) {
            take_frames(self);
        }
    } while (err == 0 && self->stage <= LAB_REFUSED);
    if (err < 0 && err != HUB_ERR_AGAIN) {
        gone(self);
    }
}

/* Waits for something to come, until `due_ms` at the latest, and takes it. */
static void turn(struct lab *self, int64_t due_ms)
{
    int64_t left = due_ms - clock_mono_ms();
    (void)!wire_channel_flush(&self->channel);
    bool unsent = wire_channel_queued(&self->channel) > 0;
    struct pollfd fds[] = {
        {.fd = self->channel.fd, .events = (short)(POLLIN | (unsent ? POLLOUT : 0))},
        {.fd = self->process.stderr_fd, .events = POLLIN},
        {.fd = self->process.pidfd, .events = POLLIN},
    };
    if (poll(fds, 3, left > 0 ? (int)left : 0) < 0) {
        return;
    }
    if (fds[1].revents) {
        read_errors(self);
    }
    if (fds[0].revents & (POLLIN | POLLHUP)) {
        receive(self);
    }
    if (fds[2].revents && self->stage <= LAB_REFUSED) {
        receive(self); /* what was sent before the end counts */
        gone(self);
    }
}

/* --- Opening and closing -----------------------------------------------------------------------*/

static int spawn(struct lab *self, const char *const *arguments, struct hub_error *error)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)"hub-check"};
    for (int i = 0; arguments && arguments[i] && i < ARGUMENTS_MAX; i++) {
        argv[i + 1] = (char *)arguments[i];
    }
    return arguments ? spawn_program(self->setup->checker, argv, &self->process, error)
                     : spawn_runner(self->setup->runner, &self->process, error);
}

static int configure(struct lab *self, enum wire_mode mode)
{
    struct wire_config config = configuration(self, mode);
    int fd = fcntl(self->setup->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return HUB_ERR_IO;
    }
    int err = wire_send_config(&self->channel, 0, &config, &fd, 1);
    if (err < 0) {
        close(fd);
        return err;
    }
    return mode == WIRE_SERVE ? grant(self, SCRATCH) : 0;
}

int lab_open(struct lab *self, const struct lab_setup *setup, enum wire_mode mode,
             const char *const *arguments, struct hub_error *error)
{
    *self = (struct lab){
        .setup = setup, .next_token = 1, .next_scratch = 1, .inspecting = mode == WIRE_INSPECT};
    buf_init(&self->ready, WIRE_DESCRIPTOR_MAX);
    buf_init(&self->errors, ERRORS_MAX);
    buf_init(&self->noise, NOISE_MAX * 2);
    keeper_init(&self->keeper);
    self->told = json_object_new_array();
    int err = self->told ? spawn(self, arguments, error) : hub_fail(error, HUB_ERR_NOMEM, "memory");
    if (err < 0) {
        self->end = LAB_END_EXIT;
        self->process = (struct spawned){.pidfd = -1, .stderr_fd = -1};
        return err;
    }
    self->channel_open = true;
    err = wire_channel_init(&self->channel, self->process.channel, WIRE_END_HUBD, OUT_MAX);
    if (err == 0) {
        err = configure(self, mode);
    }
    if (err < 0) {
        return hub_fail(error, err, "the child could not be spoken to");
    }
    int64_t due = clock_mono_ms() + setup->loading_ms;
    while (self->stage == LAB_LOADING && clock_mono_ms() < due) {
        turn(self, due);
    }
    if (self->stage == LAB_LOADING) {
        too_slow(self, "it took too long to load");
    }
    return 0;
}

void lab_close(struct lab *self)
{
    if (!self->channel_open || self->end != LAB_END_NONE) {
        return;
    }
    self->leaving = true;
    if (self->stage == LAB_READY) {
        (void)!wire_send_shutdown(&self->channel, 0, &(struct wire_shutdown){}, NULL, 0);
    }
    int64_t due = clock_mono_ms() + GOODBYE_MS;
    while (self->end == LAB_END_NONE && clock_mono_ms() < due) {
        turn(self, due);
    }
    if (self->end == LAB_END_NONE) {
        too_slow(self, "it did not end when it was told to");
    }
}

void lab_release(struct lab *self)
{
    if (self->end == LAB_END_NONE && self->channel_open) {
        spawned_kill(&self->process);
        reap(self);
    }
    for (size_t i = 0; i < LAB_RESULTS_MAX; i++) {
        lab_result_release(&self->results[i]);
    }
    if (self->channel_open) {
        wire_channel_release(&self->channel);
    }
    if (self->process.pidfd >= 0) {
        close(self->process.pidfd);
        close(self->process.stderr_fd);
    }
    keeper_release(&self->keeper);
    json_object_put(self->told);
    buf_release(&self->ready);
    buf_release(&self->errors);
    buf_release(&self->noise);
}

/* --- Attempts ----------------------------------------------------------------------------------*/

static int append_files(const struct lab_order *order, struct buf *records, int *ret_fds)
{
    char path[64];
    for (unsigned i = 0; i < order->file_count; i++) {
        const struct lab_file *file = &order->files[i];
        struct wire_file record = {.pointer = file->pointer,
                                   .name = file->name,
                                   .media_type = file->media_type,
                                   .artifact = STR("01900000-0000-7000-8000-000000000001")};
        off_t size = lseek(file->fd, 0, SEEK_END);
        record.bytes = size > 0 ? (uint64_t)size : 0;
        int err = wire_file_append(records, &record);
        /* Opened anew: each attempt reads from an offset of its own. */
        snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
        ret_fds[i] = err < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (ret_fds[i] < 0) {
            while (i-- > 0) {
                close(ret_fds[i]);
            }
            return err < 0 ? err : HUB_ERR_IO;
        }
    }
    return 0;
}

uint64_t lab_start(struct lab *self, const struct lab_order *order)
{
    int fds[WIRE_FILES_MAX];
    struct buf records;
    struct lab_result *place = result_of(self, 0);
    if (self->stage != LAB_READY || !place || order->file_count > WIRE_FILES_MAX) {
        return 0;
    }
    buf_init(&records, BUF_NO_LIMIT);
    struct wire_start start = {
        .operation = order->operation,
        .attempt = order->attempt,
        .max_attempts = 5,
        .deadline_ms = (uint64_t)(clock_mono_ms() + order->deadline_ms),
        .job_id = STR("01900000-0000-7000-8000-000000000000"),
        .input = order->input,
        .idempotency_key = STR("01900000-0000-7000-8000-000000000000"),
        .file_count = order->file_count,
    };
    int err = append_files(order, &records, fds);
    if (err == 0) {
        start.files = buf_view(&records);
        err = wire_send_start(&self->channel, self->next_token, &start, fds, order->file_count);
        for (unsigned i = 0; err < 0 && i < order->file_count; i++) {
            close(fds[i]);
        }
    }
    buf_release(&records);
    if (err < 0) {
        return 0;
    }
    place->token = self->next_token++;
    return place->token;
}

void lab_cancel(struct lab *self, uint64_t token)
{
    if (self->stage == LAB_READY) {
        (void)!wire_send_cancel(&self->channel, token, &(struct wire_cancel){}, NULL, 0);
    }
}

bool lab_await(struct lab *self, uint64_t token, int timeout_ms, struct lab_result *ret_result)
{
    struct lab_result *place = token ? result_of(self, token) : NULL;
    int64_t due = clock_mono_ms() + timeout_ms;
    if (!place) {
        return false;
    }
    while (!place->came && self->stage == LAB_READY && clock_mono_ms() < due) {
        turn(self, due);
    }
    if (!place->came) {
        return false;
    }
    *ret_result = *place;
    *place = (struct lab_result){0};
    return true;
}

void lab_result_release(struct lab_result *self)
{
    free(self->json);
    free(self->code);
    free(self->message);
    *self = (struct lab_result){0};
}

size_t lab_memory(const struct lab *self)
{
    char path[64];
    unsigned long all;
    unsigned long resident = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)self->process.pid);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%lu %lu", &all, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
