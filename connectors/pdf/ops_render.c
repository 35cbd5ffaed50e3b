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

static int succeed(const struct pdf *pdf, hub_job *job, const struct render *render,
                   struct str name, struct hub_error *error)
{
    int err = pdf_job_write(pdf, job, name, buf_view(&render->file), error);
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
        pdf->host->succeed(job, (hub_str){result.ptr, result.len});
    }
    buf_release(&result);
    return err;
}

int pdf_job_render(struct pdf *pdf, hub_job *job, struct json_object *definition,
                   struct render *ret_render, struct hub_error *error)
{
    struct task task = {.pdf = pdf, .job = job};
    const struct sources sources = {
        .context = &task, .open = open_source, .templates = pdf->templates};
    *ret_render = (struct render){.input = definition, .wall_ms = pdf->host->wall_ms()};
    int err = pdf->cache ? 0 : render_cache_new(&pdf->cache);
    if (err < 0) {
        return hub_fail(error, err, "out of memory");
    }
    ret_render->cache = pdf->cache;
    ret_render->sources = &sources;
    ret_render->cancel_context = &task;
    ret_render->cancelled = is_cancelled;
    err = render_run(ret_render, error);
    ret_render->sources = NULL;
    ret_render->cancel_context = NULL;
    ret_render->cancelled = NULL;
    return err;
}

void pdf_render_start(hub_instance *instance, hub_job *job)
{
    struct pdf *pdf = (struct pdf *)instance;
    struct hub_error error = {0};
    struct json_object *input = NULL;
    struct render render = {0};
    struct str name = STR("document.pdf");
    int err =
        json_read(str_of(job->input.ptr, job->input.len), JSON_DEPTH_MAX, &input, NULL, &error);
    if (err == 0) {
        err = pdf_job_render(pdf, job, input, &render, &error);
    }
    if (err == 0) {
        (void)json_get_str(input, "name", &name);
        err = succeed(pdf, job, &render, name, &error);
    }
    if (err < 0) {
        pdf_job_fail(pdf, job, &error, buf_view(&render.pointer));
    }
    render_release(&render);
    json_object_put(input);
}
