#include "hubctl/output.h"

#include "base/json.h"
#include "hubctl/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const style_codes[] = {
    [STYLE_PLAIN] = "",  [STYLE_BOLD] = "1",     [STYLE_DIM] = "2",
    [STYLE_RED] = "31",  [STYLE_GREEN] = "32",   [STYLE_YELLOW] = "33",
    [STYLE_BLUE] = "34", [STYLE_MAGENTA] = "35", [STYLE_CYAN] = "36",
};

#define WIDTH_MIN     40
#define WIDTH_DEFAULT 80

static size_t terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    uint64_t width = 0;

    if (columns && str_to_u64(str_from_c(columns), OUTPUT_UNLIMITED, &width) && width > 0) {
        /* the user's word comes first */
    } else if (!isatty(fd)) {
        return OUTPUT_UNLIMITED;
    } else if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    } else {
        width = WIDTH_DEFAULT;
    }
    return width < WIDTH_MIN ? WIDTH_MIN : (size_t)width;
}

static bool use_colour(enum colour colour, int fd)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (colour != COLOUR_AUTO) {
        return colour == COLOUR_ALWAYS;
    }
    return isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void output_init(struct output *self, enum colour colour, bool json, bool quiet)
{
    *self = (struct output){
        .json = json,
        .quiet = quiet,
        .out_colour = use_colour(colour, STDOUT_FILENO),
        .err_colour = use_colour(colour, STDERR_FILENO),
        .err_terminal =
            isatty(STDERR_FILENO) && getenv("TERM") && strcmp(getenv("TERM"), "dumb") != 0,
        .out_width = terminal_width(STDOUT_FILENO),
        .err_width = terminal_width(STDERR_FILENO),
    };
}

size_t output_text_width(const struct output *self)
{
    return self->out_width < OUTPUT_TEXT_WIDTH ? self->out_width : OUTPUT_TEXT_WIDTH;
}

void style_append(struct buf *buf, bool colour, enum style style, struct str text)
{
    bool dressed = colour && style != STYLE_PLAIN && text.len > 0;

    if (dressed) {
        buf_append_format(buf, "\x1b[%sm", style_codes[style]);
    }
    text_append_safe(buf, text); /* also when it is safe already: that changes nothing */
    if (dressed) {
        buf_append_str(buf, STR("\x1b[0m"));
    }
}

/* --- JSON for people -------------------------------------------------------------------------- */

static void new_line(struct buf *buf, size_t indent)
{
    buf_append_char(buf, '\n');
    text_append_blanks(buf, indent);
}

static void append_name(struct buf *buf, bool colour, const char *name)
{
    struct json_object *string = json_object_new_string(name);
    struct buf quoted;

    buf_init(&quoted, BUF_NO_LIMIT);
    text_append_json(&quoted, string);
    style_append(buf, colour, STYLE_DIM, buf_view(&quoted));
    buf_append_str(buf, STR(": "));
    buf_release(&quoted);
    json_object_put(string);
}

static bool is_container(struct json_object *value)
{
    return (json_object_is_type(value, json_type_object) && json_object_object_length(value) > 0) ||
           (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0);
}

/* A short array of scalars stands on one line. */
static bool fits_one_line(struct json_object *array)
{
    size_t len = json_object_array_length(array);

    for (size_t i = 0; i < len; i++) {
        if (is_container(json_object_array_get_idx(array, i))) {
            return false;
        }
    }
    return len <= 8;
}

void output_append_json(struct buf *buf, bool colour, struct json_object *value, size_t indent)
{
    bool first = true;

    if (!is_container(value) ||
        (json_object_is_type(value, json_type_array) && fits_one_line(value))) {
        text_append_json(buf, value);
        return;
    }
    if (json_object_is_type(value, json_type_array)) {
        buf_append_char(buf, '[');
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            buf_append_str(buf, first ? STR("") : STR(","));
            new_line(buf, indent + 2);
            output_append_json(buf, colour, json_object_array_get_idx(value, i), indent + 2);
            first = false;
        }
        new_line(buf, indent);
        buf_append_char(buf, ']');
        return;
    }
    buf_append_char(buf, '{');
    json_object_object_foreach(value, name, member) {
        buf_append_str(buf, first ? STR("") : STR(","));
        new_line(buf, indent + 2);
        append_name(buf, colour, name);
        output_append_json(buf, colour, member, indent + 2);
        first = false;
    }
    new_line(buf, indent);
    buf_append_char(buf, '}');
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_to(FILE *file, struct buf *buf)
{
    if (buf->len > 0) {
        fwrite(buf->ptr, 1, buf->len, file);
    }
    buf_clear(buf);
}

void output_write(struct buf *buf)
{
    write_to(stdout, buf);
}

void output_write_error(struct buf *buf)
{
    fflush(stdout); /* so that both appear in the order in which they were said */
    write_to(stderr, buf);
}

void output_json(struct json_object *value)
{
    struct buf line;

    buf_init(&line, BUF_NO_LIMIT);
    text_append_json(&line, value);
    buf_append_char(&line, '\n');
    write_to(stdout, &line);
    fflush(stdout);
    buf_release(&line);
}

void output_note(const struct output *self, const char *format, ...)
{
    struct buf line;
    va_list args;

    if (self->quiet) {
        return;
    }
    buf_init(&line, BUF_NO_LIMIT);
    buf_append_str(&line, STR("hubctl: "));
    va_start(args, format);
    buf_append_vformat(&line, format, args);
    va_end(args);
    buf_append_char(&line, '\n');
    output_write_error(&line);
    buf_release(&line);
}

bool output_finish(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}
