-- beside: 3
-- +goose Up
-- States of sales that the booking side has not settled yet, written in the
-- transaction that changes the event. A row goes when the booking side has the
-- state or has refused it.
CREATE TABLE event_outbox (
    event_id TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL, -- of the event, that made the state
    sale     TEXT   NOT NULL, -- JSON
    undo     TEXT   NOT NULL, -- JSON of the event before, to go back to when the state is refused; '' when there is none
    attempts BIGINT NOT NULL,
    due_at   BIGINT NOT NULL, -- µs since 1970: the worker's next attempt
    failure  TEXT   NOT NULL, -- of the last attempt
    PRIMARY KEY (event_id, version)
);
CREATE INDEX event_outbox_due ON event_outbox (due_at);

-- The last change that the booking side refused, as JSON; '' when the last one was accepted.
ALTER TABLE events ADD COLUMN refused TEXT NOT NULL DEFAULT '';
-- Buyers may pay without having shown that their e-mail address is theirs.
ALTER TABLE events ADD COLUMN unverified_buyers BOOLEAN NOT NULL DEFAULT FALSE;
-- It was on sale and was taken off the sale again.
ALTER TABLE events ADD COLUMN paused BOOLEAN NOT NULL DEFAULT FALSE;
-- When the event ends: with its last day when the time is not known; 0: unknown.
ALTER TABLE events ADD COLUMN ends_at BIGINT NOT NULL DEFAULT 0;
-- Its last day in its time zone, YYYY-MM-DD; '' when unknown.
ALTER TABLE events ADD COLUMN end_date TEXT NOT NULL DEFAULT '';
-- Rules by which the search columns were folded; see search.go.
ALTER TABLE events ADD COLUMN search_rules BIGINT NOT NULL DEFAULT 0;
-- Of the request that made the event with an Idempotency-Key.
ALTER TABLE events ADD COLUMN fingerprint BYTEA;

-- +goose Down
ALTER TABLE events DROP COLUMN fingerprint;
ALTER TABLE events DROP COLUMN search_rules;
ALTER TABLE events DROP COLUMN end_date;
ALTER TABLE events DROP COLUMN ends_at;
ALTER TABLE events DROP COLUMN paused;
ALTER TABLE events DROP COLUMN unverified_buyers;
ALTER TABLE events DROP COLUMN refused;
DROP TABLE event_outbox;
