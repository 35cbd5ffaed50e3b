/*
 * side.h — whose code is running on this thread: the connector's or ours.
 *
 * A thread that we did not start is the connector's. Ours say so once, and change sides whenever a
 * call crosses the line. Only the connector's allocations fail on purpose.
 *
 * Thread: [any]; each has a side of its own.
 */
#ifndef HUB_CHECK_SIDE_H
#define HUB_CHECK_SIDE_H

enum side { SIDE_CONNECTOR = 0, SIDE_HOST };

extern _Thread_local enum side side_now;

static inline enum side side_set(enum side side) /* returns what it was */
{
    enum side before = side_now;
    side_now = side;
    return before;
}

#endif
