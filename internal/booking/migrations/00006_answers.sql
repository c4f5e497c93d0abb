-- beside: 4
-- +goose Up

-- The messages about events that were taken: see bus.Taken.
CREATE TABLE booking_taken (
    topic TEXT COLLATE "C" NOT NULL,
    key   TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    at    BIGINT  NOT NULL, -- µs since 1970
    dead  BOOLEAN NOT NULL, -- it became a dead letter
    PRIMARY KEY (topic, key, id)
) /*sqlite: WITHOUT ROWID*/;

-- Messages about sales for the event service: its changes that were accepted or refused.
-- See bus.Table.
CREATE TABLE sale_answers (
    key  TEXT COLLATE "C" NOT NULL, -- the event's id
    id   TEXT COLLATE "C" NOT NULL,
    type TEXT   NOT NULL,
    at   BIGINT NOT NULL, -- µs since 1970
    body TEXT   NOT NULL, -- JSON
    PRIMARY KEY (key, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE sale_answers;
DROP TABLE booking_taken;
