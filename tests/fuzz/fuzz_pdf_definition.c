/*
 * libFuzzer over pdf.render: any JSON as a definition, parsed, set and written.
 *
 *     cmake --preset fuzz && ninja -C build-fuzz fuzz_pdf_definition
 *     ./build-fuzz/connectors/pdf/fuzz_pdf_definition -dict=tests/fuzz/pdf.dict -max_len=8192 \
 *         -rss_limit_mb=4096 CORPUS/
 *
 * The images "a" and "b" are the input's own bytes: sometimes they are pictures.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "connectors/pdf/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
    int fd;
    uint64_t number;
    char key[32];
};

static bool open_file(void *context, struct str pointer, struct source *ret_source)
{
    struct file *file = context;
    if (!str_eq(pointer, STR("/images/a")) && !str_eq(pointer, STR("/fonts/a/normal")) &&
        !str_eq(pointer, STR("/files/a/src"))) {
        return false;
    }
    *ret_source = (struct source){.fd = file->fd, .key = str_from_c(file->key)};
    return true;
}

/* Ends endless documents, as a deadline would. */
static bool is_cancelled(const void *context)
{
    int *left = (int *)context;
    return --*left < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct render_cache *cache;
    static struct file file = {.fd = -1};
    struct json_object *input;
    struct hub_error error;
    int pages_left = 300;
    if (!cache && render_cache_new(&cache) < 0) {
        return 0;
    }
    if (json_read(str_of((const char *)data, size), JSON_DEPTH_MAX, &input, NULL, &error) < 0) {
        return 0;
    }
    if (json_object_is_type(input, json_type_object)) {
        file.fd = memfd_create("file", MFD_CLOEXEC);
        snprintf(file.key, sizeof file.key, "%llu", (unsigned long long)file.number++);
        if (write(file.fd, data, size) == (ssize_t)size) {
            const struct sources sources = {.context = &file, .open = open_file};
            struct render render = {.cache = cache,
                                    .input = input,
                                    .sources = &sources,
                                    .cancelled = is_cancelled,
                                    .cancel_context = &pages_left};
            (void)!render_run(&render, &error);
            render_release(&render);
        }
        close(file.fd);
    }
    json_object_put(input);
    return 0;
}
