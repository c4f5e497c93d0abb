-- beside: 7
-- +goose Up

-- The language of the request that paid, for emails about the order; '': it did not say.
ALTER TABLE payments ADD COLUMN lang TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE payments DROP COLUMN lang;
