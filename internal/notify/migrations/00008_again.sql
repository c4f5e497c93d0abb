-- beside: 2
-- +goose Up

-- Tickets of orders that organizers had mailed again, or to another address, within a day.
CREATE TABLE notices_again (
    booking_id TEXT COLLATE "C" NOT NULL,
    request    TEXT COLLATE "C" NOT NULL, -- the same when it is repeated within a minute
    at         BIGINT NOT NULL,           -- µs since 1970
    PRIMARY KEY (booking_id, request)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX notices_again_by_time ON notices_again (at);

-- +goose Down
DROP TABLE notices_again;
