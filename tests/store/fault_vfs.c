#include "fault_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static _Atomic int failing[FAULT_CALL_COUNT];
static _Atomic uint64_t calls[FAULT_CALL_COUNT];
static _Atomic uint64_t log_syncs;
static _Atomic uint32_t slow_ms;

/* The system's file lives behind ours. */
struct fault_file {
    sqlite3_file base;
    int is_log;
    sqlite3_file *real;
};

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

static int enter(enum fault_call call)
{
    atomic_fetch_add(&calls[call], 1);
    return atomic_load(&failing[call]);
}

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    int rc = enter(FAULT_READ);

    return rc ? rc : real_of(file)->pMethods->xRead(real_of(file), bytes, len, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    int rc = enter(FAULT_WRITE);

    return rc ? rc : real_of(file)->pMethods->xWrite(real_of(file), bytes, len, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    int rc = enter(FAULT_SYNC);

    if (((struct fault_file *)file)->is_log) {
        atomic_fetch_add(&log_syncs, 1);
    } else {
        usleep(atomic_load(&slow_ms) * 1000);
    }
    return rc ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_reserved(sqlite3_file *file, int *ret_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_reserved);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend,
                        void volatile **ret_memory)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret_memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int open_file(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    struct fault_file *fault = (struct fault_file *)file;

    (void)self;
    fault->base.pMethods = NULL;
    fault->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    fault->real = (sqlite3_file *)(fault + 1);
    int rc = real_vfs->xOpen(real_vfs, name, fault->real, flags, ret_flags);
    if (rc == SQLITE_OK) {
        fault->base.pMethods = &methods;
    }
    return rc;
}

void fault_vfs_install(void)
{
    if (real_vfs) {
        return;
    }
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "fault";
    vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    vfs.xOpen = open_file;
    sqlite3_vfs_register(&vfs, 1);
}

void fault_vfs_fail(enum fault_call call, int rc)
{
    atomic_store(&failing[call], rc);
}

void fault_vfs_slow(uint32_t ms)
{
    atomic_store(&slow_ms, ms);
}

void fault_vfs_heal(void)
{
    atomic_store(&slow_ms, 0);
    for (int i = 0; i < FAULT_CALL_COUNT; i++) {
        atomic_store(&failing[i], 0);
    }
}

uint64_t fault_vfs_calls(enum fault_call call)
{
    return atomic_load(&calls[call]);
}

uint64_t fault_vfs_log_syncs(void)
{
    return atomic_load(&log_syncs);
}
