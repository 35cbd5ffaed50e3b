/*
 * flow_view.h — a flow as people see it: a tree of its jobs.
 *
 *     ID  invoice of order 1001  running
 *     charge    payments.purchase  succeeded
 *     ├─ invoice    pdf.render       running
 *     │  └─ email   email.send       blocked    also after thumbnail
 *     └─ thumbnail  image.transform  queued
 *
 * A job stands below the last of those that it waits for. Thread: [any].
 */
#ifndef HUB_HUBCTL_FLOW_VIEW_H
#define HUB_HUBCTL_FLOW_VIEW_H

#include "hubctl/app.h"
#include "hubctl/table.h"

/* The flow to stdout: with --json as it is. */
void flow_show(struct app *app, struct json_object *flow);

/* Flows in a list. */
void flow_table_init(struct table *table);
void flow_add_row(struct table *table, struct json_object *flow);

/* Asks until the flow is not running any more. EXITS_OK if it succeeded, EXITS_JOB if it ended
 * otherwise; both give the flow, to be owned. */
int flow_follow(struct app *app, const char *id, struct json_object **ret_flow);

#endif
