/*
 * provider.h — what an answer of a third party's HTTP API says about itself.
 *
 *     uint64_t delay_ms = provider_pause(host, job, response);
 *     host->retry(job, …, delay_ms);
 *
 * Thread: [any].
 */
#ifndef COMMON_PROVIDER_H
#define COMMON_PROVIDER_H

#include "base/str.h"

#include <hub/connector.h>

/* The first header of this name, in lower case; empty: there is none. A view of the response's. */
struct str response_header(const hub_http_response *response, const char *name);

/* Retry-After (RFC 9110 §10.2.3) from now on, in ms, at most a day; 0: nothing is said, or nothing
 * that makes sense. If the status says too that it is meant for all of us, 429 (RFC 6585 §4) or 503
 * (RFC 9110 §15.6.4), the job's account pauses as well. Not after the job's completion. */
uint64_t provider_pause(const hub_host *host, hub_job *job, const hub_http_response *response);

#endif
