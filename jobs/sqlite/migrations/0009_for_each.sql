-- Jobs that make a job for each item of an array (jobs/flow.h), and a wish to cancel that is kept.
ALTER TABLE job_link ADD COLUMN for_each TEXT;       -- where the items are; null: an ordinary job
ALTER TABLE job_link ADD COLUMN first_item INTEGER;  -- job.seq of the first job that it made
ALTER TABLE job_link ADD COLUMN items INTEGER;       -- how many, one number behind the other; null: none were made yet
ALTER TABLE job_link ADD COLUMN item_of INTEGER;     -- job.seq of the one that made it
ALTER TABLE job_link ADD COLUMN cancelling INTEGER NOT NULL DEFAULT 0;

-- Is there a row in job_link? Jobs of before are looked up.
ALTER TABLE job ADD COLUMN linked INTEGER NOT NULL DEFAULT 1;
