-- beside: 4
/*postgres: -- +goose NO TRANSACTION*/
-- +goose Up

-- Keys that begin with the event, in one collation, so that all that a purchase
-- reads and writes is found by its event. They take the place of the primary keys
-- of bookings (id) and of lapsing (expires_at, event_id, first_seq).

-- On PostgreSQL nodes of the version before run beside this, and need the old keys:
-- the next version drops them; new tables do without them at once. Reads and writes go on while the indexes are built
-- (SHARE UPDATE EXCLUSIVE). A build that was broken off leaves an invalid index,
-- hence the DROP. The column event_id of bookings keeps its collation for now: to
-- change it would end the prepared statements of those nodes.
/*postgres:
DROP INDEX IF EXISTS bookings_by_event;
CREATE UNIQUE INDEX CONCURRENTLY bookings_by_event ON bookings (event_id COLLATE "C", id);
DROP INDEX IF EXISTS lapsing_by_event;
CREATE UNIQUE INDEX CONCURRENTLY lapsing_by_event ON lapsing (event_id, expires_at, first_seq);
*/
/*postgres new: ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_pkey;*/

-- On SQLite a folder belongs to one process, and both keys would be three indexes
-- more for each purchase. The tables are copied, in one transaction.
/*sqlite:
CREATE TABLE bookings_new (
    id            TEXT    NOT NULL, -- begins with the event's id
    event_id      TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    seats         TEXT    NOT NULL, -- JSON array of ordinals
    created_at    BIGINT  NOT NULL,
    expires_at    BIGINT,           -- of the hold, pending and expired bookings only
    amount        BIGINT  NOT NULL, -- of seats
    fees          BIGINT  NOT NULL, -- part of amount
    currency      TEXT    NOT NULL,
    plan_id       TEXT    NOT NULL,
    plan_version  BIGINT  NOT NULL,
    price_version BIGINT  NOT NULL,
    payment_id    TEXT,
    fingerprint   BLOB,             -- of the request that made it, when it had an idempotency key
    extended      BOOLEAN NOT NULL,
    seq           BIGINT  NOT NULL, -- of its last ledger entry
    email_key     BLOB,             -- this and what follows: see migration 4
    released_at   BIGINT,
    given_back    TEXT,
    PRIMARY KEY (event_id, id)
);
INSERT INTO bookings_new (id, event_id, user_id, status, seats, created_at, expires_at, amount, fees, currency,
        plan_id, plan_version, price_version, payment_id, fingerprint, extended, seq, email_key, released_at, given_back)
    SELECT id, event_id, user_id, status, seats, created_at, expires_at, amount, fees, currency,
        plan_id, plan_version, price_version, payment_id, fingerprint, extended, seq, email_key, released_at, given_back
    FROM bookings ORDER BY rowid;
DROP TABLE bookings;
ALTER TABLE bookings_new RENAME TO bookings;
CREATE INDEX bookings_by_user ON bookings (user_id, event_id);
CREATE INDEX bookings_by_email ON bookings (email_key, event_id) WHERE email_key IS NOT NULL;

CREATE TABLE lapsing_new (
    expires_at BIGINT NOT NULL, -- µs since 1970
    event_id   TEXT   NOT NULL,
    first_seq  BIGINT NOT NULL,
    last_seq   BIGINT NOT NULL,
    PRIMARY KEY (event_id, expires_at, first_seq)
) WITHOUT ROWID;
INSERT INTO lapsing_new (expires_at, event_id, first_seq, last_seq) SELECT expires_at, event_id, first_seq, last_seq FROM lapsing;
DROP TABLE lapsing;
ALTER TABLE lapsing_new RENAME TO lapsing;
-- What is due, for the janitor. On PostgreSQL that is the old primary key for now.
CREATE INDEX lapsing_due ON lapsing (expires_at, event_id, first_seq);
*/

-- +goose Down
/*postgres: DROP INDEX lapsing_by_event;*/
/*postgres: CREATE UNIQUE INDEX IF NOT EXISTS bookings_pkey ON bookings (id);*/
/*postgres: DROP INDEX bookings_by_event;*/
/*sqlite: DROP INDEX lapsing_due;*/
/*sqlite: CREATE UNIQUE INDEX lapsing_pkey ON lapsing (expires_at, event_id, first_seq);*/
/*sqlite: CREATE UNIQUE INDEX bookings_pkey ON bookings (id);*/
