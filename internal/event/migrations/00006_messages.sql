-- beside: 5
-- +goose Up

-- Messages about events for the other services: see bus.Table.
CREATE TABLE event_messages (
    key  TEXT COLLATE "C" NOT NULL, -- the event's id
    id   TEXT COLLATE "C" NOT NULL,
    type TEXT   NOT NULL,
    at   BIGINT NOT NULL, -- µs since 1970
    body TEXT   NOT NULL, -- JSON
    PRIMARY KEY (key, id)
) /*sqlite: WITHOUT ROWID*/;

-- The booking side's answers that were taken: see bus.Taken.
CREATE TABLE event_taken (
    topic TEXT COLLATE "C" NOT NULL,
    key   TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    at    BIGINT  NOT NULL, -- µs since 1970
    dead  BOOLEAN NOT NULL, -- it became a dead letter
    PRIMARY KEY (topic, key, id)
) /*sqlite: WITHOUT ROWID*/;

-- Whether the state is a message. Nodes of the version before write rows that are not,
-- and hand them over themselves.
ALTER TABLE event_outbox ADD COLUMN sent BOOLEAN NOT NULL DEFAULT FALSE;

-- What other services were told last about the event, as JSON; '': nothing yet.
ALTER TABLE events ADD COLUMN told TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE events DROP COLUMN told;
ALTER TABLE event_outbox DROP COLUMN sent;
DROP TABLE event_taken;
DROP TABLE event_messages;
