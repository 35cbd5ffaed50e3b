#include "hubctl/transfer.h"

#include "base/disposition.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "hubctl/filename.h"
#include "hubctl/must.h"
#include "hubctl/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file on its way, in either direction. */
struct moving {
    struct app *app;
    int fd;               /* what is read */
    struct outfile *file; /* what is written; NULL: stdout */
    struct sha256 sha256;
    struct progress progress;
    const char *verb;
    struct str name;
    uint64_t size; /* 0: unknown */
    struct hub_error error;
};

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct moving *self = context;

    if (done > 0) {
        progress_bytes(&self->progress, self->verb, self->name, done,
                       total > 0 ? total : self->size);
    }
}

/* --- up --------------------------------------------------------------------------------------- */

static int64_t on_read(void *context, char *bytes, size_t room)
{
    struct moving *self = context;
    ssize_t got;

    do {
        /* A pipe or a terminal may keep us waiting: Ctrl-C must still work. */
        if (!interrupt_wait_readable(&self->app->interrupt, self->fd, -1)) {
            return hub_fail(&self->error, HUB_ERR_INTERRUPTED, "interrupted");
        }
        got = read(self->fd, bytes, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return hub_fail_errno(&self->error, errno, "%.*s cannot be read", STR_ARG(self->name));
    }
    return got;
}

/* Opens what is to be sent: `*ret_size` is -1 if it cannot be known. */
static int open_source(struct app *app, const char *path, int *ret_fd, int64_t *ret_size)
{
    struct stat status;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0) {
        app_fail(app, EXITS_LOCAL, "%s: %s", path, strerror(errno));
        goto failed;
    }
    if (S_ISDIR(status.st_mode)) {
        app_fail(app, EXITS_LOCAL, "%s is a directory", path);
        goto failed;
    }
    *ret_fd = fd;
    *ret_size = S_ISREG(status.st_mode) ? (int64_t)(status.st_size - lseek(fd, 0, SEEK_CUR)) : -1;
    return EXITS_OK;
failed:
    if (fd >= 0) {
        close(fd);
    }
    return EXITS_LOCAL;
}

static int post_file(struct app *app, struct moving *moving, const char *media_type, int64_t size,
                     struct json_object **ret_artifact)
{
    struct buf disposition;
    struct buf type;
    struct hub_error error;
    struct reply reply;
    int code;

    buf_init(&disposition, BUF_NO_LIMIT);
    buf_append_str(&disposition, STR("Content-Disposition: "));
    disposition_append(&disposition, moving->name);
    buf_init(&type, BUF_NO_LIMIT);
    buf_append_format(&type, "Content-Type: %s", media_type);
    must_buf(&disposition);
    must_buf(&type);
    struct request request = {
        .method = "POST",
        .path = "/v1/artifacts",
        .headers = {disposition.ptr, type.ptr},
        .read = on_read,
        .read_size = size,
        .progress = on_progress,
        .context = moving,
    };
    int err = client_call(app->client, &request, &reply, &error);
    progress_clear(&moving->progress);
    if (err < 0) {
        /* What on_read() has to say is more than the client knows. */
        code = app_fail_with(app, moving->error.err < 0 ? &moving->error : &error);
    } else if (exits_of_status(reply.status) != EXITS_OK) {
        code = app_refused(app, &reply);
    } else if (json_read(buf_view(&reply.body), JSON_DEPTH_MAX, ret_artifact, NULL, NULL) < 0) {
        code = app_fail(app, EXITS_UNREACHABLE, "hubd's answer is not JSON");
    } else {
        code = EXITS_OK;
    }
    reply_release(&reply);
    buf_release(&disposition);
    buf_release(&type);
    return code;
}

static bool is_header_safe(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e) {
            return false;
        }
    }
    return true;
}

int transfer_upload(struct app *app, const struct upload *upload, struct json_object **ret_artifact)
{
    struct str base =
        strcmp(upload->path, "-") == 0 ? STR("stdin") : filename_base(str_from_c(upload->path));
    struct moving moving = {.app = app, .verb = "uploading", .fd = -1};
    const char *media_type = upload->media_type;
    int64_t size;
    int code;

    moving.name = upload->name ? str_from_c(upload->name) : base;
    progress_init(&moving.progress, &app->output);
    if (!media_type) {
        media_type = filename_media_type(moving.name);
    } else if (!is_header_safe(media_type)) {
        return app_usage(app, "'%s' is not a media type", media_type);
    }
    if ((code = app_connect(app)) != EXITS_OK ||
        (code = open_source(app, upload->path, &moving.fd, &size)) != EXITS_OK) {
        return code;
    }
    moving.size = size > 0 ? (uint64_t)size : 0;
    code = post_file(app, &moving, media_type, size, ret_artifact);
    close(moving.fd);
    return code;
}

/* --- down ------------------------------------------------------------------------------------- */

static int on_write(void *context, struct str bytes)
{
    struct moving *self = context;

    sha256_update(&self->sha256, bytes.ptr, bytes.len);
    if (self->file) {
        return outfile_write(self->file, bytes, &self->error);
    }
    int err = file_write_all(STDOUT_FILENO, bytes.ptr, bytes.len);
    return err < 0 ? hub_fail_errno(&self->error, -err, "stdout") : 0;
}

static int get_file(struct app *app, struct moving *moving, const char *id)
{
    struct request request = {
        .method = "GET",
        .path = app_path(app, "/v1/artifacts/", id, ""),
        .write = on_write,
        .progress = on_progress,
        .context = moving,
    };
    struct hub_error error;
    struct reply reply;
    int code = EXITS_OK;

    int err = client_call(app->client, &request, &reply, &error);
    progress_clear(&moving->progress);
    if (err < 0) {
        /* What on_write() has to say is more than the client knows. */
        code = app_fail_with(app, moving->error.err < 0 ? &moving->error : &error);
    } else if (exits_of_status(reply.status) != EXITS_OK) {
        code = app_refused(app, &reply);
    }
    reply_release(&reply);
    return code;
}

static int check_digest(struct app *app, struct moving *moving, struct str expected)
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];

    sha256_final(&moving->sha256, &digest);
    sha256_hex(&digest, hex);
    if (expected.len > 0 && !str_eq_nocase(expected, str_from_c(hex))) {
        return app_fail(app, EXITS_UNREACHABLE,
                        "%.*s came damaged: its SHA-256 is %s, not %.*s; nothing was kept",
                        STR_ARG(moving->name), hex, STR_ARG(expected));
    }
    return EXITS_OK;
}

/* Fetches into `file`, or to stdout if it is NULL, and checks what came. */
static int fetch(struct app *app, const struct download *download, struct outfile *file)
{
    struct moving moving = {
        .app = app,
        .file = file,
        .verb = "fetching",
        .name = download->name,
        .size = download->size,
    };
    int code;

    progress_init(&moving.progress, &app->output);
    must_ok(sha256_init(&moving.sha256));
    code = get_file(app, &moving, download->id);
    if (code == EXITS_OK) {
        return check_digest(app, &moving, download->sha256);
    }
    sha256_release(&moving.sha256);
    return code;
}

int transfer_download(struct app *app, const struct download *download, int dir_fd,
                      const char *name, enum outfile_how how, struct buf *ret_name)
{
    struct outfile file;
    struct hub_error error;
    struct buf safe;
    int code = app_connect(app);

    if (code != EXITS_OK) {
        return code;
    }
    if (outfile_open(&file, dir_fd, &error) < 0) {
        return app_fail(app, EXITS_LOCAL, "%s", error.detail);
    }
    buf_init(&safe, BUF_NO_LIMIT);
    if (name) {
        buf_append_c(&safe, name);
    } else {
        filename_append_safe(&safe, download->name, str_from_c(download->id));
    }
    must_buf(&safe);
    code = fetch(app, download, &file);
    if (code == EXITS_OK && outfile_publish(&file, buf_view(&safe), how, ret_name, &error) < 0) {
        code = app_fail(app, EXITS_LOCAL, "%s", error.detail);
    }
    outfile_release(&file);
    buf_release(&safe);
    return code;
}

int transfer_print(struct app *app, const struct download *download)
{
    int code = app_connect(app);

    return code != EXITS_OK ? code : fetch(app, download, NULL);
}

int transfer_describe(struct app *app, const char *id, struct download *ret_download)
{
    struct request request = {
        .method = "HEAD",
        .path = app_path(app, "/v1/artifacts/", id, ""),
    };
    struct hub_error error;
    struct reply reply;
    int code = app_connect(app);

    if (code != EXITS_OK) {
        return code;
    }
    if (client_call(app->client, &request, &reply, &error) < 0) {
        code = app_fail_with(app, &error);
    } else if (reply.status == 404) { /* a HEAD has no body that says so */
        code = app_fail(app, EXITS_REFUSED, "there is no artifact %s", id);
    } else if (exits_of_status(reply.status) != EXITS_OK) {
        code = app_refused(app, &reply);
    } else {
        *ret_download = (struct download){
            .id = id,
            .name = disposition_file_name(str_from_c(reply.disposition), &app->arena),
            .size = reply.length,
        };
        if (strlen(reply.etag) == SHA256_HEX_LEN + 2) {
            ret_download->sha256 = arena_str(&app->arena, str_of(reply.etag + 1, SHA256_HEX_LEN));
        }
    }
    reply_release(&reply);
    return code;
}

int transfer_open_dir(struct app *app, const char *path, int *ret_fd)
{
    struct hub_error error;
    int fd;

    if (file_make_dirs(path, 0777, &error) < 0) {
        return app_fail(app, EXITS_LOCAL, "%s", error.detail);
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return app_fail(app, EXITS_LOCAL, "%s: %s", path, strerror(errno));
    }
    *ret_fd = fd;
    return EXITS_OK;
}

static int fetch_one(struct app *app, struct json_object *artifact, int dir_fd, const char *dir,
                     bool overwrite)
{
    struct str id = STR("");
    struct download download = {0};
    struct buf path;
    int64_t size = 0;
    int code;

    json_get_str(artifact, "id", &id);
    json_get_str(artifact, "name", &download.name);
    json_get_str(artifact, "sha256", &download.sha256);
    json_get_i64(artifact, "size", &size);
    download.id = must(arena_strdup(&app->arena, id));
    download.size = size > 0 ? (uint64_t)size : 0;
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, dir);
    if (!str_ends_with(buf_view(&path), STR("/"))) {
        buf_append_char(&path, '/');
    }
    code = transfer_download(app, &download, dir_fd, NULL,
                             overwrite ? OUTFILE_REPLACE : OUTFILE_FREE_NAME, &path);
    must_buf(&path);
    if (code == EXITS_OK) {
        must_ok(json_object_object_add(artifact, "path",
                                       must(json_object_new_string_len(path.ptr, (int)path.len))));
    }
    buf_release(&path);
    return code;
}

int transfer_fetch_all(struct app *app, struct json_object *artifacts, const char *path,
                       bool overwrite)
{
    int dir_fd;
    int code = transfer_open_dir(app, path, &dir_fd);

    if (code != EXITS_OK) {
        return code;
    }
    for (size_t i = 0; i < json_object_array_length(artifacts) && code == EXITS_OK; i++) {
        code = fetch_one(app, json_object_array_get_idx(artifacts, i), dir_fd, path, overwrite);
    }
    close(dir_fd);
    return code;
}
