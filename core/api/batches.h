/*
 * api/batches.h — what the files of /v1/batches share.
 *
 *     batch_create.c    the request, its settings, the batch
 *     batch_ingest.c    the text: slices of lines into appends, with back-pressure
 *     batch_intake.c    batches of schedules: their text from a source, through kills
 *     batch_file.c      such a source as lines, read on the pool
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

/* The job that the end of a batch releases, if its settings name one; {{batch}} stands for its id.
 * 0 with `*ret_job` (NULL: none), or as line_read(). */
HUB_MUST_CHECK int batch_on_complete(struct api *api, struct json_object *settings,
                                     const struct id *batch, struct arena *arena,
                                     struct job_record **ret_job, struct batch_bad_line *ret_bad);

/* --- batch_ingest.c ----------------------------------------------------------------------------*/

struct ingest;

/* Takes the call over: reads the body of `call` as NDJSON, or, if `body` has a pointer, that text.
 * `settings` (owned from now on) are those of the query or of the JSON document. */
void ingest_begin(struct api_call *call, struct json_object *settings, struct str body);

/* Where text comes from. While it is paused it sends nothing; it is not at the beginning. */
struct line_source {
    void *context;
    void (*pause)(void *context);
    void (*resume)(void *context);
    /* 0: all lines are on record, and the upload is complete. Else why not; what came before is on
     * record, and the upload may go on: `batch` says from where. The ingest is gone after it. */
    void (*ended)(void *context, int err, struct str why, const struct batch_record *batch);
};

/* Goes on with a batch that is receiving, for nobody who waits: the source sends the whole text
 * from its beginning; lines that are on record are compared and left out.
 *
 *     ingest_resume(api, &batch, &source, &ingest);
 *     ingest_feed(ingest, chunk);  …            // any of the two may call source->ended
 *     ingest_end(ingest, err, why);
 *
 * HUB_ERR_NOMEM, HUB_ERR_INVALID_INPUT: the settings do not fit any more. */
HUB_MUST_CHECK int ingest_resume(struct api *api, const struct batch_record *batch,
                                 const struct line_source *source, struct ingest **ret_self);
void ingest_feed(struct ingest *self, struct str chunk);
/* `err` < 0: the text was broken off; `why` for people, or empty. */
void ingest_end(struct ingest *self, int err, struct str why);
/* Gives it up, untold; nothing of it may be on its way to the store. */
void ingest_free(struct ingest *self);

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
