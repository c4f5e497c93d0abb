-- beside: 1
-- +goose Up
CREATE TABLE venues (
    id        TEXT COLLATE "C" PRIMARY KEY,
    name      TEXT NOT NULL,
    address   TEXT NOT NULL,
    city      TEXT NOT NULL,
    country   TEXT NOT NULL, -- ISO 3166-1 alpha-2, or ''
    time_zone TEXT NOT NULL  -- IANA name
);

-- One version of a seating plan; rows never change.
CREATE TABLE plans (
    id          TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    seats       BIGINT NOT NULL,
    generator   TEXT   NOT NULL, -- template and its version, or '' when there is a document
    document    BYTEA,           -- gzip of the plan document
    fingerprint BYTEA,           -- SHA-256 of the document
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (id, version)
);

CREATE TABLE events (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    organizer_id       TEXT   NOT NULL, -- '': the house
    title              TEXT   NOT NULL,
    description        TEXT   NOT NULL,
    category           TEXT   NOT NULL,
    venue_id           TEXT   NOT NULL REFERENCES venues (id),
    starts_at          BIGINT,          -- NULL: to be announced
    local_date         TEXT   NOT NULL, -- YYYY-MM-DD in the venue's zone; '' when unknown
    time_zone          TEXT   NOT NULL, -- IANA name
    sort_at            BIGINT NOT NULL, -- when it is about, for lists; the end of time when unknown
    status             TEXT   NOT NULL,
    opens_at           BIGINT NOT NULL, -- of the sale; 0: at once
    closes_at          BIGINT NOT NULL, -- of the sale; 0: never
    plan_id            TEXT   NOT NULL,
    plan_version       BIGINT NOT NULL,
    seats              BIGINT NOT NULL,
    price_version      BIGINT NOT NULL, -- 0: no price
    price_from         BIGINT NOT NULL, -- lowest all-in price, minor units
    currency           TEXT   NOT NULL,
    limit_per_customer BIGINT NOT NULL,
    hold_for           BIGINT NOT NULL, -- µs
    attributes         TEXT   NOT NULL, -- JSON object
    source             TEXT,            -- id where it was imported from
    source_hash        BYTEA,           -- SHA-256 of what was imported
    created_at         BIGINT NOT NULL,
    version            BIGINT NOT NULL,
    synced_version     BIGINT NOT NULL  -- that the booking side has
);

CREATE INDEX events_by_time ON events (sort_at, id);
CREATE INDEX events_by_organizer ON events (organizer_id, id);
CREATE INDEX events_unsynced ON events (id) WHERE synced_version < version;

-- One version of an event's prices; rows never change.
CREATE TABLE prices (
    event_id TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    document TEXT   NOT NULL, -- JSON
    PRIMARY KEY (event_id, version)
);

-- +goose Down
DROP TABLE prices;
DROP TABLE events;
DROP TABLE plans;
DROP TABLE venues;
