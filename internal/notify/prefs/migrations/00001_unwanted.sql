-- beside: 1
-- +goose Up

-- Which mails which addresses do not want.
CREATE TABLE unwanted_mails (
    address      TEXT COLLATE "C" NOT NULL, -- a keyed hash of it
    topic        TEXT COLLATE "C" NOT NULL, -- notifyapi.Topic
    organizer_id TEXT COLLATE "C" NOT NULL, -- '': of all organizers; '-': of the house
    at           BIGINT NOT NULL,           -- µs since 1970
    PRIMARY KEY (address, topic, organizer_id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE unwanted_mails;
