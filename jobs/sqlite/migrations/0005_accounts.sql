-- Accounts: credentials for connectors, sealed (core/accounts), and every use of them.

CREATE TABLE account (
    name           TEXT PRIMARY KEY,
    connector      TEXT NOT NULL,
    sealed         BLOB NOT NULL,
    is_default     INTEGER NOT NULL,
    in_flight      INTEGER NOT NULL,
    rate           INTEGER NOT NULL,
    rate_period_ms INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) WITHOUT ROWID;

-- An attempt under an account. It outlives its job and its account.
CREATE TABLE account_use (
    key        INTEGER PRIMARY KEY,  -- seq of the job << 20 | number of the attempt
    account    TEXT NOT NULL,
    job        BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,     -- 0: not yet
    outcome    INTEGER NOT NULL      -- enum attempt_outcome, once it has ended
);
CREATE INDEX account_use_account ON account_use (account, started_at);
CREATE INDEX account_use_started_at ON account_use (started_at);
