/*
 * The operations of the image connector. Each works on one attempt to its end: it completes the
 * job, or returns -1 after fault_set().
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <hub/connector.h>

#include "fault.h"

typedef int image_run_fn(const hub_host *host, hub_job *job, struct fault *fault);

image_run_fn transform_run, info_run, compare_run, montage_run;

#endif
