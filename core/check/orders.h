/*
 * orders.h — what hub-check was told to do, on its command line.
 *
 *     --host newer|older      the ABI that it plays
 *     --audit                 looks closely at the descriptor while it is read
 *     --fail-allocation N     the connector's Nth allocation (from 1, since it was loaded) fails
 *     --cancel-at N           cancels what runs at the Nth point (from 0) at which the connector
 * has given control to the host
 *     --census N              counts memory and descriptors when every Nth job starts
 *
 * Thread: [any]; constant once read.
 */
#ifndef HUB_CHECK_ORDERS_H
#define HUB_CHECK_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#define NEWER_BY 99u /* minor versions by which a newer host is newer */

enum host_age { HOST_SAME, HOST_NEWER, HOST_OLDER };

struct orders {
    enum host_age age;
    bool audit;
    uint64_t fail_allocation; /* 0: none */
    int64_t cancel_at;        /* -1: never */
    uint64_t census;          /* 0: none */
};

/* False if the command line is wrong. */
bool orders_read(struct orders *self, int argc, char **argv);

#endif
