-- beside: 1
-- +goose Up

-- Every replacement of a ticket, for the log. Rows are never changed.
CREATE TABLE door_reissues (
    event_id   TEXT COLLATE "C" NOT NULL,
    rev        BIGINT NOT NULL, -- of the event, from 1
    booking_id TEXT   NOT NULL,
    seat       BIGINT NOT NULL,
    issue      BIGINT NOT NULL,
    at         BIGINT NOT NULL, -- µs since 1970
    author_id  TEXT   NOT NULL, -- account; '': the bearer of the booking's link
    reason     TEXT   NOT NULL,
    PRIMARY KEY (event_id, rev)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE door_reissues;
