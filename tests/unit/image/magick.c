#include "magick.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bytes read_all(FILE *file)
{
    struct bytes bytes = {0};
    size_t room = 0;
    for (;;) {
        if (bytes.len == room) {
            room = room ? room * 2 : 65536;
            bytes.data = realloc(bytes.data, room);
            if (!bytes.data)
                abort();
        }
        size_t got = fread(bytes.data + bytes.len, 1, room - bytes.len, file);
        if (got == 0)
            return bytes;
        bytes.len += got;
    }
}

static struct bytes run(const char *command)
{
    FILE *pipe = popen(command, "r");
    if (!pipe)
        abort();
    struct bytes bytes = read_all(pipe);
    int status = pclose(pipe);
    if (status != 0 || bytes.len == 0) {
        fprintf(stderr, "ImageMagick gave nothing for: %s\n", command);
        exit(2);
    }
    return bytes;
}

struct bytes magick(const char *format, ...)
{
    char *arguments, *command;
    va_list args;
    va_start(args, format);
    if (vasprintf(&arguments, format, args) < 0 || asprintf(&command, "convert %s", arguments) < 0)
        abort();
    va_end(args);
    struct bytes bytes = run(command);
    free(command);
    free(arguments);
    return bytes;
}

struct bytes magick_pixels(const void *file, size_t len, const char *arguments)
{
    char path[] = "picture-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, file, len) != (ssize_t)len)
        abort();
    close(fd);
    struct bytes pixels = magick("'%s[0]' -depth 8 %s RGBA:-", path, arguments);
    unlink(path);
    return pixels;
}

struct bytes magick_each(const void *file, size_t len, const char *const *ways, size_t count)
{
    char *text = NULL;
    size_t text_len;
    FILE *out = open_memstream(&text, &text_len);
    if (!out)
        abort();
    fputs("-respect-parentheses", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, " \\( -clone 0 %s +repage \\)", ways[i]);
    fputs(" -delete 0", out);
    if (fclose(out) != 0)
        abort();
    struct bytes pixels = magick_pixels(file, len, text);
    free(text);
    return pixels;
}

struct bytes magick_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        abort();
    struct bytes bytes = read_all(file);
    fclose(file);
    return bytes;
}

const char *magick_photograph(void)
{
    static const char real[] = "/usr/share/backgrounds/mate/nature/Garden.jpg";
    static const char path[] = "photograph.ppm";
    if (access(path, R_OK) == 0)
        return path;
    struct bytes bytes =
        access(real, R_OK) == 0
            ? magick("'%s' -strip -resize 1280x800! ppm:-", real)
            : magick("-seed 7 -size 1280x800 plasma:tomato-steelblue -blur 0x1 ppm:-");
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes.data, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        abort();
    free(bytes.data);
    return path;
}

double psnr(struct bytes one, struct bytes other)
{
    if (one.len != other.len || one.len == 0)
        return 0;
    double sum = 0;
    for (size_t i = 0; i < one.len; i++) {
        double difference = (double)one.data[i] - other.data[i];
        sum += difference * difference;
    }
    double mean = sum / (double)one.len;
    return mean == 0 ? 99 : 10 * log10(255.0 * 255.0 / mean);
}
