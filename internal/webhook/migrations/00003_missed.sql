-- beside: 1
-- +goose Up

-- From when on an endpoint gets messages, and since when ledgers may have been read without
-- it: the node that reads them sees a new endpoint, or one that was changed, a moment later,
-- and may stop before that. Endpoints that an earlier version of the program makes are read
-- for again from their beginning.
ALTER TABLE webhook_endpoints ADD COLUMN begins_at BIGINT NOT NULL DEFAULT 0;    -- µs since 1970; 0: created_at
ALTER TABLE webhook_endpoints ADD COLUMN missed_since BIGINT NOT NULL DEFAULT 1; -- µs since 1970; 0: nothing was missed
UPDATE webhook_endpoints SET missed_since = 0;

-- +goose Down
ALTER TABLE webhook_endpoints DROP COLUMN missed_since;
ALTER TABLE webhook_endpoints DROP COLUMN begins_at;
