-- beside: 4
-- +goose Up
-- A paused sale was stopped by an import, not by the organizer: the next import may begin it again.
ALTER TABLE events ADD COLUMN import_paused BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE events DROP COLUMN import_paused;
