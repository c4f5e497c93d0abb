-- beside: 1
-- +goose Up

-- Messages that a consumer could not consume. They stay until an operator has them
-- consumed again, or drops them.
CREATE TABLE bus_dead (
    consumer TEXT COLLATE "C" NOT NULL,
    topic    TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    message  TEXT    NOT NULL, -- JSON, as on the wire
    failure  TEXT    NOT NULL, -- the last error
    tries    BIGINT  NOT NULL,
    at       BIGINT  NOT NULL, -- µs since 1970, of the last try
    replay   BOOLEAN NOT NULL, -- to be consumed again
    PRIMARY KEY (consumer, topic, key, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE bus_dead;
