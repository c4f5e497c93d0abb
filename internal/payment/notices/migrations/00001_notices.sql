-- beside: 1
-- +goose Up

-- Messages of payment gateways about charges. A row stays for some days, so that a
-- message that comes again is known.
CREATE TABLE payments_notices (
    event_id TEXT COLLATE "C" NOT NULL, -- of the first payment
    provider TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL, -- the gateway's id of the message
    payments TEXT   NOT NULL,           -- JSON array of ids
    at       BIGINT NOT NULL,           -- µs since 1970: when it came
    done_at  BIGINT NOT NULL,           -- when the gateway was asked about all of them; 0: not yet
    PRIMARY KEY (event_id, provider, id)
) /*sqlite: WITHOUT ROWID*/;

-- What is to be done, and what can be forgotten.
CREATE INDEX payments_notices_done ON payments_notices (done_at);

-- +goose Down
DROP TABLE payments_notices;
