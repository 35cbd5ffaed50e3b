/*
 * batch_file.h — where the lines of a schedule's batch come from, as text of lines.
 *
 *     file.fd = …;                                         // batch_file_open(), blob_open()
 *     batch_file_begin(&file, source, &err);               // the header of CSV
 *     while (batch_file_read(&file, &text, want, &err) > 0) …
 *     batch_file_end(&file);
 *
 * `source` is what stands in batch_record.source: {"source": …, "format": …, "map": …,
 * "delimiter": …}, as the template has them. It is borrowed until batch_file_end().
 *
 * Rows of CSV become lines as csv.h says: row N is line N.
 *
 * Thread: [any], one at a time; all of it blocks: for the pool.
 */
#ifndef HUB_API_BATCH_FILE_H
#define HUB_API_BATCH_FILE_H

#include "base/csv.h"
#include "base/json.h"

struct batch_file {
    int fd; /* owned */
    bool is_csv;
    struct csv csv;
    struct csv_map *maps;
    struct csv_mapping mapping;
};

/* Opens the regular file `name` below `dir` (NULL: none is configured); no link leads out of it.
 * HUB_ERR_INVALID_INPUT with a sentence; HUB_ERR_NOMEM, HUB_ERR_IO. */
HUB_MUST_CHECK int batch_file_open(const char *dir, struct str name, int *ret_fd,
                                   struct hub_error *error);
HUB_MUST_CHECK int batch_file_begin(struct batch_file *self, struct json_object *source,
                                    struct hub_error *error);
/* Appends some text: 1; 0: that was all; HUB_ERR_BAD_REQUEST with a sentence; HUB_ERR_IO,
 * HUB_ERR_NOMEM. */
HUB_MUST_CHECK int batch_file_read(struct batch_file *self, struct buf *out, size_t want,
                                   struct hub_error *error);
void batch_file_end(struct batch_file *self); /* of fd -1 and all zero: nothing */

#endif
