-- beside: 7
-- +goose Up

-- Each dispute of the payment: JSON, see knownDispute; '': there is none, or an earlier program
-- has written only dispute and disputed, which speak of all of them. It takes the last one for
-- the only one.
ALTER TABLE payments ADD COLUMN disputes TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE payments DROP COLUMN disputes;
