/*
 * ledger.h — an entry of the ledger, and the hash that binds it to all before it.
 *
 * The hash of an entry is the SHA-256 of
 *
 *     the hash of the entry before, 32 bytes (of the first entry: 32 zero bytes)
 *     seq, at, connector, account, job, attempt, kind, body, in this order,
 *         each as its length in bytes (8 bytes, big-endian) and its bytes
 *
 * where seq, at (milliseconds since 1970, UTC) and attempt are decimal digits, job is the id as
 * text, account is the empty text if there is none, and body the JSON text as it was given. seq
 * counts from 1 without gaps. So whoever has the entries can check them with nothing but SHA-256:
 * an entry that was altered, taken out or put in shows. That the last entries were cut off shows
 * only to who has noted an earlier head: the hash of the last one.
 *
 * Thread: [any].
 */
#ifndef HUB_JOBS_LEDGER_H
#define HUB_JOBS_LEDGER_H

#include "base/hash.h"
#include "base/id.h"

struct ledger_entry {
    int64_t seq;
    int64_t at;
    struct str connector;
    struct str account; /* its name; empty: none */
    struct id job;
    uint32_t attempt;
    struct str kind;
    struct str body; /* a JSON object */
    struct sha256_digest hash;
};

/* The hash of an entry, from its other fields. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int ledger_hash(const struct ledger_entry *entry,
                               const struct sha256_digest *previous,
                               struct sha256_digest *ret_hash);

#endif
