-- beside: 7
-- +goose Up

-- What the gateway has declined on its own page, by the payment's present method.
ALTER TABLE payments ADD COLUMN declines BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE payments DROP COLUMN declines;
