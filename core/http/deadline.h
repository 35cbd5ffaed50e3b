/*
 * deadline.h — very many deadlines of a few kinds, with one timer.
 *
 * All deadlines of a kind lie equally far ahead when they are set, so a list per kind is sorted by
 * itself: setting and clearing cost O(1), and only the first of each list need ever be looked at.
 *
 *     deadlines_init(&d, on_due, context);
 *     d.kinds[DEADLINE_IDLE].after_ms = 60000;
 *     deadline_set(&d, &conn->deadline, DEADLINE_IDLE, now_ms);
 *     …when deadlines_next() has come:
 *     deadlines_sweep(&d, now_ms);              // calls on_due() for each that is due
 *
 * The time is the caller's, in milliseconds of any clock that does not jump. A deadline is part of
 * the object that it guards and must be cleared before the object dies.
 *
 * Thread: [loop].
 */
#ifndef HUB_HTTP_DEADLINE_H
#define HUB_HTTP_DEADLINE_H

#include "base/list.h"

#include <stdint.h>

enum deadline_kind {
    DEADLINE_HEAD,  /* a header block must be complete */
    DEADLINE_IDLE,  /* the next request must begin */
    DEADLINE_BODY,  /* look whether the body keeps up with its minimum rate */
    DEADLINE_WRITE, /* look whether the client takes its answer */
    DEADLINE_REST,  /* what is only discarded must end */
    DEADLINE_KIND_COUNT
};

struct deadline {
    struct list link;
    int64_t at_ms;
    enum deadline_kind kind; /* of the last deadline_set() */
};

typedef void deadline_fn(struct deadline *deadline, void *context);

struct deadlines {
    struct deadline_queue {
        struct list entries;
        unsigned after_ms; /* 0: this kind never comes due */
    } kinds[DEADLINE_KIND_COUNT];
    deadline_fn *on_due;
    void *context;
};

#define DEADLINE_NEVER INT64_MAX

void deadlines_init(struct deadlines *self, deadline_fn *on_due, void *context);
void deadline_init(struct deadline *deadline);

/* Sets it, or sets it anew. Returns when it is due, or DEADLINE_NEVER. */
int64_t deadline_set(struct deadlines *self, struct deadline *deadline, enum deadline_kind kind,
                     int64_t now_ms);
void deadline_clear(struct deadline *deadline); /* if it is not set: nothing */
static inline bool deadline_is_set(const struct deadline *deadline)
{
    return list_linked(&deadline->link);
}

/* When the earliest is due, or DEADLINE_NEVER. */
int64_t deadlines_next(const struct deadlines *self);

/* Clears each deadline that is due at `now_ms` and calls `on_due`, which may set and clear any. */
void deadlines_sweep(struct deadlines *self, int64_t now_ms);

#endif
