/*
 * statements.h — every statement that runs after the migrations, in one table.
 *
 * X(NAME, users, "sql"). `users` are the connections that prepare it. Each is prepared once, when
 * its connection opens. tests/store looks at the query plan of each: no statement scans a table
 * that grows.
 */
#ifndef HUB_JOBS_SQLITE_STATEMENTS_H
#define HUB_JOBS_SQLITE_STATEMENTS_H

#define LITE_WRITER    1
#define LITE_READER    2
#define LITE_BOTH      (LITE_WRITER | LITE_READER)

#define LITE_PAGE_SIZE 4096

/* A job is its row and, unless it is as it came, one more. */
#define LITE_JOB "job LEFT JOIN job_now n ON n.seq = job.seq"

/* What the writer must know of a job before it changes it. Read by read_known(). */
#define LITE_KNOWN                                                                                 \
    "job.seq, job.id, coalesce(n.state, job.state), n.attempt, n.charged, n.crashes, "             \
    "coalesce(n.run_at, job.run_at), coalesce(n.expires_at, job.expires_at), retention_ms, type, " \
    "queue, account, files IS NOT NULL, callback_url IS NOT NULL, n.seq IS NOT NULL, n.outcome "   \
    "IS NOT NULL, linked"

/* What scheduling needs. Read by read_schedule(). */
#define LITE_SCHEDULE                                                                              \
    "job.seq, job.id, coalesce(n.state, job.state) AS state_now, n.attempt, n.charged, "           \
    "n.crashes, created_at, coalesce(n.run_at, job.run_at), n.started_at, n.finished_at, "         \
    "coalesce(n.expires_at, job.expires_at), retention_ms, retry_safety, priority, timeout_ms, "   \
    "max_attempts, type, queue, account, callback_url, traceparent, created_by"

/* Behind it, what lists show on top. Read by read_shown(). */
#define LITE_SHOWN                                                                                 \
    LITE_SCHEDULE ", labels, error_code, error_message, error_details, error_retryable"

/* A batch. Read by lite_read_batch(). */
#define LITE_BATCH                                                                                 \
    "seq, id, settings, queue, created_by, atomic, created_at, retention_ms, paused, "             \
    "concurrency, rate, rate_period_ms, upload, stage, touched_at, finished_at, lines, digest, "   \
    "opened, parked, bad, blocked, scheduled, queued, running, succeeded, failed, cancelled, "     \
    "unknown, on_complete, on_complete_id, source FROM batch "

/* An attempt, in the order in which both its tables have it. Read by read_attempt(). */
#define LITE_ATTEMPT                                                                               \
    "started_at, ended_at, outcome, code, message, cause, cause_number, pid, connector_version"

#define LITE_ARTIFACT                                                                              \
    "SELECT artifact.id, artifact.name, artifact.media_type, artifact.size, artifact.sha256, "     \
    "artifact.created_at, artifact.expires_at, job.id "                                            \
    "FROM artifact LEFT JOIN job ON job.seq = artifact.job "

/* A delivery of a callback `c`, and whether its URL is gone. Read by read_callback(). */
#define LITE_CALLBACK                                                                              \
    "c.seq, c.kind, coalesce(c.subject, job.id), coalesce(c.url, job.callback_url), c.event, "     \
    "c.state, c.attempts, c.tries, c.created_at, c.next_at, EXISTS (SELECT 1 FROM callback_gone g" \
    " WHERE g.url = coalesce(c.url, job.callback_url)) "

/* With the job that it is of, if it is of one. */
#define LITE_CALLBACK_JOB "LEFT JOIN job ON c.kind = 0 AND job.seq = c.job"

#define LITE_LEDGER                                                                                \
    "SELECT seq, at, connector, account, job, attempt, kind, body, hash FROM ledger "

/* Terminal states are those from 4 on; see the assertion in job_write.c. */
#define LITE_RUN "tick, at, outcome, by_hand, misfired, missed, job, reason, kind FROM schedule_run"

#define LITE_STATEMENT_MAP(X)                                                                      \
    /* transactions */                                                                             \
    X(BEGIN_WRITE, LITE_WRITER, "BEGIN IMMEDIATE")                                                 \
    X(BEGIN_READ, LITE_READER, "BEGIN")                                                            \
    X(COMMIT, LITE_BOTH, "COMMIT")                                                                 \
    X(ROLLBACK, LITE_WRITER, "ROLLBACK")                                                           \
    /* numbers that rise, at start */                                                              \
    X(JOB_LAST, LITE_WRITER,                                                                       \
      "SELECT max(coalesce((SELECT max(seq) FROM job), 0),"                                        \
      " coalesce((SELECT max(seq) FROM idempotency), 0),"                                          \
      " coalesce((SELECT max(key) >> 20 FROM account_use), 0))")                                   \
    X(EVENT_LAST, LITE_WRITER, "SELECT first + count - 1 FROM event ORDER BY first DESC LIMIT 1")  \
    /* jobs, written */                                                                            \
    X(JOB_FIND, LITE_WRITER, "SELECT " LITE_KNOWN " FROM " LITE_JOB " WHERE job.id = ?")           \
    X(JOB_FIND_SEQ, LITE_WRITER, "SELECT " LITE_KNOWN " FROM " LITE_JOB " WHERE job.seq = ?")      \
    X(JOB_INSERT, LITE_WRITER,                                                                     \
      "INSERT INTO job VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"                       \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(NOW_PUT, LITE_WRITER,                                                                        \
      "REPLACE INTO job_now VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")                 \
    X(NOW_SET_STATE, LITE_WRITER,                                                                  \
      "UPDATE job_now SET state = ?2, attempt = ?3, charged = ?4, crashes = ?5, run_at = ?6,"      \
      " expires_at = ?7, finished_at = ?8 WHERE seq = ?1")                                         \
    X(NOW_SET_ATTEMPT, LITE_WRITER,                                                                \
      "UPDATE job_now SET started_at = ?2, ended_at = ?3, outcome = ?4, code = ?5, message = ?6,"  \
      " cause = ?7, cause_number = ?8, pid = ?9, connector_version = ?10 WHERE seq = ?1")          \
    X(NOW_SET_OUTCOME, LITE_WRITER,                                                                \
      "UPDATE job_now SET error_code = ?2, error_message = ?3, error_details = ?4,"                \
      " error_retryable = ?5, result = ?6 WHERE seq = ?1")                                         \
    X(ATTEMPT_ARCHIVE, LITE_WRITER,                                                                \
      "INSERT INTO attempt SELECT ?1, " LITE_ATTEMPT " FROM job_now WHERE seq = ?2")               \
    X(ATTEMPT_DELETE, LITE_WRITER, "DELETE FROM attempt WHERE key BETWEEN ? AND ?")                \
    X(NOW_DELETE, LITE_WRITER, "DELETE FROM job_now WHERE seq = ?")                                \
    X(JOB_DELETE, LITE_WRITER, "DELETE FROM job WHERE seq = ?")                                    \
    X(EVENT_INSERT, LITE_WRITER,                                                                   \
      "INSERT INTO event (first, count, at, packed, sums) VALUES (?, ?, ?, ?, ?)")                 \
    X(ZONE_CHANGE, LITE_WRITER,                                                                    \
      "INSERT INTO job_zone VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"                 \
      " jobs = jobs + ?2, unfinished = unfinished + ?3, finished = finished | ?4,"                 \
      " purge_at = min(coalesce(purge_at, ?5), coalesce(?5, purge_at))")                           \
    X(ZONE_DELETE_EMPTY, LITE_WRITER, "DELETE FROM job_zone WHERE zone = ? AND jobs = 0")          \
    X(COUNT_CHANGE, LITE_WRITER,                                                                   \
      "INSERT INTO job_count VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + ?3")    \
    X(COUNT_DELETE_ZERO, LITE_WRITER,                                                              \
      "DELETE FROM job_count WHERE queue = ? AND state = ? AND count = 0")                         \
    X(TALLY_SET, LITE_WRITER, "UPDATE tally SET event = ? WHERE one = 1")                          \
    X(TALLY_MISSING, LITE_WRITER,                                                                  \
      "SELECT sums FROM event WHERE first > (SELECT event FROM tally WHERE one = 1)"               \
      " AND sums IS NOT NULL ORDER BY first")                                                      \
    /* flows */                                                                                    \
    X(AFTER_INSERT, LITE_WRITER, "INSERT INTO job_after VALUES (?, ?, ?) ON CONFLICT DO NOTHING")  \
    X(AFTER_ANY, LITE_WRITER, "SELECT EXISTS (SELECT 1 FROM job_after)")                           \
    X(AFTER_CHILDREN, LITE_WRITER,                                                                 \
      "SELECT child, on_parent_failure FROM job_after WHERE parent = ?")                           \
    X(AFTER_WAITS, LITE_WRITER, "SELECT 1 FROM job_after WHERE child = ? LIMIT 1")                 \
    X(AFTER_DELETE_PARENT, LITE_WRITER, "DELETE FROM job_after WHERE parent = ?")                  \
    X(AFTER_DELETE_CHILD, LITE_WRITER, "DELETE FROM job_after WHERE child = ?")                    \
    X(JOB_SKIPPED, LITE_WRITER,                                                                    \
      "SELECT 1 FROM job_now WHERE seq = ? AND state = 6 AND error_code = 'skipped'")              \
    X(LINK_ANY, LITE_WRITER, "SELECT EXISTS (SELECT 1 FROM job_link)")                             \
    X(LINK_INSERT, LITE_WRITER,                                                                    \
      "INSERT INTO job_link (seq, flow, name, on_parent_failure, open, for_each, item_of)"         \
      " VALUES (?, (SELECT seq FROM flow WHERE id = ?), ?, ?, ?, ?,"                               \
      " (SELECT seq FROM job WHERE id = ?))")                                                      \
    X(LINK_RESOLVE, LITE_WRITER,                                                                   \
      "UPDATE job_link SET open = 0, input = ?2 WHERE seq = ?1 AND open = 1")                      \
    X(LINK_DELETE, LITE_WRITER, "DELETE FROM job_link WHERE seq = ? RETURNING flow")               \
    X(FLOW_INSERT, LITE_WRITER,                                                                    \
      "INSERT INTO flow VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")          \
    X(FLOW_DELETE_EMPTY, LITE_WRITER,                                                              \
      "DELETE FROM flow WHERE seq = ?1 AND NOT EXISTS"                                             \
      " (SELECT 1 FROM job_link WHERE flow = ?1)")                                                 \
    X(FLOW_OF_JOB, LITE_WRITER, "SELECT flow FROM job_link WHERE seq = ? AND flow IS NOT NULL")    \
    X(FLOW_ENDED, LITE_WRITER,                                                                     \
      "SELECT id FROM flow WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM job_link l"                \
      " JOIN job ON job.seq = l.seq LEFT JOIN job_now n ON n.seq = l.seq"                          \
      " WHERE l.flow = ?1 AND coalesce(n.state, job.state) < 4)")                                  \
    X(FLOW_BY_SCOPE, LITE_WRITER,                                                                  \
      "SELECT seq, id, request, scope_until FROM flow WHERE scope = ?")                            \
    X(FLOW_UNSCOPE, LITE_WRITER, "UPDATE flow SET scope = NULL WHERE seq = ?")                     \
    X(FLOW_FIND, LITE_WRITER, "SELECT seq FROM flow WHERE id = ?")                                 \
    X(FLOW_ENDED_BADLY, LITE_WRITER,                                                               \
      "SELECT job.seq, n.error_code, after, on_parent_failure, " LITE_SCHEDULE                     \
      " FROM job_link l JOIN job ON job.seq = l.seq JOIN job_now n ON n.seq = l.seq"               \
      " WHERE l.flow = ? AND (n.state = 5 OR n.state = 6 OR (n.state = 7 AND l.items NOT NULL))"   \
      " ORDER BY l.seq")                                                                           \
    /* jobs with for_each, and their items */                                                      \
    X(EACH_GET, LITE_BOTH,                                                                         \
      "SELECT for_each IS NOT NULL, items IS NOT NULL, cancelling,"                                \
      " coalesce(first_item, 0), coalesce(items, 0) FROM job_link WHERE seq = ?")                  \
    X(EACH_MADE, LITE_WRITER, "UPDATE job_link SET first_item = ?2, items = ?3 WHERE seq = ?1")    \
    X(ITEMS_ENDED, LITE_WRITER,                                                                    \
      "SELECT job.seq, job.id, coalesce(n.state, job.state), n.result"                             \
      " FROM job LEFT JOIN job_now n ON n.seq = job.seq WHERE job.seq BETWEEN ? AND ?"             \
      " ORDER BY job.seq")                                                                         \
    X(ITEMS_BAD, LITE_WRITER,                                                                      \
      "SELECT " LITE_SCHEDULE " FROM job JOIN job_now n ON n.seq = job.seq"                        \
      " WHERE job.seq BETWEEN ? AND ? AND (n.state = 5 OR n.state = 6) ORDER BY job.seq")          \
    X(ITEMS_WAIT, LITE_WRITER,                                                                     \
      "INSERT INTO job_after SELECT ?3, job.seq, ?4"                                               \
      " FROM job LEFT JOIN job_now n ON n.seq = job.seq WHERE job.seq BETWEEN ?1 AND ?2"           \
      " AND coalesce(n.state, job.state) <= 3")                                                    \
    X(ITEMS_CANCEL, LITE_WRITER, "UPDATE job_link SET cancelling = 1 WHERE seq BETWEEN ? AND ?")   \
    X(ITEMS_UNFINISHED, LITE_WRITER,                                                               \
      "SELECT job.id FROM job LEFT JOIN job_now n ON n.seq = job.seq"                              \
      " WHERE job.seq BETWEEN ? AND ? AND coalesce(n.state, job.state) <= 3"                       \
      " ORDER BY job.seq DESC")                                                                    \
    X(LINK_CANCEL, LITE_WRITER, "UPDATE job_link SET cancelling = 1 WHERE seq = ?")                \
    X(LINK_UNCANCEL, LITE_WRITER, "UPDATE job_link SET cancelling = 0 WHERE seq = ?")              \
    X(FLOW_CANCEL, LITE_WRITER, "UPDATE job_link SET cancelling = 1 WHERE flow = ?")               \
    X(FLOW_UNFINISHED, LITE_WRITER,                                                                \
      "SELECT job.id FROM job_link l JOIN job ON job.seq = l.seq"                                  \
      " LEFT JOIN job_now n ON n.seq = l.seq"                                                      \
      " WHERE l.flow = ? AND coalesce(n.state, job.state) <= 3 ORDER BY l.seq DESC")               \
    /* idempotency */                                                                              \
    X(KEEP_INSERT, LITE_WRITER,                                                                    \
      "INSERT INTO idempotency (seq, scope, request, expires_at) VALUES (?, ?, ?, ?)")             \
    X(KEEP_FIND, LITE_WRITER,                                                                      \
      "SELECT i.scope, i.request, i.expires_at, job.id"                                            \
      " FROM idempotency i LEFT JOIN job ON job.seq = i.seq WHERE i.seq = ?")                      \
    X(KEEP_DELETE, LITE_WRITER, "DELETE FROM idempotency WHERE seq = ?")                           \
    X(KEEP_ALL, LITE_WRITER, "SELECT seq, scope FROM idempotency ORDER BY seq")                    \
    X(KEEP_OLDEST, LITE_WRITER,                                                                    \
      "SELECT seq, scope, expires_at FROM idempotency ORDER BY seq LIMIT ?")                       \
    X(KEEP_DELETE_TO, LITE_WRITER, "DELETE FROM idempotency WHERE seq <= ?")                       \
    /* batches */                                                                                  \
    X(BATCH_INSERT, LITE_WRITER,                                                                   \
      "INSERT INTO batch VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?,"                                 \
      " 0, 0, 0, 0, 0, 0, 0, 0, 0, x'', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, ?, ?)")          \
    X(BATCH_UPDATE, LITE_WRITER,                                                                   \
      "UPDATE batch SET paused = ?2, concurrency = ?3, rate = ?4, rate_period_ms = ?5,"            \
      " upload = ?6, stage = ?7, touched_at = ?8, finished_at = ?9, lines = ?10, digest = ?11,"    \
      " opened = ?12, parked = ?13, bad = ?14, blocked = ?15, scheduled = ?16, queued = ?17,"      \
      " running = ?18, succeeded = ?19, failed = ?20, cancelled = ?21, unknown = ?22,"             \
      " on_complete = ?23, on_complete_id = ?24 WHERE seq = ?1")                                   \
    X(BATCH_DELETE, LITE_WRITER, "DELETE FROM batch WHERE seq = ?")                                \
    X(BATCH_UNSCOPE, LITE_WRITER, "UPDATE batch SET scope = NULL WHERE seq = ?")                   \
    X(BATCH_FIND, LITE_WRITER, "SELECT " LITE_BATCH "WHERE id = ?")                                \
    X(BATCH_NEXT_UNFINISHED, LITE_WRITER,                                                          \
      "SELECT " LITE_BATCH "WHERE finished_at = 0 AND id > ? ORDER BY id LIMIT 1")                 \
    X(BATCH_OF_JOB, LITE_WRITER,                                                                   \
      "SELECT " LITE_BATCH "WHERE seq = (SELECT r.batch FROM batch_range r WHERE r.first <= ?"     \
      " ORDER BY r.first DESC LIMIT 1)")                                                           \
    X(BATCH_BY_SCOPE, LITE_WRITER, "SELECT id, request, settings FROM batch WHERE scope = ?")      \
    X(BATCH_DUE, LITE_WRITER,                                                                      \
      "SELECT seq FROM batch WHERE finished_at > 0 AND finished_at + retention_ms <= ? LIMIT 1")   \
    X(RANGE_INSERT, LITE_WRITER, "INSERT INTO batch_range VALUES (?, ?, ?, ?)")                    \
    X(RANGE_GROW, LITE_WRITER, "UPDATE batch_range SET count = count + ?2 WHERE first = ?1")       \
    X(RANGE_OF_BATCH, LITE_WRITER,                                                                 \
      "SELECT first, line, count FROM batch_range WHERE batch = ? ORDER BY line")                  \
    X(RANGE_DELETE, LITE_WRITER, "DELETE FROM batch_range WHERE batch = ?")                        \
    X(RANGE_AT, LITE_BOTH,                                                                         \
      "SELECT first, line, count FROM batch_range WHERE batch = ?1 AND line >= coalesce("          \
      "(SELECT max(line) FROM batch_range WHERE batch = ?1 AND line <= ?2), 0)"                    \
      " ORDER BY line LIMIT 2")                                                                    \
    X(BATCH_BAD_INSERT, LITE_WRITER,                                                               \
      "INSERT INTO batch_bad VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")                          \
    X(BATCH_BAD_DELETE, LITE_WRITER, "DELETE FROM batch_bad WHERE batch = ?")                      \
    X(BATCH_OPEN_ROWS, LITE_WRITER,                                                                \
      "SELECT " LITE_SCHEDULE ", CASE WHEN linked THEN NULL ELSE input END FROM " LITE_JOB         \
      " WHERE job.seq BETWEEN ? AND ?"                                                             \
      " AND state_now <= 3 ORDER BY job.seq")                                                      \
    X(BATCH_PARKED_ROWS, LITE_WRITER,                                                              \
      "SELECT job.seq, job.id, coalesce(n.state, job.state), coalesce(n.attempt, 0)"               \
      " FROM " LITE_JOB " WHERE job.seq BETWEEN ? AND ? AND coalesce(n.state, job.state) < 3"      \
      " ORDER BY job.seq")                                                                         \
    X(BATCH_FAILED_ROWS, LITE_WRITER,                                                              \
      "SELECT job.seq, job.id, n.state, n.attempt FROM job JOIN job_now n ON n.seq = job.seq"      \
      " WHERE job.seq BETWEEN ? AND ? AND (n.state = 5 OR n.state = 7) ORDER BY job.seq")          \
    /* artifacts, written */                                                                       \
    X(ARTIFACT_INSERT, LITE_WRITER,                                                                \
      "INSERT INTO artifact (id, job, name, media_type, size, sha256, created_at, expires_at)"     \
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")                                   \
    X(ARTIFACT_FIND, LITE_WRITER, "SELECT seq, sha256 FROM artifact WHERE id = ?")                 \
    X(ARTIFACT_OF_JOB, LITE_WRITER, "SELECT seq, sha256 FROM artifact WHERE job = ?")              \
    X(ARTIFACT_EXPIRED, LITE_WRITER,                                                               \
      "SELECT seq, sha256 FROM artifact WHERE expires_at <= ? AND NOT EXISTS"                      \
      " (SELECT 1 FROM job_file WHERE job_file.artifact = artifact.seq) ORDER BY expires_at"       \
      " LIMIT ?")                                                                                  \
    X(ARTIFACT_DELETE, LITE_WRITER, "DELETE FROM artifact WHERE seq = ?")                          \
    X(ARTIFACT_DETACH, LITE_WRITER,                                                                \
      "UPDATE artifact SET job = NULL, expires_at = 0 WHERE seq = ?")                              \
    X(ARTIFACT_NAMED, LITE_WRITER, "SELECT 1 FROM artifact WHERE sha256 = ? LIMIT 1")              \
    X(FILE_INSERT, LITE_WRITER,                                                                    \
      "INSERT INTO job_file (job, artifact) VALUES (?, ?) ON CONFLICT DO NOTHING")                 \
    X(FILE_DELETE, LITE_WRITER, "DELETE FROM job_file WHERE job = ?")                              \
    X(FILE_HELD, LITE_WRITER, "SELECT 1 FROM job_file WHERE artifact = ? LIMIT 1")                 \
    X(JOB_FILES, LITE_WRITER, "SELECT files FROM job WHERE seq = ?")                               \
    /* queues and keys */                                                                          \
    X(QUEUE_PUT, LITE_WRITER, "REPLACE INTO queue VALUES (?, ?, ?, ?, ?)")                         \
    /* accounts */                                                                                 \
    X(ACCOUNT_PUT, LITE_WRITER,                                                                    \
      "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET"  \
      " connector = ?2, sealed = ?3, is_default = ?4, in_flight = ?5, rate = ?6,"                  \
      " rate_period_ms = ?7, updated_at = ?9 RETURNING created_at")                                \
    X(ACCOUNT_NO_DEFAULT, LITE_WRITER,                                                             \
      "UPDATE account SET is_default = 0 WHERE connector = ? AND name <> ? AND is_default")        \
    X(ACCOUNT_DELETE, LITE_WRITER, "DELETE FROM account WHERE name = ?")                           \
    X(ACCOUNT_ALL, LITE_READER,                                                                    \
      "SELECT name, connector, sealed, is_default, in_flight, rate, rate_period_ms, created_at,"   \
      " updated_at FROM account ORDER BY name")                                                    \
    X(USE_PUT, LITE_WRITER,                                                                        \
      "INSERT INTO account_use (key, account, job, started_at, ended_at, outcome)"                 \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET ended_at = ?5, outcome = ?6")    \
    X(USE_BEGIN, LITE_WRITER,                                                                      \
      "INSERT INTO account_use (key, account, job, started_at, ended_at, outcome, attempt,"        \
      " pointer) SELECT min(coalesce(min(key), 0), 0) - 1, ?1, ?2, ?3, 0, 0, ?4, ?5"               \
      " FROM account_use RETURNING key")                                                           \
    X(USE_LOST, LITE_WRITER,                                                                       \
      "UPDATE account_use SET ended_at = ?1, outcome = ?2 WHERE ended_at = 0 AND key < 0")         \
    X(USE_END, LITE_WRITER, "UPDATE account_use SET ended_at = ?2, outcome = ?3 WHERE key = ?1")   \
    X(USE_DROP, LITE_WRITER, "DELETE FROM account_use WHERE key = ?")                              \
    X(USE_LIST, LITE_READER,                                                                       \
      "SELECT key, job, started_at, ended_at, outcome, attempt, pointer FROM account_use"          \
      " WHERE account = ? AND (started_at, key) < (?, ?)"                                          \
      " ORDER BY account DESC, started_at DESC, key DESC LIMIT ?")                                 \
    X(USE_PURGE, LITE_WRITER,                                                                      \
      "DELETE FROM account_use WHERE key IN"                                                       \
      " (SELECT key FROM account_use WHERE started_at < ? ORDER BY started_at LIMIT ?)")           \
    /* schedules */                                                                                \
    X(SCHEDULE_PUT, LITE_WRITER,                                                                   \
      "INSERT INTO schedule VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO"       \
      " UPDATE SET spec = ?2, created_by = ?3, paused = ?4, updated_at = ?6,"                      \
      " cursor_at = CASE WHEN ?8 THEN cursor_at ELSE ?7 END"                                       \
      " RETURNING seq, created_at, cursor_at")                                                     \
    X(SCHEDULE_PAUSE, LITE_WRITER,                                                                 \
      "UPDATE schedule SET paused = ?2, updated_at = ?3,"                                          \
      " cursor_at = CASE WHEN ?4 THEN ?4 ELSE cursor_at END WHERE seq = ?1")                       \
    X(SCHEDULE_DELETE, LITE_WRITER, "DELETE FROM schedule WHERE seq = ?")                          \
    X(SCHEDULE_IS_THERE, LITE_WRITER, "SELECT 1 FROM schedule WHERE seq = ?")                      \
    X(SCHEDULE_SET_CURSOR, LITE_WRITER, "UPDATE schedule SET cursor_at = ?2 WHERE seq = ?1")       \
    X(SCHEDULE_ALL, LITE_READER,                                                                   \
      "SELECT seq, name, spec, created_by, paused, created_at, updated_at, cursor_at"              \
      " FROM schedule ORDER BY name")                                                              \
    X(RUN_OUTCOME, LITE_WRITER,                                                                    \
      "SELECT outcome FROM schedule_run WHERE schedule = ? AND tick = ?")                          \
    X(RUN_PUT, LITE_WRITER, "REPLACE INTO schedule_run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")  \
    X(RUN_SET_REASON, LITE_WRITER,                                                                 \
      "UPDATE schedule_run SET reason = ?2 WHERE job = ?1 AND kind > 0")                           \
    X(RUN_DROP_WAITING, LITE_WRITER,                                                               \
      "DELETE FROM schedule_run WHERE schedule = ? AND outcome = 0")                               \
    X(RUN_PURGE, LITE_WRITER,                                                                      \
      "DELETE FROM schedule_run WHERE (schedule, tick) IN (SELECT schedule, tick FROM"             \
      " schedule_run WHERE purge_at <= ? ORDER BY purge_at LIMIT ?)")                              \
    X(RUNS_DOWN, LITE_READER,                                                                      \
      "SELECT " LITE_RUN " WHERE schedule = ? AND tick < ? ORDER BY tick DESC LIMIT ?")            \
    X(RUNS_WAITING, LITE_READER,                                                                   \
      "SELECT " LITE_RUN " WHERE schedule = ? AND outcome = 0 ORDER BY tick LIMIT ?")              \
    X(RUNS_WITH_JOB, LITE_READER,                                                                  \
      "SELECT kind, job, CASE kind"                                                                \
      " WHEN 1 THEN EXISTS (SELECT 1 FROM batch b"                                                 \
      " WHERE b.id = r.job AND b.finished_at = 0 AND b.stage < 3)"                                 \
      " WHEN 2 THEN EXISTS (SELECT 1 FROM flow f JOIN job_link l ON l.flow = f.seq"                \
      " JOIN job j ON j.seq = l.seq LEFT JOIN job_now n ON n.seq = l.seq"                          \
      " WHERE f.id = r.job AND coalesce(n.state, j.state) < 4)"                                    \
      " ELSE 1 END FROM schedule_run r WHERE schedule = ? AND job IS NOT NULL"                     \
      " ORDER BY tick DESC LIMIT ?")                                                               \
    X(QUEUE_ALL, LITE_READER,                                                                      \
      "SELECT name, paused, concurrency, rate, rate_period_ms FROM queue ORDER BY name")           \
    X(API_KEY_PUT, LITE_WRITER, "REPLACE INTO api_key VALUES (?, ?, ?, ?, ?)")                     \
    X(API_KEY_DELETE, LITE_WRITER, "DELETE FROM api_key WHERE id = ?")                             \
    X(API_KEY_ALL, LITE_READER,                                                                    \
      "SELECT id, name, digest, scopes, created_at FROM api_key ORDER BY id")                      \
    /* what attempts keep */                                                                       \
    X(BOX_FIND, LITE_BOTH,                                                                         \
      "SELECT box, items, bytes FROM keep_box WHERE job = ? AND connector = ? AND account = ?")    \
    X(BOX_INSERT, LITE_WRITER,                                                                     \
      "INSERT INTO keep_box (job, connector, account, items, bytes) VALUES (?, ?, ?, 0, 0)")       \
    X(BOX_CHANGE, LITE_WRITER,                                                                     \
      "UPDATE keep_box SET items = items + ?2, bytes = bytes + ?3 WHERE box = ?1")                 \
    X(BOX_ANY_OF_JOB, LITE_WRITER, "SELECT EXISTS (SELECT 1 FROM keep_box WHERE job > 0)")         \
    X(BOX_DELETE_OF_JOB, LITE_WRITER, "DELETE FROM keep_box WHERE job = ?")                        \
    X(VALUES_DELETE_OF_JOB, LITE_WRITER,                                                           \
      "DELETE FROM keep WHERE box IN (SELECT box FROM keep_box WHERE job = ?)")                    \
    X(VALUE_FIND, LITE_WRITER,                                                                     \
      "SELECT length(key) + length(value), expires_at FROM keep WHERE box = ? AND key = ?")        \
    X(VALUE_PUT, LITE_WRITER, "REPLACE INTO keep VALUES (?, ?, ?, ?, ?)")                          \
    X(VALUE_DELETE, LITE_WRITER, "DELETE FROM keep WHERE box = ? AND key = ?")                     \
    X(VALUE_EXPIRED, LITE_WRITER,                                                                  \
      "SELECT box, length(key) + length(value), key FROM keep WHERE expires_at <= ?"               \
      " ORDER BY expires_at LIMIT ?")                                                              \
    X(VALUE_GET, LITE_READER,                                                                      \
      "SELECT key, value, kept_at FROM keep WHERE box = ? AND key = ?"                             \
      " AND (expires_at IS NULL OR expires_at > ?)")                                               \
    X(VALUE_LIST, LITE_READER,                                                                     \
      "SELECT key, value, kept_at FROM keep WHERE box = ?1 AND key >= ?2 AND key > ?3"             \
      " AND key < ?4 AND (expires_at IS NULL OR expires_at > ?5) ORDER BY key")                    \
    X(JOB_SEQ, LITE_READER, "SELECT seq FROM job WHERE id = ?")                                    \
    /* the ledger */                                                                               \
    X(LEDGER_LAST, LITE_WRITER, LITE_LEDGER "WHERE seq = (SELECT max(seq) FROM ledger)")           \
    X(LEDGER_INSERT, LITE_WRITER, "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")         \
    X(LEDGER_FROM, LITE_READER, "SELECT seq FROM ledger WHERE at >= ? ORDER BY at, seq LIMIT 1")   \
    X(LEDGER_AFTER, LITE_READER, LITE_LEDGER "WHERE seq > ? ORDER BY seq LIMIT ?")                 \
    /* purge */                                                                                    \
    X(ZONE_DUE, LITE_WRITER,                                                                       \
      "SELECT zone FROM job_zone WHERE purge_at <= ? ORDER BY purge_at LIMIT 1")                   \
    X(ZONE_FINISHED, LITE_WRITER,                                                                  \
      "SELECT job.seq, n.state, queue, n.finished_at + retention_ms FROM job"                      \
      " JOIN job_now n ON n.seq = job.seq WHERE job.seq BETWEEN ? AND ? AND n.state > 3")          \
    X(ZONE_SET_PURGE, LITE_WRITER, "UPDATE job_zone SET purge_at = ? WHERE zone = ?")              \
    X(EVENT_OLDEST, LITE_WRITER, "SELECT first, count, at FROM event ORDER BY first LIMIT ?")      \
    X(EVENT_DELETE_TO, LITE_WRITER, "DELETE FROM event WHERE first <= ?")                          \
    /* callbacks */                                                                                \
    X(CALLBACK_INSERT, LITE_WRITER,                                                                \
      "INSERT INTO callback VALUES (NULL, ?1, ?2, 0, 0, 0, ?3, ?3, 0, NULL, NULL)")                \
    X(CALLBACK_ANY, LITE_WRITER, "SELECT EXISTS (SELECT 1 FROM callback WHERE seq > 0)")           \
    X(CALLBACK_SET, LITE_WRITER,                                                                   \
      "UPDATE callback SET state = ?2, attempts = max(attempts, ?3), tries = ?4, next_at = ?5"     \
      " WHERE seq = ?1")                                                                           \
    X(CALLBACK_AGAIN, LITE_WRITER,                                                                 \
      "UPDATE callback SET state = 0, tries = 0, next_at = ?2"                                     \
      " WHERE seq = (SELECT max(seq) FROM callback WHERE job = ?1 AND kind = 0) RETURNING seq")    \
    X(CALLBACK_WHOLE_AGAIN, LITE_WRITER,                                                           \
      "UPDATE callback SET state = 0, tries = 0, next_at = ?2"                                     \
      " WHERE seq = (SELECT max(seq) FROM callback WHERE subject = ?1) RETURNING seq")             \
    X(CALLBACK_BATCH_INSERT, LITE_WRITER,                                                          \
      "INSERT INTO callback SELECT NULL, seq, 0, 0, 0, 0, ?2, ?2, 1, id, callback_url FROM batch"  \
      " WHERE seq = ?1 AND callback_url IS NOT NULL")                                              \
    X(CALLBACK_FLOW_INSERT, LITE_WRITER,                                                           \
      "INSERT INTO callback SELECT NULL, seq, 0, 0, 0, 0, ?2, ?2, 2, id, callback_url FROM flow"   \
      " WHERE seq = ?1 AND callback_url IS NOT NULL")                                              \
    X(CALLBACK_DELETE_OF, LITE_WRITER, "DELETE FROM callback WHERE job = ? AND kind = ?")          \
    X(CALLBACK_LOG_PUT, LITE_WRITER, "REPLACE INTO callback_attempt VALUES (?, ?, ?, ?, ?, ?)")    \
    X(CALLBACK_LOG_TRIM, LITE_WRITER,                                                              \
      "DELETE FROM callback_attempt WHERE callback = ? AND number <= ?")                           \
    X(CALLBACK_LOG_DELETE_OF, LITE_WRITER,                                                         \
      "DELETE FROM callback_attempt WHERE callback IN"                                             \
      " (SELECT seq FROM callback WHERE job = ? AND kind = ?)")                                    \
    X(CALLBACK_GONE_INSERT, LITE_WRITER,                                                           \
      "INSERT INTO callback_gone (url, at) SELECT coalesce(c.url, job.callback_url), ?2"           \
      " FROM callback c " LITE_CALLBACK_JOB " WHERE c.seq = ?1 ON CONFLICT DO NOTHING")            \
    X(CALLBACK_GONE_TRIM, LITE_WRITER,                                                             \
      "DELETE FROM callback_gone WHERE seq <= (SELECT max(seq) FROM callback_gone) - ?")           \
    X(CALLBACK_GONE_DELETE, LITE_WRITER,                                                           \
      "DELETE FROM callback_gone WHERE url = (SELECT coalesce(c.url, job.callback_url)"            \
      " FROM callback c " LITE_CALLBACK_JOB " WHERE c.seq = ?)")                                   \
    X(SIGNING_INSERT, LITE_WRITER, "INSERT INTO signing VALUES (1, ?) ON CONFLICT DO NOTHING")     \
    X(SIGNING_PUT, LITE_WRITER, "REPLACE INTO signing VALUES (1, ?)")                              \
    X(SIGNING_GET, LITE_READER, "SELECT sealed FROM signing WHERE one = 1")                        \
    X(CALLBACK_PENDING, LITE_READER,                                                               \
      "SELECT " LITE_CALLBACK "FROM callback c INDEXED BY callback_due"                            \
      " " LITE_CALLBACK_JOB " WHERE c.state = 0 AND (c.next_at, c.seq) > (?, ?)"                   \
      " ORDER BY c.next_at, c.seq LIMIT ?")                                                        \
    X(CALLBACK_BY_STATE, LITE_READER,                                                              \
      "SELECT " LITE_CALLBACK "FROM callback c " LITE_CALLBACK_JOB                                 \
      " WHERE c.state = ? AND c.seq < ? ORDER BY c.seq DESC LIMIT ?")                              \
    X(CALLBACK_OF_JOB, LITE_READER,                                                                \
      "SELECT " LITE_CALLBACK "FROM job CROSS JOIN callback c ON c.job = job.seq AND c.kind = 0"   \
      " WHERE job.id = ? ORDER BY c.seq DESC LIMIT ?")                                             \
    X(CALLBACK_OF_WHOLE, LITE_READER,                                                              \
      "SELECT " LITE_CALLBACK "FROM callback c " LITE_CALLBACK_JOB                                 \
      " WHERE c.subject = ? ORDER BY c.seq DESC LIMIT ?")                                          \
    X(CALLBACK_LOG, LITE_READER,                                                                   \
      "SELECT number, started_at, finished_at, status, code FROM callback_attempt"                 \
      " WHERE callback = ? ORDER BY number")                                                       \
    /* reading */                                                                                  \
    X(JOB_GET, LITE_READER,                                                                        \
      "SELECT " LITE_SHOWN ", after, files, result, input, job.state, job.run_at, job.expires_at," \
      " linked"                                                                                    \
      " FROM " LITE_JOB " WHERE job.id = ?")                                                       \
    X(JOB_INPUT, LITE_READER,                                                                      \
      "SELECT coalesce(l.input, job.input), account, traceparent, l.open"                          \
      " FROM job LEFT JOIN job_link l ON l.seq = CASE WHEN linked THEN job.seq END WHERE id = ?")  \
    X(LINK_GET, LITE_READER,                                                                       \
      "SELECT flow.id, l.name, l.on_parent_failure, l.open, l.input, l.for_each, job.id"           \
      " FROM job_link l LEFT JOIN job ON job.seq = l.item_of"                                      \
      " LEFT JOIN job_link m ON m.seq = l.item_of"                                                 \
      " LEFT JOIN flow ON flow.seq = coalesce(l.flow, m.flow) WHERE l.seq = ?")                    \
    X(FLOW_GET, LITE_READER,                                                                       \
      "SELECT seq, id, name, labels, created_by, created_at FROM flow WHERE id = ?")               \
    X(FLOWS_DOWN, LITE_READER,                                                                     \
      "SELECT seq, id, name, labels, created_by, created_at FROM flow WHERE id < ?"                \
      " ORDER BY id DESC LIMIT ?")                                                                 \
    X(FLOW_STATES, LITE_READER,                                                                    \
      "SELECT coalesce(n.state, job.state), coalesce(n.error_code = 'skipped', 0)"                 \
      " FROM job_link l JOIN job ON job.seq = l.seq LEFT JOIN job_now n ON n.seq = l.seq"          \
      " WHERE l.flow = ?")                                                                         \
    X(FLOW_JOBS, LITE_READER,                                                                      \
      "SELECT " LITE_SHOWN ", after, l.name, on_parent_failure, open, for_each, l.seq"             \
      " FROM job_link l JOIN job ON job.seq = l.seq LEFT JOIN job_now n ON n.seq = l.seq"          \
      " WHERE l.flow = ? ORDER BY l.seq")                                                          \
    X(ATTEMPTS, LITE_READER,                                                                       \
      "SELECT key & 1048575, " LITE_ATTEMPT                                                        \
      " FROM attempt WHERE key BETWEEN ? AND ? ORDER BY key")                                      \
    X(ATTEMPT_LAST, LITE_READER,                                                                   \
      "SELECT attempt, " LITE_ATTEMPT " FROM job_now WHERE seq = ? AND outcome IS NOT NULL")       \
    X(ARTIFACTS_OF_JOB, LITE_READER, LITE_ARTIFACT "WHERE artifact.job = ? ORDER BY artifact.seq") \
    X(ARTIFACTS_OF_ITEMS, LITE_READER,                                                             \
      LITE_ARTIFACT "WHERE artifact.job BETWEEN ? AND ? ORDER BY artifact.job, artifact.seq")      \
    X(ITEM_STATES, LITE_READER,                                                                    \
      "SELECT coalesce(n.state, job.state)"                                                        \
      " FROM job LEFT JOIN job_now n ON n.seq = job.seq WHERE job.seq BETWEEN ? AND ?")            \
    X(ARTIFACT_GET, LITE_READER, LITE_ARTIFACT "WHERE artifact.id = ?")                            \
    X(ARTIFACT_GET_BY_NAME, LITE_READER,                                                           \
      LITE_ARTIFACT "WHERE artifact.job = (SELECT seq FROM job WHERE id = ?)"                      \
                    " AND artifact.name = ? ORDER BY artifact.seq LIMIT 1")                        \
    X(SEQ_AT_MOST, LITE_READER, "SELECT seq FROM job WHERE id <= ? ORDER BY id DESC LIMIT 1")      \
    X(SEQ_BELOW, LITE_READER, "SELECT seq FROM job WHERE id < ? ORDER BY id DESC LIMIT 1")         \
    X(ID_ABOVE, LITE_READER, "SELECT id FROM job WHERE seq > ? ORDER BY seq LIMIT 1")              \
    X(ZONE_DOWN, LITE_READER,                                                                      \
      "SELECT zone FROM job_zone WHERE zone <= ? AND (finished & ? OR (? AND unfinished > 0))"     \
      " ORDER BY zone DESC LIMIT 1")                                                               \
    X(ZONE_UP, LITE_READER,                                                                        \
      "SELECT zone FROM job_zone WHERE zone >= ? AND unfinished > 0 ORDER BY zone LIMIT 1")        \
    X(JOBS_DOWN, LITE_READER,                                                                      \
      "SELECT " LITE_SHOWN " FROM " LITE_JOB " WHERE job.seq BETWEEN ?1 AND ?2"                    \
      " AND (?3 >> state_now & 1) AND (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR queue = ?5)"    \
      " AND created_at >= ?6 AND created_at < ?7 AND (?8 IS NULL OR EXISTS"                        \
      " (SELECT 1 FROM json_each(labels) l WHERE l.key = ?8 AND l.value = ?9))"                    \
      " ORDER BY job.seq DESC")                                                                    \
    X(JOBS_UP, LITE_READER,                                                                        \
      "SELECT " LITE_SCHEDULE ", linked AND EXISTS (SELECT 1 FROM job_link l"                      \
      " WHERE l.seq = job.seq AND l.cancelling) FROM " LITE_JOB " WHERE job.seq BETWEEN ? AND ?"   \
      " AND state_now <= 3 ORDER BY job.seq")                                                      \
    X(BATCH_GET, LITE_READER, "SELECT " LITE_BATCH "WHERE id = ?")                                 \
    X(BATCHES_DOWN, LITE_READER, "SELECT " LITE_BATCH "WHERE id < ? ORDER BY id DESC")             \
    X(BATCHES_UNFINISHED, LITE_READER,                                                             \
      "SELECT " LITE_BATCH "WHERE finished_at = 0 AND id < ? ORDER BY id DESC")                    \
    X(BATCH_BAD_BETWEEN, LITE_READER,                                                              \
      "SELECT line, pointer, reason FROM batch_bad WHERE batch = ? AND line BETWEEN ? AND ?"       \
      " ORDER BY line")                                                                            \
    X(BATCH_RESULT_ROWS, LITE_READER,                                                              \
      "SELECT " LITE_SHOWN ", result FROM " LITE_JOB " WHERE job.seq BETWEEN ? AND ?"              \
      " ORDER BY job.seq")                                                                         \
    X(RANGE_OF_JOB, LITE_READER,                                                                   \
      "SELECT b.id, ?1 - r.first + r.line FROM batch_range r JOIN batch b ON b.seq = r.batch"      \
      " WHERE r.first = (SELECT max(first) FROM batch_range WHERE first <= ?1)"                    \
      " AND r.first + r.count > ?1")                                                               \
    X(RANGES_OF, LITE_READER,                                                                      \
      "SELECT r.first, r.count FROM batch b JOIN batch_range r ON r.batch = b.seq WHERE b.id = ?"  \
      " AND b.stage < 3 AND (b.atomic = 0 OR b.upload = 1) ORDER BY r.line")                       \
    X(RANGES_UNFINISHED, LITE_READER,                                                              \
      "SELECT r.first, r.count, b.opened + 1 - r.line, b.id,"                                      \
      " b.stage = 3 OR (b.atomic AND b.upload <> 1) FROM batch b INDEXED BY batch_unfinished"      \
      " CROSS JOIN batch_range r ON r.batch = b.seq"                                               \
      " WHERE b.finished_at = 0 AND b.id > x''")                                                   \
    X(COUNTS, LITE_READER, "SELECT queue, state, count FROM job_count WHERE count > 0")            \
    X(EVENTS, LITE_READER,                                                                         \
      "SELECT first, count, packed FROM event WHERE first >="                                      \
      " (SELECT coalesce(max(first), 0) FROM event WHERE first <= ?) ORDER BY first")              \
    X(EVENT_FIRST, LITE_READER, "SELECT coalesce(min(first), 0) FROM event")

#endif
