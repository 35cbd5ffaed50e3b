/*
 * render.c — templates: an input's "template" becomes its subject, text and html.
 *
 *     "template": {"subject": "Order {{number}}", "text": "…", "html": "…", "data": {…},
 *                  "locale": "de-DE"}
 *
 * Values in `html` are escaped, those in `subject` and `text` are not; what a value brings into the
 * subject passes the same doors as any subject.
 */
#include "email.h"

#include "connectors/common/template.h"

#include <stdlib.h>

#define TEXT_MAX_BYTES (4u << 20)

struct filling {
    struct json_object *data;
    const struct locale *locale;
};

static int fill(struct str source, const struct filling *use, bool html, struct buf *out,
                struct template_error *error)
{
    struct text_template *compiled = NULL;
    const struct template_options options = {.locale = use->locale, .escape_html = html};
    int err = text_template_compile(source, &compiled, error);
    if (err == 0) {
        err = text_template_render(compiled, use->data, &options, out, error);
    }
    text_template_free(compiled);
    return err;
}

static int render_one(struct json_object *input, struct json_object *template, const char *name,
                      const struct filling *use, struct hub_error *error)
{
    struct template_error why = {0};
    struct str source;
    struct buf out;
    if (!json_get_str(template, name, &source)) {
        return 0;
    }
    buf_init(&out, TEXT_MAX_BYTES);
    int err = fill(source, use, name[0] == 'h', &out, &why);
    struct json_object *text =
        err == 0 ? json_object_new_string_len(out.ptr ? out.ptr : "", (int)out.len) : NULL;
    buf_release(&out);
    if (err < 0) {
        return hub_fail(error, err, "/template/%s: %s", name, why.error.detail);
    }
    if (!text || json_object_object_add(input, name, text) < 0) {
        json_object_put(text);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    return 0;
}

int template_apply(struct json_object *input, struct hub_error *error)
{
    static const char *const PARTS[] = {"subject", "text", "html"};
    struct json_object *template;
    struct filling use = {0};
    struct str tag = {0};
    int err = 0;
    if (!json_get_object(input, "template", &template)) {
        return 0;
    }
    (void)json_get_object(template, "data", &use.data);
    if (json_get_str(template, "locale", &tag) && !(use.locale = locale_find(tag))) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "/template/locale: it is not known");
    }
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0] && err == 0; i++) {
        err = render_one(input, template, PARTS[i], &use, error);
    }
    if (err == 0) {
        json_object_object_del(input, "template");
    }
    return err;
}

/* --- email.render ------------------------------------------------------------------------------*/

struct rendering {
    struct email *email;
    hub_job *job;
};

static void append_member(struct buf *out, struct json_object *input, const char *name)
{
    struct str text;
    if (json_get_str(input, name, &text)) {
        buf_append_format(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
        buf_append_json_string(out, text);
    }
}

/* Subject, text and html; the text that is derived if there is none. */
static void append_parts(struct buf *out, struct json_object *input)
{
    struct str html, text;
    struct buf derived;
    buf_append_char(out, '{');
    append_member(out, input, "subject");
    append_member(out, input, "text");
    append_member(out, input, "html");
    if (json_get_str(input, "html", &html) && !json_get_str(input, "text", &text)) {
        buf_init(&derived, TEXT_MAX_BYTES);
        html_to_text(&derived, html);
        buf_append_format(out, "%s\"text\":", out->len > 1 ? "," : "");
        buf_append_json_string(out, buf_view(&derived));
        buf_release(&derived);
    }
    buf_append_char(out, '}');
}

static void render_run(void *context)
{
    struct rendering *self = context;
    const struct email *email = self->email;
    struct json_object *input = NULL;
    struct hub_error error = {0};
    struct buf result;
    buf_init(&result, 250u << 10);
    int err = json_read(str_of_hub(self->job->input), JSON_DEPTH_MAX, &input, NULL, &error);
    if (err == 0) {
        err = template_apply(input, &error);
    }
    if (err == 0) {
        append_parts(&result, input);
    }
    if (err == HUB_ERR_NOMEM) {
        job_retry(email, self->job, "out_of_memory", "There was not enough memory.", 0);
    } else if (err < 0) {
        job_fail(email, self->job, "invalid_input", error.detail);
    } else if (buf_failed(&result)) {
        job_fail(email, self->job, "too_large",
                 "What was rendered is larger than a result may be; "
                 "email.send with dry_run writes a file.");
    } else {
        email->host->succeed(self->job, hub_of_str(buf_view(&result)));
    }
    json_object_put(input);
    buf_release(&result);
    free(self);
}

void render_start(struct email *email, hub_job *job)
{
    struct rendering *self = calloc(1, sizeof *self);
    if (self) {
        *self = (struct rendering){email, job};
    }
    if (!self || email->pool->run(render_run, NULL, self) != HUB_CALL_OK) {
        free(self);
        job_retry(email, job, "out_of_memory", "There was not enough memory.", 0);
    }
}
