-- beside: 1
-- +goose Up

-- The messages about accounts that were taken: see bus.Taken.
CREATE TABLE webhook_taken (
    topic TEXT COLLATE "C" NOT NULL,
    key   TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    at    BIGINT  NOT NULL, -- µs since 1970
    dead  BOOLEAN NOT NULL, -- it became a dead letter
    PRIMARY KEY (topic, key, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE webhook_taken;
