-- Jobs that came together. What changes in `batch` is written once a transaction, whatever the number
-- of jobs; see jobs/batch.h.
CREATE TABLE batch (
    seq            INTEGER PRIMARY KEY,
    id             BLOB NOT NULL,
    scope          BLOB,              -- of the Idempotency-Key; null: none
    request        BLOB,              -- digest of the settings as they were sent
    settings       TEXT NOT NULL,
    queue          TEXT NOT NULL,
    created_by     TEXT,
    atomic         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    retention_ms   INTEGER NOT NULL,
    paused         INTEGER NOT NULL,  -- from here on what changes
    concurrency    INTEGER NOT NULL,
    rate           INTEGER NOT NULL,
    rate_period_ms INTEGER NOT NULL,
    upload         INTEGER NOT NULL,  -- enum batch_upload
    stage          INTEGER NOT NULL,  -- enum batch_stage
    touched_at     INTEGER NOT NULL,
    finished_at    INTEGER NOT NULL,  -- 0: not yet
    lines          INTEGER NOT NULL,
    digest         BLOB NOT NULL,
    opened         INTEGER NOT NULL,
    parked         INTEGER NOT NULL,
    bad            INTEGER NOT NULL,
    blocked        INTEGER NOT NULL,
    scheduled      INTEGER NOT NULL,
    queued         INTEGER NOT NULL,
    running        INTEGER NOT NULL,
    succeeded      INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    cancelled      INTEGER NOT NULL,
    unknown        INTEGER NOT NULL,
    on_complete    INTEGER NOT NULL,  -- job.seq; 0: none
    on_complete_id BLOB
);
CREATE UNIQUE INDEX batch_id ON batch (id);
CREATE UNIQUE INDEX batch_scope ON batch (scope) WHERE scope IS NOT NULL;
CREATE INDEX batch_unfinished ON batch (id) WHERE finished_at = 0;
CREATE INDEX batch_due ON batch (finished_at + retention_ms) WHERE finished_at > 0;

-- Lines `line` and on are the jobs `first` and on; a line without a job is a hole.
CREATE TABLE batch_range (
    first INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    line  INTEGER NOT NULL,
    count INTEGER NOT NULL
);
CREATE INDEX batch_range_line ON batch_range (batch, line);

CREATE TABLE batch_bad (
    batch   INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    pointer TEXT,
    reason  TEXT,
    PRIMARY KEY (batch, line)
) WITHOUT ROWID;
