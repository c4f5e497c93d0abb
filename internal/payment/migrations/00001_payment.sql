-- beside: 1
-- +goose Up

-- One row for each attempt to pay for a booking. The primary key gives each
-- attempt at most one row; the event's payments are neighbours, since a
-- booking's id begins with its event's.
CREATE TABLE payments (
    id          TEXT COLLATE "C" PRIMARY KEY, -- booking_id + '-' + attempt
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
    key_hash    BYTEA,            -- of the user and the idempotency key it was made with
    fingerprint BYTEA,            -- of the request's body, when it had a key
    version     BIGINT  NOT NULL, -- counts the changes: every change compares and sets it
    created_at  BIGINT  NOT NULL, -- µs since 1970
    updated_at  BIGINT  NOT NULL,
    history     TEXT    NOT NULL  -- JSON: [{"status":…,"at":…}, …]
) /*postgres: WITH (fillfactor = 60)*/;

-- A key names one payment of its user.
CREATE UNIQUE INDEX payments_by_key ON payments (key_hash) WHERE key_hash IS NOT NULL;
-- What recovery looks for; tiny, since few payments are under way at a time.
CREATE INDEX payments_open ON payments (id) WHERE status IN ('pending', 'authorized');

-- Money to be given back: one row for each cancelled entry of the ledger.
CREATE TABLE refunds (
    id         TEXT COLLATE "C" PRIMARY KEY, -- event_id + ':' + ledger seq
    event_id   TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    booking_id TEXT   NOT NULL,
    payment_id TEXT   NOT NULL, -- '' until it is known
    amount     BIGINT NOT NULL, -- minor units
    status     TEXT   NOT NULL, -- pending, done, needless (nothing was taken), failed
    reason     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) /*sqlite: WITHOUT ROWID*/;

CREATE INDEX refunds_open ON refunds (id) WHERE status = 'pending';

-- How far each event's ledger was followed: refunds for all entries up to seq
-- have their row.
CREATE TABLE refund_cursors (
    event_id TEXT COLLATE "C" PRIMARY KEY,
    seq      BIGINT NOT NULL
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE refund_cursors;
DROP TABLE refunds;
DROP TABLE payments;
