-- beside: 7
-- +goose Up

-- What is noted once a batch is noted once for each event of it. Rows that
-- programs of migration 7 write have no event; recovery reads and deletes both.
--
-- The keys take the place of the primary keys (id). The tables have few rows: what
-- is under way. On PostgreSQL the next version drops the old keys.
/*postgres:
ALTER TABLE payments_begun ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments_unwinding ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments_paid ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX payments_begun_by_event ON payments_begun (event_id, id);
CREATE UNIQUE INDEX payments_unwinding_by_event ON payments_unwinding (event_id, id);
CREATE UNIQUE INDEX payments_paid_by_event ON payments_paid (event_id, id);
*/

/*sqlite:
CREATE TABLE payments_begun_new (
    id       TEXT NOT NULL, -- the least of the payments' ids
    payments TEXT NOT NULL, -- JSON array of ids
    event_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (event_id, id)
) WITHOUT ROWID;
INSERT INTO payments_begun_new (id, payments) SELECT id, payments FROM payments_begun;
DROP TABLE payments_begun;
ALTER TABLE payments_begun_new RENAME TO payments_begun;

CREATE TABLE payments_unwinding_new (
    id       TEXT NOT NULL, -- payments.id
    event_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (event_id, id)
) WITHOUT ROWID;
INSERT INTO payments_unwinding_new (id) SELECT id FROM payments_unwinding;
DROP TABLE payments_unwinding;
ALTER TABLE payments_unwinding_new RENAME TO payments_unwinding;

CREATE TABLE payments_paid_new (
    id       TEXT NOT NULL, -- by chance
    payments TEXT NOT NULL, -- JSON: [[payment id, user id], …]
    event_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (event_id, id)
) WITHOUT ROWID;
INSERT INTO payments_paid_new (id, payments) SELECT id, payments FROM payments_paid;
DROP TABLE payments_paid;
ALTER TABLE payments_paid_new RENAME TO payments_paid;
*/

-- +goose Down
/*postgres: DROP INDEX payments_paid_by_event;*/
/*postgres: DROP INDEX payments_unwinding_by_event;*/
/*postgres: DROP INDEX payments_begun_by_event;*/
/*postgres: ALTER TABLE payments_paid DROP COLUMN event_id;*/
/*postgres: ALTER TABLE payments_unwinding DROP COLUMN event_id;*/
/*postgres: ALTER TABLE payments_begun DROP COLUMN event_id;*/
/*sqlite: CREATE UNIQUE INDEX payments_begun_pkey ON payments_begun (id);*/
/*sqlite: CREATE UNIQUE INDEX payments_unwinding_pkey ON payments_unwinding (id);*/
/*sqlite: CREATE UNIQUE INDEX payments_paid_pkey ON payments_paid (id);*/
