-- beside: 1
-- +goose Up

-- Passes of Apple Wallet that devices have registered, and the others of their bookings.
CREATE TABLE wallet_passes (
    event_id   TEXT COLLATE "C" NOT NULL,
    serial     TEXT COLLATE "C" NOT NULL, -- the booking's id, and the seat and issue that it was made for
    booking_id TEXT COLLATE "C" NOT NULL,
    seat       BIGINT NOT NULL, -- ordinal of the seat that it is for now; -1: none any more
    issue      BIGINT NOT NULL, -- of the seat's ticket; another issue is another pass
    digest     TEXT   NOT NULL, -- of what it says, as devices were told last
    changed_at BIGINT NOT NULL, -- µs since 1970, when that changed; each change has a second of its own
    due_at     BIGINT NOT NULL, -- µs since 1970, from when on it is to be compared with its ticket; 0: it is not
    PRIMARY KEY (event_id, serial)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX wallet_passes_by_booking ON wallet_passes (event_id, booking_id);
CREATE INDEX wallet_passes_due ON wallet_passes (due_at) WHERE due_at > 0;

-- Devices, and what they are to be told.
CREATE TABLE wallet_devices (
    id         TEXT COLLATE "C" PRIMARY KEY, -- made by the device
    push_token TEXT   NOT NULL,
    push_at    BIGINT NOT NULL, -- µs since 1970, when it is to be told that a pass has changed; 0: it is not
    tries      BIGINT NOT NULL  -- that failed
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX wallet_devices_due ON wallet_devices (push_at) WHERE push_at > 0;

-- Which passes a device has.
CREATE TABLE wallet_registrations (
    device_id TEXT COLLATE "C" NOT NULL,
    serial    TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL, -- µs since 1970
    PRIMARY KEY (device_id, serial)
) /*sqlite: WITHOUT ROWID*/;
CREATE UNIQUE INDEX wallet_registrations_by_pass ON wallet_registrations (serial, device_id);

-- How far the ledger of an event with passes was read.
CREATE TABLE wallet_events (
    event_id TEXT COLLATE "C" PRIMARY KEY,
    seq      BIGINT NOT NULL,
    rev      BIGINT NOT NULL -- how far the tickets that were replaced were read
) /*sqlite: WITHOUT ROWID*/;

-- Which messages were taken (bus.Taken).
CREATE TABLE wallet_taken (
    topic TEXT COLLATE "C" NOT NULL,
    key   TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    at    BIGINT  NOT NULL, -- µs since 1970
    dead  BOOLEAN NOT NULL, -- it became a dead letter
    PRIMARY KEY (topic, key, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE wallet_taken;
DROP TABLE wallet_events;
DROP TABLE wallet_registrations;
DROP TABLE wallet_devices;
DROP TABLE wallet_passes;
