-- beside: 1
-- +goose Up

-- What organizers write to everybody who has tickets for an event.
CREATE TABLE announcements (
    event_id     TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    organizer_id TEXT COLLATE "C" NOT NULL, -- of the event; '': the house
    author_id    TEXT   NOT NULL,
    sender_id    TEXT   NOT NULL, -- '': it is a draft
    subject      TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL, -- µs since 1970
    sent_at      BIGINT NOT NULL, -- 0: it is a draft
    PRIMARY KEY (event_id, id)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX announcements_sent ON announcements (organizer_id, sent_at) WHERE sent_at > 0;

-- One row for each organizer who has sent something: those who send at the same time wait
-- for each other, so that the limits hold.
CREATE TABLE announcement_senders (
    organizer_id TEXT COLLATE "C" PRIMARY KEY,
    sent_at      BIGINT NOT NULL
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE announcement_senders;
DROP TABLE announcements;
