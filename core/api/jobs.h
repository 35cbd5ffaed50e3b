/*
 * api/jobs.h — what several files of /v1/jobs share. Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_JOBS_H
#define HUB_API_JOBS_H

#include "api/call.h"

/* How api_answer_job() answers. */
enum answer_kind {
    ANSWER_GET,      /* 200 with the job, 404 if it is gone */
    ANSWER_WAITED,   /* 200 if it is finished, else 202; with Preference-Applied */
    ANSWER_REPLAYED, /* 202 with the job as it was created, marked Idempotency-Replayed */
};

/* Reads the job and answers the call with it. */
void api_answer_job(struct api_call *call, const struct id *job, enum answer_kind kind);
/* The same with a job that is known as it is on record. */
void api_answer_job_record(struct api_call *call, const struct job_record *job,
                           enum answer_kind kind);

/* Handlers: job_create.c */
void api_job_create(struct api_call *call);
/* jobs.c */
void api_job_get(struct api_call *call);
void api_job_cancel(struct api_call *call);
void api_job_retry(struct api_call *call);
void api_job_delete(struct api_call *call);
/* job_list.c */
void api_job_list(struct api_call *call);

#endif
