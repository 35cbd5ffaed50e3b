/*
 * The files of a definition on disk instead of at a host: {"path": "/…"} stands wherever a job
 * would have {"artifact": …}. For tests, fuzzing and measuring.
 */
#ifndef TESTS_UNIT_PDF_FILES_H
#define TESTS_UNIT_PDF_FILES_H

#include "connectors/pdf/render.h"

/* Opens what the pointer leads to in `context`, a struct disk_files. */
struct disk_files {
    struct json_object *input;
    int open[64];
    size_t count;
};

bool disk_files_open(void *context, struct str pointer, struct source *ret_source);
void disk_files_close(struct disk_files *self);

#endif
