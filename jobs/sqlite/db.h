/*
 * db.h — one connection to the database and its prepared statements.
 *
 *     struct lite_call c = lite_call(db, LITE_JOB_FIND);
 *     lite_bind_id(&c, &id);                          // parameters from left to right
 *     int found = lite_step(&c);                      // 1: a row, 0: no more, negative: an error
 *     if (found > 0) { state = lite_int(&c); type = lite_str(&c); … }  // columns from left to
 * right lite_end(&c);                                   // the row's views end here
 *
 * A failed bind is remembered and comes out of lite_step(). Errors are logged where they happen
 * with SQLite's own words and become an enum hub_err.
 *
 * Thread: one at a time per connection.
 */
#ifndef HUB_JOBS_SQLITE_DB_H
#define HUB_JOBS_SQLITE_DB_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "jobs/sqlite/statements.h"

#include <sqlite3.h>

enum lite_statement {
#define X(name, users, sql) LITE_##name,
    LITE_STATEMENT_MAP(X)
#undef X
        LITE_STATEMENT_COUNT
};

const char *lite_statement_sql(enum lite_statement statement);
unsigned lite_statement_users(enum lite_statement statement); /* LITE_WRITER | LITE_READER */

struct lite_db {
    sqlite3 *handle; /* NULL: closed */
    struct log *log;
    sqlite3_stmt *statements[LITE_STATEMENT_COUNT];
};

/* Opens the file without preparing statements. `read_only` refuses writes (query_only). */
HUB_MUST_CHECK int lite_db_open(struct lite_db *self, const char *path, const char *synchronous,
                                bool read_only, struct log *log, struct hub_error *error);
/* Prepares the statements of `users`; the schema must be there. */
HUB_MUST_CHECK int lite_db_prepare(struct lite_db *self, unsigned users, struct hub_error *error);
void lite_db_close(struct lite_db *self); /* closed already: does nothing */

/* Runs SQL text, for set-up. */
HUB_MUST_CHECK int lite_db_exec(struct lite_db *self, const char *sql, struct hub_error *error);
/* The error of the last call on this connection as an enum hub_err. */
int lite_db_error(const struct lite_db *self, int rc);

struct lite_call {
    struct lite_db *db;
    sqlite3_stmt *statement;
    int parameter; /* the last one bound */
    int column;    /* the next one to read */
    int rc;        /* of the first bind that failed */
};

struct lite_call lite_call(struct lite_db *db, enum lite_statement statement);
void lite_bind_int(struct lite_call *self, int64_t value);
void lite_bind_null(struct lite_call *self);
void lite_bind_str(struct lite_call *self, struct str text);  /* empty: null */
void lite_bind_text(struct lite_call *self, struct str text); /* empty: the empty text */
void lite_bind_blob(struct lite_call *self, const void *bytes, size_t len); /* empty: null */
void lite_bind_bytes(struct lite_call *self, struct str bytes); /* empty: the empty blob */
void lite_bind_id(struct lite_call *self, const struct id *id);

int lite_step(struct lite_call *self); /* 1, 0, or a negative enum hub_err */
void lite_end(struct lite_call *self);
/* Steps once and ends: for statements without rows. 0 or a negative enum hub_err. */
HUB_MUST_CHECK int lite_run(struct lite_call *self);
/* The same for a statement with one number. */
HUB_MUST_CHECK int lite_run_int(struct lite_db *db, enum lite_statement statement, int64_t value);
/* Rows changed by the last statement that ran. */
int lite_changes(const struct lite_db *db);

int64_t lite_int(struct lite_call *self); /* null: 0 */
struct str lite_str(struct lite_call *self);
struct id lite_id(struct lite_call *self); /* zero if it is not one */
void lite_skip(struct lite_call *self);
/* A copy in the arena. An empty or null column gives the empty view. On lack of memory `*ret_ok`
 * becomes false. */
struct str lite_copy(struct lite_call *self, struct arena *arena, bool *ret_ok);

#endif
