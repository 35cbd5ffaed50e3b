/*
 * batch_view.h — a batch for people, and following one to its end.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_BATCH_VIEW_H
#define HUB_HUBCTL_BATCH_VIEW_H

#include "hubctl/app.h"
#include "hubctl/table.h"

void batch_table_init(struct table *table);
void batch_add_row(struct table *table, struct json_object *batch);

/* One batch: with --json as it is, else as a table of one row. */
void batch_show(struct app *app, struct json_object *batch);

/* Shows a moving bar until the batch has finished. The caller owns `*ret_batch`. One of enum exits;
 * EXITS_JOB if a job did not succeed or a line was rejected. */
int batch_follow(struct app *app, const char *id, struct json_object **ret_batch);

#endif
