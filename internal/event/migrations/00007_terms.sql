-- beside: 5
-- +goose Up

-- What is kept of cancelled seats, as JSON: a list of bookingapi.CancelFee; '': nothing.
ALTER TABLE events ADD COLUMN cancellation_fees TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE events DROP COLUMN cancellation_fees;
