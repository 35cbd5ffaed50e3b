/* What holds for the SQLite store only: its plans, its sums, its migrations, its log. */
#include "fault_vfs.h"
#include "harness.h"

#include "base/clock.h"
#include "jobs/sqlite/db.h"
#include "jobs/sqlite/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static sqlite3 *open_beside(struct harness *h)
{
    sqlite3 *db;
    char path[300];

    snprintf(path, sizeof path, "%s/jobs.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static int64_t query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* --- The ledger --------------------------------------------------------------------------------*/

static int64_t first_bad(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_LEDGER_VERIFY);

    assert_int_equal(harness_run(h, op), 0);
    return op->ledger_verify.ret_first_bad;
}

/* Whatever is done to an entry behind the store's back, verifying names the first that shows it. */
static void test_a_changed_ledger_shows(void **state)
{
    static const struct {
        const char *change;
        const char *undo;
        int64_t first_bad;
    } changes[] = {
        {"UPDATE ledger SET body = '{\"amount\":1}' WHERE seq = 5",
         "UPDATE ledger SET body = '{}' WHERE seq = 5", 5},
        {"UPDATE ledger SET at = at + 1 WHERE seq = 1",
         "UPDATE ledger SET at = at - 1 WHERE seq = 1", 1},
        {"UPDATE ledger SET kind = 'intend' WHERE seq = 10",
         "UPDATE ledger SET kind = 'intent' WHERE seq = 10", 10},
        {"UPDATE ledger SET account = 'pay', connector = '' WHERE seq = 3",
         "UPDATE ledger SET account = '', connector = 'pay' WHERE seq = 3", 3},
        {"UPDATE ledger SET attempt = 2 WHERE seq = 4",
         "UPDATE ledger SET attempt = 1 WHERE seq = 4", 4},
        {"UPDATE ledger SET job = zeroblob(16) WHERE seq = 7",
         "UPDATE ledger SET job = (SELECT job FROM ledger WHERE seq = 1) WHERE seq = 7", 7},
        {"UPDATE ledger SET hash = zeroblob(32) WHERE seq = 2", NULL, 2},
        {"UPDATE ledger SET hash = zeroblob(3) WHERE seq = 2", NULL, 2},
        {"DELETE FROM ledger WHERE seq = 1", NULL, 1},
    };
    struct harness *h = *state;
    struct id id = harness_insert(h);
    sqlite3 *db = open_beside(h);

    for (unsigned i = 0; i < 10; i++) {
        struct store_op *op = harness_op(h, STORE_LEDGER_APPEND);
        op->ledger_append = (struct store_ledger_append){
            .keeper = {.job = id, .attempt = 1, .connector = STR("pay")},
            .kind = STR("intent"),
            .body = STR("{}"),
            .at = h->now,
        };
        assert_int_equal(harness_run(h, op), 0);
    }
    assert_int_equal(first_bad(h), 0);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_int_equal(sqlite3_exec(db, changes[i].change, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(first_bad(h), changes[i].first_bad);
        if (changes[i].undo) {
            assert_int_equal(sqlite3_exec(db, changes[i].undo, NULL, NULL, NULL), SQLITE_OK);
            assert_int_equal(first_bad(h), 0);
        }
    }
    sqlite3_close(db);
}

/* --- Plans -------------------------------------------------------------------------------------*/

/* Steps of a plan that touch all of something, and why they may. */
static bool may_scan(const char *detail)
{
    static const char *const small[] = {
        /* small tables, read whole */
        "SCAN queue",
        "SCAN api_key",
        "SCAN account",
        "SCAN schedule",
        "SCAN job_count",
        /* at start, or from the oldest with a limit */
        "SCAN idempotency",
        "SCAN event",
        /* whether there is a row at all */
        "SCAN job_after",
        "SCAN job_link",
        "SCAN CONSTANT ROW",
        /* the labels of one job */
        "SCAN l VIRTUAL TABLE",
    };

    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        size_t len = strlen(small[i]);
        if (strncmp(detail, small[i], len) == 0 && (detail[len] == '\0' || detail[len] == ' ')) {
            return true;
        }
    }
    return strncmp(detail, "SCAN", 4) != 0 && !strstr(detail, "TEMP B-TREE") &&
           !strstr(detail, "AUTOMATIC");
}

static void test_no_statement_scans_what_grows(void **state)
{
    struct harness *h = *state;
    sqlite3 *db = open_beside(h);
    unsigned looked_at = 0;

    for (int i = 0; i < LITE_STATEMENT_COUNT; i++) {
        sqlite3_stmt *statement;
        char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", lite_statement_sql(i));
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
            const char *detail = (const char *)sqlite3_column_text(statement, 3);
            looked_at++;
            if (!may_scan(detail)) {
                fail_msg("%s: %s", lite_statement_sql(i), detail);
            }
        }
        sqlite3_finalize(statement);
        sqlite3_free(sql);
    }
    assert_true(looked_at > 40);
    sqlite3_close(db);
}

/* --- Sums --------------------------------------------------------------------------------------*/

#define STATE_NOW "coalesce(n.state, job.state)"
#define JOB_NOW   "job LEFT JOIN job_now n ON n.seq = job.seq"

/* The zones and counts must be what a look at all jobs gives, whenever somebody reads them. */
static void assert_sums(struct harness *h)
{
    struct store_op *counts = harness_op(h, STORE_JOB_COUNTS);

    assert_int_equal(harness_run(h, counts), 0);
    sqlite3 *db = open_beside(h);

    assert_int_equal(
        query(db, "SELECT count(*) FROM (SELECT seq >> 8 AS zone, count(*) AS jobs FROM job"
                  " GROUP BY 1 EXCEPT SELECT zone, jobs FROM job_zone)"),
        0);
    assert_int_equal(query(db, "SELECT count(*) FROM job_zone"),
                     query(db, "SELECT count(DISTINCT seq >> 8) FROM job"));
    assert_int_equal(query(db, "SELECT count(*) FROM (SELECT job.seq >> 8 AS zone, sum(" STATE_NOW
                               " <= 3) FROM " JOB_NOW " GROUP BY 1"
                               " EXCEPT SELECT zone, unfinished FROM job_zone)"),
                     0);
    assert_int_equal(query(db, "SELECT count(*) FROM " JOB_NOW " JOIN job_zone ON"
                               " zone = job.seq >> 8 WHERE " STATE_NOW " > 3 AND"
                               " (NOT finished >> " STATE_NOW " & 1 OR purge_at IS NULL OR"
                               " purge_at > n.finished_at + retention_ms)"),
                     0);
    assert_int_equal(query(db, "SELECT count(*) FROM (SELECT queue, " STATE_NOW
                               ", count(*) FROM " JOB_NOW " GROUP BY 1, 2"
                               " EXCEPT SELECT * FROM job_count)"),
                     0);
    assert_int_equal(
        query(db, "SELECT count(*) FROM job_count"),
        query(db, "SELECT count(*) FROM (SELECT DISTINCT queue, " STATE_NOW " FROM " JOB_NOW ")"));
    assert_int_equal(query(db, "SELECT count(*) FROM job_now n WHERE NOT EXISTS"
                               " (SELECT 1 FROM job WHERE job.seq = n.seq)"),
                     0);
    assert_int_equal(query(db, "SELECT count(*) FROM attempt WHERE NOT EXISTS"
                               " (SELECT 1 FROM job WHERE job.seq = key >> 20)"),
                     0);
    assert_int_equal(query(db, "SELECT count(*) FROM job_file WHERE NOT EXISTS"
                               " (SELECT 1 FROM " JOB_NOW
                               " WHERE job.seq = job_file.job AND " STATE_NOW " <= 3)"),
                     0);
    sqlite3_close(db);
}

struct known {
    struct id id;
    enum job_state state;
    uint32_t attempt;
};

/* `removes`: deletes and purges too, which bring the tables up to date. */
static struct store_op *random_op(struct harness *h, struct known *jobs, unsigned *count,
                                  unsigned max, bool removes)
{
    struct known *job = *count ? &jobs[(unsigned)rand() % *count] : NULL;
    struct store_op *op;

    if (!job || (*count < max && rand() % 3 == 0)) {
        op = harness_insert_op(h);
        if (job && rand() % 4 == 0) {
            op->job_insert.job.after = arena_memdup(&op->arena, &job->id, sizeof job->id);
            op->job_insert.job.after_count = 1;
        }
        op->job_insert.job.queue = rand() % 2 ? STR("default") : STR("other");
        op->job_insert.job.retention_ms = rand() % 2000;
        jobs[(*count)++].id = op->job_insert.job.id;
        return op;
    }
    if (removes && rand() % 10 == 0) {
        op = harness_op(h, STORE_JOB_DELETE);
        op->job_delete.id = job->id;
        return op;
    }
    if (removes && rand() % 20 == 0) {
        op = harness_op(h, STORE_PURGE);
        op->purge.now = h->now;
        op->purge.limit = (unsigned)rand() % 20;
        return op;
    }
    op = harness_op(h, STORE_JOB_MOVE);
    op->job_move = (struct store_job_move){.id = job->id,
                                           .from = (enum job_state)(rand() % JOB_STATE_COUNT),
                                           .fence = (uint32_t)rand() % 3,
                                           .from_unstarted = rand() % 2,
                                           .to = (enum job_state)(rand() % JOB_STATE_COUNT),
                                           .at = h->now};
    op->job_move.has_attempt = rand() % 2 && op->job_move.fence > 0;
    op->job_move.attempt.number = op->job_move.fence;
    return op;
}

static void test_sums_stay_exact(void **state)
{
    enum { ROUNDS = 60, OPS = 300, JOBS = 3000 };
    struct harness *h = *state;
    static struct known jobs[JOBS];
    unsigned count = 0;

    srand(20261123);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < OPS; i++) {
            harness_submit(h, random_op(h, jobs, &count, JOBS, round % 5 < 3));
        }
        harness_wait(h);
        h->now += 100;
        if (round % 5 ==
            2) { /* what is in no table yet is lost with a transaction, or comes back */
            fault_vfs_fail(FAULT_SYNC, SQLITE_IOERR_FSYNC);
            assert_int_equal(harness_run(h, harness_insert_op(h)), HUB_ERR_IO);
            fault_vfs_heal();
        }
        if (round % 10 == 4) {
            harness_reopen(h, NULL);
        }
        if (round % 10 == 9) {
            assert_sums(h);
            harness_reopen(h, NULL);
            assert_sums(h);
        }
    }
    assert_int_equal(count, JOBS);
}

/* --- Migrations --------------------------------------------------------------------------------*/

static void set_version(struct harness *h, int version)
{
    sqlite3 *db = open_beside(h);
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int try_open(struct harness *h, struct hub_error *error)
{
    char path[300];
    struct store_backend *backend;
    struct blob_store *blobs;
    int err;

    snprintf(path, sizeof path, "%s/blobs", h->dir);
    assert_int_equal(blob_store_new(path, &blobs, NULL), 0);
    snprintf(path, sizeof path, "%s/jobs.db", h->dir);
    const struct store_sqlite_options options = {.path = path, .blobs = blobs};
    err = store_sqlite_new(&options, &h->log, &backend, error);
    if (err == 0) {
        backend->vtable->free(backend);
    }
    blob_store_free(blobs);
    return err;
}

static void test_versions(void **state)
{
    struct harness *h = *state;
    struct hub_error error;
    struct id id = harness_insert(h);
    sqlite3 *db = open_beside(h);

    int64_t version = query(db, "PRAGMA user_version");
    assert_true(version >= 2);
    sqlite3_close(db);
    harness_reopen(h, NULL); /* nothing to migrate */
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
    set_version(h, 1000);
    assert_int_equal(try_open(h, &error), HUB_ERR_CONFLICT);
    assert_non_null(strstr(error.detail, "1000"));
    set_version(h, (int)version);
    harness_reopen(h, NULL);
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
}

static void test_file_that_is_no_database(void **state)
{
    struct harness *h = *state;
    char path[300];
    struct hub_error error;

    harness_stop(h);
    snprintf(path, sizeof path, "%s/jobs.db", h->dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is not a database\n", file);
    }
    fclose(file);
    assert_int_equal(try_open(h, &error), HUB_ERR_CORRUPT);
    remove(path);
    harness_reopen(h, NULL);
    harness_insert(h);
}

/* An operation that meets damaged data fails alone; from then on no new work is taken. */
static void test_damage_spoils_only_its_own(void **state)
{
    enum { COUNT = 40, BAD = 20 };
    struct harness *h = *state;
    struct store_op *ops[COUNT];
    struct id ids[COUNT];
    struct store_op *upload = harness_op(h, STORE_ARTIFACT_INSERT);
    struct store_stats stats;

    upload->artifact_insert.blob = harness_blob(h, "bytes");
    upload->artifact_insert.artifact = harness_artifact(h, &upload->artifact_insert.blob, "a");
    assert_int_equal(harness_run(h, upload), 0);
    sqlite3 *db = open_beside(h);
    assert_int_equal(sqlite3_exec(db, "UPDATE artifact SET sha256 = x'00'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);

    for (int i = 0; i < COUNT; i++) {
        ops[i] = i == BAD ? harness_op(h, STORE_ARTIFACT_DELETE) : harness_insert_op(h);
    }
    ops[BAD]->artifact_delete.id = upload->artifact_insert.artifact.id;
    for (int i = 0; i < COUNT; i++) {
        harness_submit(h, ops[i]);
    }
    harness_wait(h);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(ops[i]->err, i == BAD ? HUB_ERR_CORRUPT : 0);
        ids[i] = ops[i]->job_insert.job.id;
    }
    store_stats(h->store, &stats);
    assert_int_equal(stats.failures, 0);

    assert_int_equal(store_trouble(h->store), HUB_ERR_CORRUPT);
    assert_int_equal(harness_run(h, harness_insert_op(h)), HUB_ERR_CORRUPT);
    harness_finish(h, ids[0], JOB_SUCCEEDED);
    harness_reopen(h, NULL);
    assert_int_equal(store_trouble(h->store), 0);
    for (int i = 0; i < COUNT; i++) {
        if (i != BAD) {
            assert_int_equal(harness_state(h, ids[i]), i == 0 ? JOB_SUCCEEDED : JOB_QUEUED);
        }
    }
}

/* --- The log -----------------------------------------------------------------------------------*/

static uint64_t log_bytes(struct harness *h)
{
    char path[300];
    struct stat st;

    snprintf(path, sizeof path, "%s/jobs.db-wal", h->dir);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

struct pump {
    struct harness *h;
    unsigned in_flight;
    unsigned left;
    uint64_t longest; /* the log */
};

static void pump_next(struct pump *pump);

static void on_pumped(struct store_op *op, void *context)
{
    struct pump *pump = context;

    assert_int_equal(op->err, 0);
    pump->in_flight--;
    pump_next(pump);
}

static void pump_next(struct pump *pump)
{
    if (pump->left == 0) {
        return;
    }
    struct store_op *op = harness_insert_op(pump->h);
    char *input = arena_zalloc(&op->arena, 2000);
    memset(input, 'x', 2000);
    op->job_insert.job.input = str_of(input, 2000);
    op->done = on_pumped;
    op->context = pump;
    pump->left--;
    pump->in_flight++;
    store_submit(pump->h->store, op);
}

/* One list after the other, as long as there is writing. */
static void on_listed(struct store_op *op, void *context)
{
    struct pump *pump = context;

    assert_int_equal(op->err, 0);
    pump->longest = log_bytes(pump->h) > pump->longest ? log_bytes(pump->h) : pump->longest;
    if (pump->left > 0) {
        op->kept = true;
        store_submit(pump->h->store, op);
    }
}

/* The writer never pauses, lists run beside it. Gives the greatest length of the log. */
static uint64_t pump_jobs(struct harness *h, uint64_t limit, unsigned jobs)
{
    enum { CALLERS = 64 };
    struct pump pump = {.h = h, .left = jobs};
    struct store_op *list;

    harness_reopen(h, &(struct harness_options){.wal_bytes = limit});
    for (int i = 0; i < CALLERS; i++) {
        pump_next(&pump);
    }
    list = harness_op(h, STORE_JOB_LIST);
    list->job_list.limit = 100;
    list->done = on_listed;
    list->context = &pump;
    store_submit(h->store, list);
    harness_wait(h);
    assert_int_equal(pump.in_flight, 0);
    print_message("log at most %.1f MiB\n", (double)pump.longest / (1 << 20));
    return pump.longest;
}

/* Not beyond a few times its limit, while 100 times as much goes through it. */
static void test_log_stays_short_under_load(void **state)
{
    enum { LIMIT = 1 << 20, JOBS = 50000 };
    uint64_t longest = pump_jobs(*state, LIMIT, JOBS);

    assert_in_range(longest, LIMIT, 16 * LIMIT);
}

/* A checkpoint takes as long as many commits: the writer waits for it. */
static void test_log_stays_short_on_a_busy_disk(void **state)
{
    enum { LIMIT = 1 << 20, JOBS = 8000, SYNC_MS = 800 };

    fault_vfs_slow(SYNC_MS);
    uint64_t longest = pump_jobs(*state, LIMIT, JOBS);
    fault_vfs_heal();
    assert_in_range(longest, LIMIT, 8 * LIMIT);
}

static void test_quiet_log_is_folded_in(void **state)
{
    struct harness *h = *state;
    char path[300];
    struct stat st = {0};

    for (int i = 0; i < 3000; i++) {
        harness_submit(h, harness_insert_op(h));
    }
    harness_wait(h);
    snprintf(path, sizeof path, "%s/jobs.db", h->dir);
    int64_t until = clock_mono_ms() + 20000;
    while (st.st_size < 500000 && clock_mono_ms() < until) {
        assert_int_equal(harness_run(h, harness_op(h, STORE_QUEUE_LIST)), 0);
        assert_int_equal(stat(path, &st), 0);
    }
    assert_true(st.st_size >= 500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_no_statement_scans_what_grows),
        STORE_TEST(test_sums_stay_exact),
        STORE_TEST(test_versions),
        STORE_TEST(test_file_that_is_no_database),
        STORE_TEST(test_damage_spoils_only_its_own),
        STORE_TEST(test_log_stays_short_under_load),
        STORE_TEST(test_log_stays_short_on_a_busy_disk),
        STORE_TEST(test_quiet_log_is_folded_in),
        STORE_TEST(test_a_changed_ledger_shows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
