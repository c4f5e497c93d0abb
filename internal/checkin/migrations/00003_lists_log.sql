-- beside: 1
-- +goose Up

-- Bookings that are on a list of guests ("Press"). Their tickets are like all others.
CREATE TABLE door_lists (
    event_id   TEXT COLLATE "C" NOT NULL,
    booking_id TEXT COLLATE "C" NOT NULL,
    name       TEXT   NOT NULL,
    author_id  TEXT   NOT NULL, -- the account that put it there
    at         BIGINT NOT NULL, -- µs since 1970
    PRIMARY KEY (event_id, booking_id)
) /*sqlite: WITHOUT ROWID*/;

-- What organizers did at the door: settings, pairings, revocations, lists. Corrections are
-- in door_scans, and replaced tickets in door_reissues. Rows are never changed.
CREATE TABLE door_log (
    event_id  TEXT COLLATE "C" NOT NULL,
    n         BIGINT NOT NULL, -- of the event, from 1
    at        BIGINT NOT NULL, -- µs since 1970
    author_id TEXT   NOT NULL, -- account
    what      TEXT   NOT NULL,
    subject   TEXT   NOT NULL, -- name of a device, or id of a booking
    detail    TEXT   NOT NULL, -- what it is now: settings as JSON, an entrance, a list
    PRIMARY KEY (event_id, n)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE door_log;
DROP TABLE door_lists;
