-- beside: 1
-- +goose Up

-- The head row of an event's sale: its lock orders all writes to the event's
-- seats, and it carries everything that a decision needs to know of the event.
CREATE TABLE sales (
    event_id           TEXT COLLATE "C" PRIMARY KEY,
    seq                BIGINT  NOT NULL, -- of the last ledger entry
    hash               BYTEA   NOT NULL, -- of the last ledger entry
    at                 BIGINT  NOT NULL, -- of the last ledger entry
    status             TEXT    NOT NULL,
    opens_at           BIGINT  NOT NULL, -- 0: as soon as it is on sale
    closes_at          BIGINT  NOT NULL, -- 0: never
    plan_id            TEXT    NOT NULL,
    plan_version       BIGINT  NOT NULL,
    price_version      BIGINT  NOT NULL,
    currency           TEXT    NOT NULL,
    seats              BIGINT  NOT NULL,
    limit_per_customer BIGINT  NOT NULL,
    hold_for           BIGINT  NOT NULL,
    organizer_id       TEXT    NOT NULL,
    event_version      BIGINT  NOT NULL
) /*sqlite: WITHOUT ROWID*/ /*postgres: WITH (fillfactor = 50)*/;

-- The promise: one row a seat, by primary key. No row: the seat is free.
CREATE TABLE claims (
    event_id   TEXT COLLATE "C" NOT NULL,
    seat       BIGINT NOT NULL,
    booking_id TEXT   NOT NULL,
    expires_at BIGINT, -- end of the hold; NULL: sold
    PRIMARY KEY (event_id, seat)
) /*sqlite: WITHOUT ROWID*/ /*postgres: WITH (fillfactor = 60)*/;

-- Rows stay in the order of their making, also on SQLite: a booking is paid
-- moments after it was held, and its page is then still at the end of the table.
CREATE TABLE bookings (
    id            TEXT COLLATE "C" PRIMARY KEY, -- begins with the event's id
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
    fingerprint   BYTEA,            -- of the request that made it, when it had an idempotency key
    extended      BOOLEAN NOT NULL,
    seq           BIGINT  NOT NULL  -- of its last ledger entry
) /*postgres: WITH (fillfactor = 60)*/;

-- A buyer's live seats in an event, and "my bookings".
CREATE INDEX bookings_by_user ON bookings (user_id, event_id);
-- The sweeper's only question.
CREATE INDEX bookings_lapsing ON bookings (expires_at) WHERE status = 'pending';

CREATE TABLE ledger (
    event_id   TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    booking_id TEXT,
    seats      TEXT,   -- JSON array of ordinals
    until      BIGINT,
    amount     BIGINT,
    currency   TEXT,
    sale       TEXT,   -- RFC 8785 JSON, kind sale only
    hash       BYTEA  NOT NULL,
    PRIMARY KEY (event_id, seq)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE ledger;
DROP TABLE bookings;
DROP TABLE claims;
DROP TABLE sales;
