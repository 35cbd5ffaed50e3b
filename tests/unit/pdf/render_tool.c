/*
 * pdf.render from the command line, without hubd, for looking and measuring:
 *
 *     pdf_render DEFINITION.json OUTPUT.pdf [REPEAT]
 *
 * Files are named {"path": "/…"}. Prints pages, bytes and warnings, or the error, and CPU
 * milliseconds a document (reading its JSON included) and peak memory.
 */
#include "base/clock.h"
#include "base/file.h"
#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static double cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static int render_once(struct render_cache *cache, struct str text, const char *path)
{
    struct hub_error error;
    struct json_object *input;
    if (json_read(text, JSON_DEPTH_MAX, &input, NULL, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        return 1;
    }
    struct disk_files files = {.input = input};
    const struct sources sources = {.context = &files, .open = disk_files_open};
    struct render render = {
        .cache = cache, .input = input, .sources = &sources, .wall_ms = clock_wall_ms()};
    int err = render_run(&render, &error);
    if (err < 0) {
        fprintf(stderr, "%.*s: %s (%s)\n", STR_ARG(buf_view(&render.pointer)), error.detail,
                hub_err_code(error.err));
    } else if (path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || file_write_all(fd, render.file.ptr, render.file.len) < 0) {
            perror(path);
        }
        close(fd);
        printf("{\"pages\":%u,\"bytes\":%zu,\"warnings\":%.*s}\n", render.pages, render.file.len,
               STR_ARG(buf_view(&render.warnings)));
    }
    render_release(&render);
    disk_files_close(&files);
    json_object_put(input);
    return err < 0;
}

int main(int argc, char **argv)
{
    struct buf text;
    struct hub_error error;
    struct render_cache *cache;
    buf_init(&text, 64 << 20);
    if (argc < 3) {
        fprintf(stderr, "usage: %s DEFINITION.json OUTPUT.pdf [REPEAT]\n", argv[0]);
        return 2;
    }
    if (file_read(argv[1], &text, &error) < 0 || render_cache_new(&cache) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        return 2;
    }
    int repeat = argc > 3 ? atoi(argv[3]) : 0;
    int failed = render_once(cache, buf_view(&text), argv[2]);
    double before = cpu_ms();
    for (int i = 0; i < repeat && !failed; i++) {
        failed = render_once(cache, buf_view(&text), NULL);
    }
    if (repeat > 0) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        fprintf(stderr, "{\"cpu_ms\":%.3f,\"peak_kib\":%ld}\n", (cpu_ms() - before) / repeat,
                usage.ru_maxrss);
    }
    render_cache_free(cache);
    buf_release(&text);
    return failed;
}
