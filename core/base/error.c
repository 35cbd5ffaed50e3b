#include "base/error.h"

#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_facts {
    const char *code;
    const char *title;
    int http_status;
    enum hub_retry_class retry_class;
};

/* Indexed by -err - 1. */
static const struct err_facts facts_of_errors[] = {
#define X(name, code, http, retry, title) {code, title, http, HUB_RETRY_##retry},
    HUB_ERR_MAP(X)
#undef X
};

#define ERR_COUNT ((int)(sizeof facts_of_errors / sizeof facts_of_errors[0]))

static const struct err_facts *facts_of(int err)
{
    if (err >= 0 || err < -ERR_COUNT) {
        err = HUB_ERR_INTERNAL;
    }
    return &facts_of_errors[-err - 1];
}

const char *hub_err_code(int err)
{
    return facts_of(err)->code;
}

const char *hub_err_title(int err)
{
    return facts_of(err)->title;
}

int hub_err_http_status(int err)
{
    return facts_of(err)->http_status;
}

enum hub_retry_class hub_err_retry_class(int err)
{
    return facts_of(err)->retry_class;
}

int hub_err_by_code(const char *code, size_t len)
{
    struct str wanted = str_of(code, len);

    for (int i = 0; i < ERR_COUNT; i++) {
        if (str_eq(wanted, str_from_c(facts_of_errors[i].code))) {
            return -(i + 1);
        }
    }
    return 0;
}

static int fill(struct hub_error *error, int err, const char *reason, const char *format,
                va_list args)
{
    /* Written aside and copied, so that `args` may refer to the old detail. One byte more than
     * fits tells a text that just fits from one that was cut. */
    char text[HUB_ERROR_DETAIL_MAX + 1];
    int written = vsnprintf(text, sizeof text, format, args);
    size_t len = written < 0 ? 0 : strlen(text);

    if (reason && len < sizeof text - 1) {
        snprintf(text + len, sizeof text - len, ": %s", reason);
        len = strlen(text);
    }
    struct str kept = str_utf8_cut(str_of(text, len), HUB_ERROR_DETAIL_MAX - 1);
    error->err = err;
    memcpy(error->detail, kept.ptr, kept.len);
    error->detail[kept.len] = '\0';
    return err;
}

int hub_fail(struct hub_error *error, int err, const char *format, ...)
{
    if (!error) {
        return err;
    }
    va_list args;
    va_start(args, format);
    fill(error, err, NULL, format, args);
    va_end(args);
    return err;
}

static int err_of_errno(int errnum)
{
    switch (errnum) {
    case ENOMEM:
        return HUB_ERR_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return HUB_ERR_STORAGE_FULL;
    case ENOENT:
        return HUB_ERR_NOT_FOUND;
    default:
        return HUB_ERR_IO;
    }
}

int hub_fail_errno(struct hub_error *error, int errnum, const char *format, ...)
{
    int err = err_of_errno(errnum);
    if (!error) {
        return err;
    }
    char reason[128];
    va_list args;
    va_start(args, format);
    fill(error, err, strerror_r(errnum, reason, sizeof reason), format, args);
    va_end(args);
    return err;
}
