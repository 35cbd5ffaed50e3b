#include "host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct test_host *the_host;

static void copy(char *to, size_t size, hub_str text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    if (len > 0)
        memcpy(to, text.ptr, len);
    to[len] = '\0';
}

static void complete(enum test_outcome outcome, hub_str code, hub_str message)
{
    the_host->outcome = outcome;
    the_host->completions++;
    copy(the_host->code, sizeof(the_host->code), code);
    copy(the_host->message, sizeof(the_host->message), message);
}

static void host_succeed(hub_job *job, hub_str result)
{
    (void)job;
    complete(OUTCOME_SUCCEEDED, (hub_str){0}, (hub_str){0});
    copy(the_host->result, sizeof(the_host->result), result);
}

static void host_fail(hub_job *job, hub_str code, hub_str message, hub_str details)
{
    (void)job;
    (void)details;
    complete(OUTCOME_FAILED, code, message);
}

static void host_retry(hub_job *job, hub_str code, hub_str message, uint64_t delay_ms)
{
    (void)job;
    (void)delay_ms;
    complete(OUTCOME_RETRY, code, message);
}

static void host_unknown(hub_job *job, hub_str code, hub_str message)
{
    (void)job;
    complete(OUTCOME_NONE, code, message);
}

static void host_progress(hub_job *job, uint32_t permille, hub_str message)
{
    (void)job;
    (void)message;
    the_host->last_permille = permille;
}

static void host_log(hub_job *job, uint32_t level, hub_str message)
{
    (void)job;
    fprintf(stderr, "[%u] %.*s\n", level, (int)message.len, message.ptr);
}

static int32_t host_cancelled(const hub_job *job)
{
    (void)job;
    if (the_host->cancel_after < 0)
        return 0;
    return the_host->cancel_after-- == 0 ? (the_host->cancel_after = 0, 1) : 0;
}

static int32_t host_artifact(hub_job *job, hub_str name, hub_str media_type, int32_t *fd)
{
    (void)job;
    if (the_host->artifact_count == TEST_MAX_ARTIFACTS)
        return HUB_CALL_LIMIT;
    if (name.len == 0 || memchr(name.ptr, '/', name.len))
        return HUB_CALL_INVALID;
    struct test_artifact *artifact = &the_host->artifacts[the_host->artifact_count++];
    copy(artifact->name, sizeof(artifact->name), name);
    copy(artifact->media_type, sizeof(artifact->media_type), media_type);
    artifact->fd = memfd_create("artifact", MFD_CLOEXEC);
    *fd = artifact->fd;
    return HUB_CALL_OK;
}

static const hub_file *host_file(const hub_job *job, hub_str pointer)
{
    (void)job;
    bool known = pointer.len == 6 && memcmp(pointer.ptr, "/image", 6) == 0;
    if (known && the_host->file.fd >= 0)
        return &the_host->file;
    for (size_t i = 0; i < the_host->more_count; i++) {
        const hub_file *file = &the_host->more[i].file;
        if (file->pointer.len == pointer.len &&
            memcmp(file->pointer.ptr, pointer.ptr, pointer.len) == 0)
            return file;
    }
    return NULL;
}

static int64_t host_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void host_random(void *bytes, uint64_t len)
{
    memset(bytes, 4, len);
}

static const void *host_extension(const char *name)
{
    (void)name;
    return NULL;
}

void test_host_init_with(struct test_host *self, const hub_connector *connector)
{
    *self = (struct test_host){
        .api = {sizeof(hub_host), HUB_ABI, host_succeed, host_fail, host_retry, host_unknown,
                host_progress, host_log, host_cancelled, host_artifact, host_file, host_now_ms,
                host_now_ms, host_random, host_extension},
        .connector = connector,
        .cancel_after = -1,
        .file = {.size = sizeof(hub_file), .fd = -1},
    };
    the_host = self;
    self->instance = connector->create(&self->api);
}

void test_host_init(struct test_host *self, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *entry = library ? dlsym(library, "hub_connector_entry") : NULL;
    if (!entry) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    hub_connector_entry_fn *call;
    memcpy(&call, &entry, sizeof(call));
    test_host_init_with(self, call(HUB_ABI));
    self->library = library;
}

static void forget(struct test_host *self)
{
    for (size_t i = 0; i < self->artifact_count; i++) {
        if (self->artifacts[i].data)
            munmap(self->artifacts[i].data, self->artifacts[i].len);
        close(self->artifacts[i].fd);
    }
    memset(self->artifacts, 0, sizeof(self->artifacts));
    self->artifact_count = 0;
    if (self->file.fd >= 0)
        close(self->file.fd);
    self->file.fd = -1;
    self->outcome = OUTCOME_NONE;
    self->completions = 0;
    self->code[0] = self->message[0] = self->result[0] = '\0';
}

void test_host_release(struct test_host *self)
{
    forget(self);
    test_host_withdraw(self);
    if (self->connector->destroy)
        self->connector->destroy(self->instance);
}

static void map_artifacts(struct test_host *self)
{
    for (size_t i = 0; i < self->artifact_count; i++) {
        struct test_artifact *artifact = &self->artifacts[i];
        struct stat status;
        if (fstat(artifact->fd, &status) != 0 || status.st_size == 0)
            continue;
        artifact->len = (size_t)status.st_size;
        void *data = mmap(NULL, artifact->len, PROT_READ, MAP_PRIVATE, artifact->fd, 0);
        artifact->data = data == MAP_FAILED ? NULL : data;
    }
}

static void fill(hub_file *file, const char *name, const char *pointer, const void *bytes,
                 size_t len)
{
    *file = (hub_file){.size = sizeof(hub_file), .fd = memfd_create("input", MFD_CLOEXEC)};
    file->bytes = len;
    file->name = (hub_str){name, strlen(name)};
    file->media_type = HUB_STR("application/octet-stream");
    file->pointer = (hub_str){pointer, strlen(pointer)};
    const char *at = bytes;
    while (len > 0) {
        ssize_t wrote = write(file->fd, at, len);
        if (wrote <= 0)
            abort();
        at += wrote;
        len -= (size_t)wrote;
    }
}

void test_host_offer(struct test_host *self, const char *pointer, const void *bytes, size_t len)
{
    if (self->more_count == TEST_MAX_FILES)
        abort();
    struct test_file *more = &self->more[self->more_count++];
    snprintf(more->pointer, sizeof(more->pointer), "%s", pointer);
    fill(&more->file, self->file_name ? self->file_name : "more.bin", more->pointer, bytes, len);
}

void test_host_withdraw(struct test_host *self)
{
    while (self->more_count > 0)
        close(self->more[--self->more_count].file.fd);
}

void test_host_run(struct test_host *self, const char *operation, const char *input,
                   const void *bytes, size_t len)
{
    forget(self);
    if (bytes)
        fill(&self->file, self->file_name ? self->file_name : "upload.bin", "/image", bytes, len);
    const hub_file *files[1 + TEST_MAX_FILES] = {&self->file};
    uint32_t first = bytes ? 1 : 0;
    for (size_t i = 0; i < self->more_count; i++)
        files[first + i] = &self->more[i].file;
    hub_job job = {
        .size = sizeof(job),
        .attempt = 1,
        .max_attempts = 5,
        .operation = {operation, strlen(operation)},
        .input = {input, strlen(input)},
        .deadline_ms = host_now_ms() + 30000,
        .file_count = first + (uint32_t)self->more_count,
        .files = files,
    };
    for (uint32_t i = 0; i < self->connector->operation_count; i++) {
        const hub_operation *candidate = self->connector->operations[i];
        if (candidate->name.len == strlen(operation) &&
            memcmp(candidate->name.ptr, operation, strlen(operation)) == 0)
            candidate->start(self->instance, &job);
    }
    map_artifacts(self);
}
