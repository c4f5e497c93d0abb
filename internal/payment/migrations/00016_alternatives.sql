-- beside: 7
-- +goose Up

-- Whether a late payment may book other seats; see paymentapi.PayRequest.
ALTER TABLE payments ADD COLUMN alternatives BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE payments DROP COLUMN alternatives;
