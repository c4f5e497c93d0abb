-- beside: 7
-- +goose Up

-- What the gateway has taken beyond the amount that it was asked for (below 0: what it has
-- taken less), and what of that is settled: given back or, below 0, not given back with a
-- refund, since it was never taken. Minor units. An earlier program notes neither.
ALTER TABLE payments ADD COLUMN excess BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN excess_back BIGINT NOT NULL DEFAULT 0;

-- Payments whose buyers are owed an excess.
CREATE INDEX payments_excess ON payments (event_id, id) WHERE excess > excess_back AND ends_as = '';

-- +goose Down
DROP INDEX payments_excess;
ALTER TABLE payments DROP COLUMN excess_back;
ALTER TABLE payments DROP COLUMN excess;
