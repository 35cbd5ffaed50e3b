/*
 * The operations of the image connector.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <hub/connector.h>

#include "codec.h"

/* One attempt, as far as the operations see it. */
struct task {
    const hub_host *host;
    hub_job *job;
    struct source source; /* the bytes of /image */
    const struct codec *codec;
    struct image_header header;
};

/* Each completes the job, or returns -1 after fault_set(). */
int transform_run(struct task *task, struct fault *fault);
int info_run(struct task *task, struct fault *fault);

#endif
