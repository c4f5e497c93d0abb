-- beside: 2
-- +goose Up
ALTER TABLE users ADD COLUMN email_verified BOOLEAN NOT NULL DEFAULT FALSE;
-- Guests: the address that they gave, and, once it is verified, that it is
-- theirs. One account has an address as its guest's.
ALTER TABLE users ADD COLUMN contact TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN guest_email TEXT;
CREATE UNIQUE INDEX users_by_guest_email ON users (guest_email) WHERE guest_email IS NOT NULL;
-- Two-factor (RFC 6238): '' when there is none; active once a code has proved it.
ALTER TABLE users ADD COLUMN totp_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN totp_active BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0; -- of the last code used: it counts once

ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';

-- Secrets that were mailed, one for each account and purpose: a newer one takes
-- the place of an older one.
CREATE TABLE mail_tokens (
    user_id    TEXT COLLATE "C" NOT NULL,
    purpose    TEXT   NOT NULL, -- verify, reset, guest
    hash       BYTEA  NOT NULL, -- SHA-256
    tries      BIGINT NOT NULL, -- wrong ones so far
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, purpose)
);
CREATE INDEX mail_tokens_by_hash ON mail_tokens (hash);
CREATE INDEX mail_tokens_ending ON mail_tokens (expires_at);

CREATE TABLE recovery_codes (
    user_id TEXT COLLATE "C" NOT NULL,
    hash    BYTEA NOT NULL, -- SHA-256
    PRIMARY KEY (user_id, hash)
);

-- +goose Down
DROP TABLE recovery_codes;
DROP TABLE mail_tokens;
ALTER TABLE sessions DROP COLUMN user_agent;
ALTER TABLE users DROP COLUMN totp_step;
ALTER TABLE users DROP COLUMN totp_active;
ALTER TABLE users DROP COLUMN totp_secret;
DROP INDEX users_by_guest_email;
ALTER TABLE users DROP COLUMN guest_email;
ALTER TABLE users DROP COLUMN contact;
ALTER TABLE users DROP COLUMN email_verified;
