/*
 * pdf.render as a job: its input, its files, its artifact.
 */
#include "base/hash.h"
#include "base/json.h"
#include "pdf.h"
#include "render.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEY_ROOM = SHA256_HEX_LEN + 8 };

struct task {
    const struct pdf *pdf;
    hub_job *job;
    char key[KEY_ROOM];
};

static bool is_cancelled(const void *context)
{
    const struct task *task = context;
    return task->pdf->host->cancelled(task->job);
}

/* A name for the content: the artifact's id, or a hash of what was given inline. */
static bool name_content(struct task *task, const hub_file *file, struct str *ret_key)
{
    if (file->artifact.len > 0) {
        *ret_key = str_of(file->artifact.ptr, file->artifact.len);
        return true;
    }
    struct sha256 hash;
    struct sha256_digest digest;
    char block[16384];
    off_t at = 0;
    ssize_t got;
    if (sha256_init(&hash) < 0) {
        return false;
    }
    while ((got = pread(file->fd, block, sizeof block, at)) > 0) {
        sha256_update(&hash, block, (size_t)got);
        at += got;
    }
    sha256_final(&hash, &digest);
    sha256_hex(&digest, task->key);
    *ret_key = str_of(task->key, SHA256_HEX_LEN);
    return got == 0;
}

static bool open_source(void *context, struct str pointer, struct source *ret_source)
{
    struct task *task = context;
    const hub_file *file = task->pdf->host->file(task->job, (hub_str){pointer.ptr, pointer.len});
    if (!file || !name_content(task, file, &ret_source->key)) {
        return false;
    }
    ret_source->fd = file->fd;
    ret_source->media_type = str_of(file->media_type.ptr, file->media_type.len);
    return true;
}

static int succeed(struct task *task, const struct render *render, struct str name,
                   struct hub_error *error)
{
    int err = pdf_job_write(task->pdf, task->job, name, buf_view(&render->file), error);
    if (err < 0) {
        return err;
    }
    struct buf result;
    buf_init(&result, 200 << 10);
    buf_append_c(&result, "{\"artifact\":");
    buf_append_json_string(&result, name);
    buf_append_format(&result, ",\"pages\":%u,\"bytes\":%zu,\"warnings\":", render->pages,
                      render->file.len);
    buf_append_str(&result, buf_view(&render->warnings));
    buf_append_char(&result, '}');
    if (buf_failed(&result)) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    } else {
        task->pdf->host->succeed(task->job, (hub_str){result.ptr, result.len});
    }
    buf_release(&result);
    return err;
}

static int run(struct task *task, struct json_object *input, struct buf *ret_pointer,
               struct hub_error *error)
{
    const struct sources sources = {.context = task, .open = open_source};
    struct render render = {
        .cache = task->pdf->cache,
        .input = input,
        .sources = &sources,
        .wall_ms = task->pdf->host->wall_ms(),
        .cancel_context = task,
        .cancelled = is_cancelled,
    };
    struct str name = STR("document.pdf");
    (void)json_get_str(input, "name", &name);
    int err = render_run(&render, error);
    if (err == 0) {
        err = succeed(task, &render, name, error);
    }
    *ret_pointer = render.pointer;
    render.pointer = (struct buf){0};
    render_release(&render);
    return err;
}

void pdf_render_start(hub_instance *instance, hub_job *job)
{
    struct pdf *pdf = (struct pdf *)instance;
    struct task task = {.pdf = pdf, .job = job};
    struct hub_error error = {0};
    struct json_object *input = NULL;
    struct buf pointer = {0};
    int err = pdf->cache ? 0 : render_cache_new(&pdf->cache);
    if (err < 0) {
        err = hub_fail(&error, err, "out of memory");
    } else {
        struct str text = str_of(job->input.ptr, job->input.len);
        err = json_read(text, JSON_DEPTH_MAX, &input, NULL, &error);
    }
    if (err == 0) {
        err = run(&task, input, &pointer, &error);
    }
    if (err < 0) {
        pdf_job_fail(pdf, job, &error, buf_view(&pointer));
    }
    buf_release(&pointer);
    json_object_put(input);
}
