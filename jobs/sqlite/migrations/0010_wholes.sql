-- Batches and flows as wholes: what is told when they end, and the schedules that make them.
ALTER TABLE batch ADD COLUMN callback_url TEXT;
ALTER TABLE batch ADD COLUMN source TEXT;  -- JSON: where its lines come from; null: an upload
ALTER TABLE flow ADD COLUMN callback_url TEXT;

-- Of a batch or a flow: `job` is its number, `event` says nothing.
ALTER TABLE callback ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;  -- enum work_kind
ALTER TABLE callback ADD COLUMN subject BLOB;                     -- its id
ALTER TABLE callback ADD COLUMN url TEXT;
CREATE INDEX callback_subject ON callback (subject) WHERE subject IS NOT NULL;

ALTER TABLE schedule_run ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;  -- enum work_kind of `job`
CREATE INDEX schedule_run_whole ON schedule_run (job) WHERE kind > 0;
