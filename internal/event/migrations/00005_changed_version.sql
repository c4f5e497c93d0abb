-- beside: 4
-- +goose Up
-- The event's version by which its time or venue changed last; 0: never, or by an older version of this program.
ALTER TABLE events ADD COLUMN changed_version BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE events DROP COLUMN changed_version;
