-- beside: 7
-- +goose Up

-- Of what was refunded: what was given back on the gateway's own pages.
ALTER TABLE payments ADD COLUMN elsewhere BIGINT NOT NULL DEFAULT 0; -- minor units

-- +goose Down
ALTER TABLE payments DROP COLUMN elsewhere;
