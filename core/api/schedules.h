/*
 * api/schedules.h — /v1/schedules, and from a schedule's template to what it makes.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_SCHEDULES_H
#define HUB_API_SCHEDULES_H

#include "api/call.h"

/* What is wrong with a template. */
struct template_fault {
    struct schema_errors errors; /* at least one, unless there was no memory */
    const char *prefix;          /* of their pointers, into the schedule */
};

/* Makes the operation of `json.template`, which is valid against ScheduleTemplate, but for what
 * the engines give; `text` is what `json` was parsed from; `json` is changed. `ret_fault->errors`
 * is the caller's, initialized. HUB_ERR_NOMEM, or another error with its fault. */
HUB_MUST_CHECK int schedule_template_make(struct api *api, struct json_object *json,
                                          struct str text, struct str created_by,
                                          struct store_op **ret_op,
                                          struct template_fault *ret_fault);

/* Handlers */
void api_schedule_list(struct api_call *call);
void api_schedule_get(struct api_call *call);
void api_schedule_put(struct api_call *call);
void api_schedule_delete(struct api_call *call);
void api_schedule_pause(struct api_call *call);
void api_schedule_resume(struct api_call *call);
void api_schedule_run(struct api_call *call);
void api_schedule_runs(struct api_call *call);

#endif
