-- beside: 1
-- +goose Up

-- The code changes with time, which could not be checked when somebody was let in with it.
ALTER TABLE door_scans ADD COLUMN untimed BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE door_scans DROP COLUMN untimed;
