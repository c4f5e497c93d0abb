-- beside: 1
-- +goose Up

-- From when on an endpoint gets messages. missed_since is not used any more: a message goes to
-- the endpoints that the transaction sees in which it is stored.
ALTER TABLE webhook_endpoints ADD COLUMN begins_at BIGINT NOT NULL DEFAULT 0;    -- µs since 1970; 0: created_at
ALTER TABLE webhook_endpoints ADD COLUMN missed_since BIGINT NOT NULL DEFAULT 1;
UPDATE webhook_endpoints SET missed_since = 0;

-- +goose Down
ALTER TABLE webhook_endpoints DROP COLUMN missed_since;
ALTER TABLE webhook_endpoints DROP COLUMN begins_at;
