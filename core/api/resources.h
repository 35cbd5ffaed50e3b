/*
 * resources.h — the handlers of the smaller resources, one file each.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_RESOURCES_H
#define HUB_API_RESOURCES_H

#include "api/call.h"

/* accounts.c */
void api_account_list(struct api_call *call);
void api_account_get(struct api_call *call);
void api_account_put(struct api_call *call);
void api_account_delete(struct api_call *call);
void api_account_uses(struct api_call *call);
/* account_test.c */
void api_account_test(struct api_call *call);

/* callbacks.c */
void api_job_callbacks(struct api_call *call);
void api_job_callbacks_resend(struct api_call *call);
void api_batch_callbacks(struct api_call *call);
void api_batch_callbacks_resend(struct api_call *call);
void api_flow_callbacks(struct api_call *call);
void api_flow_callbacks_resend(struct api_call *call);
void api_callback_list(struct api_call *call);
void api_callback_keys(struct api_call *call);
void api_callback_keys_rotate(struct api_call *call);

/* connectors.c */
void api_connector_list(struct api_call *call);
void api_connector_get(struct api_call *call);
void api_connector_rescan(struct api_call *call);

/* queues.c */
void api_queue_list(struct api_call *call);
void api_queue_patch(struct api_call *call);

/* keys.c */
void api_key_list(struct api_call *call);
void api_key_create(struct api_call *call);
void api_key_delete(struct api_call *call);

/* hooks.c */
void api_hook_create(struct api_call *call);
struct hooks;
HUB_MUST_CHECK int hooks_new(struct hooks **ret_self);
void hooks_free(struct hooks *self); /* with those whose requests are over; NULL does nothing */
uint64_t hooks_refused(const struct hooks *self);
uint64_t hooks_taken(const struct hooks *self);

/* ledger.c */
void api_ledger_list(struct api_call *call);
void api_ledger_verify(struct api_call *call);

/* health.c */
void api_healthz(struct api_call *call);
void api_readyz(struct api_call *call);

/* metrics.c */
void api_metrics(struct api_call *call);

/* openapi.c */
void api_openapi(struct api_call *call);

#endif
