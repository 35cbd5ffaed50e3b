/*
 * api/batches.h — what the files of /v1/batches share.
 *
 *     batch_create.c    the request, its settings, the batch
 *     batch_ingest.c    the body: slices of lines into appends, with back-pressure
 *     batch_line.c      one line into a job's record, or why it is none
 *     batches.c         get, list, change, cancel, retry
 *     batch_results.c   what became of the lines, streamed
 *     batch_render.c    a batch as JSON
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_BATCHES_H
#define HUB_API_BATCHES_H

#include "api/call.h"
#include "api/job_fill.h"

/* --- batch_line.c ------------------------------------------------------------------------------*/

/* What all lines of an upload have in common. */
struct line_reader {
    struct api *api;
    struct json_object *defaults; /* members that a line may leave out; valid for JobCreate */
    struct str queue;
    const struct job_type *type; /* of the line before: kept until types may change */
};

/* Makes an item of a line (without its newline): 0; HUB_ERR_INVALID_INPUT: `ret_bad` says why it is
 * none; HUB_ERR_NOMEM. Texts are in the arena. */
HUB_MUST_CHECK int line_read(struct line_reader *self, struct str text, struct arena *arena,
                             struct job_record *ret_job, struct batch_bad_line *ret_bad);
/* --- batch_ingest.c ----------------------------------------------------------------------------*/

struct ingest;

/* Takes the call over: reads the body of `call` as NDJSON, or, if `body` has a pointer, that text.
 * `settings` (owned from now on) are those of the query or of the JSON document. */
void ingest_begin(struct api_call *call, struct json_object *settings, struct str body);

/* --- batch_create.c ----------------------------------------------------------------------------*/

/* Adds the members of `more` to the settings, checks them, and fills in the record of a new batch
 * and the defaults of its lines. 0, or `*ret_why` says what is wrong (in the arena). */
HUB_MUST_CHECK int batch_settings_apply(struct api *api, struct json_object *settings,
                                        struct arena *arena, struct batch_record *ret_batch,
                                        struct json_object **ret_defaults, struct str *ret_why);

/* The members paused, concurrency and rate of settings or of a BatchPatch. */
void batch_limits_apply(struct json_object *patch, struct batch_limits *limits);

/* --- batch_render.c ----------------------------------------------------------------------------*/

/* `errors` may be NULL. */
void render_batch(struct buf *out, const struct api *api, const struct batch_record *batch,
                  const struct batch_bad_line *errors, unsigned error_count);
void render_batch_error(struct buf *out, const struct batch_bad_line *bad);

/* --- Handlers ----------------------------------------------------------------------------------*/

void api_batch_create(struct api_call *call);
void api_batch_get(struct api_call *call);
void api_batch_list(struct api_call *call);
void api_batch_patch(struct api_call *call);
void api_batch_pause(struct api_call *call);
void api_batch_resume(struct api_call *call);
void api_batch_cancel(struct api_call *call);
void api_batch_retry(struct api_call *call);
void api_batch_results(struct api_call *call);

/* Reads the batch and answers with it. */
void api_answer_batch(struct api_call *call, const struct id *batch, int status);

#endif
