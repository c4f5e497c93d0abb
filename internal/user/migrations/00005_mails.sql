-- +goose Up
-- beside: 4
-- Links that were mailed. A newer one leaves the older ones good until they end,
-- so that nobody voids somebody else's by asking for another.
CREATE TABLE mail_links (
    hash       BYTEA PRIMARY KEY, -- SHA-256 of purpose and secret
    user_id    TEXT COLLATE "C" NOT NULL,
    purpose    TEXT   NOT NULL,   -- verify, reset
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX mail_links_by_user ON mail_links (user_id, purpose);
CREATE INDEX mail_links_ending ON mail_links (expires_at);

-- What was mailed to an address within the hour, for each purpose: for all
-- clients that its owner has not shown to be theirs, and for each client.
CREATE TABLE mail_counts (
    email_key BYTEA  NOT NULL, -- keyed hash of the address
    purpose   TEXT   NOT NULL, -- verify, reset, code
    client    BYTEA  NOT NULL, -- keyed hash of the network that asked; empty: all strangers
    since     BIGINT NOT NULL, -- when the hour began
    mails     BIGINT NOT NULL,
    mailed_at BIGINT NOT NULL, -- of the latest
    PRIMARY KEY (email_key, purpose, client)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX mail_counts_idle ON mail_counts (since);

-- +goose Down
DROP TABLE mail_counts;
DROP TABLE mail_links;
