-- beside: 2
-- +goose Up
-- A draft that was cancelled stays as private as it was.
ALTER TABLE events ADD COLUMN announced BOOLEAN NOT NULL DEFAULT TRUE;
UPDATE events SET announced = FALSE WHERE status = 'draft';

-- +goose Down
ALTER TABLE events DROP COLUMN announced;
