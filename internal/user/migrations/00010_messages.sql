-- +goose Up
-- beside: 7
-- Messages about accounts for the other services: see bus.Table.
CREATE TABLE user_messages (
    key  TEXT COLLATE "C" NOT NULL, -- the account's id
    id   TEXT COLLATE "C" NOT NULL,
    type TEXT   NOT NULL,
    at   BIGINT NOT NULL, -- µs since 1970
    body TEXT   NOT NULL, -- JSON
    PRIMARY KEY (key, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE user_messages;
