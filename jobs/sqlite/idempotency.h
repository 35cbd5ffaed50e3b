/*
 * idempotency.h — idempotency keys: rows in the order of time, searched through memory.
 *
 * The scopes are digests, so an on-disk index would write a page of its own for each job. Instead a
 * hash table in memory leads from 24 bits of the scope to the number of the row (8 bytes a slot,
 * 256 tables that grow on their own, so that none takes long), and the row decides. It is filled
 * from the rows at start.
 *
 * Thread: [store].
 */
#ifndef HUB_JOBS_SQLITE_IDEMPOTENCY_H
#define HUB_JOBS_SQLITE_IDEMPOTENCY_H

#include "jobs/sqlite/db.h"
#include "jobs/store.h"

#define LITE_KEY_TABLES 256
#define LITE_SCOPE_LEN  16

struct lite_key_table {
    uint64_t *slots; /* seq << 24 | bits of the scope; 0: free */
    uint32_t cap;    /* 0 or a power of two */
    uint32_t len;
};

struct lite_key_change {
    uint8_t scope[LITE_SCOPE_LEN];
    int64_t seq;
    bool added;
};

struct lite_keys {
    struct lite_key_table tables[LITE_KEY_TABLES];
    uint64_t len;
    uint64_t max;
    struct lite_key_change *changes; /* of this transaction */
    size_t change_count;
    size_t change_cap;
};

void lite_keys_init(struct lite_keys *self, uint64_t max);
void lite_keys_release(struct lite_keys *self);
HUB_MUST_CHECK int lite_keys_load(struct lite_keys *self, struct lite_db *db);

/* Takes the scope for the job `seq`. Sets op->err to HUB_ERR_CONFLICT (and ret_existing),
 * HUB_ERR_IDEMPOTENCY_MISMATCH or HUB_ERR_UNAVAILABLE. */
HUB_MUST_CHECK int lite_keys_claim(struct lite_keys *self, struct lite_db *db, struct store_op *op,
                                   int64_t seq);
/* Gives a scope that was claimed for this operation back. */
HUB_MUST_CHECK int lite_keys_unclaim(struct lite_keys *self, struct lite_db *db,
                                     struct store_op *op, int64_t seq);
/* Removes expired rows from the front, at most `limit`; counts them. */
HUB_MUST_CHECK int lite_keys_purge(struct lite_keys *self, struct lite_db *db, int64_t now,
                                   unsigned limit, unsigned *ret_removed);
void lite_keys_committed(struct lite_keys *self);
void lite_keys_rolled_back(struct lite_keys *self);

#endif
