/*
 * report.h — what the checks have found.
 *
 * One finding per check and operation that went well, and one for each rule that was broken there.
 *
 * Owner: the caller. Out of memory ends nothing: what does not fit is counted in `lost`.
 * Thread: [any], one at a time.
 */
#ifndef HUB_KIT_REPORT_H
#define HUB_KIT_REPORT_H

#include "kit/rules.h"

#include "base/arena.h"
#include "base/error.h"

#define REPORT_FINDINGS_MAX 512

enum verdict {
    VERDICT_PASS,
    VERDICT_WARN, /* worth a look; the connector may be right */
    VERDICT_FAIL,
    VERDICT_SKIP, /* could not be looked at */
};

struct finding {
    enum verdict verdict;
    const char *check;     /* "cancel" */
    const char *operation; /* NULL: the whole connector */
    enum rule rule;        /* of WARN and FAIL */
    const char *text;      /* what was seen; of PASS a remark, or "" */
};

struct report {
    struct arena arena;
    struct finding *items;
    size_t len;
    size_t lost;
    unsigned failed; /* findings that are VERDICT_FAIL */
    /* Called for each finding as it is made; may be NULL. */
    void (*on_finding)(void *context, const struct finding *finding);
    void *context;
};

HUB_MUST_CHECK int report_init(struct report *self);
void report_release(struct report *self);

/* The same finding twice is one. Texts are copied; `check` must live as long as the report. */
void report_add(struct report *self, const struct finding *finding);

/* Is there a FAIL of this check for this operation? */
bool report_has_failed(const struct report *self, const char *check, const char *operation);

#endif
