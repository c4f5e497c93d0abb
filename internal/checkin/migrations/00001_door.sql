-- beside: 1
-- +goose Up

-- One row for each event with a door, which whoever writes its scans or its devices locks.
-- A purchase neither reads nor writes it.
CREATE TABLE door_events (
    event_id TEXT COLLATE "C" PRIMARY KEY,
    seq      BIGINT NOT NULL, -- of the scan that was stored or joined last
    rev      BIGINT NOT NULL  -- grows with each change of settings and devices
) /*sqlite: WITHOUT ROWID*/;

CREATE TABLE door_settings (
    event_id   TEXT COLLATE "C" PRIMARY KEY,
    version    BIGINT NOT NULL, -- from 1
    settings   TEXT   NOT NULL, -- JSON
    author_id  TEXT   NOT NULL, -- the account that gave it
    updated_at BIGINT NOT NULL  -- µs since 1970
) /*sqlite: WITHOUT ROWID*/;

-- Codes with which one device can be paired. Those that are used or over go after a day.
CREATE TABLE door_pairings (
    event_id    TEXT COLLATE "C" NOT NULL,
    code        TEXT COLLATE "C" NOT NULL, -- SHA-256, hex
    name        TEXT    NOT NULL,
    entrance    TEXT    NOT NULL, -- '': any
    names       BOOLEAN NOT NULL,
    valid_from  BIGINT  NOT NULL,
    valid_until BIGINT  NOT NULL,
    author_id   TEXT    NOT NULL,
    expires_at  BIGINT  NOT NULL,
    device      TEXT    NOT NULL, -- that was paired; '': none yet
    PRIMARY KEY (event_id, code)
) /*sqlite: WITHOUT ROWID*/;

CREATE TABLE door_devices (
    event_id    TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    token       TEXT COLLATE "C" NOT NULL, -- SHA-256 of its secret, hex
    name        TEXT    NOT NULL,
    entrance    TEXT    NOT NULL,
    names       BOOLEAN NOT NULL,
    valid_from  BIGINT  NOT NULL,
    valid_until BIGINT  NOT NULL,
    paired_at   BIGINT  NOT NULL,
    paired_by   TEXT    NOT NULL,
    seen_at     BIGINT  NOT NULL, -- to the minute
    revoked_at  BIGINT  NOT NULL, -- 0: it is not revoked
    revoked_by  TEXT    NOT NULL,
    PRIMARY KEY (event_id, id)
) /*sqlite: WITHOUT ROWID*/;

-- Scans. A row is added once, and joined with later copies of the same scan: its stamp and
-- its decisions only grow.
CREATE TABLE door_scans (
    event_id        TEXT COLLATE "C" NOT NULL,
    device          TEXT COLLATE "C" NOT NULL, -- 'office': an organizer's corrections
    counter         BIGINT  NOT NULL, -- of the device
    seq             BIGINT  NOT NULL, -- of the event: changes with each join
    at              BIGINT  NOT NULL, -- ms since 1970, hybrid logical clock
    n               BIGINT  NOT NULL,
    kind            TEXT    NOT NULL,
    booking_id      TEXT    NOT NULL, -- '': the code could not be read
    seat            BIGINT  NOT NULL,
    of_device       TEXT    NOT NULL, -- of an undo
    of_counter      BIGINT  NOT NULL,
    entrance        TEXT    NOT NULL,
    how             TEXT    NOT NULL,
    node_reason     TEXT    NOT NULL, -- 'ok': admitted; '': it was not asked
    own_reason      TEXT    NOT NULL, -- what the device has decided alone
    because_device  TEXT    NOT NULL, -- of a copy: the scan that came in before
    because_counter BIGINT  NOT NULL,
    offset_known    BOOLEAN NOT NULL,
    content         TEXT    NOT NULL, -- digest of what never changes
    received_at     BIGINT  NOT NULL, -- µs since 1970
    author_id       TEXT    NOT NULL, -- of a correction
    note            TEXT    NOT NULL,
    PRIMARY KEY (event_id, device, counter)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX door_pairings_by_code ON door_pairings (code);
CREATE INDEX door_devices_by_token ON door_devices (token);
CREATE UNIQUE INDEX door_scans_by_seq ON door_scans (event_id, seq);

-- +goose Down
DROP TABLE door_scans;
DROP TABLE door_devices;
DROP TABLE door_pairings;
DROP TABLE door_settings;
DROP TABLE door_events;
