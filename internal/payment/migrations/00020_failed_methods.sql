-- beside: 7
-- +goose Up

-- How many methods of a person did not pay for an event, so that nobody tries out stolen
-- cards; only people of whom one did not have a row.
CREATE TABLE payments_failed_methods (
    event_id TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    since    BIGINT NOT NULL, -- µs since 1970: of the first that counts
    failed   BIGINT NOT NULL,
    PRIMARY KEY (event_id, user_id)
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_failed_methods;
