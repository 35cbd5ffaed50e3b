#include "pdf.h"

#include "base/buf.h"
#include "base/file.h"

#include <string.h>

enum { MESSAGE_MAX = 1024, DETAILS_MAX = 4096 };

static hub_str view(const struct buf *buf)
{
    return (hub_str){buf->ptr, buf->len};
}

void pdf_job_fail(const struct pdf *pdf, hub_job *job, const struct hub_error *error,
                  struct str pointer)
{
    char message_room[MESSAGE_MAX], details_room[DETAILS_MAX];
    struct buf message, details;
    buf_init_fixed(&message, message_room, sizeof message_room);
    buf_init_fixed(&details, details_room, sizeof details_room);
    const char *code = hub_err_code(error->err);
    if (pointer.len > 0) {
        buf_append_str(&message, str_utf8_cut(pointer, MESSAGE_MAX / 2));
        buf_append_c(&message, ": ");
        buf_append_c(&details, "{\"pointer\":");
        buf_append_json_string(&details, str_utf8_cut(pointer, MESSAGE_MAX / 2));
        buf_append_c(&details, "}");
    }
    buf_append_c(&message, error->detail);
    buf_append_char(&message, '.');
    hub_str code_view = {code, strlen(code)};
    if (hub_err_retry_class(error->err) == HUB_RETRY_LATER) {
        pdf->host->retry(job, code_view, view(&message), 0);
    } else {
        pdf->host->fail(job, code_view, view(&message), view(&details));
    }
}

int pdf_job_write(const struct pdf *pdf, hub_job *job, struct str name, struct str data,
                  struct hub_error *error)
{
    int32_t fd;
    switch (
        pdf->host->artifact(job, (hub_str){name.ptr, name.len}, HUB_STR("application/pdf"), &fd)) {
    case HUB_CALL_OK:
        break;
    case HUB_CALL_INVALID:
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the file name “%.*s” is not allowed",
                        STR_ARG(str_utf8_cut(name, 100)));
    case HUB_CALL_CLOSED:
        return hub_fail(error, HUB_ERR_CANCELLED, "the job was cancelled");
    case HUB_CALL_LIMIT:
        return hub_fail(error, HUB_ERR_LIMIT, "the job makes too many files");
    default:
        return hub_fail(error, HUB_ERR_IO, "the host gives no output file");
    }
    int err = file_write_all(fd, data.ptr, data.len);
    if (err < 0) {
        return hub_fail_errno(error, -err, "the document can't be written");
    }
    return 0;
}
