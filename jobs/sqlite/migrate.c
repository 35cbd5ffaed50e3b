#include "jobs/sqlite/lite.h"

#include <stdio.h>

extern const char lite_migration_0001[];
extern const char lite_migration_0002[];
extern const char lite_migration_0003[];
extern const char lite_migration_0004[];
extern const char lite_migration_0005[];
extern const char lite_migration_0006[];
extern const char lite_migration_0007[];
extern const char lite_migration_0008[];
extern const char lite_migration_0009[];
extern const char lite_migration_0010[];
extern const char lite_migration_0011[];
extern const char lite_migration_0012[];

/* In order; the database's user_version is the number of those that ran. */
static const char *const migrations[] = {
    lite_migration_0001, lite_migration_0002, lite_migration_0003, lite_migration_0004,
    lite_migration_0005, lite_migration_0006, lite_migration_0007, lite_migration_0008,
    lite_migration_0009, lite_migration_0010, lite_migration_0011, lite_migration_0012,
};
#define MIGRATION_COUNT ((int)(sizeof migrations / sizeof *migrations))

static int read_version(struct lite_db *db, int *ret_version, struct hub_error *error)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL);

    if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        *ret_version = sqlite3_column_int(statement, 0);
    }
    rc = sqlite3_finalize(statement);
    if (rc != SQLITE_OK) {
        return hub_fail(error, lite_db_error(db, rc), "cannot read the database's version: %s",
                        sqlite3_errmsg(db->handle));
    }
    return 0;
}

static int write_version(struct lite_db *db, int number, struct hub_error *error)
{
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", number);
    return lite_db_exec(db, sql, error);
}

int lite_rewrite_version(struct lite_db *db, struct hub_error *error)
{
    return write_version(db, MIGRATION_COUNT, error);
}

/* Each migration is a transaction of its own, with its number. */
static int run_migration(struct lite_db *db, int number, struct hub_error *error)
{
    int err = lite_db_exec(db, "BEGIN IMMEDIATE", error);
    if (err < 0) {
        return err;
    }
    err = lite_db_exec(db, migrations[number - 1], error);
    if (err == 0) {
        err = write_version(db, number, error);
    }
    if (err == 0) {
        err = lite_db_exec(db, "COMMIT", error);
    }
    if (err < 0) {
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

int lite_migrate(struct lite_db *db, struct log *log, struct hub_error *error)
{
    int version = 0;
    int err = read_version(db, &version, error);

    if (err < 0) {
        return err;
    }
    if (version > MIGRATION_COUNT) {
        return hub_fail(error, HUB_ERR_CONFLICT,
                        "the database has version %d, this program knows up to %d", version,
                        MIGRATION_COUNT);
    }
    for (int number = version + 1; number <= MIGRATION_COUNT; number++) {
        err = run_migration(db, number, error);
        if (err < 0) {
            return err;
        }
        log_info(log, "store", "migration done", "number=%d", number);
    }
    return 0;
}
