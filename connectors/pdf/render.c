/*
 * pdf.render: reads the job, lays the document out, writes the artifact.
 */
#include "pdf.h"

void pdf_render_start(hub_instance *instance, hub_job *job)
{
    const struct pdf *pdf = (const struct pdf *)instance;
    struct hub_error error;
    hub_fail(&error, HUB_ERR_NOT_IMPLEMENTED, "rendering is being built");
    pdf_job_fail(pdf, job, &error, STR(""));
}
