-- Uses that no attempt on record ends: when the store is opened, what is left of them is closed.

CREATE INDEX account_use_open ON account_use (key) WHERE ended_at = 0 AND key < 0;
