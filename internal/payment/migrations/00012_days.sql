-- beside: 7
-- +goose Up

-- Days that were compared with the gateway's list, with what came of it.
CREATE TABLE payments_days (
    day      TEXT COLLATE "C" PRIMARY KEY, -- 2006-01-02, in UTC
    at       BIGINT NOT NULL,              -- µs since 1970: of the comparison
    report   TEXT   NOT NULL,              -- JSON: paymentapi.DayReport without findings
    findings TEXT   NOT NULL               -- JSON: a list of paymentapi.Finding
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_days;
