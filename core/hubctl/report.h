/*
 * report.h — errors, as one readable block on stderr; with --json as one JSON object.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_REPORT_H
#define HUB_HUBCTL_REPORT_H

#include "hubctl/client.h"
#include "hubctl/output.h"

/* A failure on this side: `code` is one of enum exits, `hint` (safe, may be NULL) is what to do. */
void report_error(const struct output *output, int code, struct str text, const char *hint);

/* An answer that is no 2xx: a problem (RFC 9457) with its pointers, or whatever it is. */
void report_refusal(const struct output *output, const struct reply *reply, bool had_key);

#endif
