-- beside: 7
-- +goose Up

-- What is noted once a batch is noted once for each event of it. Rows that
-- programs of migration 7 write have no event; recovery reads and deletes both.
ALTER TABLE payments_begun ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments_unwinding ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments_paid ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';

-- They take the place of the primary keys (id), which the next version drops.
-- The tables have few rows: what is under way.
CREATE UNIQUE INDEX payments_begun_by_event ON payments_begun (event_id, id);
CREATE UNIQUE INDEX payments_unwinding_by_event ON payments_unwinding (event_id, id);
CREATE UNIQUE INDEX payments_paid_by_event ON payments_paid (event_id, id);

-- +goose Down
DROP INDEX payments_paid_by_event;
DROP INDEX payments_unwinding_by_event;
DROP INDEX payments_begun_by_event;
ALTER TABLE payments_paid DROP COLUMN event_id;
ALTER TABLE payments_unwinding DROP COLUMN event_id;
ALTER TABLE payments_begun DROP COLUMN event_id;
