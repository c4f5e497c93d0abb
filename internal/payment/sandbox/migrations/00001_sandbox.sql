-- beside: 1
-- +goose Up

-- What the sandbox must remember beyond what a charge's values already say.
CREATE TABLE sandbox_entries (
    charge TEXT COLLATE "C" NOT NULL,
    step   TEXT COLLATE "C" NOT NULL, -- its idempotency key
    kind   TEXT   NOT NULL,           -- slow, void, refund
    amount BIGINT NOT NULL,           -- minor units
    at     BIGINT NOT NULL,           -- µs since 1970
    PRIMARY KEY (charge, step)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE sandbox_entries;
