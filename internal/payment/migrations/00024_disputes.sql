-- beside: 7
-- +goose Up

-- Messages about steps of disputes, one for all of an event that were written together.
CREATE TABLE payments_disputes (
    event_id TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL, -- begins with the time
    disputes TEXT NOT NULL,             -- JSON: a list of paymentapi.Dispute
    PRIMARY KEY (event_id, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_disputes;
