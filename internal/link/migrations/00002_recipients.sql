-- beside: 1
-- +goose Up
-- Whom seats were given to that belong to no account. The order's link is mailed
-- to those with an address.
CREATE TABLE recipients (
    booking_id TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL,
    email      TEXT   NOT NULL, -- '': the organizer passes the link on
    mailed_at  BIGINT NOT NULL  -- µs since 1970; 0: a mail is due
);
-- Those whose mail is due.
CREATE INDEX recipients_due ON recipients (booking_id) WHERE mailed_at = 0 AND email <> '';

-- +goose Down
DROP TABLE recipients;
