-- beside: 2
-- +goose Up

-- One message to all who have tickets for an event. Its recipients are found page by
-- page, in the order of their bookings' ids: a page's notices and the new cursor are
-- written in one transaction.
CREATE TABLE mailings (
    id          TEXT COLLATE "C" PRIMARY KEY, -- of the sender: the same mailing starts once
    kind        TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    data        TEXT    NOT NULL, -- JSON: what everybody is told; the notices have the rest
    made_until  BIGINT  NOT NULL, -- orders made later are left out
    until_at    BIGINT  NOT NULL, -- given up afterwards; 0: as all notices are
    per_address BOOLEAN NOT NULL, -- one mail to each address
    state       TEXT    NOT NULL, -- running, stopped, done
    complete    BOOLEAN NOT NULL, -- all pages were written once
    pass_at     BIGINT  NOT NULL, -- when the next page may be written; 0: there is none
    after_id    TEXT    NOT NULL, -- the last booking that was looked at; '': a pass begins
    total       BIGINT  NOT NULL, -- notices
    created_at  BIGINT  NOT NULL,
    ended_at    BIGINT  NOT NULL  -- 0: some notices are queued
);
CREATE INDEX mailings_by_event ON mailings (event_id, created_at);
CREATE INDEX mailings_due ON mailings (pass_at) WHERE pass_at <> 0;
CREATE INDEX mailings_ended ON mailings (ended_at);

ALTER TABLE notices ADD COLUMN mailing_id TEXT NOT NULL DEFAULT ''; -- '': of none
CREATE INDEX notices_by_mailing ON notices (mailing_id, state) WHERE mailing_id <> '';

-- +goose Down
DROP INDEX notices_by_mailing;
ALTER TABLE notices DROP COLUMN mailing_id;
DROP TABLE mailings;
