/*
 * entry.h — what stands at the door of every connector: the host's texts and ours, an account's
 * name among connections, secrets that leave.
 *
 *     struct str input = str_of_hub(job->input);
 *     host->fail(job, hub_of_c("invalid_input"), hub_of_str(message), hub_of_c(NULL));
 *
 *     char partition[PARTITION_LEN + 1] = "";
 *     if (job->account.len > 0)
 *         partition_of(str_of_hub(job->account), partition);
 *
 *     wipe_buf(&authorization);                    // instead of buf_release()
 *
 * Thread: [any].
 */
#ifndef COMMON_ENTRY_H
#define COMMON_ENTRY_H

#include "base/buf.h"

#include <hub/connector.h>

static inline struct str str_of_hub(hub_str s)
{
    return (struct str){s.ptr, s.ptr ? s.len : 0};
}

static inline hub_str hub_of_str(struct str s)
{
    return (hub_str){s.ptr, s.len};
}

static inline hub_str hub_of_c(const char *text)
{
    return hub_of_str(str_from_c(text));
}

#define PARTITION_LEN 32

/* What keeps the connections and tokens of one account from those of another: hex digits that
 * depend on all of the account's JSON and tell nothing of it. */
void partition_of(struct str account, char ret_partition[PARTITION_LEN + 1]);

/* Overwrites what is in it, then releases it as buf_release() does. */
void wipe_buf(struct buf *buf);

#endif
