/*
 * email.parse and email.parse_bounce: whatever a message holds, reading it ends, in bounds, and
 * what is told of it is JSON.
 */
#include "connectors/email/parse.h"

#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sink_fd = -1;

static int open_sink(void *context, const char *name, const char *media_type)
{
    (void)context;
    (void)media_type;
    if (name[0] == '\0' || ftruncate(sink_fd, 0) < 0 || lseek(sink_fd, 0, SEEK_SET) != 0) {
        abort();
    }
    return sink_fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    parse_init();
    sink_fd = memfd_create("sink", MFD_CLOEXEC);
    return sink_fd < 0;
}

static void parse(int fd, size_t size)
{
    struct parse_sink sink = {open_sink, NULL};
    struct parsed parsed;
    struct json_object *json;
    struct buf out;
    parsed_init(&parsed, &sink);
    buf_init(&out, 1u << 20);
    if (parsed_read(&parsed, fd, size, NULL) == 0) {
        parsed_append_json(&parsed, &out);
        if (buf_failed(&out) || out.len > 256u << 10 ||
            json_read(buf_view(&out), JSON_DEPTH_MAX, &json, NULL, NULL) < 0) {
            abort();
        }
        json_object_put(json);
    }
    buf_release(&out);
    parsed_release(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bounce *bounce = malloc(sizeof *bounce);
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (!bounce || fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    parse(fd, size);
    bounce_init(bounce);
    (void)!bounce_read(bounce, fd, size, NULL);
    bounce_release(bounce);
    free(bounce);
    close(fd);
    return 0;
}
