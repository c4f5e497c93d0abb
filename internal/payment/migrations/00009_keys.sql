-- beside: 7
/*postgres: -- +goose NO TRANSACTION*/
-- +goose Up

-- Keys that begin with the event, in one collation: see the booking service's
-- migration 5, which says how and why. They take the place of the primary keys of
-- payments and refunds (id) and of payments_by_key (key_hash), which on PostgreSQL
-- nodes that know only migration 7 still need: the next version drops those.
/*postgres:
DROP INDEX IF EXISTS payments_by_event;
CREATE UNIQUE INDEX CONCURRENTLY payments_by_event ON payments (event_id COLLATE "C", id);
DROP INDEX IF EXISTS payments_by_event_key;
CREATE UNIQUE INDEX CONCURRENTLY payments_by_event_key ON payments (event_id COLLATE "C", key_hash) WHERE key_hash IS NOT NULL;
DROP INDEX IF EXISTS refunds_by_event;
CREATE UNIQUE INDEX CONCURRENTLY refunds_by_event ON refunds (event_id COLLATE "C", seq);
*/
/*postgres new:
ALTER TABLE payments ALTER COLUMN event_id TYPE TEXT COLLATE "C", DROP CONSTRAINT IF EXISTS payments_pkey;
DROP INDEX IF EXISTS payments_by_key;
ALTER TABLE refunds ALTER COLUMN event_id TYPE TEXT COLLATE "C", DROP CONSTRAINT IF EXISTS refunds_pkey;
*/

/*sqlite:
CREATE TABLE payments_new (
    id          TEXT    NOT NULL, -- booking_id + '-' + attempt
    booking_id  TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    attempt     BIGINT  NOT NULL, -- 1, 2, 3, …; a new one only when the last is final and took no money
    amount      BIGINT  NOT NULL, -- minor units
    currency    TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    method      TEXT    NOT NULL, -- a token, never a card number
    try         BIGINT  NOT NULL, -- counts the methods
    void_wanted BOOLEAN NOT NULL,
    refunded    BIGINT  NOT NULL, -- minor units
    reason      TEXT    NOT NULL, -- why it failed or was voided
    reference   TEXT    NOT NULL, -- the gateway's name of the charge
    key_hash    BLOB,             -- of the user and the idempotency key it was made with
    fingerprint BLOB,             -- of the request's body, when it had a key
    version     BIGINT  NOT NULL, -- counts the changes: every change compares and sets it
    created_at  BIGINT  NOT NULL, -- µs since 1970
    updated_at  BIGINT  NOT NULL,
    history     TEXT    NOT NULL, -- JSON: [{"status":…,"at":…}, …]
    started_at  BIGINT  NOT NULL DEFAULT 0,  -- this and what follows: see migration 5
    ends_as     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (event_id, id)
);
INSERT INTO payments_new (id, booking_id, event_id, user_id, attempt, amount, currency, status, method, try, void_wanted,
        refunded, reason, reference, key_hash, fingerprint, version, created_at, updated_at, history, started_at, ends_as)
    SELECT id, booking_id, event_id, user_id, attempt, amount, currency, status, method, try, void_wanted,
        refunded, reason, reference, key_hash, fingerprint, version, created_at, updated_at, history, started_at, ends_as
    FROM payments ORDER BY rowid;
DROP TABLE payments;
ALTER TABLE payments_new RENAME TO payments;
CREATE UNIQUE INDEX payments_by_event_key ON payments (event_id, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX payments_given_up ON payments (id) WHERE ends_as <> '';

CREATE TABLE refunds_new (
    id         TEXT   NOT NULL, -- event_id + ':' + ledger seq
    event_id   TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    booking_id TEXT   NOT NULL,
    payment_id TEXT   NOT NULL, -- '' until it is known
    amount     BIGINT NOT NULL, -- minor units
    status     TEXT   NOT NULL, -- pending, done, needless (nothing was taken), failed
    reason     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (event_id, seq)
) WITHOUT ROWID;
INSERT INTO refunds_new (id, event_id, seq, booking_id, payment_id, amount, status, reason, created_at, updated_at)
    SELECT id, event_id, seq, booking_id, payment_id, amount, status, reason, created_at, updated_at FROM refunds;
DROP TABLE refunds;
ALTER TABLE refunds_new RENAME TO refunds;
CREATE INDEX refunds_open ON refunds (id) WHERE status = 'pending';
*/

-- +goose Down
/*postgres: CREATE UNIQUE INDEX IF NOT EXISTS payments_pkey ON payments (id);*/
/*postgres: CREATE UNIQUE INDEX IF NOT EXISTS payments_by_key ON payments (key_hash) WHERE key_hash IS NOT NULL;*/
/*postgres: CREATE UNIQUE INDEX IF NOT EXISTS refunds_pkey ON refunds (id);*/
/*postgres: DROP INDEX refunds_by_event;*/
/*postgres: DROP INDEX payments_by_event_key;*/
/*postgres: DROP INDEX payments_by_event;*/
/*sqlite: CREATE UNIQUE INDEX payments_pkey ON payments (id);*/
/*sqlite: CREATE UNIQUE INDEX payments_by_key ON payments (key_hash) WHERE key_hash IS NOT NULL;*/
/*sqlite: CREATE UNIQUE INDEX refunds_pkey ON refunds (id);*/
