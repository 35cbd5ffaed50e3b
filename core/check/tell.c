#include "check/tell.h"

#include "base/buf.h"
#include "check/side.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

void tell_raw(const char *line, unsigned long len)
{
    int saved = errno;
    (void)!write(STDERR_FILENO, line, len);
    errno = saved;
}

static void tell(struct buf *line)
{
    buf_append_char(line, '\n');
    if (!buf_failed(line)) {
        tell_raw(line->ptr, line->len);
    }
}

void tell_breach(const char *rule, const char *format, ...)
{
    char bytes[LINE_MAX_BYTES];
    char text[512];
    struct buf line;
    struct buf words;
    va_list args;
    enum side before = side_set(SIDE_HOST);
    buf_init_fixed(&words, text, sizeof text);
    va_start(args, format);
    buf_append_vformat(&words, format, args);
    va_end(args);
    buf_init_fixed(&line, bytes, sizeof bytes);
    buf_append_format(&line, "\x1e{\"breach\":\"%s\",\"text\":", rule);
    buf_append_json_string(&line, buf_failed(&words) ? STR("(too long)") : buf_view(&words));
    buf_append_char(&line, '}');
    tell(&line);
    side_set(before);
}

void tell_census(uint64_t job, int64_t blocks, int64_t bytes, unsigned files)
{
    char room[256];
    struct buf line;
    buf_init_fixed(&line, room, sizeof room);
    buf_append_format(&line,
                      "\x1e{\"census\":%" PRIu64 ",\"blocks\":%" PRIi64 ",\"bytes\":%" PRIi64
                      ",\"files\":%u}",
                      job, blocks, bytes, files);
    tell(&line);
}

void tell_file(const char *what, const char *file)
{
    char room[512];
    struct buf line;
    buf_init_fixed(&line, room, sizeof room);
    buf_append_format(&line, "\x1e{\"%s\":", what);
    buf_append_json_string(&line, str_from_c(file));
    buf_append_char(&line, '}');
    tell(&line);
}

void tell_totals(uint64_t allocations, uint64_t points)
{
    char room[128];
    struct buf line;
    buf_init_fixed(&line, room, sizeof room);
    buf_append_format(&line, "\x1e{\"allocations\":%" PRIu64 ",\"points\":%" PRIu64 "}",
                      allocations, points);
    tell(&line);
}
