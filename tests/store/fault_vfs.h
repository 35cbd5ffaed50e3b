/*
 * fault_vfs.h — an SQLite VFS over the system's that counts, and fails on demand.
 *
 *     fault_vfs_install();                        // becomes the default, once a process
 *     fault_vfs_fail(FAULT_WRITE, SQLITE_FULL);   // from now on, until fault_vfs_heal()
 *
 * Thread: [any].
 */
#ifndef HUB_TESTS_FAULT_VFS_H
#define HUB_TESTS_FAULT_VFS_H

#include <stdint.h>

enum fault_call { FAULT_WRITE, FAULT_SYNC, FAULT_READ, FAULT_CALL_COUNT };

void fault_vfs_install(void);
/* Only calls on the log and the database count, not those on the shared memory. `rc` is what they
 * return: SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, … */
void fault_vfs_fail(enum fault_call call, int rc);
/* Each sync of the database (not of its log) takes so long: a disk that is busy with a checkpoint.
 */
void fault_vfs_slow(uint32_t ms);
void fault_vfs_heal(void);

uint64_t fault_vfs_calls(enum fault_call call);
uint64_t fault_vfs_log_syncs(void); /* of the write-ahead log only */

#endif
