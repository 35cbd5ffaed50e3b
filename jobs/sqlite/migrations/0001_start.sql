-- The first schema. Times are milliseconds since 1970, ids the 16 bytes of a UUID, digests bytes.
-- A job has a number, `seq`, that rises by one; all else refers to it. What costs a write for each
-- job is kept few, and in the order of time: a job's row is written once and never changed, the only
-- index is that of the ids, and what other indexes would tell stands in `job_zone` and `job_count`,
-- which are brought up to date once a transaction.

-- What came in.
CREATE TABLE job (
    seq             INTEGER PRIMARY KEY,
    id              BLOB NOT NULL,
    state           INTEGER NOT NULL,  -- enum job_state at the insert
    created_at      INTEGER NOT NULL,
    run_at          INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    retention_ms    INTEGER NOT NULL,
    retry_safety    INTEGER NOT NULL,
    priority        INTEGER NOT NULL,
    timeout_ms      INTEGER NOT NULL,
    max_attempts    INTEGER NOT NULL,
    type            TEXT NOT NULL,
    queue           TEXT NOT NULL,
    account         TEXT,
    callback_url    TEXT,
    traceparent     TEXT,
    created_by      TEXT,
    labels          TEXT,
    after           BLOB,              -- ids, one behind the other
    files           BLOB,              -- likewise
    input           TEXT
);
CREATE UNIQUE INDEX job_id ON job (id);

-- What became of it, with its last attempt. No row: it is as it came.
CREATE TABLE job_now (
    seq               INTEGER PRIMARY KEY,
    state             INTEGER NOT NULL,
    attempt           INTEGER NOT NULL,  -- number of the last one
    charged           INTEGER NOT NULL,
    crashes           INTEGER NOT NULL,
    run_at            INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    finished_at       INTEGER NOT NULL,
    started_at        INTEGER NOT NULL,  -- from here on the attempt
    ended_at          INTEGER NOT NULL,
    outcome           INTEGER,           -- enum attempt_outcome; null: there was none
    code              TEXT,
    message           TEXT,
    cause             TEXT,
    cause_number      INTEGER NOT NULL,
    pid               INTEGER NOT NULL,
    connector_version TEXT,
    error_code        TEXT,              -- from here on the job again
    error_message     TEXT,
    error_details     TEXT,
    error_retryable   INTEGER NOT NULL,
    result            TEXT
);

-- Earlier attempts, moved here when the next one begins.
CREATE TABLE attempt (
    key               INTEGER PRIMARY KEY,  -- seq << 20 | number
    started_at        INTEGER NOT NULL,
    ended_at          INTEGER NOT NULL,
    outcome           INTEGER NOT NULL,
    code              TEXT,
    message           TEXT,
    cause             TEXT,
    cause_number      INTEGER NOT NULL,
    pid               INTEGER NOT NULL,
    connector_version TEXT
);

-- 256 jobs with neighbouring numbers (seq >> 8): lets lists, loading and purging skip them.
CREATE TABLE job_zone (
    zone       INTEGER PRIMARY KEY,
    jobs       INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,
    finished   INTEGER NOT NULL,       -- bits (1 << state) of terminal states that may be here
    purge_at   INTEGER                 -- not after the first of them may go
);
CREATE INDEX job_zone_purge ON job_zone (purge_at) WHERE purge_at IS NOT NULL;

CREATE TABLE job_count (
    queue TEXT NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (queue, state)
) WITHOUT ROWID;

-- Blocked jobs and the unfinished jobs they wait for.
CREATE TABLE job_after (
    child  INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    PRIMARY KEY (child, parent)
) WITHOUT ROWID;
CREATE INDEX job_after_parent ON job_after (parent);

-- Unfinished jobs and the artifacts that their inputs name.
CREATE TABLE job_file (
    job      INTEGER NOT NULL,
    artifact INTEGER NOT NULL,
    PRIMARY KEY (job, artifact)
) WITHOUT ROWID;
CREATE INDEX job_file_artifact ON job_file (artifact);

-- The outbox: the events of a transaction, packed (event.c).
CREATE TABLE event (
    first  INTEGER PRIMARY KEY,  -- number of the first one
    count  INTEGER NOT NULL,
    at     INTEGER NOT NULL,     -- the latest of them
    packed BLOB NOT NULL
);

-- Searched in memory (idempotency.c): an index on random bytes would cost a page for each job.
CREATE TABLE idempotency (
    seq        INTEGER PRIMARY KEY,  -- of the job
    scope      BLOB NOT NULL,        -- the first 16 bytes of the digest
    request    BLOB NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE artifact (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,
    job        INTEGER,              -- that made it; null: uploaded, or that job is gone
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,
    sha256     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER               -- null: with its job
);
CREATE UNIQUE INDEX artifact_id ON artifact (id);
CREATE INDEX artifact_sha256 ON artifact (sha256);
CREATE INDEX artifact_job ON artifact (job) WHERE job IS NOT NULL;
CREATE INDEX artifact_expires ON artifact (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE queue (
    name           TEXT PRIMARY KEY,
    paused         INTEGER NOT NULL,
    concurrency    INTEGER NOT NULL,
    rate           INTEGER NOT NULL,
    rate_period_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_key (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    digest     BLOB NOT NULL,
    scopes     INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
