-- beside: 7
-- +goose Up

-- Messages about refunds that have failed, one for all of an event that were written together.
CREATE TABLE payments_refunds_failed (
    event_id TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL, -- begins with the time
    refunds  TEXT NOT NULL,             -- JSON: a list of paymentapi.FailedRefund
    PRIMARY KEY (event_id, id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_refunds_failed;
