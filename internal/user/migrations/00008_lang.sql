-- +goose Up
-- beside: 7
-- The language of the pages that the account's owner last bought or signed in on: mails
-- are written in it. '': not known.
ALTER TABLE users ADD COLUMN lang TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE users DROP COLUMN lang;
