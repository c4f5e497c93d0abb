-- beside: 1
-- +goose Up

-- Where organizers want to be told what happens to their events.
CREATE TABLE webhook_endpoints (
    id            TEXT COLLATE "C" PRIMARY KEY,
    organizer_id  TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    types         TEXT    NOT NULL, -- JSON array; empty: all
    enabled       BOOLEAN NOT NULL,
    off_because   TEXT    NOT NULL, -- '' while it is enabled
    created_at    BIGINT  NOT NULL, -- µs since 1970; it gets messages about what happens from then on
    failing_since BIGINT  NOT NULL, -- 0: the last attempt succeeded, or there was none
    notice_due    BOOLEAN NOT NULL, -- the organizer is still to be told that it was switched off
    pokes         BIGINT  NOT NULL  -- counts what makes the sender look again: tests, replays, changes
);
CREATE UNIQUE INDEX webhook_endpoints_by_organizer ON webhook_endpoints (organizer_id, url);

CREATE TABLE webhook_secrets (
    endpoint_id TEXT COLLATE "C" NOT NULL,
    secret      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL, -- 0: it is the current one
    PRIMARY KEY (endpoint_id, secret)
);

-- How far the ledger of an event was read.
CREATE TABLE webhook_cursors (
    event_id TEXT COLLATE "C" PRIMARY KEY,
    seq      BIGINT NOT NULL
);

-- Payments and refunds whose outcome is still to be told.
CREATE TABLE webhook_awaited (
    event_id   TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL, -- of the ledger's entry
    booking_id TEXT   NOT NULL,
    refund     BOOLEAN NOT NULL, -- what is awaited: the refund of this entry, or the booking's payment
    at         BIGINT NOT NULL, -- of the entry
    due_at     BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    PRIMARY KEY (event_id, seq)
);
CREATE INDEX webhook_awaited_due ON webhook_awaited (due_at);

CREATE TABLE webhook_messages (
    id       TEXT COLLATE "C" PRIMARY KEY,
    event_id TEXT   NOT NULL, -- '' for tests
    type     TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    body     TEXT   NOT NULL
);
-- Those that are too old for the log.
CREATE INDEX webhook_messages_by_time ON webhook_messages (at);

-- A message on its way to one endpoint.
CREATE TABLE webhook_deliveries (
    endpoint_id TEXT COLLATE "C" NOT NULL,
    message_id  TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL, -- of the message
    status      TEXT   NOT NULL, -- waiting, delivered, failed
    tries       BIGINT NOT NULL, -- attempts so far
    step        BIGINT NOT NULL, -- attempts since it was sent, or sent again
    began_at    BIGINT NOT NULL, -- when it was sent, or sent again
    due_at      BIGINT NOT NULL, -- of the next attempt, while it waits
    last_at     BIGINT NOT NULL, -- of the last attempt; 0: none
    last_status BIGINT NOT NULL,
    last_failure TEXT  NOT NULL,
    PRIMARY KEY (endpoint_id, message_id)
);
-- What is due at an endpoint.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE status = 'waiting';
-- The log of an endpoint, and what was given up.
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (endpoint_id, at, message_id);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, at) WHERE status = 'failed';

CREATE TABLE webhook_attempts (
    endpoint_id TEXT COLLATE "C" NOT NULL,
    message_id  TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    took        BIGINT NOT NULL, -- µs
    status      BIGINT NOT NULL, -- of the answer; 0: there was none
    failure     TEXT   NOT NULL,
    answer      TEXT   NOT NULL, -- the beginning of its body
    PRIMARY KEY (endpoint_id, message_id, number)
);

-- +goose Down
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_messages;
DROP TABLE webhook_awaited;
DROP TABLE webhook_cursors;
DROP TABLE webhook_secrets;
DROP TABLE webhook_endpoints;
