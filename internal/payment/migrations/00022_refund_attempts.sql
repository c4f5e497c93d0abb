-- beside: 7
-- +goose Up

-- Counts the idempotency keys of a refund: once a refund that was made has failed, its key
-- gets the same answer for ever. An earlier program tries such a refund again with its
-- first key, which changes nothing.
ALTER TABLE refunds ADD COLUMN attempt BIGINT NOT NULL DEFAULT 1;

-- +goose Down
ALTER TABLE refunds DROP COLUMN attempt;
