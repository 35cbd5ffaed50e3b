/*
 * uids.h — users for runners, when hubd is root: no two runners at a time are the same one.
 *
 * The numbers name nobody in /etc/passwd and own no file. They are given in turn, from a place that
 * depends on the process, so that one comes back late, and two hubd on a machine rarely meet.
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_UIDS_H
#define HUB_SUPERVISOR_UIDS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define UIDS_COUNT 1000

struct uids {
    uint32_t first; /* 0: there are none to give */
    unsigned next;
    bool taken[UIDS_COUNT];
};

/* `first` to `first` + UIDS_COUNT - 1; 0, or another user than root: none are given. */
void uids_init(struct uids *self, uint32_t first);

/* `*ret_uid` is 0 if there are none to give. HUB_ERR_LIMIT if all are taken. */
HUB_MUST_CHECK int uids_take(struct uids *self, uint32_t *ret_uid, struct hub_error *error);
void uids_put(struct uids *self, uint32_t uid); /* 0 does nothing */

#endif
