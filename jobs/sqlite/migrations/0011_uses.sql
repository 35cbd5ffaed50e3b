-- Uses of an account that are no attempt themselves: files that one fetches. Their keys are below 0.

ALTER TABLE account_use ADD COLUMN attempt INTEGER;  -- NULL: it is in the key
ALTER TABLE account_use ADD COLUMN pointer TEXT;     -- of the file in the job's input
