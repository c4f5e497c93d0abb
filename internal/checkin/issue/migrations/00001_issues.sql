-- beside: 1
-- +goose Up

-- One row for each event that has issues; it is locked when one is made.
CREATE TABLE door_issue_heads (
    event_id TEXT COLLATE "C" PRIMARY KEY,
    rev      BIGINT NOT NULL -- of the issue that was made last
) /*sqlite: WITHOUT ROWID*/;

-- Seats whose ticket was ever replaced. Without a row, the first one is current.
CREATE TABLE door_issues (
    event_id   TEXT COLLATE "C" NOT NULL,
    booking_id TEXT COLLATE "C" NOT NULL,
    seat       BIGINT NOT NULL, -- ordinal in the seating plan
    issue      BIGINT NOT NULL, -- from 1
    bound_key  BYTEA,           -- of the phone that shows the ticket; NULL: none
    rev        BIGINT NOT NULL, -- of the event, from 1: when the row changed last
    at         BIGINT NOT NULL, -- µs since 1970
    author_id  TEXT   NOT NULL, -- account; '': the bearer of the booking's link
    reason     TEXT   NOT NULL,
    PRIMARY KEY (event_id, booking_id, seat)
) /*sqlite: WITHOUT ROWID*/;
CREATE UNIQUE INDEX door_issues_by_rev ON door_issues (event_id, rev);

-- +goose Down
DROP TABLE door_issues;
DROP TABLE door_issue_heads;
