-- Jobs that were posted together as a graph, and what makes a job more than one that stands alone.
CREATE TABLE flow (
    seq         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL,
    scope       BLOB,              -- of the Idempotency-Key; null: none
    request     BLOB,
    scope_until INTEGER NOT NULL,
    name        TEXT,
    labels      TEXT,
    created_by  TEXT,
    created_at  INTEGER NOT NULL
);
CREATE UNIQUE INDEX flow_id ON flow (id);
CREATE UNIQUE INDEX flow_scope ON flow (scope) WHERE scope IS NOT NULL;

-- Of a job that is in a flow, takes values of its parents, or does not simply fail with them. No
-- row: none of these. A flow goes with the last of its jobs.
CREATE TABLE job_link (
    seq               INTEGER PRIMARY KEY,  -- of the job
    flow              INTEGER,
    name              TEXT,                 -- there
    on_parent_failure INTEGER NOT NULL,     -- enum job_parent_policy
    open              INTEGER NOT NULL,     -- its input names values that were not put in yet
    input             TEXT                  -- with the values put in
);
CREATE INDEX job_link_flow ON job_link (flow) WHERE flow IS NOT NULL;

ALTER TABLE job_after ADD COLUMN on_parent_failure INTEGER NOT NULL DEFAULT 0;
