-- beside: 7
-- +goose Up

-- Of what was refunded: what was given back on the gateway's own pages.
ALTER TABLE payments ADD COLUMN elsewhere BIGINT NOT NULL DEFAULT 0; -- minor units

-- Disputes that are not decided, which the gateway is asked about each day.
CREATE INDEX payments_disputed ON payments (event_id, id) WHERE dispute = 'open';

-- +goose Down
DROP INDEX payments_disputed;
ALTER TABLE payments DROP COLUMN elsewhere;
