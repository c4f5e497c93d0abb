-- beside: 1
-- +goose Up

-- Whom the invoice for a booking is to name, as its buyer says before it is issued. Issuing
-- it takes the row away.
CREATE TABLE invoice_buyers (
    event_id   TEXT COLLATE "C" NOT NULL,
    booking_id TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL, -- from 1
    buyer      TEXT   NOT NULL, -- JSON
    updated_at BIGINT NOT NULL, -- µs since 1970
    PRIMARY KEY (event_id, booking_id)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX invoice_buyers_by_time ON invoice_buyers (updated_at); -- of those whose booking was never paid

-- +goose Down
DROP TABLE invoice_buyers;
