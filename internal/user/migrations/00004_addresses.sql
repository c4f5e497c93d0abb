-- +goose Up
-- beside: 3
-- What was brought into a new form, row by row, in code.
CREATE TABLE user_upgrades (
    name    TEXT COLLATE "C" PRIMARY KEY,
    done_at BIGINT NOT NULL
);

-- Accounts with a password whose address is not verified yet: it is in contact,
-- where several may have the same; email is of whom it was verified for.
CREATE INDEX users_by_contact ON users (contact) WHERE contact <> '';

-- What was mailed to an address and tried for it within the hour, by whatever
-- account and on whatever node; and the code that proves it.
CREATE TABLE mailboxes (
    email_key BYTEA PRIMARY KEY, -- keyed hash of the address
    since     BIGINT NOT NULL,   -- when the hour began
    mails     BIGINT NOT NULL,
    tries     BIGINT NOT NULL,   -- wrong codes
    mailed_at BIGINT NOT NULL,   -- of the latest code's mail
    code_at   BIGINT NOT NULL,   -- when the code was made; 0: there is none
    nonce     BYTEA  NOT NULL    -- the code is made of it and a secret
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX mailboxes_idle ON mailboxes (since);

-- Bookings that are on their way from one account to another of the same person.
CREATE TABLE adoptions (
    from_id    TEXT COLLATE "C" PRIMARY KEY,
    to_id      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    next_at    BIGINT NOT NULL -- not before
);
CREATE INDEX adoptions_due ON adoptions (next_at);

-- Mails that were promised and not handed over yet.
CREATE TABLE mails (
    id         TEXT COLLATE "C" PRIMARY KEY,
    kind       TEXT   NOT NULL,
    user_id    TEXT   NOT NULL, -- '': of an address
    address    TEXT   NOT NULL, -- '': the account's
    created_at BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    next_at    BIGINT NOT NULL  -- not before
);
CREATE INDEX mails_due ON mails (next_at);

-- Networks from which an account has signed in: wrong passwords from elsewhere
-- do not lock them out.
CREATE TABLE known_networks (
    user_id TEXT COLLATE "C" NOT NULL,
    network BYTEA  NOT NULL, -- keyed hash of account and network
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, network)
);

-- +goose Down
DROP TABLE known_networks;
DROP TABLE mails;
DROP TABLE adoptions;
DROP TABLE mailboxes;
DROP INDEX users_by_contact;
DROP TABLE user_upgrades;
