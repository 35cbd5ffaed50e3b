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
    char arguments[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(arguments, sizeof(arguments), format, args);
    va_end(args);
    char command[2200];
    snprintf(command, sizeof(command), "convert %s", arguments);
    return run(command);
}

struct bytes magick_pixels(const void *file, size_t len, const char *arguments)
{
    char path[] = "/tmp/hub-image-test-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, file, len) != (ssize_t)len)
        abort();
    close(fd);
    struct bytes pixels = magick("'%s[0]' -depth 8 %s RGBA:-", path, arguments);
    unlink(path);
    return pixels;
}

const char *magick_photograph(void)
{
    static const char real[] = "/usr/share/backgrounds/mate/nature/Garden.jpg";
    static char made[] = "/tmp/hub-image-photograph.jpg";
    if (access(real, R_OK) == 0)
        return real;
    struct bytes bytes =
        magick("-seed 7 -size 2560x1600 plasma:tomato-steelblue -blur 0x2 -quality 92 jpg:-");
    FILE *file = fopen(made, "wb");
    if (!file || fwrite(bytes.data, 1, bytes.len, file) != bytes.len)
        abort();
    fclose(file);
    free(bytes.data);
    return made;
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
