/*
 * api/artifacts.h — /v1/artifacts: files in and out, streamed, never held whole.
 *
 * Thread: [loop]; disk work is done on libuv's pool. Private to core/api.
 */
#ifndef HUB_API_ARTIFACTS_H
#define HUB_API_ARTIFACTS_H

#include "api/call.h"

void api_artifact_create(struct api_call *call); /* artifact_upload.c */
void api_artifact_get(struct api_call *call);    /* artifact_download.c */
void api_artifact_delete(struct api_call *call); /* artifact_download.c */

#endif
