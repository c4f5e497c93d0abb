-- beside: 1
-- +goose Up

-- Who sells an organizer's tickets, as documents name them. Rows never change: the one with
-- the highest version counts, and a document names the version that it was issued with.
CREATE TABLE invoice_sellers (
    id         TEXT COLLATE "C" NOT NULL, -- of the organizer; 'house': events without one
    version    BIGINT NOT NULL,           -- from 1
    seller     TEXT   NOT NULL,           -- JSON
    author_id  TEXT   NOT NULL,           -- the account that gave it
    created_at BIGINT NOT NULL,           -- µs since 1970
    PRIMARY KEY (id, version)
) /*sqlite: WITHOUT ROWID*/;

-- The last number of each seller and year. A document is inserted in the transaction that
-- counts it here, under this row's lock.
CREATE TABLE invoice_series (
    seller_id TEXT COLLATE "C" NOT NULL,
    test      BOOLEAN NOT NULL, -- numbers of documents about test money
    year      BIGINT  NOT NULL, -- in the seller's time zone
    last      BIGINT  NOT NULL,
    issued_at BIGINT  NOT NULL, -- of the last one
    PRIMARY KEY (seller_id, test, year)
) /*sqlite: WITHOUT ROWID*/;

-- Invoices and credit notes, as they were issued.
CREATE TABLE invoices (
    seller_id      TEXT COLLATE "C" NOT NULL,
    test           BOOLEAN NOT NULL,
    year           BIGINT  NOT NULL,
    sequence       BIGINT  NOT NULL, -- from 1, without gaps
    event_id       TEXT COLLATE "C" NOT NULL,
    payment_id     TEXT COLLATE "C" NOT NULL, -- begins with the booking's id
    part           BIGINT  NOT NULL, -- 0: the invoice; n: the credit note for the nth refund
    seller_version BIGINT  NOT NULL,
    amount         BIGINT  NOT NULL, -- minor units, all-in
    tax            BIGINT  NOT NULL, -- part of it
    currency       TEXT    NOT NULL,
    issued_at      BIGINT  NOT NULL,
    content        TEXT    NOT NULL, -- JSON: the rest
    PRIMARY KEY (seller_id, test, year, sequence)
) /*sqlite: WITHOUT ROWID*/;
CREATE UNIQUE INDEX invoices_by_payment ON invoices (event_id, payment_id, part);

-- Which messages were taken (bus.Taken).
CREATE TABLE invoice_taken (
    topic TEXT COLLATE "C" NOT NULL,
    key   TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    at    BIGINT  NOT NULL, -- µs since 1970
    dead  BOOLEAN NOT NULL, -- it became a dead letter
    PRIMARY KEY (topic, key, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE invoice_taken;
DROP TABLE invoices;
DROP TABLE invoice_series;
DROP TABLE invoice_sellers;
