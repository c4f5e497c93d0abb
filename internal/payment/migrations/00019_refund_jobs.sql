-- beside: 7
-- +goose Up

-- Whether the refunds of a cancelled event are paused. How far they have got is in
-- refunds. No row: they were never paused. An earlier program does not know the table,
-- and goes on with refunds that are paused.
CREATE TABLE payments_refund_jobs (
    event_id   TEXT COLLATE "C" PRIMARY KEY,
    paused     BOOLEAN NOT NULL,
    by_id      TEXT    NOT NULL, -- account
    changed_at BIGINT  NOT NULL, -- µs since 1970
    version    BIGINT  NOT NULL
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_refund_jobs;
