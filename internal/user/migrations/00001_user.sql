-- beside: 1
-- +goose Up
CREATE TABLE users (
    id            TEXT COLLATE "C" PRIMARY KEY,
    email         TEXT UNIQUE,             -- lower case; NULL once deleted
    username      TEXT UNIQUE,             -- lower case; NULL when there is none
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,        -- argon2id, PHC string; '' when nobody can sign in with one
    disabled      BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    version       BIGINT  NOT NULL
);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,          -- SHA-256 of the token
    user_id    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) /*sqlite: WITHOUT ROWID*/;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_ending ON sessions (expires_at);

-- Raised whenever a session ends before its time: nodes that see it unchanged
-- go on trusting the sessions they know.
CREATE TABLE session_epoch (
    id    BIGINT PRIMARY KEY,
    epoch BIGINT NOT NULL
);
INSERT INTO session_epoch (id, epoch) VALUES (1, 0);

-- +goose Down
DROP TABLE session_epoch;
DROP TABLE sessions;
DROP TABLE users;
