-- News of jobs that have ended, on their way to the jobs' callback_url (jobs/callback.h).
CREATE TABLE callback (
    seq        INTEGER PRIMARY KEY,
    job        INTEGER NOT NULL,  -- seq of the job
    event      INTEGER NOT NULL,  -- enum job_state that it ended in
    state      INTEGER NOT NULL,  -- enum callback_state
    attempts   INTEGER NOT NULL,  -- in all
    tries      INTEGER NOT NULL,  -- since it was last sent anew
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL
);
CREATE INDEX callback_due ON callback (next_at) WHERE state = 0;
CREATE INDEX callback_job ON callback (job);
CREATE INDEX callback_state ON callback (state);

CREATE TABLE callback_attempt (
    callback    INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    status      INTEGER NOT NULL,  -- of HTTP; 0: there was no answer
    code        TEXT,
    PRIMARY KEY (callback, number)
) WITHOUT ROWID;

-- Receivers that have said 410 Gone.
CREATE TABLE callback_gone (
    seq INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    at  INTEGER NOT NULL
);

-- What callbacks are signed with, sealed (core/accounts/signer.h). One row.
CREATE TABLE signing (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    sealed BLOB NOT NULL
);
