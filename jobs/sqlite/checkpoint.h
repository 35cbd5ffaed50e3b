/*
 * checkpoint.h — folds the log into the database, beside the commits.
 *
 * A checkpoint costs 8–30 ms; on the commit path it would be the tail of every latency. So a thread
 * with its own connection does it. It copies what is committed while the writer goes on (PASSIVE).
 * But the log starts over only when all of it is copied and nobody reads in it: a writer that never
 * pauses would never let that happen. Hence the gate: after the first, long copy the checkpointer
 * closes it, copies the little that came meanwhile, lets the reader finish what it does (RESTART),
 * and opens it; the writer waits there between two transactions, for some milliseconds.
 *
 * On a busy disk the first copy may take as long as a thousand commits. So that the log stays short
 * then too, the writer waits for a copy's end when the log has reached four times `wal_bytes`.
 * Beyond that it grows only while a reader stays in it, by an eighth of `wal_bytes` for each time
 * that such a reader has outlasted the gate.
 *
 *     lite_checkpointer_pass(c);              // [store] before each BEGIN
 *     lite_checkpointer_note(c, frames);      // [store] after each COMMIT: the log's length
 *     lite_checkpointer_note(c, -1);          // [store] after a ROLLBACK
 */
#ifndef HUB_JOBS_SQLITE_CHECKPOINT_H
#define HUB_JOBS_SQLITE_CHECKPOINT_H

#include "base/error.h"
#include "base/log.h"

#include <stdint.h>

struct lite_checkpointer;

/* `wal_bytes`: the length from which on the log is folded in, and which it gets at the start. */
HUB_MUST_CHECK int lite_checkpointer_new(const char *path, const char *synchronous,
                                         uint64_t wal_bytes, struct log *log,
                                         struct lite_checkpointer **ret_self,
                                         struct hub_error *error);
void lite_checkpointer_free(struct lite_checkpointer *self); /* ends the thread; NULL is fine */
void lite_checkpointer_pass(struct lite_checkpointer *self);
void lite_checkpointer_note(struct lite_checkpointer *self, int frames);

#endif
