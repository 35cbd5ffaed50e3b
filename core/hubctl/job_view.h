/*
 * job_view.h — jobs as people see them: rows of a list, one job in full, its result.
 *
 * `job` is a Job of the API, read by json.h; what is missing or of another type is left out, since
 * a newer hubd may answer. `now_ms` is wall time.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_JOB_VIEW_H
#define HUB_HUBCTL_JOB_VIEW_H

#include "hubctl/table.h"

extern const struct column job_columns[];
extern const size_t job_columns_len;

/* The states of a job, ends with NULL. */
extern const char *const job_state_names[];

/* A row of a table with `job_columns`. */
void job_append_row(struct table *table, struct json_object *job, int64_t now_ms);

/* Everything. */
void job_append_card(const struct output *output, struct buf *buf, struct json_object *job,
                     int64_t now_ms);

/* How it ended, the result and the files: what `run --wait` says. */
void job_append_outcome(const struct output *output, struct buf *buf, struct json_object *job);

struct str job_state(struct json_object *job); /* "" if it has none */
bool job_is_final(struct str state);
enum style job_state_style(struct str state);

/* "✓", "✗" … in the state's colour. */
void job_append_mark(struct buf *buf, bool colour, struct str state);

#endif
