-- Zones and counts are no longer written with each transaction: what a transaction changed in them
-- rides along in the row of its events, and is written into `job_zone` and `job_count` now and then.

ALTER TABLE event ADD COLUMN sums BLOB;  -- see tally.c; null: none, or written at once

-- The last event whose sums are in the tables.
CREATE TABLE tally (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    event    INTEGER NOT NULL
);
INSERT INTO tally VALUES (1, (SELECT coalesce(max(first + count - 1), 0) FROM event));
