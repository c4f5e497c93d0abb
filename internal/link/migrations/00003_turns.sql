-- beside: 2
-- +goose Up
-- Grows whenever a mail to the recipient becomes due: two mails are told apart by it.
ALTER TABLE recipients ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE recipients DROP COLUMN turn;
