-- beside: 7
-- +goose Up

-- How a person has given back the money of a refund that failed, and which account says so;
-- '': nobody has. An earlier program tries such a refund again when it is told to.
ALTER TABLE refunds ADD COLUMN handled TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN handled_by TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE refunds DROP COLUMN handled_by;
ALTER TABLE refunds DROP COLUMN handled;
