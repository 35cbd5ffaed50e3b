/*
 * pdf.h — what the operations of the pdf connector share.
 *
 * An operation is one file with one start function, and one row in pdf.c's table. It runs on a
 * [work] thread and completes its job exactly once:
 *
 *     void pdf_rotate_start(hub_instance *instance, hub_job *job)
 *     {
 *         struct pdf *pdf = (struct pdf *)instance;
 *         struct hub_error error;
 *         if (rotate(pdf, job, &error) < 0)
 *             pdf_job_fail(pdf, job, &error, STR(""));
 *     }
 *
 * Owner: the instance lives as long as the process. Thread: [work], one job at a time.
 */
#ifndef PDF_PDF_H
#define PDF_PDF_H

#include "base/error.h"
#include "base/str.h"

#include <hub/connector.h>

struct json_object;
struct render; /* render.h */
struct render_cache;

struct pdf {
    const hub_host *host;
    struct render_cache *cache; /* fonts, pictures: made at the first pdf.render */
    struct str templates;       /* the operator's folder; empty: none */
};

/* Ends the job with `error`: its code is the error's, its message the detail as a sentence. Errors
 * that may pass (no memory, storage) become a retry. `pointer`, the JSON Pointer of the part of the
 * input at fault, goes in front and into details {"pointer": …}; empty for none. */
void pdf_job_fail(const struct pdf *pdf, hub_job *job, const struct hub_error *error,
                  struct str pointer);

/* Writes `data` into a new artifact `name` of the job, of media type application/pdf. */
HUB_MUST_CHECK int pdf_job_write(const struct pdf *pdf, hub_job *job, struct str name,
                                 struct str data, struct hub_error *error);

/* Sets a definition with the job's files. The caller releases `ret_render`, also after a failure:
 * its `pointer` is the place at fault then. */
HUB_MUST_CHECK int pdf_job_render(struct pdf *pdf, hub_job *job, struct json_object *definition,
                                  struct render *ret_render, struct hub_error *error);

void pdf_render_start(hub_instance *instance, hub_job *job);

#endif
