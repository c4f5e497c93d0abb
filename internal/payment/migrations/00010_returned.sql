-- beside: 7
-- +goose Up

-- Messages about money that went back, one for all of an event that were written together.
CREATE TABLE payments_returned (
    event_id TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL, -- begins with the time
    returned TEXT NOT NULL,             -- JSON: a list of paymentapi.Return
    PRIMARY KEY (event_id, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_returned;
