#include "hubctl/secret_input.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3
#define CTRL_D 4

/* Typed bytes up to the end of the line. The terminal sends no signals meanwhile, so that it is
 * always put back as it was. */
static int type_in(int fd, struct secret *secret, struct hub_error *error)
{
    for (;;) {
        char c;
        ssize_t got = read(fd, &c, 1);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0 || c == CTRL_D || c == '\n' || c == '\r') {
            return 0;
        }
        if (c == CTRL_C) {
            return hub_fail(error, HUB_ERR_CANCELLED, "interrupted");
        }
        buf_append_char(&secret->text, c);
    }
}

static int ask(const char *prompt, struct secret *secret, struct hub_error *error)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before, silent;

    if (fd < 0 || tcgetattr(fd, &before) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return hub_fail(error, HUB_ERR_BAD_REQUEST,
                        "there is no terminal to ask on: give %s as @FILE or -", prompt);
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG);
    int err = 0;
    if (tcsetattr(fd, TCSAFLUSH, &silent) < 0) {
        err = hub_fail_errno(error, errno, "the terminal's echo could not be turned off");
    } else {
        dprintf(fd, "%s: ", prompt); /* not before: who types at once must not be seen */
        err = type_in(fd, secret, error);
    }
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    close(fd);
    return err;
}

static void trim_line_end(struct buf *text)
{
    if (text->len > 0 && text->ptr[text->len - 1] == '\n') {
        buf_truncate(text, text->len - 1);
    }
    if (text->len > 0 && text->ptr[text->len - 1] == '\r') {
        buf_truncate(text, text->len - 1);
    }
}

int secret_input_read(const char *source, const char *prompt, struct secret *ret_secret,
                      struct hub_error *error)
{
    int err;

    if (source == NULL) {
        err = ask(prompt, ret_secret, error);
    } else if (strcmp(source, "-") == 0) {
        err = file_read_fd(STDIN_FILENO, &ret_secret->text, error);
    } else {
        err = file_read(source + 1, &ret_secret->text, error);
    }
    trim_line_end(&ret_secret->text);
    if (err == 0 && buf_failed(&ret_secret->text)) {
        err = hub_fail(error, HUB_ERR_TOO_LARGE, "%s: longer than 16 KiB", prompt);
    } else if (err == 0 && ret_secret->text.len == 0) {
        err = hub_fail(error, HUB_ERR_BAD_REQUEST, "%s: nothing was given", prompt);
    }
    return err;
}
