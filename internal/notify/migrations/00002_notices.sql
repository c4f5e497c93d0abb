-- +goose Up
-- beside: 1
-- What is to be told, and what became of it. A row is a queue's entry until it is done,
-- and a line of the log from then on.
CREATE TABLE notices (
    id         TEXT COLLATE "C" PRIMARY KEY, -- of the sender: the same notice is taken once
    kind       TEXT   NOT NULL,
    recipient  TEXT   NOT NULL,  -- email address
    user_id    TEXT   NOT NULL,  -- what it is about; '': nothing of the sort
    event_id   TEXT   NOT NULL,
    booking_id TEXT   NOT NULL,
    state      TEXT   NOT NULL,  -- queued, sent, failed
    urgency    BIGINT NOT NULL,  -- lower goes first
    data       TEXT   NOT NULL,  -- JSON: name, language, what is told; '' once it is done
    created_at BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,  -- given up afterwards
    next_at    BIGINT NOT NULL,  -- queued: not before
    tries      BIGINT NOT NULL,
    claim      TEXT   NOT NULL,  -- of the node that sends it, until next_at; '': of none
    answer     TEXT   NOT NULL,  -- the mail server's last one, or why there is none
    done_at    BIGINT NOT NULL   -- 0: not yet
);
CREATE INDEX notices_due ON notices (urgency, next_at) WHERE state = 'queued';
CREATE INDEX notices_by_user ON notices (user_id) WHERE user_id <> '';
CREATE INDEX notices_done ON notices (done_at) WHERE state <> 'queued';

-- +goose Down
DROP TABLE notices;
