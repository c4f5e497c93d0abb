-- +goose Up
-- beside: 7
-- A mobile number (E.164) for text messages, which the account's owner gave. '': none.
ALTER TABLE users ADD COLUMN phone TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE users DROP COLUMN phone;
