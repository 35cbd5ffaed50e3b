-- Schedules (jobs/schedule.h), and what became of each of their ticks.

CREATE TABLE schedule (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: runs outlive their schedule
    name       TEXT NOT NULL UNIQUE,
    spec       TEXT NOT NULL,
    created_by TEXT NOT NULL,
    paused     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    cursor_at  INTEGER NOT NULL
);

CREATE TABLE schedule_run (
    schedule INTEGER NOT NULL,
    tick     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,  -- enum schedule_outcome
    by_hand  INTEGER NOT NULL,
    misfired INTEGER NOT NULL,
    missed   INTEGER NOT NULL,
    job      BLOB,
    reason   TEXT,
    purge_at INTEGER,           -- null while it waits
    PRIMARY KEY (schedule, tick)
) WITHOUT ROWID;
CREATE INDEX schedule_run_waiting ON schedule_run (schedule, tick) WHERE outcome = 0;
CREATE INDEX schedule_run_purge_at ON schedule_run (purge_at);
CREATE INDEX schedule_run_job ON schedule_run (schedule, tick) WHERE job IS NOT NULL;
