-- What attempts keep (hub.keep/1) and what they put on record (hub.ledger/1).

-- Whose values there are, and how many: each owner has a limit.
CREATE TABLE keep_box (
    box       INTEGER PRIMARY KEY,
    job       INTEGER NOT NULL,  -- seq of the job that they go with; 0: they are the account's
    connector TEXT NOT NULL,
    account   TEXT NOT NULL,     -- its name; empty: none, or they are a job's
    items     INTEGER NOT NULL,
    bytes     INTEGER NOT NULL   -- of keys and values
);
CREATE UNIQUE INDEX keep_box_owner ON keep_box (job, connector, account);

CREATE TABLE keep (
    box        INTEGER NOT NULL,
    key        BLOB NOT NULL,
    value      BLOB NOT NULL,
    kept_at    INTEGER NOT NULL,
    expires_at INTEGER,          -- null: never
    PRIMARY KEY (box, key)
) WITHOUT ROWID;
CREATE INDEX keep_expires ON keep (expires_at) WHERE expires_at IS NOT NULL;

-- Never changed and never purged; jobs/ledger.h says what the hash is of.
CREATE TABLE ledger (
    seq       INTEGER PRIMARY KEY,  -- from 1, without gaps
    at        INTEGER NOT NULL,     -- never less than that of the entry before
    connector TEXT NOT NULL,
    account   TEXT NOT NULL,        -- empty: none
    job       BLOB NOT NULL,
    attempt   INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    body      TEXT NOT NULL,
    hash      BLOB NOT NULL
);
CREATE INDEX ledger_at ON ledger (at);
