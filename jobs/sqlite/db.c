#include "jobs/sqlite/db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Page cache of a connection. The writer works at the ends of its trees; and SQLite walks through
 * all of the cache at a commit that has balanced a tree. */
#define CACHE_KIB 8192

const char *lite_statement_sql(enum lite_statement statement)
{
    static const char *const texts[LITE_STATEMENT_COUNT] = {
#define X(name, users, sql) [LITE_##name] = sql,
        LITE_STATEMENT_MAP(X)
#undef X
    };

    return texts[statement];
}

unsigned lite_statement_users(enum lite_statement statement)
{
    static const unsigned char all[LITE_STATEMENT_COUNT] = {
#define X(name, users, sql) [LITE_##name] = users,
        LITE_STATEMENT_MAP(X)
#undef X
    };

    return all[statement];
}

/* --- Connections -------------------------------------------------------------------------------*/

int lite_db_error(const struct lite_db *self, int rc)
{
    int errnum = self->handle ? sqlite3_system_errno(self->handle) : 0;

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return HUB_ERR_STORAGE_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return errnum == ENOSPC || errnum == EDQUOT ? HUB_ERR_STORAGE_FULL : HUB_ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return HUB_ERR_CORRUPT;
    case SQLITE_NOMEM:
        return HUB_ERR_NOMEM;
    case SQLITE_TOOBIG:
        return HUB_ERR_TOO_LARGE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return HUB_ERR_UNAVAILABLE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
        return HUB_ERR_IO;
    default:
        return HUB_ERR_INTERNAL;
    }
}

static int fail_db(const struct lite_db *self, int rc, const char *what, struct hub_error *error)
{
    return hub_fail(error, lite_db_error(self, rc), "%s: %s", what,
                    self->handle ? sqlite3_errmsg(self->handle) : sqlite3_errstr(rc));
}

int lite_db_exec(struct lite_db *self, const char *sql, struct hub_error *error)
{
    int rc = sqlite3_exec(self->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : fail_db(self, rc, "database", error);
}

/* secure_delete, which Debian turns on, would overwrite each deleted row with zeros. */
static int configure(struct lite_db *self, const char *synchronous, bool read_only,
                     struct hub_error *error)
{
    char sql[512];

    snprintf(sql, sizeof sql,
             "PRAGMA busy_timeout = 5000;"
             "PRAGMA page_size = %d;"
             "PRAGMA journal_mode = WAL;"
             "PRAGMA synchronous = %s;"
             "PRAGMA wal_autocheckpoint = 0;"
             "PRAGMA secure_delete = OFF;"
             "PRAGMA temp_store = MEMORY;"
             "PRAGMA cache_size = -%d;"
             "PRAGMA query_only = %d;",
             LITE_PAGE_SIZE, synchronous, CACHE_KIB, read_only);
    return lite_db_exec(self, sql, error);
}

int lite_db_open(struct lite_db *self, const char *path, const char *synchronous, bool read_only,
                 struct log *log, struct hub_error *error)
{
    *self = (struct lite_db){.log = log};
    int rc = sqlite3_open_v2(path, &self->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc != SQLITE_OK) {
        int err = fail_db(self, rc, path, error);
        lite_db_close(self);
        return err;
    }
    struct hub_error why;
    int err = configure(self, synchronous, read_only, &why);
    if (err < 0) {
        lite_db_close(self);
        return hub_fail(error, err, "%s: %s", path, why.detail);
    }
    return 0;
}

int lite_db_prepare(struct lite_db *self, unsigned users, struct hub_error *error)
{
    for (int i = 0; i < LITE_STATEMENT_COUNT; i++) {
        if (!(lite_statement_users(i) & users)) {
            continue;
        }
        int rc = sqlite3_prepare_v3(self->handle, lite_statement_sql(i), -1,
                                    SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL);
        if (rc != SQLITE_OK) {
            return fail_db(self, rc, "cannot prepare a statement", error);
        }
    }
    return 0;
}

void lite_db_close(struct lite_db *self)
{
    for (int i = 0; i < LITE_STATEMENT_COUNT; i++) {
        sqlite3_finalize(self->statements[i]);
        self->statements[i] = NULL;
    }
    sqlite3_close(self->handle);
    self->handle = NULL;
}

/* --- Calls -------------------------------------------------------------------------------------*/

struct lite_call lite_call(struct lite_db *db, enum lite_statement statement)
{
    return (struct lite_call){.db = db, .statement = db->statements[statement]};
}

static void note_bind(struct lite_call *self, int rc)
{
    if (rc != SQLITE_OK && self->rc == SQLITE_OK) {
        self->rc = rc;
    }
}

void lite_bind_int(struct lite_call *self, int64_t value)
{
    note_bind(self, sqlite3_bind_int64(self->statement, ++self->parameter, value));
}

void lite_bind_null(struct lite_call *self)
{
    note_bind(self, sqlite3_bind_null(self->statement, ++self->parameter));
}

void lite_bind_text(struct lite_call *self, struct str text)
{
    note_bind(self,
              sqlite3_bind_text64(self->statement, ++self->parameter, text.len > 0 ? text.ptr : "",
                                  text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void lite_bind_str(struct lite_call *self, struct str text)
{
    if (text.len > 0) {
        lite_bind_text(self, text);
    } else {
        lite_bind_null(self);
    }
}

void lite_bind_blob(struct lite_call *self, const void *bytes, size_t len)
{
    if (len > 0) {
        note_bind(self, sqlite3_bind_blob64(self->statement, ++self->parameter, bytes, len,
                                            SQLITE_STATIC));
    } else {
        lite_bind_null(self);
    }
}

void lite_bind_bytes(struct lite_call *self, struct str bytes)
{
    note_bind(self, sqlite3_bind_blob64(self->statement, ++self->parameter,
                                        bytes.len > 0 ? bytes.ptr : "", bytes.len, SQLITE_STATIC));
}

void lite_bind_id(struct lite_call *self, const struct id *id)
{
    lite_bind_blob(self, id->bytes, sizeof id->bytes);
}

static int fail_step(struct lite_call *self, int rc)
{
    char words[256];
    int err = lite_db_error(self->db, rc);

    log_error(self->db->log, "store", "database error", "error=%s code=%d errno=%d why=%s",
              hub_err_code(err), rc, sqlite3_system_errno(self->db->handle),
              log_quote(str_from_c(sqlite3_errmsg(self->db->handle)), words, sizeof words));
    return err;
}

int lite_step(struct lite_call *self)
{
    self->column = 0;
    if (self->rc != SQLITE_OK) {
        return fail_step(self, self->rc);
    }
    int rc = sqlite3_step(self->statement);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    return rc == SQLITE_DONE ? 0 : fail_step(self, rc);
}

void lite_end(struct lite_call *self)
{
    sqlite3_reset(self->statement);
}

int lite_run(struct lite_call *self)
{
    int got = lite_step(self);

    lite_end(self);
    return got < 0 ? got : 0;
}

int lite_run_int(struct lite_db *db, enum lite_statement statement, int64_t value)
{
    struct lite_call call = lite_call(db, statement);

    lite_bind_int(&call, value);
    return lite_run(&call);
}

int lite_changes(const struct lite_db *db)
{
    return sqlite3_changes(db->handle);
}

int64_t lite_int(struct lite_call *self)
{
    return sqlite3_column_int64(self->statement, self->column++);
}

struct str lite_str(struct lite_call *self)
{
    int column = self->column++;
    const void *bytes = sqlite3_column_blob(self->statement, column);

    return str_of(bytes, bytes ? (size_t)sqlite3_column_bytes(self->statement, column) : 0);
}

struct id lite_id(struct lite_call *self)
{
    struct str bytes = lite_str(self);
    struct id id = {{0}};

    if (bytes.len == sizeof id.bytes) {
        memcpy(id.bytes, bytes.ptr, sizeof id.bytes);
    }
    return id;
}

void lite_skip(struct lite_call *self)
{
    self->column++;
}

struct str lite_copy(struct lite_call *self, struct arena *arena, bool *ret_ok)
{
    struct str text = lite_str(self);

    if (text.len == 0) {
        return str_of(NULL, 0);
    }
    struct str copy = arena_str(arena, text);
    if (!copy.ptr) {
        *ret_ok = false;
    }
    return copy;
}
